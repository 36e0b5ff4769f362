import { commonPrefixLength, compareDistance, KEY_WORDS } from '@kadmium/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Column } from '../strategies/strategy.ts'
import { KIND, Population } from './population.ts'
import { idlePhase, sampleScenario } from './sample.ts'
import { fillTables } from './tables.ts'

const SEATS = [64, 32, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20]

type Parts = Parameters<typeof sampleScenario>[1]

function world(nodes: number, parts: Parts = {}, seconds = 0, seed = 1) {
  const phases = [idlePhase(seconds)]
  const scenario = sampleScenario(nodes, parts, { phases, seed })
  const population = Population.create(scenario)
  return { scenario, population }
}

/** The tables of some identities: for each a bucket's peers by bucket, as the column was told. */
function tablesOf(
  { scenario, population }: ReturnType<typeof world>,
  first: number,
  count: number,
  seats: readonly number[] = SEATS,
): (readonly number[] | undefined)[][] {
  const tables = Array.from({ length: count }, (): number[][] => [])
  const column = {
    bucketSeats: (bucket: number) => seats[bucket] ?? 0,
    seat(row: number, bucket: number, peers: Int32Array, held: number) {
      const table = tables[row] as number[][]
      expect(table[bucket]).toBeUndefined()
      table[bucket] = [...peers.subarray(0, held)]
    },
  } as unknown as Column
  const shares: number[] = []
  const { seed } = scenario
  fillTables(column, population, first, count, scenario.world.tables, seed, (share) =>
    shares.push(share),
  )
  expect(shares.at(-1)).toBe(1)
  return tables
}

/** How many of a list are dead. */
const deadOf = (population: Population, peers: readonly number[]): number =>
  peers.filter((peer) => !population.isUp(peer, 0)).length

test('each peer is where it belongs, once, in key order, a server that is no newcomer, within the caps', () => {
  const small = fc.record({
    nodes: fc.integer({ min: 1, max: 400 }),
    seed: fc.nat(1000),
    buckets: fc.integer({ min: 1, max: 12 }),
    groups: fc.integer({ min: 1, max: 40 }),
    share: fc.constantFrom(0, 0.5, 1),
    first: fc.nat(300),
  })
  fc.assert(
    fc.property(small, ({ nodes, seed, buckets, groups, share, first }) => {
      const parts: Parts = {
        addresses: { concentratedShare: share, groups },
        churn: { model: 'sessions' },
      }
      const scene = world(nodes, parts, 600, seed)
      const { population } = scene
      const begin = Math.min(first, population.size - 1)
      const seats = SEATS.slice(0, buckets)
      const tables = tablesOf(scene, begin, Math.min(5, population.size - begin), seats)
      for (const [row, table] of tables.entries()) checkTable(population, begin + row, table, seats)
    }),
    { numRuns: 1000 },
  )
})

function checkTable(
  population: Population,
  self: number,
  table: readonly (readonly number[] | undefined)[],
  seats: readonly number[],
): void {
  const { keys } = population.book
  const kind = population.kind(self)
  if (kind === KIND.newcomer || kind === KIND.dead) expect(table).toEqual([])
  const inTable = new Map<number, number>()
  const faults: string[] = []
  table.forEach((peers, bucket) => {
    const inBucket = new Map<number, number>()
    if ((peers?.length ?? 0) > (seats[bucket] as number)) faults.push(`${bucket} is too full`)
    peers?.forEach((peer, i) => {
      if (i > 0 && peer <= (peers[i - 1] as number)) faults.push(`${peer} is out of order`)
      const bits = commonPrefixLength(keys, self * KEY_WORDS, keys, peer * KEY_WORDS)
      if (peer === self || Math.min(seats.length - 1, bits) !== bucket)
        faults.push(`${peer} does not belong in ${bucket}`)
      if (!population.isServer(peer) || population.kind(peer) === KIND.newcomer)
        faults.push(`${peer} belongs nowhere`)
      const group = population.ipGroup(peer)
      if (group === 0) return
      for (const counts of [inTable, inBucket]) counts.set(group, (counts.get(group) ?? 0) + 1)
    })
    if (Math.max(0, ...inBucket.values()) > 2) faults.push(`${bucket} has three of one group`)
  })
  if (Math.max(0, ...inTable.values()) > 3) faults.push('four of one group')
  expect(faults).toEqual([])
}

