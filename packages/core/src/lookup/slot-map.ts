/**
 * In which slot of a walk each candidate lies: a table of refs with open addressing, so that a peer that is
 * named again, as most are, is known without a look at its key. The value of a ref decides where it lies
 * here and nothing else.
 *
 * A ref and its slot lie side by side, and the table is as large as the walk has become: where thousands of walks
 * are under way, each answer finds this one out of the processor's caches.
 *
 * Bounded by: the candidates of a walk; at most half of the table is used.
 */
import { NO_PEER, type PeerRef } from '../peers.ts'

/** The golden ratio of 32 bits: spreads refs that are neighbours (Knuth, "The Art of Computer Programming", 6.4). */
const SPREAD = 0x9e37_79b1

/** The table begins with two to this power of places. */
const START_BITS = 7

export class SlotMap {
  /** Two words a place: the ref, `NO_PEER` where it is free, and its slot. */
  private words: Int32Array = emptied(START_BITS)
  private bits = START_BITS
  private used = 0

  clear(): void {
    if (this.used > 0) this.words.fill(NO_PEER)
    this.used = 0
  }

  /** The slot of a peer, -1 when it has none. */
  find(peer: PeerRef): number {
    const at = this.place(peer)
    return this.words[at] === peer ? (this.words[at + 1] as number) : -1
  }

  /** Notes a peer that has no slot yet. */
  add(peer: PeerRef, slot: number): void {
    if ((this.used + 1) * 4 > this.words.length) this.grow()
    this.put(peer, slot)
    this.used++
  }

  /** Takes a peer out; those behind it close up, so that none is cut off. */
  remove(peer: PeerRef): void {
    const { words } = this
    const mask = words.length - 1
    let hole = this.place(peer)
    if (words[hole] !== peer) return
    for (let at = (hole + 2) & mask; words[at] !== NO_PEER; at = (at + 2) & mask) {
      const home = this.home(words[at] as PeerRef)
      // It may move to the hole unless its home lies behind that.
      if (((at - home) & mask) < ((at - hole) & mask)) continue
      words[hole] = words[at] as PeerRef
      words[hole + 1] = words[at + 1] as number
      hole = at
    }
    words[hole] = NO_PEER
    this.used--
  }

  private put(peer: PeerRef, slot: number): void {
    const at = this.place(peer)
    this.words[at] = peer
    this.words[at + 1] = slot
  }

  private grow(): void {
    const { words } = this
    this.bits++
    this.words = emptied(this.bits)
    for (let at = 0; at < words.length; at += 2) {
      const peer = words[at] as PeerRef
      if (peer !== NO_PEER) this.put(peer, words[at + 1] as number)
    }
  }

  /** Where a peer lies, or would. */
  private place(peer: PeerRef): number {
    const { words } = this
    const mask = words.length - 1
    let at = this.home(peer)
    while (words[at] !== peer && words[at] !== NO_PEER) at = (at + 2) & mask
    return at
  }

  private home(peer: PeerRef): number {
    return (Math.imul(peer, SPREAD) >>> (32 - this.bits)) << 1
  }
}

function emptied(bits: number): Int32Array {
  return new Int32Array(2 << bits).fill(NO_PEER)
}
