import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DEFAULT_CONFIG } from '../config.ts'
import { compareDistance, KEY_WORDS, keyText } from '../key.ts'
import { NO_PEER, PeerBook, type PeerRef } from '../peers.ts'
import { Estimator } from './estimator.ts'
import { BENCHED, EVIDENCE_BYTES, Evidence, MUTE, SPEAKS } from './evidence.ts'
import { Facts } from './facts.ts'
import { hasKey, rowOf, Walk } from './walk.ts'

/** Keys that share long prefixes as often as they differ at once. */
const key = fc
  .array(fc.constantFrom(0, 1, 0x8000_0000, 0xffff_ffff, 0x1234_5678), {
    minLength: KEY_WORDS,
    maxLength: KEY_WORDS,
  })
  .map((words) => Uint32Array.from(words))

function rowsOf(rows: number): Evidence {
  const buffer = new ArrayBuffer(rows * EVIDENCE_BYTES)
  return new Evidence(buffer, false, new Facts(), new Uint32Array(0), rows)
}

/** Rows sorted by key, all speaking. */
function sorted(book: PeerBook, peers: PeerRef[]): Evidence {
  const e = rowsOf(peers.length)
  for (const [size, peer] of peers.entries()) {
    const row = rowOf(e, 0, size, book, peer)
    e.shift(row, size, 1)
    e.reset(row, peer)
    e.mark(row, SPEAKS, 0)
  }
  return e
}

test('a key is told where a row has it, and only there', () => {
  fc.assert(
    fc.property(fc.array(key, { maxLength: 20 }), key, (keys, wanted) => {
      const book = new PeerBook()
      const e = sorted(
        book,
        keys.map((one) => book.add(one)),
      )
      const known = keys.map((one) => keyText(one))
      for (const one of [...keys, wanted])
        expect(hasKey(e, 0, keys.length, book, one, 0)).toBe(known.includes(keyText(one)))
    }),
    { numRuns: 1000 },
  )
})

test('rows stand in the order of their keys and are found there', () => {
  fc.assert(
    fc.property(fc.array(key, { maxLength: 40 }), (keys) => {
      const book = new PeerBook()
      const e = sorted(
        book,
        keys.map((one) => book.add(one)),
      )
      const texts = [...e.refs].map((ref) => keyText(book.keys, book.at(ref)))
      expect(texts).toEqual([...texts].sort())
      for (const ref of e.refs) {
        const row = rowOf(e, 0, e.capacity, book, ref)
        expect(texts[row]).toBe(keyText(book.keys, book.at(ref)))
        if (row > 0) expect(texts[row - 1]).not.toBe(texts[row])
      }
    }),
    { numRuns: 1000 },
  )
})

test('a walk takes what sorting all by distance takes, in that order', () => {
  const keys = fc.uniqueArray(key, { maxLength: 40, selector: (one) => keyText(one) })
  fc.assert(
    fc.property(keys, key, fc.nat(45), fc.nat(40), (all, target, limit, excluded) => {
      const book = new PeerBook()
      const e = sorted(
        book,
        all.map((one) => book.add(one)),
      )
      const exclude = e.refs[excluded] ?? NO_PEER
      const walk = new Walk(book, new Estimator(DEFAULT_CONFIG))
      const out = new Int32Array(50)
      walk.begin(target, 0, limit, 0, exclude, false, out)
      walk.rows(e, 0, e.capacity)
      const expected = [...e.refs]
        .filter((ref) => ref !== exclude)
        .sort((a, b) => compareDistance(target, 0, book.keys, book.at(a), book.keys, book.at(b)))
        .slice(0, limit)
      expect([...out.subarray(0, walk.count)]).toEqual(expected)
    }),
    { numRuns: 1000 },
  )
})

test('refs with the same key are all taken', () => {
  const book = new PeerBook()
  const one = Uint32Array.from([1, 2, 3, 4, 5, 6, 7, 8])
  const e = sorted(book, [book.add(one), book.add(one), book.add(one)])
  const walk = new Walk(book, new Estimator(DEFAULT_CONFIG))
  const out = new Int32Array(5)
  walk.begin(one, 0, 5, 0, NO_PEER, false, out)
  walk.rows(e, 0, 3)
  expect(new Set(out.subarray(0, walk.count)).size).toBe(3)
})

test('a walk for spare peers takes the benched and the untold, and nobody who does not speak', () => {
  const book = new PeerBook()
  const peers = [1, 2, 3, 4].map((word) => book.add(new Uint32Array(KEY_WORDS).fill(word)))
  const e = sorted(book, peers)
  e.mark(1, BENCHED, 0)
  e.mark(2, 0, SPEAKS)
  e.mark(3, MUTE, SPEAKS)
  const walk = new Walk(book, new Estimator(DEFAULT_CONFIG))
  const out = new Int32Array(5)
  walk.begin(new Uint32Array(KEY_WORDS), 0, 5, 0, NO_PEER, false, out)
  walk.rows(e, 0, 4)
  expect([...out.subarray(0, walk.count)]).toEqual([peers[0]])
  walk.begin(new Uint32Array(KEY_WORDS), 0, 5, 0, NO_PEER, true, out)
  walk.rows(e, 0, 4)
  expect([...out.subarray(0, walk.count)]).toEqual([peers[1], peers[2]])
})
