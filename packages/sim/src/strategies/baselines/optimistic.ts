/**
 * go's optimistic provide, peers.md §3.2: while the lookup goes on, whoever is surely among the nearest is sent the record at
 * once; the lookup stops when the set is good enough, and the caller has its answer after 15 of 20 sends. What goes on after
 * that is limited by the sends' own 30 s; go's pool of 60 such slots binds bulk work alone and is not modelled.
 */
import { distanceShare, KEY_WORDS, type PeerRef } from '@kadmium/core'
import type { StrategyInit } from '../strategy.ts'
import { UNREACHABLE } from './candidates.ts'
import { type GO_OPTIONS, Go } from './go-node.ts'
import { NetworkSize } from './network-size.ts'
import type { Options } from './options.ts'
import type { Step } from './step.ts'
import type { Walk } from './walk.ts'

/** A peer nearer than that many N-ths of the key space is sent the record; a set whose mean is nearer than the other is good. */
const PEER_THRESHOLD = 14.53
const SET_THRESHOLD = 15.41
/** Of the sends, so many end the caller's wait. */
const RETURN_SHARE = 0.75

export class OptimisticGo extends Go {
  private readonly sizes: NetworkSize
  private readonly nearest: Int32Array // scratch

  constructor(init: StrategyInit, options: Options<typeof GO_OPTIONS>) {
    super(init, options)
    this.sizes = new NetworkSize(init.book, init.count)
    this.nearest = new Int32Array(options.k)
  }

  override get bytes(): number {
    return super.bytes + this.sizes.bytes
  }

  protected override advance(step: Step, walk: Walk): void {
    const isGood = walk.type === 'provide' && this.sendsEarly(step, walk)
    if (isGood) this.terminate(step, walk, false)
    else super.advance(step, walk)
  }

  protected override noteWalk(step: Step, walk: Walk): void {
    super.noteWalk(step, walk)
    const { row, nowMs } = step
    const { candidates, key } = walk
    const count = Math.min(candidates.size, this.options.k)
    if (count < this.options.k) return
    const bucket = this.table.bucketOfKey(row, key, 0)
    const level = this.table.count(row, bucket)
    this.sizes.observe(row, key, candidates.peers, count, level, nowMs)
  }

  /** The caller waits for 15 of 20 sends, whatever came of them. */
  protected override sendOn(step: Step, walk: Walk): void {
    super.sendOn(step, walk)
    const ended = walk.holders.length - walk.sending
    const isEnough = ended >= Math.ceil(this.options.k * RETURN_SHARE)
    if (walk.phase === 'sending' && isEnough) this.tell(step, walk, this.storeOutcome(walk))
  }

  /** Sends to those that are surely among the nearest. True when the set is good enough to stop. */
  private sendsEarly(step: Step, walk: Walk): boolean {
    const size = this.sizes.estimate(step.row, step.nowMs)
    if (size === 0) return false
    const { candidates } = walk
    const { k } = this.options
    const { nearest } = this
    let count = 0
    for (let at = 0; at < candidates.size && count < k; at++) {
      if (candidates.stateAt(at) !== UNREACHABLE) nearest[count++] = candidates.peers[at] as number
    }
    let sum = 0
    for (let i = 0; i < count; i++) {
      const peer = nearest[i] as PeerRef
      const share = distanceShare(walk.key, 0, this.book.keys, peer * KEY_WORDS)
      sum += share
      if (share * size <= PEER_THRESHOLD && !walk.holders.includes(peer)) {
        this.sendRecord(step, walk, peer)
      }
    }
    return walk.holders.length >= k || (sum / k) * size < SET_THRESHOLD
  }
}
