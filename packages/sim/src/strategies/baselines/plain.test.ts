/** The plain Kademlia is held to what simulators.md §2a measured of the rival that runs it, and to its memory. */
import { KEY_WORDS, Outbox, PeerBook, Random } from '@kadmium/core'
import { expect, test } from 'vitest'
import { StaticNetwork } from '../../../test/static-network.ts'
import { plain } from './plain.ts'

/**
 * Of 10,000 nodes 35.9 % of the requests timed out, and 23.4 were sent for one lookup (29.71 M of 1.272 M): 15.0 answers.
 * There the dead were those behind NATs; here so many are dead that about as many requests time out.
 */
test('requests of one lookup, with as many time-outs as measured', () => {
  const network = new StaticNetwork({ nodes: 10_000, deadPercent: 40, seed: 3, dialFailsMs: 5_000 })
  const column = network.column(plain)
  network.serveBy(column)
  const random = new Random(7)
  const nearest = new Int32Array(8)
  let [rpcs, failures, hits] = [0, 0, 0]
  const lookups = 300
  for (let i = 0; i < lookups; i++) {
    const asker = network.liveNode(random)
    const key = Uint32Array.from({ length: KEY_WORDS }, () => random.word())
    const told = network.run(column, asker, 'getClosest', key)
    rpcs += told.rpcs / lookups
    failures += told.failures / lookups
    network.closestLive(key, 0, 8, nearest, asker)
    hits += told.closest.filter((peer) => nearest.includes(peer)).length / lookups
  }
  expect(Math.abs(failures / rpcs - 0.359)).toBeLessThan(0.06)
  expect(Math.abs(rpcs / 23.4 - 1)).toBeLessThan(0.25)
  expect(hits).toBeGreaterThan(7)
})

test('a million nodes take at most 1.5 kB each', () => {
  const nodes = 2 ** 20
  const keys = new Uint32Array(nodes * KEY_WORDS)
  for (let i = 0; i < nodes; i++) keys[i * KEY_WORDS] = i * 4096
  const column = plain.create({
    book: new PeerBook({ keys, fixed: true }),
    first: 0,
    count: 10_000,
    seed: 1,
    isServer: () => true,
    ipGroup: () => 0,
    truth: { isReachable: () => true, rttMs: () => 1, closestLive: () => 0 },
    options: {},
  })
  column.handle(0, 0, { kind: 'start' }, new Outbox())
  expect(column.bytes / 10_000).toBeLessThan(1_500)
})
