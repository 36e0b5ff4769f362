import { compareDistance, KEY_WORDS } from '@kadmium/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { draw } from './dice.ts'
import { Link } from './link.ts'
import { KIND, Population } from './population.ts'
import { idlePhase, sampleScenario } from './sample.ts'
import { WorldTruth } from './truth.ts'

const churning = sampleScenario(
  2000,
  { churn: { model: 'sessions', dailySwing: 0.3 }, reach: { clientShare: 0.3 } },
  { phases: [idlePhase(7200)] },
)

describe('population', () => {
  test('is in key order, of the right size, and the same each time and in each thread', () => {
    const one = Population.create(churning)
    const other = Population.open(structuredClone(Population.create(churning).shared))
    expect(one.size).toBeGreaterThan(2300)
    expect(other.size).toBe(one.size)
    let up = 0
    for (let peer = 0; peer < one.size; peer++) {
      if (one.isUp(peer, 0)) up++
      const at = peer * KEY_WORDS
      if (peer > 0)
        expect(
          compareDistance(new Uint32Array(8), 0, one.book.keys, at - 8, one.book.keys, at),
        ).toBeLessThan(0)
    }
    expect(up).toBe(2000)
    expect(other.book.keys).toEqual(one.book.keys)
    expect(other.upFromMs).toEqual(one.upFromMs)
    expect(other.upUntilMs).toEqual(one.upUntilMs)
    const about = (p: Population) =>
      Array.from({ length: p.size }, (_, i) => [
        p.region(i),
        p.transport(i),
        p.ipGroup(i),
        p.isServer(i),
        p.isDialable(i),
        p.isSlow(i),
        p.isStable(i),
        p.kind(i),
      ])
    expect(about(other)).toEqual(about(one))
  })

  test('has the shares that the scenario says', () => {
    const scenario = sampleScenario(20_000, {
      reach: { clientShare: 0.4, wrongServerShare: 0.1 },
      transports: { quic: 0.6, tcp: 0.3, datagram: 0.1 },
      link: { mix: { NA: 3, EUW: 1 }, slowShare: 0.05 },
      addresses: { concentratedShare: 0.65, groups: 40 },
      tables: { deadShareNear: 0.15 },
    })
    const population = Population.create(scenario)
    const initial = Array.from({ length: population.size }, (_, peer) => peer).filter((peer) =>
      population.isUp(peer, 0),
    )
    const share = (is: (peer: number) => boolean): number =>
      initial.filter(is).length / initial.length
    const near = (got: number, wanted: number): void =>
      expect(Math.abs(got - wanted)).toBeLessThan(0.012)
    near(
      share((peer) => population.isServer(peer) && population.isDialable(peer)),
      0.6,
    )
    near(
      share((peer) => population.isServer(peer) && !population.isDialable(peer)),
      0.04,
    )
    near(
      share((peer) => !population.isServer(peer) && population.isDialable(peer)),
      0,
    )
    for (const [transport, wanted] of [0.6, 0.3, 0.1].entries())
      near(
        share((peer) => population.transport(peer) === transport),
        wanted,
      )
    near(
      share((peer) => population.region(peer) === 0),
      0.75,
    )
    near(
      share((peer) => population.isSlow(peer)),
      0.05,
    )
    // One and a half times as many dead ones as fill 15 % of near buckets: 0.64 announced, of those 0.15 / 0.85.
    expect(population.size - 20_000).toBe(Math.ceil((1.5 * 20_000 * 0.64 * 0.15) / 0.85))
  })

  test('has servers in as few groups as the scenario says, each group in one region', () => {
    const scenario = sampleScenario(20_000, {
      reach: { clientShare: 0 },
      addresses: { concentratedShare: 0.65, groups: 40 },
    })
    const population = Population.create(scenario)
    const members = new Map<number, number[]>()
    for (let peer = 0; peer < population.size; peer++) {
      const group = population.ipGroup(peer)
      if (group === 0) continue
      members.set(group, [...(members.get(group) ?? []), peer])
    }
    const sizes = [...members.values()].map((peers) => peers.length).sort((a, b) => b - a)
    const sum = (list: number[]): number => list.reduce((total, size) => total + size, 0)
    expect(sizes.length).toBe(40)
    expect(Math.abs(sum(sizes) / population.size - 0.65)).toBeLessThan(0.01)
    for (const peers of members.values())
      expect(new Set(peers.map((peer) => population.region(peer))).size).toBe(1)
    // The ten largest hold most of it.
    expect(sum(sizes.slice(0, 10)) / population.size).toBeGreaterThan(0.35)
  })

  test('keeps who is there when a longer run brings more newcomers', () => {
    const longer = { ...churning, phases: [idlePhase(14_400)] }
    const [one, other] = [Population.create(churning), Population.create(longer)]
    expect(other.size).toBeGreaterThan(one.size)
    const initial = (population: Population): string[] =>
      Array.from({ length: population.size }, (_, peer) => peer)
        .filter((peer) => population.kind(peer) === KIND.up)
        .map((peer) => `${population.book.keys[peer * KEY_WORDS]} ${population.region(peer)}`)
    expect(initial(other)).toEqual(initial(one))
  })

  test('costs less than 60 bytes an identity', () => {
    const { shared, size } = Population.create(sampleScenario(100_000))
    let bytes = 0
    for (const part of Object.values(shared))
      if (part instanceof SharedArrayBuffer) bytes += part.byteLength
    expect(bytes / size).toBeLessThan(60)
  })
})