describe('at 20,000 nodes', () => {
  const scene = world(20_000, {
    addresses: { concentratedShare: 0 },
    reach: { clientShare: 0.5, wrongServerShare: 0.1 },
  })
  const { population } = scene
  const tables = tablesOf(scene, 5000, 3000)
  const live: number[] = []
  for (let peer = 0; peer < population.size; peer++)
    if (population.isServer(peer) && population.isUp(peer, 0)) live.push(peer)

  test('wide buckets are full; 4 % of their entries are dead', () => {
    for (let bucket = 0; bucket <= 6; bucket++) {
      const peers = tables.flatMap((table) => table[bucket] ?? [])
      const rows = tables.filter((table) => table[bucket] !== undefined).length
      expect(peers.length / rows / (SEATS[bucket] as number)).toBeGreaterThan(0.995)
      expect(Math.abs(deadOf(population, peers) / peers.length - 0.04)).toBeLessThan(0.006)
    }
  })

  test('near ones have 15 % dead', () => {
    // 11,000 announced servers: from bucket 10 on a bucket has 5 or fewer; 9 has 11 and is never full.
    const near = tables.flatMap((table) => table.slice(9).flatMap((peers) => peers ?? []))
    const dead = deadOf(population, near)
    expect(Math.abs(dead / near.length - 0.15)).toBeLessThan(0.02)
  })

  test('clients that wrongly announce themselves have the share that they have among the announced', () => {
    const peers = tables
      .flatMap((table) => table.slice(0, 7).flatMap((bucket) => bucket ?? []))
      .filter((peer) => population.isUp(peer, 0))
    const wrong = peers.filter((peer) => !population.isDialable(peer)).length / peers.length
    expect(Math.abs(wrong - 0.05 / 0.55)).toBeLessThan(0.01)
  })

  test('all are as likely to be chosen, by single draws and by decks alike', () => {
    // Bucket 0 is dealt from a deck of half the population, bucket 5 drawn from some hundreds.
    for (const bucket of [0, 5]) {
      const seen = new Map<number, number>()
      let [rows, first] = [0, -1]
      for (const [row, table] of tables.entries()) {
        const prefix = (population.book.keys[(5000 + row) * KEY_WORDS] as number) >>> (31 - bucket)
        if (first < 0) first = prefix
        if (prefix !== first) continue
        rows++
        for (const peer of table[bucket] ?? []) seen.set(peer, (seen.get(peer) ?? 0) + 1)
      }
      const alive = [...seen].filter(([peer]) => population.isUp(peer, 0))
      const { keys } = population.book
      const span = live.filter(
        (peer) => (keys[peer * KEY_WORDS] as number) >>> (31 - bucket) === (first ^ 1),
      ).length
      const mean = alive.reduce((sum, [, count]) => sum + count, 0) / span
      const spread = alive.reduce((sum, [, count]) => sum + (count - mean) ** 2, 0)
      const unseen = (span - alive.length) * mean ** 2
      // A binomial count's variance is about its mean.
      expect(rows).toBeGreaterThan(100)
      expect((spread + unseen) / span / mean).toBeGreaterThan(0.75)
      expect((spread + unseen) / span / mean).toBeLessThan(1.35)
    }
  })

  test('a row is the same whoever else is filled beside it', () => {
    expect(tablesOf(scene, 6000, 200)).toEqual(tables.slice(1000, 1200))
  })
})

test('a fifth is missing in near buckets, but three of five nodes know all of their 20 nearest', () => {
  // As many servers as in the network where that was measured, in tables of 20 to a bucket.
  const scene = world(15_400, { reach: { clientShare: 0 }, addresses: { concentratedShare: 0 } })
  const { population } = scene
  const { keys } = population.book
  const seats = Array.from({ length: 16 }, () => 20)
  let [all, far, farKnown] = [0, 0, 0]
  const known = Array.from({ length: 21 }, () => 0)
  for (const [row, table] of tablesOf(scene, 4000, 1000, seats).entries()) {
    const self = 4000 + row
    if (!population.isUp(self, 0)) continue
    const members = new Set(table.flatMap((peers) => peers ?? []))
    const bitsOf = (peer: number): number =>
      commonPrefixLength(keys, self * KEY_WORDS, keys, peer * KEY_WORDS)
    const order = (a: number, b: number): number =>
      compareDistance(keys, self * KEY_WORDS, keys, a * KEY_WORDS, keys, b * KEY_WORDS)
    const around: number[] = []
    const { ranges } = population
    const high = ranges.high(keys, self * KEY_WORDS, 6)
    for (let peer = ranges.low(keys, self * KEY_WORDS, 6); peer < high; peer++)
      if (peer !== self && population.isUp(peer, 0)) around.push(peer)
    around.sort(order)
    const counts = Array.from({ length: 257 }, () => 0)
    for (const peer of around) counts[bitsOf(peer)] = (counts[bitsOf(peer)] as number) + 1
    const held = around.slice(0, 20).filter((peer) => members.has(peer)).length
    known[held] = (known[held] as number) + 1
    all++
    for (const peer of around.slice(20)) {
      if ((counts[bitsOf(peer)] as number) >= 20) continue
      far++
      if (members.has(peer)) farKnown++
    }
  }
  expect(Math.abs((known[20] as number) / all - 0.611)).toBeLessThan(0.06)
  expect(known.slice(0, 18).reduce((sum, count) => sum + count) / all).toBeLessThan(0.1)
  expect(Math.abs(farKnown / far - 0.8)).toBeLessThan(0.04)
})

test('where most live in few groups the caps bind, and buckets stay short rather than break them', () => {
  const scene = world(5000, {
    addresses: { concentratedShare: 0.9, groups: 20 },
    reach: { clientShare: 0 },
  })
  const sizes = tablesOf(scene, 0, 100).map((table) => table.flatMap((peers) => peers ?? []).length)
  const open = tablesOf(
    world(5000, { addresses: { concentratedShare: 0 }, reach: { clientShare: 0 } }),
    0,
    100,
  ).map((table) => table.flatMap((peers) => peers ?? []).length)
  const mean = (list: number[]): number => list.reduce((sum, size) => sum + size) / list.length
  expect(mean(sizes)).toBeLessThan(0.9 * mean(open))
  expect(mean(sizes)).toBeGreaterThan(60)
})
