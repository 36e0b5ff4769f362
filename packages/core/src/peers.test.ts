import { key8 } from '@kadmium/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AssertionError } from './assert.ts'
import { KEY_WORDS, keysEqual } from './key.ts'
import { NO_PEER, PeerBook, type PeerRef } from './peers.ts'

const CASES = { numRuns: 1000 }

/** Takes all that nothing holds out of a book. */
function released(book: PeerBook): PeerRef[] {
  const refs: PeerRef[] = []
  for (let ref = book.nextReleased(); ref !== NO_PEER; ref = book.nextReleased()) refs.push(ref)
  return refs
}

describe('a peer book', () => {
  it('gives a peer back once nothing holds it, and knows its stale ref', () => {
    const book = new PeerBook({ capacity: 1 })
    const ref = book.add(key8(1))
    book.pin(ref)
    book.pin(ref)
    book.unpin(ref)
    expect(released(book)).toEqual([])
    book.unpin(ref)
    expect(book.has(ref)).toBe(true)
    expect(released(book)).toEqual([ref])
    expect(book.has(ref)).toBe(false)
    const next = book.add(key8(2))
    expect(next).not.toBe(ref)
    expect([book.has(next), book.has(ref), book.size]).toEqual([true, false, 1])
  })

  it('keeps a peer that is held again before anybody took it', () => {
    const book = new PeerBook({ capacity: 1 })
    const ref = book.add(key8(1))
    book.pin(ref)
    book.unpin(ref)
    book.pin(ref)
    expect(released(book)).toEqual([])
    book.unpin(ref)
    expect(released(book)).toEqual([ref])
  })

  it('is full at its limit, and takes one more when one has gone', () => {
    const book = new PeerBook({ capacity: 1, capacityMax: 3 })
    const refs = [1, 2, 3].map((bits) => book.add(key8(bits)))
    expect(book.add(key8(4))).toBe(NO_PEER)
    for (const ref of refs) book.pin(ref)
    expect(book.add(key8(4))).toBe(NO_PEER)
    book.unpin(refs[1] as PeerRef)
    expect(released(book)).toEqual([refs[1]])
    expect(book.has(book.add(key8(4)))).toBe(true)
    expect(() => new PeerBook({ capacity: 4, capacityMax: 3 })).toThrow(AssertionError)
  })

  it('of fixed identities gives out slots in order and never forgets', () => {
    const book = new PeerBook({ fixed: true, capacity: 2, capacityMax: 2 })
    expect([book.add(key8(1)), book.add(key8(2)), book.add(key8(3))]).toEqual([0, 1, NO_PEER])
    book.unpin(0)
    expect(released(book)).toEqual([])
    expect([book.has(0), book.has(1), book.has(2), book.has(NO_PEER)]).toEqual([
      true,
      true,
      false,
      false,
    ])
  })

  it('over keys that lie there already is full, copies nothing and sees whether they ascend', () => {
    const keys = new Uint32Array(new SharedArrayBuffer(3 * KEY_WORDS * 4))
    for (const [i, bits] of [1, 2, 200].entries()) keys.set(key8(bits), i * KEY_WORDS)
    const books = [new PeerBook({ fixed: true, keys }), new PeerBook({ fixed: true, keys })]
    for (const book of books) {
      expect([book.size, book.ordered, book.has(2), book.has(3)]).toEqual([3, true, true, false])
      expect(book.keys).toBe(keys)
      expect(book.add(key8(9))).toBe(NO_PEER)
    }
    keys.copyWithin(KEY_WORDS, 2 * KEY_WORDS)
    expect(new PeerBook({ fixed: true, keys }).ordered).toBe(false)
    expect(() => new PeerBook({ keys })).toThrow(AssertionError)
    expect(() => new PeerBook({ fixed: true, keys: keys.subarray(1) })).toThrow(AssertionError)
  })

  it('takes it as our own mistake when pins do not match', () => {
    const book = new PeerBook({ capacity: 1 })
    const ref = book.add(key8(1))
    expect(() => book.unpin(ref)).toThrow(AssertionError)
    released(book)
    expect(() => book.pin(ref)).toThrow(AssertionError)
    expect(() => book.unpin(ref)).toThrow(AssertionError)
  })

  it('does what a plain list of pins does, in any sequence', () => {
    const call = fc.record({
      do: fc.constantFrom('add', 'add', 'pin', 'pin', 'unpin', 'unpin', 'release'),
      which: fc.nat(30),
    })
    fc.assert(
      fc.property(fc.array(call, { maxLength: 80 }), (calls) => {
        const book = new PeerBook({ capacity: 2, capacityMax: 12 })
        const model = new Map<PeerRef, { bits: number; pins: number }>()
        const stale = new Set<PeerRef>()
        for (const { do: what, which } of calls) {
          const refs = [...model.keys()]
          const ref = refs[which % Math.max(refs.length, 1)] ?? NO_PEER
          const held = model.get(ref)
          if (what === 'add') {
            const added = book.add(key8(which))
            expect(added === NO_PEER).toBe(refs.length === 12)
            expect(model.has(added) || stale.has(added)).toBe(false)
            if (added !== NO_PEER) model.set(added, { bits: which, pins: 0 })
          } else if (what === 'pin' && held !== undefined) {
            book.pin(ref)
            held.pins++
          } else if (what === 'unpin' && held !== undefined && held.pins > 0) {
            book.unpin(ref)
            held.pins--
          } else if (what === 'release') {
            const gone = released(book)
            const loose = refs.filter((one) => model.get(one)?.pins === 0)
            expect(gone.toSorted()).toEqual(loose.toSorted())
            for (const one of gone) {
              model.delete(one)
              stale.add(one)
            }
          }
          expect(book.size).toBe(model.size)
          for (const [one, { bits }] of model) {
            expect(book.has(one)).toBe(true)
            expect(keysEqual(book.keys, book.at(one), key8(bits), 0)).toBe(true)
          }
          for (const one of stale) expect(book.has(one)).toBe(false)
        }
      }),
      CASES,
    )
  })
})