test('dice are even, and those of neighbours strangers', () => {
  const counts = new Float64Array(256)
  let [same, flips] = [0, 0]
  for (let i = 0; i < 100_000; i++) {
    const word = draw(5, i, 3, 70)
    counts[word >>> 24] = (counts[word >>> 24] as number) + 1
    const others = [
      draw(5, i + 1, 3, 70),
      draw(5, i, 4, 70),
      draw(6, i, 3, 70),
      draw(5, i, 3, 71),
      draw(5, 3, i, 70),
    ]
    for (const other of others) {
      if (other === word) same++
      for (let bits = word ^ other; bits !== 0; bits &= bits - 1) flips++
    }
  }
  // Chi square with 255 degrees of freedom: 330 is exceeded once in a thousand seeds; this one is fixed.
  let chi = 0
  for (const count of counts) chi += (count - 390.625) ** 2 / 390.625
  expect(chi).toBeLessThan(330)
  expect(same).toBeLessThan(4)
  expect(Math.abs(flips / 500_000 - 16)).toBeLessThan(0.02)
})

describe('truth', () => {
  test('names the nearest that are reachable, as brute force does', () => {
    const population = Population.create(churning)
    const truth = new WorldTruth(population, new Link(population, churning.world.link, 1))
    const { keys } = population.book
    const out = new Int32Array(64)
    fc.assert(
      fc.property(
        fc.nat(),
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 0, max: 256 }),
        fc.nat(7_200_000),
        (word, count, shared, nowMs) => {
          // Near one of the keys, by a random number of bits.
          const near = draw(word, 0, 0, 64) % population.size
          const key = keys.slice(near * KEY_WORDS, (near + 1) * KEY_WORDS)
          for (let i = shared; i < 256; i++) if (draw(word, i, 1, 64) & 1) flip(key, i)
          const found = truth.closestLive(key, 0, count, nowMs, out)
          const all = Array.from({ length: population.size }, (_, peer) => peer)
            .filter((peer) => truth.isReachable(peer, nowMs))
            .sort((a, b) => compareDistance(key, 0, keys, a * KEY_WORDS, keys, b * KEY_WORDS))
          expect([...out.subarray(0, found)]).toEqual(all.slice(0, count))
        },
      ),
      { numRuns: 1000 },
    )
  })
})

function flip(key: Uint32Array, bit: number): void {
  key[bit >>> 5] = (key[bit >>> 5] as number) ^ (1 << (31 - (bit & 31)))
}
