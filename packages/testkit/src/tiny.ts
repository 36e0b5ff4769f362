/** Keys of 8 bits, which can be checked by eye, widened to the 256 bits that the code works with. */
import { KEY_WORDS, type Key, PeerBook, type PeerRef } from '@kadmium/core'

/** The key whose top byte is `bits` (0..255, best written `0b1010_0000`) and whose rest is zero. */
export function key8(bits: number): Key {
  const key = new Uint32Array(KEY_WORDS)
  key[0] = (bits << 24) >>> 0
  return key
}

export interface TinyBook {
  book: PeerBook
  /** The refs of the keys, in their order. */
  refs: PeerRef[]
  /** A ref of an earlier owner of the first peer's slot: the book doesn't hold it any more. */
  stale: PeerRef
}

/** A book of 8-bit keys. `order` lists the indices in the order in which refs are given out; default as they stand. */
export function tinyBook(
  keys: readonly number[],
  order: readonly number[] = [...keys.keys()],
): TinyBook {
  const book = new PeerBook({ capacity: 4 })
  const stale = book.add(key8(0))
  book.nextReleased()
  const refs: PeerRef[] = new Array(keys.length)
  for (const index of order) refs[index] = book.add(key8(keys[index] as number))
  return { book, refs, stale }
}
