import { describe, expect, test } from 'vitest'
import type { ChurnSettings } from '../scenario/scenario.ts'
import { Churn } from './churn.ts'
import { KIND, Population } from './population.ts'
import { idlePhase, sampleScenario } from './sample.ts'
import { Sessions } from './sessions.ts'

const HOUR_MS = 3_600_000

function world(nodes: number, churn: Partial<ChurnSettings>, hours: number, seed = 1) {
  const phases = [idlePhase(hours * 3600)]
  const scenario = sampleScenario(
    nodes,
    { churn, tables: { origin: 'grown', growSeconds: 0 } },
    { phases, seed },
  )
  const population = Population.create(scenario)
  return { scenario, population, churn: new Churn(population, scenario.world.churn, seed) }
}

/** Runs one identity to the end; `told` hears of each change. */
function live(churn: Churn, peer: number, endMs: number, told: (nowMs: number) => void): void {
  for (let now = churn.firstChangeMs(peer); now < endMs; ) {
    const next = churn.change(peer, now)
    told(now)
    if (next < now + 50) throw new Error(`${peer} stays for ${next - now} ms`)
    now = next
  }
}

/** How many are up at the end of each step, over all identities, from the changes alone. */
function upCounts(
  { population, churn }: ReturnType<typeof world>,
  stepMs: number,
  steps: number,
): number[] {
  const changes = Array.from({ length: steps }, () => 0)
  let [up, faults] = [0, 0]
  for (let peer = 0; peer < population.size; peer++) {
    let isUp = population.isUp(peer, 0)
    if (isUp) up++
    live(churn, peer, stepMs * steps, (now) => {
      isUp = !isUp
      const step = Math.floor(now / stepMs)
      changes[step] = (changes[step] as number) + (isUp ? 1 : -1)
      if (population.isUp(peer, now) !== isUp || population.isUp(peer, now - 1) === isUp) faults++
    })
  }
  expect(faults).toBe(0)
  return changes.map((change) => {
    up += change
    return up
  })
}

describe('sessions', () => {
  test('of newcomers: half last less than 2 h, four fifths less than 8 h; the mean is 5.4 h', () => {
    const { scenario } = world(10, { model: 'sessions' }, 1)
    const sessions = new Sessions(scenario.world.churn, 7)
    const hours = Float64Array.from(
      { length: 100_000 },
      (_, i) => sessions.sessionMs(i, false, 12_345) / HOUR_MS,
    ).sort()
    const shareBelow = (limit: number): number => hours.findIndex((h) => h >= limit) / hours.length
    expect(Math.abs(shareBelow(2) - 0.5)).toBeLessThan(0.01)
    expect(Math.abs(shareBelow(8) - 0.8)).toBeLessThan(0.01)
    expect(Math.abs(hours.reduce((sum, h) => sum + h) / hours.length - 5.4)).toBeLessThan(0.15)
    expect(Math.abs(sessions.meanMs(false) / HOUR_MS - 5.4)).toBeLessThan(0.05)
  })

  test('keep as many up as there were, over days', () => {
    // Only short ones, so that all are replaced many times over.
    const scene = world(4000, { model: 'sessions', stableShare: 0.1 }, 96)
    const counts = upCounts(scene, 4 * HOUR_MS, 24)
    for (const count of counts) expect(Math.abs(count / 4000 - 1), `${counts}`).toBeLessThan(0.06)
  })

  test('keep both classes at their shares', () => {
    const scene = world(4000, { model: 'sessions', stableShare: 0.6, awayHours: 2 }, 48)
    const { population, churn } = scene
    let [stable, up] = [0, 0]
    for (let peer = 0; peer < population.size; peer++) {
      live(churn, peer, 48 * HOUR_MS, () => {})
      if (!population.isUp(peer, 48 * HOUR_MS - 1)) continue
      up++
      if (population.isStable(peer)) stable++
    }
    expect(Math.abs(stable / up - 0.6)).toBeLessThan(0.04)
  })

  test('under way at the start have been up for as long as they will stay, on average', () => {
    const { population } = world(20_000, { model: 'sessions', stableShare: 0 }, 1)
    let [age, left, long, count] = [0, 0, 0, 0]
    for (let peer = 0; peer < population.size; peer++) {
      if (population.kind(peer) !== KIND.up) continue
      const ageMs = -(population.upFromMs[peer] as number)
      age += ageMs
      left += population.upUntilMs[peer] as number
      if (ageMs > 5 * HOUR_MS) long++
      count++
    }
    expect(count).toBe(20_000)
    expect(Math.abs(age / left - 1)).toBeLessThan(0.1)
    // The mean residual life is E[X^2] / 2 E[X] = 10.9 h here.
    const { scaleHours, shape } = { scaleHours: 3.65, shape: 0.61 }
    expect(left / count / HOUR_MS).toBeGreaterThan(scaleHours / shape)
    // Measured elsewhere: 40-60 % of those up have been so for more than 5 h.
    expect(long / count).toBeGreaterThan(0.4)
    expect(long / count).toBeLessThan(0.65)
  })

  test('a daily swing brings more in its first half day than in the second', () => {
    const scene = world(
      4000,
      { model: 'sessions', stableShare: 0, dailySwing: 0.8, awayHours: 1 },
      48,
    )
    const counts = upCounts(scene, 6 * HOUR_MS, 8)
    expect(Math.max(...counts.slice(4)) / Math.min(...counts.slice(4))).toBeGreaterThan(1.2)
    expect(counts.reduce((sum, n) => sum + n) / 8 / 4000).toBeGreaterThan(0.85)
  })

  test('some return as themselves, some never', () => {
    const { population, churn } = world(3000, { model: 'sessions', neverReturnShare: 0.25 }, 24)
    let [left, back] = [0, 0]
    for (let peer = 0; peer < population.size; peer++) {
      if (!population.isUp(peer, 0)) continue
      const leaves = churn.firstChangeMs(peer)
      if (leaves > 24 * HOUR_MS) continue
      left++
      if (churn.change(peer, leaves) < Number.POSITIVE_INFINITY) back++
    }
    expect(Math.abs(back / left - 0.75)).toBeLessThan(0.07)
  })
})

