/**
 * Which of a worker's nodes hold a connection to whom, each side for itself: a slab with a chain for each node and one
 * for each hash of (node, peer).
 *
 * Bounded by: `connectionsMax` for each node; the longest idle one makes room.
 */

import { alignedInts, widenedInts } from './lines.ts'

/** A dial is under way; the connection counts as open from `readyMs` on, if the peer is there. */
export const DIALLING = 1
/** We opened it. */
export const DIALLED = 2

const END = -1
const START_ROWS = 256
const START_HEADS = 1024

// Words of a connection: half a line of the processor's cache, since each is found out of it.
const WORDS = 8
const NODE = 0
/** The peer, and the flags above it. */
const PEER = 1
const READY = 2
const USED = 3
const TIMER = 4
const NEXT_OF_NODE = 5
const PREVIOUS_OF_NODE = 6
const NEXT_OF_HASH = 7

const FLAGS_SHIFT = 24
const PEER_MASK = 2 ** FLAGS_SHIFT - 1

export class Connections {
  /** Connections of all nodes. */
  size = 0
  private words: Int32Array = alignedInts(START_ROWS * WORDS)
  private heads = new Int32Array(START_HEADS).fill(END)
  private readonly nodeHeads: Int32Array
  private readonly counts: Uint16Array
  private rows = 0
  private free = END

  constructor(nodes: number) {
    this.nodeHeads = new Int32Array(nodes).fill(END)
    this.counts = new Uint16Array(nodes)
  }

  /** The row of a connection, -1 for none. */
  find(node: number, peer: number): number {
    const { words } = this
    let row = this.heads[this.hash(node, peer)] as number
    while (row !== END) {
      const at = row * WORDS
      if (words[at] === node && ((words[at + PEER] as number) & PEER_MASK) === peer) return row
      row = words[at + NEXT_OF_HASH] as number
    }
    return END
  }

  /** Of which node's connections this is one. */
  node(row: number): number {
    return this.words[row * WORDS + NODE] as number
  }

  peer(row: number): number {
    return (this.words[row * WORDS + PEER] as number) & PEER_MASK
  }

  /** `DIALLING` and `DIALLED`. */
  flags(row: number): number {
    return (this.words[row * WORDS + PEER] as number) >>> FLAGS_SHIFT
  }

  /** Whether messages can go over it, or only its dial is under way. */
  isOpen(row: number): boolean {
    return (this.flags(row) & DIALLING) === 0
  }

  setFlags(row: number, flags: number): void {
    this.words[row * WORDS + PEER] = this.peer(row) | (flags << FLAGS_SHIFT)
  }

  /** From when on messages can go over it. */
  readyMs(row: number): number {
    return this.words[row * WORDS + READY] as number
  }

  /** When a message last went or came over it. */
  usedMs(row: number): number {
    return this.words[row * WORDS + USED] as number
  }

  use(row: number, nowMs: number): void {
    this.words[row * WORDS + USED] = nowMs
  }

  /** When its idle timer runs out; a timer of another time is void. */
  timerMs(row: number): number {
    return this.words[row * WORDS + TIMER] as number
  }

  setTimer(row: number, atMs: number): void {
    this.words[row * WORDS + TIMER] = atMs
  }

  count(node: number): number {
    return this.counts[node] as number
  }

  /** The first of a node's connections, -1 for none; the others follow by `after`. */
  first(node: number): number {
    return this.nodeHeads[node] as number
  }

  after(row: number): number {
    return this.words[row * WORDS + NEXT_OF_NODE] as number
  }

  /** The node's connection that was used longest ago and is open; -1 for none. */
  longestIdle(node: number): number {
    let oldest = END
    for (let row = this.first(node); row !== END; row = this.after(row)) {
      if (!this.isOpen(row)) continue
      if (oldest === END || this.usedMs(row) < this.usedMs(oldest)) {
        oldest = row
      }
    }
    return oldest
  }

  /** Adds a connection that is not there yet. Returns its row. */
  add(node: number, peer: number, flags: number, readyMs: number, usedMs: number): number {
    if (this.size >= this.heads.length) this.rehash()
    const row = this.take()
    const { words } = this
    const at = row * WORDS
    words[at + NODE] = node
    words[at + PEER] = peer | (flags << FLAGS_SHIFT)
    words[at + READY] = readyMs
    words[at + USED] = usedMs
    words[at + TIMER] = 0
    const hash = this.hash(node, peer)
    words[at + NEXT_OF_HASH] = this.heads[hash] as number
    this.heads[hash] = row
    const first = this.nodeHeads[node] as number
    words[at + NEXT_OF_NODE] = first
    words[at + PREVIOUS_OF_NODE] = END
    if (first !== END) words[first * WORDS + PREVIOUS_OF_NODE] = row
    this.nodeHeads[node] = row
    this.counts[node] = (this.counts[node] as number) + 1
    this.size++
    return row
  }

  remove(row: number): void {
    const { words } = this
    const at = row * WORDS
    const node = words[at + NODE] as number
    const hash = this.hash(node, this.peer(row))
    let before = END
    let here = this.heads[hash] as number
    while (here !== row) {
      before = here
      here = words[here * WORDS + NEXT_OF_HASH] as number
    }
    const following = words[at + NEXT_OF_HASH] as number
    if (before === END) this.heads[hash] = following
    else words[before * WORDS + NEXT_OF_HASH] = following
    const next = words[at + NEXT_OF_NODE] as number
    const previous = words[at + PREVIOUS_OF_NODE] as number
    if (next !== END) words[next * WORDS + PREVIOUS_OF_NODE] = previous
    if (previous === END) this.nodeHeads[node] = next
    else words[previous * WORDS + NEXT_OF_NODE] = next
    this.counts[node] = (this.counts[node] as number) - 1
    this.size--
    words[at + NODE] = END
    words[at + NEXT_OF_HASH] = this.free
    this.free = row
  }

  /** Bytes of the slab and of the chains. */
  get bytes(): number {
    return this.words.byteLength + this.heads.length * 4 + this.nodeHeads.length * 6
  }

  private hash(node: number, peer: number): number {
    const mixed = Math.imul(node ^ Math.imul(peer, 0x9e3779b1), 0x85ebca6b)
    return (mixed ^ (mixed >>> 15)) & (this.heads.length - 1)
  }

  private take(): number {
    if (this.free !== END) {
      const row = this.free
      this.free = this.words[row * WORDS + NEXT_OF_HASH] as number
      return row
    }
    if (this.rows * WORDS === this.words.length) this.grow()
    return this.rows++
  }

  private rehash(): void {
    this.heads = new Int32Array(this.heads.length * 2).fill(END)
    for (let row = 0; row < this.rows; row++) {
      const node = this.node(row)
      if (node === END) continue
      const hash = this.hash(node, this.peer(row))
      this.words[row * WORDS + NEXT_OF_HASH] = this.heads[hash] as number
      this.heads[hash] = row
    }
  }

  private grow(): void {
    this.words = widenedInts(this.words, this.words.length * 2)
  }
}
