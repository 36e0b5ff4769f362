import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Clock, DelayQueue } from './delay-queue.ts'

/** A clock that stands still until told; alarms ring late by what the test says. */
class HandClock implements Clock {
  private nowMs = 0
  private alarms: { atMs: number; ring: () => void }[] = []

  now(): number {
    return this.nowMs
  }

  alarm(delayMs: number, ring: () => void): () => void {
    const alarm = { atMs: this.nowMs + delayMs, ring }
    this.alarms.push(alarm)
    return () => {
      this.alarms = this.alarms.filter((other) => other !== alarm)
    }
  }

  get waiting(): number {
    return this.alarms.length
  }

  /** Time goes on, then what is due rings. */
  advance(ms: number): void {
    this.nowMs += ms
    const due = this.alarms.filter(({ atMs }) => atMs <= this.nowMs)
    this.alarms = this.alarms.filter(({ atMs }) => atMs > this.nowMs)
    for (const { ring } of due) ring()
  }
}

test('what is put in comes out after its delay, not before', () => {
  const clock = new HandClock()
  const queue = new DelayQueue(clock)
  const ran: string[] = []
  queue.after(50, () => ran.push('slow'))
  queue.after(20, () => ran.push('fast'))
  clock.advance(19)
  expect(ran).toEqual([])
  clock.advance(1)
  expect(ran).toEqual(['fast'])
  clock.advance(30)
  expect(ran).toEqual(['fast', 'slow'])
  expect(queue.size).toBe(0)
})

test('one alarm stands for all that waits', () => {
  const clock = new HandClock()
  const queue = new DelayQueue(clock)
  for (let i = 0; i < 1_000; i++) queue.after(1 + ((i * 7) % 400), () => {})
  expect(queue.size).toBe(1_000)
  expect(clock.waiting).toBe(1)
  clock.advance(400)
  expect(queue.size).toBe(0)
  expect(clock.waiting).toBe(0)
})

test('what runs may put in more, which waits its own time', () => {
  const clock = new HandClock()
  const queue = new DelayQueue(clock)
  const ran: number[] = []
  const again = (): void => {
    ran.push(clock.now())
    if (ran.length < 3) queue.after(0, again)
  }
  queue.after(0, again)
  clock.advance(0)
  expect(ran).toHaveLength(1)
  clock.advance(0)
  clock.advance(0)
  expect(ran).toHaveLength(3)
})

test('everything runs once, never early by more than rounding, and equal delays keep their order', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('put' as const), delayMs: fc.integer({ min: 0, max: 400 }) }),
    fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.double({ min: 0, max: 900, noNaN: true }),
    }),
  )
  void fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const clock = new HandClock()
      const queue = new DelayQueue(clock)
      const put: { delayMs: number; dueMs: number }[] = []
      const ran: number[] = []
      for (const one of steps) {
        if (one.kind === 'wait') {
          clock.advance(one.ms)
          continue
        }
        const id = put.push({ delayMs: one.delayMs, dueMs: clock.now() + one.delayMs }) - 1
        queue.after(one.delayMs, () => {
          expect(clock.now()).toBeGreaterThanOrEqual((put[id]?.dueMs ?? 0) - 1)
          ran.push(id)
        })
      }
      clock.advance(1_000)
      clock.advance(1)
      expect([...ran].sort((a, b) => a - b)).toEqual(put.map((_, id) => id))
      for (const delayMs of new Set(put.map((one) => one.delayMs))) {
        const sameDelay = ran.filter((id) => put[id]?.delayMs === delayMs)
        expect(sameDelay).toEqual([...sameDelay].sort((a, b) => a - b))
      }
    }),
    { numRuns: 1_000 },
  )
})
