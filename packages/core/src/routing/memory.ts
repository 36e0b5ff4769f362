/**
 * The peer memories of a column of nodes: everyone else that a node has met, with their evidence, in the
 * order of their keys. They feed lookups and give the table its newcomers.
 *
 * All memories lie in one slab, each in a block of 4, 8, 16, ... rows: one that is full moves to the next
 * size, and its block waits for another memory. A node with five strangers has 72 bytes here, and one that
 * never met any has none.
 *
 * Bounded by: `peersMax` rows a node. When a memory is full, the worst and longest silent make room: never a
 * peer that is connected, and never one as good as what comes.
 */
import { assert } from '../assert.ts'
import type { PeerBook, PeerRef } from '../peers.ts'
import type { Estimator } from './estimator.ts'
import { EVIDENCE_BYTES, Evidence, MUTE } from './evidence.ts'
import type { Facts } from './facts.ts'
import { farther, rowOf, sameKey } from './walk.ts'

/** Rows of the smallest blocks. */
const BLOCK_ROWS = 4

/** Rows that the slab begins with. */
const START_ROWS = 64

/** When there is no room, one of so many rows is freed at once: finding them costs a look at all. */
const FREED_SHARE = 64

export class Memories {
  readonly evidence: Evidence
  readonly bytesPerNode: number = 9
  /** Grows whenever rows move. */
  moves = 0
  private readonly book: PeerBook
  private readonly estimator: Estimator
  private readonly selfKeys: Uint32Array
  private readonly peersMax: number
  /** Where a node's block begins, how large it is as a power of two of the smallest, and the rows in use. */
  private readonly starts: Uint32Array
  private readonly sizes: Uint32Array
  private readonly classes: Uint8Array // 0 for no block at all, else one more than the power
  /** Blocks that nobody uses, by class. BOUNDED: by the blocks ever in use at once. */
  private readonly free: number[][] = []
  private rows = 0

  constructor(
    nodes: number,
    peersMax: number,
    book: PeerBook,
    estimator: Estimator,
    selfKeys: Uint32Array,
    facts: Facts,
    allocate: (bytes: number) => ArrayBufferLike,
  ) {
    this.peersMax = peersMax
    this.book = book
    this.estimator = estimator
    this.selfKeys = selfKeys
    const buffer = new ArrayBuffer(START_ROWS * EVIDENCE_BYTES)
    this.evidence = new Evidence(buffer, true, facts, new Uint32Array(0), 1)
    this.starts = new Uint32Array(allocate(nodes * 4))
    this.sizes = new Uint32Array(allocate(nodes * 4))
    this.classes = new Uint8Array(allocate(nodes))
  }

  /** Bytes of the slab. */
  get bytes(): number {
    return this.evidence.capacity * EVIDENCE_BYTES
  }

  /** The first row of a node's memory. */
  first(node: number): number {
    return this.starts[node] as number
  }

  /** Peers in a node's memory: as many rows from the first one on. */
  size(node: number): number {
    return this.sizes[node] as number
  }

  /** The row of a peer, -1 when it is not there. */
  find(node: number, peer: PeerRef): number {
    const size = this.size(node)
    if (size === 0) return -1
    const { refs } = this.evidence
    const first = this.first(node)
    const end = first + size
    let row = rowOf(this.evidence, first, end, this.book, peer)
    // Two refs can have the same key; they lie side by side.
    for (; row < end; row++) {
      if (refs[row] === peer) return row
      if (!sameKey(this.book, refs[row] as PeerRef, peer)) return -1
    }
    return -1
  }

  /** Whether there is room, made if need be by letting go of unconnected peers with a score under `below`. */
  makeRoom(node: number, nowS: number, below: number): boolean {
    return this.size(node) < this.peersMax || this.drop(node, nowS, below)
  }

  /** Adds a peer of whom nothing is known. There is room. */
  add(node: number, peer: PeerRef): number {
    const row = this.open(node, peer)
    this.evidence.reset(row, peer)
    return row
  }

