/**
 * In which slot of a walk each candidate lies: a table of refs with open addressing, so that a peer that is
 * named again, as most are, is known without a look at its key. The value of a ref decides where it lies
 * here and nothing else.
 *
 * Bounded by: the slots, of which at most half a table is used.
 */
import { NO_PEER, type PeerRef } from '../peers.ts'

/** The golden ratio of 32 bits: spreads refs that are neighbours (Knuth, "The Art of Computer Programming", 6.4). */
const SPREAD = 0x9e37_79b1

export class SlotMap {
  private readonly refs: Int32Array
  private readonly slots: Uint16Array
  private readonly mask: number
  private readonly shift: number
  private isEmpty = true

  /** Room for so many, at most 32,768. */
  constructor(count: number) {
    const bits = 33 - Math.clz32(count)
    this.refs = new Int32Array(1 << bits).fill(NO_PEER)
    this.slots = new Uint16Array(1 << bits)
    this.mask = (1 << bits) - 1
    this.shift = 32 - bits
  }

  clear(): void {
    if (!this.isEmpty) this.refs.fill(NO_PEER)
    this.isEmpty = true
  }

  /** The slot of a peer, -1 when it has none. */
  find(peer: PeerRef): number {
    const at = this.place(peer)
    return this.refs[at] === peer ? (this.slots[at] as number) : -1
  }

  /** Notes a peer that has no slot yet. */
  add(peer: PeerRef, slot: number): void {
    const at = this.place(peer)
    this.refs[at] = peer
    this.slots[at] = slot
    this.isEmpty = false
  }

  /** Takes a peer out; those behind it close up, so that none is cut off. */
  remove(peer: PeerRef): void {
    const { refs, slots, mask } = this
    let hole = this.place(peer)
    if (refs[hole] !== peer) return
    for (let at = (hole + 1) & mask; refs[at] !== NO_PEER; at = (at + 1) & mask) {
      const home = this.home(refs[at] as PeerRef)
      // It may move to the hole unless its home lies behind that.
      if (((at - home) & mask) < ((at - hole) & mask)) continue
      refs[hole] = refs[at] as PeerRef
      slots[hole] = slots[at] as number
      hole = at
    }
    refs[hole] = NO_PEER
  }

  /** Where a peer lies, or would. */
  private place(peer: PeerRef): number {
    const { refs, mask } = this
    let at = this.home(peer)
    while (refs[at] !== peer && refs[at] !== NO_PEER) at = (at + 1) & mask
    return at
  }

  private home(peer: PeerRef): number {
    return Math.imul(peer, SPREAD) >>> this.shift
  }
}
