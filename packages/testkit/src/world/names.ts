/**
 * Who is who: a world numbers its nodes 0..n-1, a node knows peers by the refs of its book. Nodes that
 * share one book of fixed identities have the same refs, and those are the numbers; nodes on their own
 * give out refs as they meet peers, and take them back when the core forgets them, as a live host does.
 */
import { KEY_WORDS, NO_PEER, PeerBook, type PeerRef } from '@kadmium/core'

export interface Names {
  readonly book: PeerBook
  /** The ref of a node, a new one if need be. */
  refOf: (index: number) => PeerRef
  /** The node of a ref; -1 for a ref that is not known (any more). */
  indexOf: (ref: PeerRef) => number
  /** The core no longer holds the ref. */
  forget: (ref: PeerRef) => void
}

/** One book for all: the ref of a node is its number. */
export function sharedNames(keys: Uint32Array): Names {
  const count = keys.length / KEY_WORDS
  const book = new PeerBook({ fixed: true, capacity: count, capacityMax: count })
  for (let i = 0; i < count; i++) book.add(keys, i * KEY_WORDS)
  return { book, refOf: (index) => index, indexOf: (ref) => ref, forget: () => {} }
}

/** A book for one node. */
export function ownNames(keys: Uint32Array): Names {
  const book = new PeerBook({ capacity: 16 })
  const refs = new Map<number, PeerRef>() // BOUNDED: by the book
  const indices = new Map<PeerRef, number>() // BOUNDED: by the book
  const refOf = (index: number): PeerRef => {
    const known = refs.get(index)
    if (known !== undefined) return known
    const ref = book.add(keys, index * KEY_WORDS)
    if (ref === NO_PEER) throw new Error('the book is full')
    refs.set(index, ref)
    indices.set(ref, index)
    return ref
  }
  const forget = (ref: PeerRef): void => {
    const index = indices.get(ref)
    if (index === undefined) throw new Error('a ref is forgotten that nobody was given')
    indices.delete(ref)
    refs.delete(index)
  }
  return { book, refOf, indexOf: (ref) => indices.get(ref) ?? -1, forget }
}
