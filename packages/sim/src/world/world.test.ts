import { commonPrefixLength, compareDistance, KEY_WORDS } from '@kadmium/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Column } from '../strategies/strategy.ts'
import { draw } from './dice.ts'
import { Link } from './link.ts'
import { KIND, Population } from './population.ts'
import { idlePhase, sampleScenario } from './sample.ts'
import { fillTables } from './tables.ts'
import { WorldTruth } from './truth.ts'

const churning = sampleScenario(
  3000,
  { churn: { model: 'sessions', dailySwing: 0.3 }, reach: { clientShare: 0.3 } },
  { phases: [idlePhase(7200)] },
)

describe('population', () => {
  test('is in key order, of the right size, and the same each time and in each thread', () => {
    const one = Population.create(churning)
    const other = Population.open(structuredClone(Population.create(churning).shared))
    expect(one.size).toBeGreaterThan(3500)
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
    expect(up).toBe(3000)
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
      { numRuns: 100 },
    )
  })
})

describe('tables', () => {
  test('hold distinct servers in key order, each where it belongs', () => {
    const population = Population.create(churning)
    const link = new Link(population, churning.world.link, 1)
    const { keys } = population.book
    const seats = [32, 20, 20, 20, 20, 20, 20, 20]
    let rows = 0
    const column = {
      bucketSeats: (bucket: number) => seats[bucket] ?? 0,
      seat(row: number, bucket: number, peers: Int32Array, count: number) {
        rows = Math.max(rows, row)
        expect(count).toBeLessThanOrEqual(seats[bucket] as number)
        for (let i = 0; i < count; i++) {
          const peer = peers[i] as number
          if (i > 0) expect(peer).toBeGreaterThan(peers[i - 1] as number)
          expect(peer).not.toBe(row + 500)
          const bits = commonPrefixLength(keys, (row + 500) * KEY_WORDS, keys, peer * KEY_WORDS)
          expect(Math.min(7, bits)).toBe(bucket)
          expect(population.isServer(peer)).toBe(true)
          expect(population.kind(peer)).not.toBe(KIND.newcomer)
        }
      },
    } as unknown as Column
    fillTables(column, population, link, 500, 300, churning.world.tables, 1, () => {})
    expect(rows).toBeGreaterThan(290)
  })
})

function flip(key: Uint32Array, bit: number): void {
  key[bit >>> 5] = (key[bit >>> 5] as number) ^ (1 << (31 - (bit & 31)))
}
