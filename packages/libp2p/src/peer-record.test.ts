import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodePeer, encodePeer, type SavedPeer } from './peer-record.ts'

const count = fc.float({ min: 0, max: 50, noNaN: true })
const milliseconds = fc.float({ min: 0, max: 60_000, noNaN: true })

const savedPeer: fc.Arbitrary<SavedPeer> = fc.record({
  evidence: fc.record({
    successes: count,
    failures: count,
    rttMs: milliseconds,
    rttDeviationMs: milliseconds,
    dialled: fc.boolean(),
  }),
  lastSeenMs: fc.double({ min: 0, max: 8.64e15, noNaN: true }),
  ipGroup: fc.nat(),
  addresses: fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 16 }),
})

const PEER: SavedPeer = {
  evidence: { successes: 5, failures: 0.5, rttMs: 120.25, rttDeviationMs: 8, dialled: true },
  lastSeenMs: 1_700_000_000_000,
  ipGroup: 0x1_0808,
  addresses: [Uint8Array.of(4, 8, 8, 8, 8, 6, 0, 1), Uint8Array.of(4, 9, 9, 9, 9, 6, 0, 1)],
}

describe('a peer', () => {
  test('comes back as it went', () => {
    fc.assert(
      fc.property(savedPeer, (peer) => {
        expect(decodePeer(encodePeer(peer))).toEqual(peer)
      }),
      { numRuns: 2_000 },
    )
  })

  test('comes back from a view into something larger, as what lies in a page', () => {
    const bytes = encodePeer(PEER)
    const page = new Uint8Array(bytes.length + 20).fill(0xff)
    page.set(bytes, 7)
    expect(decodePeer(page.subarray(7, 7 + bytes.length))).toEqual(PEER)
  })

  test('comes back with addresses of its own', () => {
    const bytes = encodePeer(PEER)
    const decoded = decodePeer(bytes)
    bytes.fill(0)
    expect(decoded).toEqual(PEER)
  })

  test('comes back rounded to 32 bits where its numbers are finer', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e6, noNaN: true }), (value) => {
        const evidence = { ...PEER.evidence, rttMs: value, successes: value }
        const decoded = decodePeer(encodePeer({ ...PEER, evidence }))
        expect(decoded?.evidence.rttMs).toBe(Math.fround(value))
        expect(decoded?.evidence.successes).toBe(Math.fround(value))
      }),
      { numRuns: 1_000 },
    )
  })

  test('keeps its first 16 addresses, and none that is too long', () => {
    const address = (i: number): Uint8Array => Uint8Array.of(i)
    const addresses = [
      new Uint8Array(0x1_0000),
      ...Array.from({ length: 20 }, (_, i) => address(i)),
    ]
    const decoded = decodePeer(encodePeer({ ...PEER, addresses }))
    expect(decoded?.addresses).toEqual(Array.from({ length: 16 }, (_, i) => address(i)))
  })

  test('takes up no more than its parts', () => {
    expect(encodePeer(PEER)).toHaveLength(31 + 2 * (2 + 8) + 4)
  })
})

describe('what is none is null', () => {
  test('with any byte changed', () => {
    const bytes = encodePeer(PEER)
    for (let at = 0; at < bytes.length; at++) {
      for (const flip of [1, 0x80, 0xff]) {
        const torn = Uint8Array.from(bytes)
        torn[at] = (torn[at] as number) ^ flip
        expect(decodePeer(torn), `byte ${at}`).toBeNull()
      }
    }
  })

  test('with any byte of any peer changed', () => {
    fc.assert(
      fc.property(savedPeer, fc.nat(), fc.integer({ min: 1, max: 255 }), (peer, place, flip) => {
        const torn = encodePeer(peer)
        const at = place % torn.length
        torn[at] = (torn[at] as number) ^ flip
        expect(decodePeer(torn)).toBeNull()
      }),
      { numRuns: 2_000 },
    )
  })

  test('cut off or with something behind it', () => {
    const bytes = encodePeer(PEER)
    for (let length = 0; length < bytes.length; length++) {
      expect(decodePeer(bytes.subarray(0, length))).toBeNull()
    }
    expect(decodePeer(Uint8Array.of(...bytes, 0))).toBeNull()
  })

  test('of random bytes, which throw nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(decodePeer(bytes)).toBeNull()
      }),
      { numRuns: 10_000 },
    )
  })

  test.each([
    ['a negative count', { successes: -1 }],
    ['a count that is no number', { failures: Number.NaN }],
    ['an infinite round trip', { rttMs: Number.POSITIVE_INFINITY }],
    ['a round trip beyond 32 bits', { rttDeviationMs: 1e300 }],
  ])('with %s', (_, wrong) => {
    const evidence = { ...PEER.evidence, ...wrong }
    expect(decodePeer(encodePeer({ ...PEER, evidence }))).toBeNull()
  })

  test('with a time that is none', () => {
    expect(decodePeer(encodePeer({ ...PEER, lastSeenMs: Number.NaN }))).toBeNull()
  })
})