describe('flap', () => {
  test('a share of all switches every 3 h, half of them up at any time', () => {
    const scene = world(8000, { model: 'flap', flapShare: 0.6, flapHours: 3 }, 24)
    const { population, churn } = scene
    expect(population.size).toBe(Math.round(8000 / 0.7))
    const flapping = Array.from({ length: population.size }, (_, peer) => peer).filter(
      (peer) => churn.firstChangeMs(peer) < Number.POSITIVE_INFINITY,
    )
    expect(Math.abs(flapping.length / population.size - 0.6)).toBeLessThan(0.02)
    const first = flapping.map((peer) => churn.firstChangeMs(peer))
    expect(Math.max(...first)).toBeLessThanOrEqual(3 * HOUR_MS)
    expect(new Set(first).size).toBeGreaterThan(first.length * 0.9)
    const [one] = flapping as [number]
    const begins = churn.firstChangeMs(one)
    expect(churn.change(one, begins)).toBe(begins + 3 * HOUR_MS)
    for (const count of upCounts(world(8000, { model: 'flap', flapShare: 0.6 }, 24), HOUR_MS, 24))
      expect(Math.abs(count / 8000 - 1)).toBeLessThan(0.03)
  })
})

test('nobody leaves where there is no churn', () => {
  const { population, churn } = world(100, { model: 'none' }, 24)
  expect(population.size).toBe(100)
  for (let peer = 0; peer < 100; peer++)
    expect(churn.firstChangeMs(peer)).toBe(Number.POSITIVE_INFINITY)
})

test('what happens to one does not depend on what others were asked before', () => {
  const histories = [false, true].map((backwards) => {
    const { population, churn } = world(
      500,
      { model: 'sessions', stableShare: 0, dailySwing: 0.3 },
      48,
    )
    const told = Array.from({ length: population.size }, (): number[] => [])
    for (let i = 0; i < population.size; i++) {
      const peer = backwards ? population.size - 1 - i : i
      live(churn, peer, 48 * HOUR_MS, (now) => told[peer]?.push(now))
    }
    return told
  })
  expect(histories[1]).toEqual(histories[0])
  expect(histories[0]?.flat().length).toBeGreaterThan(1000)
})

test('a thread that is a window behind sees the past as it was', () => {
  const { population, churn } = world(500, { model: 'sessions', stableShare: 0 }, 48)
  for (let peer = 0; peer < population.size; peer++) {
    for (let now = churn.firstChangeMs(peer); now < 48 * HOUR_MS; ) {
      const around = Array.from({ length: 49 }, (_, i) => now - 24 + i)
      const before = around.map((ms) => population.isUp(peer, ms))
      const next = churn.change(peer, now)
      expect(around.map((ms) => population.isUp(peer, ms))).toEqual(before)
      now = next
    }
  }
})

test('a run that would need too many identities is refused', () => {
  expect(() => world(1_000_000, { model: 'sessions', stableShare: 0 }, 24 * 7)).toThrow(/newcomers/)
})
