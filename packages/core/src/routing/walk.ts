/**
 * Order by key. Rows lie sorted by key, so that those which share a prefix are neighbours, and the nearest
 * by XOR are found without sorting anything: where two rows part, the half that agrees with the target is
 * nearer as a whole. Once few are left, sorting them is quicker. Only about as many keys are read as there are
 * peers wanted.
 */
import { compareDistance, compareKeys, KEY_BITS, KEY_WORDS } from '../key.ts'
import { NO_PEER, type PeerBook, type PeerRef } from '../peers.ts'
import type { Estimator } from './estimator.ts'
import { ANSWERED, BENCHED, type Evidence, MUTE, SPEAKS } from './evidence.ts'

/** Up to so many rows are put in order by sorting, more are parted by their bits first. */
const SORTED_MAX = 24

/** Bit number `bit` of a key, the most significant first. */
export function bitOf(key: Uint32Array, at: number, bit: number): number {
  return ((key[at + (bit >>> 5)] as number) >>> (31 - (bit & 31))) & 1
}

/** Where a peer's key stands among the sorted rows [low, high): the first row that is not before it. */
export function rowOf(
  e: Evidence,
  low: number,
  high: number,
  book: PeerBook,
  peer: PeerRef,
): number {
  const { refs } = e
  let from = low
  let to = high
  if (book.ordered) {
    while (from < to) {
      const middle = (from + to) >>> 1
      if ((refs[middle] as PeerRef) < peer) from = middle + 1
      else to = middle
    }
    return from
  }
  while (from < to) {
    const middle = (from + to) >>> 1
    if (book.compare(refs[middle] as PeerRef, peer) < 0) from = middle + 1
    else to = middle
  }
  return from
}

/** Whether one of the sorted rows [low, high) has a key, be it of a peer of the book or not. */
export function hasKey(
  e: Evidence,
  low: number,
  high: number,
  book: PeerBook,
  key: Uint32Array,
  keyAt: number,
): boolean {
  const head = key[keyAt] as number
  let from = low
  let to = high
  while (from < to) {
    const middle = (from + to) >>> 1
    const peer = e.refs[middle] as PeerRef
    const ahead = book.head(peer) - head
    const order = ahead !== 0 ? ahead : compareKeys(book.keys, book.at(peer), key, keyAt)
    if (order === 0) return true
    if (order < 0) from = middle + 1
    else to = middle
  }
  return false
}

/** Takes the nearest of one region of rows after the other, until there are enough. One is reused for all walks. */
export class Walk {
  /** Peers written so far. */
  count = 0
  private readonly book: PeerBook
  private readonly estimator: Estimator
  private key: Uint32Array = new Uint32Array(KEY_WORDS)
  private keyAt = 0
  private nowS = 0
  private limit = 0
  private exclude: PeerRef = NO_PEER
  private spare = false
  private out: Int32Array = new Int32Array(0)
  // The few that are being sorted: their rows and the first words of their distances.
  private readonly near = new Int32Array(SORTED_MAX)
  private readonly heads = new Uint32Array(SORTED_MAX)

  constructor(book: PeerBook, estimator: Estimator) {
    this.book = book
    this.estimator = estimator
  }

  /** `spare` false takes peers worth asking, true those that are left: benched, or never heard to speak. */
  begin(
    key: Uint32Array,
    keyAt: number,
    limit: number,
    nowS: number,
    exclude: PeerRef,
    spare: boolean,
    out: Int32Array,
  ): void {
    this.count = 0
    this.key = key
    this.keyAt = keyAt
    this.nowS = nowS
    this.limit = Math.min(limit, out.length)
    this.exclude = exclude
    this.spare = spare
    this.out = out
  }

  get full(): boolean {
    return this.count >= this.limit
  }

  /** Takes from the sorted rows [low, high), all of them farther than what was taken before. */
  rows(e: Evidence, low: number, high: number): void {
    const { refs } = e
    let from = low
    let to = high
    while (to - from > SORTED_MAX && this.count < this.limit) {
      const bit = this.book.sharedBits(refs[from] as PeerRef, refs[to - 1] as PeerRef)
      if (bit === KEY_BITS) break
      const middle = this.split(e, from, to, bit)
      if (bitOf(this.key, this.keyAt, bit) === 1) {
        this.rows(e, middle, to)
        to = middle
      } else {
        this.rows(e, from, middle)
        from = middle
      }
    }
    for (; from < to && this.count < this.limit; from += SORTED_MAX) {
      this.few(e, from, Math.min(to, from + SORTED_MAX))
    }
  }

  /** Takes from a few rows: sorting them by distance is quicker than to part them further. */
  private few(e: Evidence, low: number, high: number): void {
    const { near, heads, book, key, keyAt } = this
    const { refs } = e
    const keyHead = key[keyAt] as number
    for (let row = low; row < high; row++) {
      const head = (book.head(refs[row] as PeerRef) ^ keyHead) >>> 0
      let at = row - low
      while (at > 0 && this.isFarther(e, at - 1, head, row)) {
        heads[at] = heads[at - 1] as number
        near[at] = near[at - 1] as number
        at--
      }
      heads[at] = head
      near[at] = row
    }
    for (let i = 0; i < high - low && this.count < this.limit; i++) this.offer(e, near[i] as number)
  }

  /** Whether what lies at a place of the sorted few is farther from the key than a row with that head of its distance. */
  private isFarther(e: Evidence, at: number, head: number, row: number): boolean {
    const there = this.heads[at] as number
    if (there !== head) return there > head
    const { book, key, keyAt } = this
    const other = book.at(e.refs[this.near[at] as number] as PeerRef)
    const { keys } = book
    return compareDistance(key, keyAt, keys, other, keys, book.at(e.refs[row] as PeerRef)) > 0
  }

  /** The first of rows [from, to) whose key has the bit set; they share all bits before it. */
  private split(e: Evidence, from: number, to: number, bit: number): number {
    const { book } = this
    const { refs } = e
    const mask = bit < 32 ? (1 << (31 - bit)) | 0 : 0
    let low = from + 1
    let high = to - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      const peer = refs[middle] as PeerRef
      const isSet =
        mask !== 0 ? (book.head(peer) & mask) !== 0 : bitOf(book.keys, book.at(peer), bit) === 1
      if (isSet) high = middle
      else low = middle + 1
    }
    return low
  }

  private offer(e: Evidence, row: number): void {
    const peer = e.refs[row] as PeerRef
    if (peer === this.exclude) return
    const flags = e.flags(row)
    if ((flags & MUTE) !== 0) return
    const speaks = (flags & (SPEAKS | ANSWERED)) !== 0 || e.successes(row) > 0
    const worth = speaks && ((flags & BENCHED) === 0 || !this.estimator.benched(e, row, this.nowS))
    if (worth !== this.spare) this.out[this.count++] = peer
  }
}

/** Whether two refs stand for the same key. */
export function sameKey(book: PeerBook, a: PeerRef, b: PeerRef): boolean {
  return book.compare(a, b) === 0
}

/** Whether the first peer is farther from the node itself than the second: how ties are broken. */
export function farther(
  book: PeerBook,
  selfKeys: Uint32Array,
  node: number,
  a: PeerRef,
  b: PeerRef,
): boolean {
  const { keys } = book
  return compareDistance(selfKeys, node * KEY_WORDS, keys, book.at(a), keys, book.at(b)) > 0
}
