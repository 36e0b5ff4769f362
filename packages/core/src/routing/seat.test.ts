/** Filling buckets at once must come to what filling them peer by peer does. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AssertionError } from '../assert.ts'
import { type Config, DEFAULT_CONFIG } from '../config.ts'
import { KEY_WORDS } from '../key.ts'
import { PeerBook, type PeerRef } from '../peers.ts'
import { Routing } from './routing.ts'

const CONFIG: Config = { ...DEFAULT_CONFIG, bucketGoodPeers: [6, 4, 3], buckets: 5 }

/** Keys with these first bytes, in a book that holds them all. */
function bookOf(bytes: readonly number[], given: boolean): PeerBook {
  const keys = new Uint32Array(bytes.length * KEY_WORDS)
  for (const [i, byte] of bytes.entries()) keys[i * KEY_WORDS] = byte << 24
  if (given) return new PeerBook({ fixed: true, keys })
  const book = new PeerBook({ fixed: true, capacity: bytes.length })
  for (let i = 0; i < bytes.length; i++) book.add(keys, i * KEY_WORDS)
  return book
}

/** The table of the node with key 0. */
function routingOf(book: PeerBook): Routing {
  return new Routing({ nodes: 1, book, config: CONFIG, selfKeys: new Uint32Array(KEY_WORDS) })
}

function bucketOf(byte: number): number {
  return Math.min(Math.clz32(byte) - 24, CONFIG.buckets - 1)
}

const BYTES = fc
  .uniqueArray(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 40 })
  .map((bytes) => bytes.sort((a, b) => a - b))

describe('seat', () => {
  it('comes to what `place` does peer by peer', () => {
    fc.assert(
      fc.property(BYTES, fc.boolean(), fc.nat(10_000_000), (bytes, given, nowMs) => {
        const book = bookOf(bytes, given)
        const [atOnce, oneByOne] = [routingOf(book), routingOf(book)]
        const groups = Int32Array.from(bytes, (_, i) => (i % 3 === 0 ? 0 : 65_520 + i))
        for (let bucket = 0; bucket < CONFIG.buckets; bucket++) {
          const refs = bytes.flatMap((byte, ref) => (bucketOf(byte) === bucket ? [ref] : []))
          const peers = Int32Array.from(refs.slice(0, atOnce.bucketSeats(bucket)))
          const rttsMs = Float32Array.from(peers, (ref) => (ref % 4 === 0 ? -1 : 10 + ref))
          const theirs = peers.map((ref) => groups[ref] as number)
          atOnce.seat(0, bucket, peers, peers.length, nowMs, theirs, rttsMs)
        }
        // One by one round trips are kept to the quarter of a millisecond: they are given as kept at once.
        for (const { peer, evidence, ipGroup } of atOnce.exportPeers(0))
          oneByOne.place(0, peer, nowMs, evidence.rttMs > 0 ? evidence.rttMs : -1, ipGroup)
        expect([...atOnce.exportPeers(0)]).toEqual([...oneByOne.exportPeers(0)])
        const later = nowMs + 3_600_000
        const told = (routing: Routing): unknown =>
          bytes.map((_, ref: PeerRef) => [
            routing.isMember(0, ref),
            routing.speaks(0, ref),
            routing.state(0, ref, later),
            routing.costMs(0, ref, later),
            routing.rtoMs(0, ref, later),
          ])
        expect(told(atOnce)).toEqual(told(oneByOne))
      }),
      { numRuns: 1000 },
    )
  })

  it('keeps groups, round trips to 2 %, and whenever it was', () => {
    const bytes = [1, 2, 3, 130, 140, 200]
    const routing = routingOf(bookOf(bytes, true))
    const groups = Int32Array.of(7, 0xffff, 0x1_0000, -1, 0, 9)
    const rttsMs = Float32Array.of(0.1, 37, 15_000, -1, 80, 250)
    routing.seat(0, 0, Int32Array.of(3, 4, 5), 3, 5_000, groups.slice(3), rttsMs.slice(3))
    routing.seat(0, 4, Int32Array.of(0, 1, 2), 3, 9_000, groups, rttsMs.slice(0, 3))
    const seated = [...routing.exportPeers(0)]
    for (const { peer, evidence, ipGroup, lastSeenMs } of seated) {
      const rttMs = Math.max(rttsMs[peer] as number, 0)
      expect(Math.abs(evidence.rttMs - rttMs)).toBeLessThanOrEqual(Math.max(0.02 * rttMs, 0.15))
      expect([ipGroup, lastSeenMs]).toEqual([groups[peer], peer < 3 ? 9_000 : 5_000])
    }
    expect(seated).toHaveLength(6)
  })

  it('tells the members in the order of their buckets and keys, as many as there is room for', () => {
    const routing = routingOf(bookOf([5, 6, 130, 140, 200], true))
    routing.seat(0, 0, Int32Array.of(2, 3, 4), 3, 0)
    routing.seat(0, 4, Int32Array.of(0, 1), 2, 0)
    const out = new Int32Array(4)
    expect([routing.members(0, out), ...out]).toEqual([4, 2, 3, 4, 0])
    expect([routing.members(0, new Int32Array(9)), routing.size(0)]).toEqual([5, 5])
  })

  it('takes no peers that do not belong there, and no bucket that is not empty', () => {
    const book = bookOf([0, 5, 130, 140, 200, 201, 202, 203, 204], true)
    const seat = (bucket: number, ...peers: PeerRef[]): (() => void) => {
      const routing = routingOf(book)
      return () => routing.seat(0, bucket, Int32Array.from(peers), peers.length, 0)
    }
    expect(seat(0, 3, 2)).toThrow(AssertionError) // order
    expect(seat(0, 2, 2)).toThrow(AssertionError) // twice
    expect(seat(0, 1, 2)).toThrow(AssertionError) // another bucket's
    expect(seat(4, 0, 1)).toThrow(AssertionError) // ourselves
    expect(seat(0, 8, 9)).toThrow(AssertionError) // nobody
    expect(seat(0, 2, 3, 4, 5, 6, 7, 8)).toThrow(AssertionError) // more than there are seats
    const routing = routingOf(book)
    routing.seat(0, 0, Int32Array.of(2), 1, 0)
    expect(() => routing.seat(0, 0, Int32Array.of(3), 1, 0)).toThrow(AssertionError)
  })
})
