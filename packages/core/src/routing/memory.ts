/**
 * The peer memory of one node: everyone else it has met, with their evidence, in the order of their keys.
 * It feeds lookups and gives the table its newcomers.
 *
 * Bounded by: `peersMax` rows; it starts small and doubles. When it is full, the worst and longest silent
 * make room: never a peer that is connected, and never one as good as what comes.
 */
import type { PeerBook, PeerRef } from '../peers.ts'
import type { Estimator } from './estimator.ts'
import { EVIDENCE_BYTES, Evidence, MUTE } from './evidence.ts'
import { farther, rowOf, sameKey } from './walk.ts'

const START_ROWS = 16

/** When there is no room, one of so many rows is freed at once: finding them costs a look at all. */
const FREED_SHARE = 64

const allocate = (bytes: number): ArrayBufferLike => new ArrayBuffer(bytes)

export class PeerMemory {
  size = 0
  /** Replaced when the memory grows. */
  evidence: Evidence
  /** Second from which a dial back may be tried, and how often its back-off has been doubled. */
  probeAt: Uint32Array
  probes: Uint8Array
  private readonly book: PeerBook
  private readonly estimator: Estimator
  private readonly selfKeys: Uint32Array
  private readonly node: number
  private readonly peersMax: number

  constructor(
    node: number,
    peersMax: number,
    book: PeerBook,
    estimator: Estimator,
    selfKeys: Uint32Array,
  ) {
    this.node = node
    this.peersMax = peersMax
    this.book = book
    this.estimator = estimator
    this.selfKeys = selfKeys
    const rows = Math.min(START_ROWS, peersMax)
    this.evidence = new Evidence(rows, true, allocate)
    this.probeAt = new Uint32Array(rows)
    this.probes = new Uint8Array(rows)
  }

  get bytes(): number {
    return this.evidence.capacity * (EVIDENCE_BYTES + 5)
  }

  /** The row of a peer, -1 when it is not there. */
  find(peer: PeerRef): number {
    const { refs } = this.evidence
    let row = rowOf(this.evidence, 0, this.size, this.book, peer)
    // Two refs can have the same key; they lie side by side.
    for (; row < this.size; row++) {
      if (refs[row] === peer) return row
      if (!sameKey(this.book, refs[row] as PeerRef, peer)) return -1
    }
    return -1
  }

  /** Whether there is room, made if need be by letting go of unconnected peers with a score under `below`. */
  makeRoom(nowS: number, below: number): boolean {
    return this.size < this.peersMax || this.free(nowS, below)
  }

  /** Adds a peer of whom nothing is known. There is room. */
  add(peer: PeerRef, nowS: number): number {
    const row = this.open(peer)
    this.evidence.reset(row, peer, nowS)
    return row
  }

  /** Adds a peer with the evidence of another row. There is room. */
  insert(from: Evidence, fromRow: number): number {
    const row = this.open(from.refs[fromRow] as PeerRef)
    this.evidence.copy(row, from, fromRow)
    return row
  }

  remove(row: number): void {
    const { size } = this
    if (row + 1 < size) {
      this.evidence.shift(row + 1, size, -1)
      this.probeAt.copyWithin(row, row + 1, size)
      this.probes.copyWithin(row, row + 1, size)
    }
    this.size = size - 1
  }

  private open(peer: PeerRef): number {
    if (this.size === this.evidence.capacity) this.grow()
    const { size } = this
    const row = rowOf(this.evidence, 0, size, this.book, peer)
    if (row < size) {
      this.evidence.shift(row, size, 1)
      this.probeAt.copyWithin(row + 1, row, size)
      this.probes.copyWithin(row + 1, row, size)
    }
    this.probeAt[row] = 0
    this.probes[row] = 0
    this.size = size + 1
    return row
  }

  private grow(): void {
    const rows = Math.min(this.evidence.capacity * 2, this.peersMax)
    const evidence = new Evidence(rows, true, allocate)
    for (let row = 0; row < this.size; row++) evidence.copy(row, this.evidence, row)
    const probeAt = new Uint32Array(rows)
    probeAt.set(this.probeAt)
    const probes = new Uint8Array(rows)
    probes.set(this.probes)
    this.evidence = evidence
    this.probeAt = probeAt
    this.probes = probes
  }

  private free(nowS: number, below: number): boolean {
    const rows: number[] = [] // BOUNDED: by `wanted`, the worst first
    const scores: number[] = []
    const wanted = Math.max(1, Math.floor(this.peersMax / FREED_SHARE))
    for (let row = 0; row < this.size; row++) {
      if (this.evidence.isLinked(row)) continue
      const score = this.worth(row, nowS)
      if (score >= below) continue
      let at = rows.length
      while (at > 0 && this.isWorse(row, score, rows[at - 1] as number, scores[at - 1] as number))
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
    for (const row of rows) {
      this.book.unpin(this.evidence.refs[row] as PeerRef)
      this.remove(row)
    }
    return rows.length > 0
  }

  /** What a row is worth: its score, and nothing when the peer does not speak our protocol. */
  private worth(row: number, nowS: number): number {
    return this.evidence.is(row, MUTE) ? 0 : this.estimator.score(this.evidence, row, nowS)
  }

  private isWorse(row: number, score: number, other: number, otherScore: number): boolean {
    if (score !== otherScore) return score < otherScore
    const { lastSuccess, refs } = this.evidence
    const difference = (lastSuccess[row] as number) - (lastSuccess[other] as number)
    if (difference !== 0) return difference < 0
    const { book, selfKeys, node } = this
    return farther(book, selfKeys, node, refs[row] as PeerRef, refs[other] as PeerRef)
  }
}