  /** Takes over a row of another evidence, which is to be removed there. There is room. */
  take(node: number, from: Evidence, fromRow: number): number {
    const row = this.open(node, from.refs[fromRow] as PeerRef)
    this.evidence.take(row, from, fromRow)
    this.evidence.clearProbe(row)
    return row
  }

  /** Removes a row; what it had has been released or taken over. */
  remove(node: number, row: number): void {
    this.moves++
    const end = this.first(node) + this.size(node)
    this.evidence.shift(row + 1, end, -1)
    this.sizes[node] = this.size(node) - 1
  }

  private open(node: number, peer: PeerRef): number {
    this.moves++
    const size = this.size(node)
    if (size === this.roomOf(node)) this.move(node, size)
    const first = this.first(node)
    const row = rowOf(this.evidence, first, first + size, this.book, peer)
    this.evidence.shift(row, first + size, 1)
    this.sizes[node] = size + 1
    return row
  }

  private roomOf(node: number): number {
    const power = this.classes[node] as number
    return power === 0 ? 0 : BLOCK_ROWS << (power - 1)
  }

  /** To a block of twice the size. */
  private move(node: number, size: number): void {
    const power = this.classes[node] as number
    const from = this.first(node)
    const to = this.block(power)
    const { evidence: e } = this
    for (let i = 0; i < size; i++) e.take(to + i, e, from + i)
    if (power > 0) this.free[power - 1]?.push(from)
    this.starts[node] = to
    this.classes[node] = power + 1
  }

  private block(power: number): number {
    while (this.free.length <= power) this.free.push([])
    const used = this.free[power]?.pop()
    if (used !== undefined) return used
    const { evidence: e } = this
    const at = this.rows
    this.rows += BLOCK_ROWS << power
    assert(this.rows < 2 ** 31, 'a slab of memories has at most 2^31 rows')
    if (this.rows > e.capacity) {
      const rows = Math.max(this.rows, e.capacity * 2)
      e.grow(new ArrayBuffer(rows * EVIDENCE_BYTES))
    }
    return at
  }

  private drop(node: number, nowS: number, below: number): boolean {
    const { evidence: e } = this
    const rows: number[] = [] // BOUNDED: by `wanted`, the worst first
    const scores: number[] = []
    const wanted = Math.max(1, Math.floor(this.peersMax / FREED_SHARE))
    const first = this.first(node)
    for (let row = first; row < first + this.size(node); row++) {
      if (e.isLinked(row)) continue
      const score = this.worth(row, nowS)
      if (score >= below) continue
      let at = rows.length
      while (
        at > 0 &&
        this.isWorse(node, row, score, rows[at - 1] as number, scores[at - 1] as number)
      )
        at--
      if (at >= wanted) continue
      rows.splice(at, 0, row)
      scores.splice(at, 0, score)
      if (rows.length > wanted) {
        rows.pop()
        scores.pop()
      }
    }
    rows.sort((a, b) => b - a)
    for (const row of rows) this.forget(node, row)
    return rows.length > 0
  }

  /** Lets go of a peer and of all that is remembered of it. */
  forget(node: number, row: number): void {
    this.book.unpin(this.evidence.refs[row] as PeerRef)
    this.evidence.release(row)
    this.remove(node, row)
  }

  /** What a row is worth: its score, and nothing when the peer does not speak our protocol. */
  private worth(row: number, nowS: number): number {
    return this.evidence.is(row, MUTE) ? 0 : this.estimator.score(this.evidence, row, nowS)
  }

  private isWorse(
    node: number,
    row: number,
    score: number,
    other: number,
    otherScore: number,
  ): boolean {
    if (score !== otherScore) return score < otherScore
    const { evidence: e, book, selfKeys } = this
    const difference = e.lastSuccess(row) - e.lastSuccess(other)
    if (difference !== 0) return difference < 0
    return farther(book, selfKeys, node, e.refs[row] as PeerRef, e.refs[other] as PeerRef)
  }
}
