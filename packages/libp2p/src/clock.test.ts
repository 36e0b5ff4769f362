import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { SYSTEM_CLOCK, steadyWallClock } from './clock.ts'

describe('wall time', () => {
  test('goes on with the steady clock, whatever the wall clock is set back to', () => {
    let [wall, steady] = [1_000_000, 50]
    const now = steadyWallClock(
      () => wall,
      () => steady,
    )
    expect(now()).toBe(1_000_000)
    wall = 0
    steady += 10
    expect(now()).toBe(1_000_010)
  })

  test('follows the wall clock over a sleep of the machine', () => {
    let [wall, steady] = [1_000_000, 50]
    const now = steadyWallClock(
      () => wall,
      () => steady,
    )
    wall += 3_600_000
    steady += 1
    expect(now()).toBe(4_600_000)
    wall -= 3_600_000
    steady += 1
    expect(now()).toBe(4_600_001)
  })

  test('is not unsettled by small corrections', () => {
    let [wall, steady] = [1_000_000, 50]
    const now = steadyWallClock(
      () => wall,
      () => steady,
    )
    wall += 990
    steady += 5
    expect(now()).toBe(1_000_005)
  })

  test('never runs backwards, and never slower than the steady clock', () => {
    const step = fc.record({
      wall: fc.integer({ min: -1e9, max: 1e9 }),
      steady: fc.nat(10_000),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        let [wall, steady] = [1e12, 0]
        const now = steadyWallClock(
          () => wall,
          () => steady,
        )
        let last = now()
        for (const each of steps) {
          wall += each.wall
          steady += each.steady
          const next = now()
          expect(next - last).toBeGreaterThanOrEqual(each.steady)
          last = next
        }
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('the clock of the runtime', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })

  afterEach(() => {
    vi.useRealTimers()
  })

  test('tells the time of day', () => {
    vi.useRealTimers()
    expect(Math.abs(SYSTEM_CLOCK.now() - Date.now())).toBeLessThan(2_000)
  })

  test('a timer runs once after its delay, and not when it was cleared', () => {
    const run = vi.fn()
    SYSTEM_CLOCK.setTimer(20, run)
    SYSTEM_CLOCK.setTimer(20, run).clear()
    vi.advanceTimersByTime(19)
    expect(run).not.toHaveBeenCalled()
    vi.advanceTimersByTime(100)
    expect(run).toHaveBeenCalledTimes(1)
  })

  test.each([2 ** 31, 1e15, Number.POSITIVE_INFINITY])(
    'a delay of %d ms does not run at once',
    (delayMs) => {
      const run = vi.fn()
      SYSTEM_CLOCK.setTimer(delayMs, run)
      vi.advanceTimersByTime(1_000_000)
      expect(run).not.toHaveBeenCalled()
      vi.clearAllTimers()
    },
  )
})
