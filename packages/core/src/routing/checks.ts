/**
 * Which peers are to be checked, and when: benched members whose back-off has run out, and peers that
 * dialled us, which must be dialled back before anybody is told about them.
 *
 * Bounded by: two deadlines a node. They may be early, never late: each change that can make a check due
 * lowers them, each look recomputes them.
 */
import { type NodeRows, PROBE_DUE, RETRY_DUE } from '../node-rows.ts'
import { NO_PEER, type PeerBook, type PeerRef } from '../peers.ts'
import type { Estimator } from './estimator.ts'
import { BENCHED, type Evidence, TRIED, toSeconds } from './evidence.ts'
import { type Holdings, lacksDial } from './holdings.ts'
import { farther } from './walk.ts'

const DOUBLINGS_MAX = 30

export class Checks {
  private readonly book: PeerBook
  private readonly holdings: Holdings
  private readonly estimator: Estimator
  private readonly selfKeys: Uint32Array
  private readonly rows: NodeRows

  constructor(
    rows: NodeRows,
    book: PeerBook,
    holdings: Holdings,
    estimator: Estimator,
    selfKeys: Uint32Array,
  ) {
    this.book = book
    this.holdings = holdings
    this.estimator = estimator
    this.selfKeys = selfKeys
    this.rows = rows
  }

  /** When there may be something to check, ms; Infinity for never. */
  deadlineMs(node: number): number {
    return Math.min(this.rows.due(node, RETRY_DUE), this.rows.due(node, PROBE_DUE))
  }

  /** A benched member is due at this second. */
  retryFrom(node: number, atS: number): void {
    this.rows.lowerDue(node, RETRY_DUE, atS * 1000)
  }

  /** A peer may be dialled back from this second on. */
  probeFrom(node: number, atS: number): void {
    this.rows.lowerDue(node, PROBE_DUE, atS * 1000)
  }

  /** Benched members that are due, the nearest buckets first; they count as tried. */
  retries(node: number, nowMs: number, out: Int32Array): number {
    if (nowMs < this.rows.due(node, RETRY_DUE)) return 0
    const nowS = toSeconds(nowMs)
    const { table } = this.holdings
    const e = table.evidence
    let count = 0
    let nextS = Number.POSITIVE_INFINITY
    for (let bucket = table.buckets - 1; bucket >= 0; bucket--) {
      if (table.benchedCount(node, bucket) === 0) continue
      const from = table.first(node, bucket)
      const to = from + table.count(node, bucket)
      for (let row = from; row < to; row++) {
        if (!e.is(row, BENCHED)) continue
        if (nowS >= this.estimator.dueS(e, row) && count < out.length) {
          out[count++] = e.refs[row] as PeerRef
          this.estimator.touch(e, row, nowS)
          e.mark(row, TRIED, 0)
        }
        nextS = Math.min(nextS, this.estimator.dueS(e, row))
      }
    }
    this.rows.setDue(node, RETRY_DUE, nextS * 1000)
    return count
  }

  /** The peer nearest to us that lacks nothing but a dial back, `NO_PEER` when there is none; it counts as tried. */
  nextProbe(node: number, nowMs: number): PeerRef {
    if (nowMs < this.rows.due(node, PROBE_DUE)) return NO_PEER
    const { memories } = this.holdings
    const first = memories.first(node)
    const size = memories.size(node)
    if (size === 0) {
      this.rows.setDue(node, PROBE_DUE, Number.POSITIVE_INFINITY)
      return NO_PEER
    }
    const nowS = toSeconds(nowMs)
    const e = memories.evidence
    const { refs } = e
    let best = -1
    let nextS = Number.POSITIVE_INFINITY
    for (let row = first; row < first + size; row++) {
      if (!lacksDial(e, row)) continue
      const peer = refs[row] as PeerRef
      const bucket = this.holdings.table.bucketOf(node, peer)
      if (!this.holdings.hasPlace(node, bucket, e.group(row))) continue
      const atS = e.probeAt(row)
      const beaten =
        best >= 0 && !farther(this.book, this.selfKeys, node, refs[best] as PeerRef, peer)
      if (nowS < atS || beaten) {
        nextS = Math.min(nextS, atS)
        continue
      }
      if (best >= 0) nextS = Math.min(nextS, e.probeAt(best))
      best = row
    }
    if (best >= 0) {
      const probes = e.probes(best)
      const atS = nowS + this.estimator.backoffS(probes)
      e.delayProbe(best, atS, probes)
      nextS = Math.min(nextS, atS)
    }
    this.rows.setDue(node, PROBE_DUE, nextS * 1000)
    return best < 0 ? NO_PEER : (refs[best] as PeerRef)
  }

  /** A dial back to a remembered peer failed: the next one comes after twice the time. */
  probeFailed(e: Evidence, row: number, nowS: number): void {
    const doublings = e.probes(row)
    const atS = nowS + this.estimator.backoffS(doublings)
    e.delayProbe(row, atS, Math.min(doublings + 1, DOUBLINGS_MAX))
  }
}
