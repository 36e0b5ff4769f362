import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MIXES } from '../scenario/defaults.ts'
import { REGIONS } from '../scenario/scenario.ts'
import { draw } from './dice.ts'
import { Link } from './link.ts'
import { Population } from './population.ts'
import { idlePhase, sampleScenario } from './sample.ts'

const QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99]
const PAIRS = 200_000

/** Quantiles of the round trip over random pairs, ms. */
function quantiles(link: Link, size: number): number[] {
  const all = Float64Array.from({ length: PAIRS }, (_, i) =>
    link.rttMs(draw(9, i, 0, 64) % size, draw(9, i, 1, 64) % size),
  ).sort()
  return QUANTILES.map((q) => all[Math.floor(q * PAIRS)] as number)
}

function world(link: Parameters<typeof sampleScenario>[1] = {}) {
  const scenario = sampleScenario(5000, link)
  const population = Population.create(scenario)
  return { scenario, population, link: new Link(population, scenario.world.link, scenario.seed) }
}

describe('round trips of random pairs, within 15 % of the measured quantiles', () => {
  const measured = [
    { name: 'home 2021', mix: MIXES['home-2021'], wanted: [24, 108, 144, 181, 237, 247, 307] },
    { name: 'cloud 2024', mix: MIXES['cloud-2024'], wanted: [35, 108, 114, 130, 181, 225, 296] },
  ]
  test.each(measured)('$name', ({ mix, wanted }) => {
    const { link, population } = world({ link: { mix }, addresses: { concentratedShare: 0 } })
    quantiles(link, population.size).forEach((ms, i) => {
      expect(Math.abs(ms / (wanted[i] as number) - 1), `${QUANTILES[i]}: ${ms}`).toBeLessThan(0.15)
    })
  })

  test('two in one data centre are next to each other, two in one region can be', () => {
    const { link, population } = world({ addresses: { concentratedShare: 1, groups: 20 } })
    const near = REGIONS.indexOf('EUW')
    let least = 1000
    for (let i = 0; i < PAIRS; i++) {
      const [a, b] = [draw(9, i, 2, 64) % 5000, draw(9, i, 3, 64) % 5000] as [number, number]
      if (a === b || population.region(a) !== near || population.region(b) !== near) continue
      const ms = link.rttMs(a, b)
      if (population.ipGroup(a) > 0 && population.ipGroup(a) === population.ipGroup(b))
        expect(ms).toBeLessThanOrEqual(12)
      else least = Math.min(least, ms)
    }
    expect(least).toBeLessThan(12)
  })
})

test('a pair has one round trip, both ways, and messages vary around half of it', () => {
  const worlds = (['regions', 'square', 'constant'] as const).map((model) => {
    const made = world({ link: { model } })
    return { ...made, again: new Link(made.population, made.scenario.world.link, 1) }
  })
  const peer = fc.nat(4999)
  fc.assert(
    fc.property(peer, peer, fc.nat(0xffff_ffff), fc.nat(2), (a, b, word, which) => {
      const { link, again } = worlds[which] as (typeof worlds)[number]
      const rtt = link.rttMs(a, b)
      expect(rtt).toBe(again.rttMs(b, a))
      expect(rtt).toBeGreaterThanOrEqual(10)
      const ms = link.oneWayMs(a, b, word)
      expect(Number.isInteger(ms)).toBe(true)
      expect(ms).toBeGreaterThanOrEqual(5)
      expect(Math.abs(ms - rtt / 2)).toBeLessThanOrEqual(rtt * 0.05 + 0.5)
    }),
    { numRuns: 3000 },
  )
})

test('points of a square are as far apart as points of a square', () => {
  const { link } = world({
    link: { model: 'square', squareMs: 1000, constantMs: [0, 0], minOneWayMs: 1 },
  })
  let sum = 0
  let most = 0
  for (let i = 0; i < PAIRS; i++) {
    const ms = link.rttMs(draw(9, i, 0, 64) % 5000, draw(9, i, 1, 64) % 5000) / 2
    sum += ms
    most = Math.max(most, ms)
  }
  // The mean distance of two points in a unit square is 0.5214; the diagonal is 1,000 ms.
  expect(sum / PAIRS).toBeGreaterThan((521.4 / Math.SQRT2) * 0.98)
  expect(sum / PAIRS).toBeLessThan((521.4 / Math.SQRT2) * 1.02)
  expect(most).toBeGreaterThan(900)
  expect(most).toBeLessThanOrEqual(1000)
})

test('a constant link lies between its ends for each pair', () => {
  const { link } = world({ link: { model: 'constant', constantMs: [10, 100] } })
  const all = Float64Array.from({ length: PAIRS }, (_, i) => link.rttMs(i % 4999, 4999) / 2).sort()
  expect(all[0]).toBeGreaterThanOrEqual(10)
  expect(all[PAIRS - 1]).toBeLessThanOrEqual(100)
  expect(all[PAIRS / 2]).toBeGreaterThan(52)
  expect(all[PAIRS / 2]).toBeLessThan(58)
})

test('losses, service times and handshakes', () => {
  const { link, population } = world({ link: { loss: 0.02, serviceMs: 20, slowFactor: 10 } })
  const sums = [0, 0]
  const counts = [0, 0]
  let lost = 0
  for (let i = 0; i < PAIRS; i++) {
    if (link.isLost(draw(3, i, 0, 64))) lost++
    const slow = population.isSlow(i % 5000) ? 1 : 0
    const ms = link.serviceMs(i % 5000, draw(3, i, 1, 64))
    expect(Number.isInteger(ms)).toBe(true)
    sums[slow] = (sums[slow] as number) + ms
    counts[slow] = (counts[slow] as number) + 1
  }
  expect(lost / PAIRS).toBeGreaterThan(0.019)
  expect(lost / PAIRS).toBeLessThan(0.021)
  const means = sums.map((sum, i) => sum / (counts[i] as number))
  expect(means[0]).toBeGreaterThan(19.6)
  expect(means[0]).toBeLessThan(20.4)
  expect((means[1] as number) / (means[0] as number)).toBeGreaterThan(9.5)
  expect((means[1] as number) / (means[0] as number)).toBeLessThan(10.5)
  expect((counts[1] as number) / PAIRS).toBeGreaterThan(0.04)
  expect((counts[1] as number) / PAIRS).toBeLessThan(0.06)
  expect([0, 1, 2].map((transport) => link.handshakeTrips(transport))).toEqual([2, 5, 1])
})

test('no world without a mix', () => {
  const scenario = sampleScenario(
    100,
    { link: { mix: {}, model: 'constant' } },
    { phases: [idlePhase(1)] },
  )
  const population = Population.create(scenario)
  expect(new Set(Array.from({ length: 100 }, (_, i) => population.region(i)))).toEqual(new Set([0]))
})
