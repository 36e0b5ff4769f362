/**
 * Proximity neighbour selection: go's lookup over buckets whose members are near by round trip. Each seat holds the nearest of
 * 16 candidates drawn from those that may sit there: PNS(16), which Gummadi and others (SIGCOMM 2003) found close to the ideal.
 *
 * Where the source leaves room: it has recursive routing over one neighbour a bucket; here a full bucket takes in a peer that
 * answered faster than its slowest member, and a walk asks of the ten nearest that it may ask next the one with the shortest
 * measured round trip (unknown ones count as 150 ms, the median of two random peers). Tables are filled from the true round
 * trips, which favours it; afterwards measured ones count alone. Dead peers of a filled table stay where they are.
 */
import { NO_PEER, type PeerRef } from '@kadmium/core'
import type { Strategy, StrategyInit } from '../strategy.ts'
import { HEARD } from './candidates.ts'
import { GO_OPTIONS, Go } from './go-node.ts'
import { faultOf, type Options, optionsOf } from './options.ts'
import { BucketRange } from './ranges.ts'
import type { Step } from './step.ts'
import type { Walk } from './walk.ts'

const PNS_OPTIONS = {
  ...GO_OPTIONS,
  /** Candidates of which a filled seat holds the nearest. */
  samples: { default: 16, min: 1, max: 1_024 },
} as const

const UNKNOWN_RTT_MS = 150

class Pns extends Go {
  private readonly samples: number
  private readonly range: BucketRange

  constructor(init: StrategyInit, options: Options<typeof PNS_OPTIONS>) {
    super(init, options, true)
    this.samples = options.samples
    this.range = new BucketRange(init.book)
  }

  override seat(
    row: number,
    bucket: number,
    peers: Int32Array,
    count: number,
    nowMs: number,
  ): void {
    const { truth, first } = this.init
    const self = first + row
    const { low, high } = this.range.find(self, bucket)
    for (let i = 0; i < count; i++) {
      const given = peers[i] as PeerRef
      const isThere = truth.isReachable(given, nowMs)
      const peer = isThere ? this.nearestOf(row, given, low, high, nowMs) : given
      const rttMs = isThere ? truth.rttMs(self, peer) : UNKNOWN_RTT_MS
      this.admit(row, peer, nowMs, Math.max(1, rttMs))
    }
  }

  protected override enter(row: number, peer: PeerRef, nowMs: number, rttMs: number): boolean {
    if (super.enter(row, peer, nowMs, rttMs)) return true
    if (rttMs <= 0) return false
    const { table } = this
    const begin = table.begin(row, table.bucketOf(row, peer))
    let slowest = begin
    for (let seat = begin; seat < begin + table.seatsPerBucket; seat++) {
      if (table.rttAt(seat) > table.rttAt(slowest)) slowest = seat
    }
    if (table.rttAt(slowest) <= rttMs) return false
    table.put(slowest, peer, nowMs, rttMs)
    this.groups.left(row)
    return true
  }

  protected override pick(step: Step, walk: Walk): PeerRef {
    const { candidates } = walk
    let best = NO_PEER
    let bestMs = Number.POSITIVE_INFINITY
    let eligible = 0
    for (let at = 0; at < candidates.size && eligible < this.options.alpha; at++) {
      if (candidates.stateAt(at) !== HEARD) continue
      eligible++
      const peer = candidates.peers[at] as PeerRef
      const rttMs = this.knownRttMs(step.row, peer)
      if (rttMs >= bestMs) continue
      best = peer
      bestMs = rttMs
    }
    return best
  }

  private knownRttMs(row: number, peer: PeerRef): number {
    const seat = this.table.find(row, peer)
    const rttMs = seat < 0 ? 0 : this.table.rttAt(seat)
    return rttMs > 0 ? rttMs : UNKNOWN_RTT_MS
  }

  /** The nearest by round trip of one peer and others drawn from its range that are not seated yet. */
  private nearestOf(
    row: number,
    given: PeerRef,
    low: number,
    high: number,
    nowMs: number,
  ): PeerRef {
    const { truth, first } = this.init
    let best = given
    let bestMs = this.table.has(row, given)
      ? Number.POSITIVE_INFINITY
      : truth.rttMs(first + row, given)
    for (let drawn = 1; drawn < this.samples && high > low; drawn++) {
      const peer = low + this.dice.below(row, high - low)
      if (!this.init.isServer(peer) || !truth.isReachable(peer, nowMs)) continue
      const rttMs = truth.rttMs(first + row, peer)
      if (rttMs >= bestMs || this.table.has(row, peer)) continue
      best = peer
      bestMs = rttMs
    }
    return best
  }
}

export const pns: Strategy = {
  name: 'pns',
  summary:
    'go with proximity neighbour selection: buckets hold the nearest by round trip of 16 candidates',
  optionsFault: (options) => faultOf(PNS_OPTIONS, options),
  create: (init) => new Pns(init, optionsOf(PNS_OPTIONS, init.options)),
}
