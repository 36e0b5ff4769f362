/**
 * The physical limit: a node that knows every live node and its round trip. A get or a search asks the fastest of the 20
 * closest live nodes and, where that one has nothing, the next fastest; with a quorum it asks so many at once. A put goes
 * straight to all 20, a peer is asked itself, and who is closest is known without asking. Nothing is learned, nothing kept.
 */
import { NO_PEER, type PeerRef } from '@kadmium/core'
import type { Strategy, StrategyInit } from '../strategy.ts'
import { HEARD } from './candidates.ts'
import { faultOf, type Options, optionsOf } from './options.ts'
import { Rival } from './rival.ts'
import { emptyStep, type Step } from './step.ts'
import type { Walk } from './walk.ts'

const ORACLE_OPTIONS = {
  /** Holders of a record. */
  k: { default: 20, min: 1, max: 40 },
  /** A request, with its dial, may take so long. */
  requestTimeoutMs: { default: 10_000, min: 1, max: 600_000 },
} as const

class Oracle extends Rival {
  private readonly options: Options<typeof ORACLE_OPTIONS>
  private readonly live = new Int32Array(64) // scratch

  constructor(init: StrategyInit, options: Options<typeof ORACLE_OPTIONS>) {
    const manners = {
      k: options.k,
      sendsAtOnce: options.k,
      sendLimitMs: options.requestTimeoutMs,
      walkLimitMs: Number.POSITIVE_INFINITY,
      tries: 1,
      oneAtATime: false,
      backsOff: false,
      quorum: 1,
      selects: true,
    }
    super(init, manners, emptyStep())
    this.options = options
  }

  get bytes(): number {
    return this.rivalBytes
  }

  bucketSeats(): number {
    return 0
  }

  seat(): void {}

  members(): number {
    return 0
  }

  restart(): void {}

  closest(
    _row: number,
    key: Uint32Array,
    keyAt: number,
    except: PeerRef,
    nowMs: number,
    out: Int32Array,
  ): number {
    const { live } = this
    const wanted = Math.min(out.length + 1, live.length)
    const count = this.init.truth.closestLive(key, keyAt, wanted, nowMs, live)
    let written = 0
    for (let i = 0; i < count && written < out.length; i++) {
      if (live[i] !== except) out[written++] = live[i] as number
    }
    return written
  }

  /** A peer that is looked for is asked itself. */
  protected override seedFromTable(step: Step, walk: Walk): void {
    if (walk.type !== 'findPeer') {
      super.seedFromTable(step, walk)
      return
    }
    walk.phase = 'walking'
    const { subject } = walk
    const isThere = this.isPeer(subject) && this.init.truth.isReachable(subject, step.nowMs)
    if (isThere) walk.candidates.add(subject)
    this.advance(step, walk)
  }

  protected advance(step: Step, walk: Walk): void {
    const { candidates } = walk
    const asks = !walk.stores && walk.type !== 'getClosest'
    while (asks && walk.inFlight < this.wanted(walk) - walk.responses) {
      const peer = this.fastest(step, walk)
      if (peer === NO_PEER) break
      this.askFrom(step, walk, peer)
    }
    if (asks && (walk.inFlight > 0 || candidates.count(HEARD) > 0)) return
    this.freeze(walk, () => true)
    this.complete(step, walk)
  }

  protected override hasQuorum(walk: Walk): boolean {
    return walk.best !== null && walk.responses >= this.wanted(walk)
  }

  /** What one live holder knows is all there is. */
  protected override providersWanted(): number {
    return 1
  }

  protected alone(step: Step, walk: Walk): void {
    this.end(step, walk, 'noPeers')
  }

  protected deliver(step: Step, walk: Walk): void {
    this.endWithValue(step, walk)
  }

  protected hear(): void {}

  protected outlives(): boolean {
    return false
  }

  protected isFoundBy(_step: Step, walk: Walk, peer: PeerRef): boolean {
    return peer === walk.subject
  }

  protected patienceMs(): number {
    return this.options.requestTimeoutMs
  }

  protected dialTimeoutMs(): number {
    return this.options.requestTimeoutMs
  }

  protected ownWalkLimitMs(): number {
    return this.options.requestTimeoutMs
  }

  protected learnSuccess(): void {}

  protected learnFailure(): void {}

  protected strayAnswered(): void {}

  protected strayFailed(): void {}

  protected ownWalkEnded(): void {}

  protected connected(): void {}

  protected protocolTold(): void {}

  protected started(): void {}

  protected upkeep(): void {}

  protected upkeepDueMs(): number {
    return Number.POSITIVE_INFINITY
  }

  /** Answers with a record that a get wants. */
  private wanted(walk: Walk): number {
    return walk.type === 'getValue' ? Math.max(1, walk.quorum) : 1
  }

  private fastest(step: Step, walk: Walk): PeerRef {
    const { candidates } = walk
    let best = NO_PEER
    let bestMs = Number.POSITIVE_INFINITY
    for (let at = 0; at < candidates.size; at++) {
      if (candidates.stateAt(at) !== HEARD) continue
      const peer = candidates.peers[at] as PeerRef
      const rttMs = this.init.truth.rttMs(step.self, peer)
      if (rttMs >= bestMs) continue
      best = peer
      bestMs = rttMs
    }
    return best
  }
}

export const oracle: Strategy = {
  name: 'oracle',
  summary: 'knows every live node and its round trip: what nothing can be faster than',
  optionsFault: (options) => faultOf(ORACLE_OPTIONS, options),
  create: (init) => new Oracle(init, optionsOf(ORACLE_OPTIONS, init.options)),
}
