/**
 * What happens to peers, and what follows from it for evidence, table and memory: answers, failures, what
 * identify tells, links, dials, and what an earlier run has left. Times are whole seconds.
 *
 * Bounded by: nothing is kept here.
 */
import type { Config } from '../config.ts'
import type { Link, PeerEvidence, ProviderOutcome } from '../messages.ts'
import type { PeerRef } from '../peers.ts'
import type { Checks } from './checks.ts'
import { type Estimator, msOf, toSteps } from './estimator.ts'
import {
  ANSWERED,
  BENCHED,
  COLD,
  DIALLED,
  LINK_MASK,
  LINK_SHIFT,
  LOST,
  MUTE,
  SPEAKS,
} from './evidence.ts'
import type { Experience } from './experience.ts'
import type { Holdings } from './holdings.ts'
import { roundTripOf, stepOf } from './round-trips.ts'

/** Links in the order of their bits. */
const LINKS: readonly Link[] = ['cold', 'connected', 'pooled', 'lost']

/**
 * A member whose connection broke and who can't be reached now has failed as often as ends the longest
 * credit: it is gone, whatever it was.
 */
const LOST_FAILURES = 4

export class Learning {
  private readonly config: Config
  private readonly estimator: Estimator
  private readonly experience: Experience
  private readonly holdings: Holdings
  private readonly checks: Checks
  private steps = new Uint8Array(0) // scratch

  constructor(
    config: Config,
    estimator: Estimator,
    experience: Experience,
    holdings: Holdings,
    checks: Checks,
  ) {
    this.config = config
    this.estimator = estimator
    this.experience = experience
    this.holdings = holdings
    this.checks = checks
  }

  answered(node: number, peer: PeerRef, nowS: number, rttMs: number): void {
    const { holdings } = this
    const held = holdings.open(node, peer, nowS, this.config.goodScore)
    if (holdings.bucket < 0) return
    const { evidence: e, row } = holdings
    const benched = held && e.is(row, BENCHED)
    if (!benched) this.experience.requested(node, 0, 1)
    if (!held) return
    this.estimator.success(e, row, nowS)
    e.mark(row, ANSWERED, 0)
    this.measured(node, rttMs)
    if (!holdings.seated) this.settle(node, nowS)
    else if (benched && !e.is(row, BENCHED)) holdings.table.bench(node, holdings.bucket, -1)
  }

  failed(node: number, peer: PeerRef, nowS: number, soft: boolean): void {
    const { holdings } = this
    const held = holdings.open(node, peer, nowS, this.config.benchScore)
    if (holdings.bucket < 0) return
    // That a benched peer fails is no news about the others.
    if (!held || !holdings.evidence.is(holdings.row, BENCHED)) {
      this.experience.requested(node, 1, soft ? 0.5 : 1)
    }
    if (held) this.fail(node, nowS, soft)
  }

  /** What a caller says of a provider: no request of the DHT, so the share of failures stays, and no seat is given. */
  reported(node: number, peer: PeerRef, outcome: ProviderOutcome, nowS: number): void {
    const { holdings, estimator, checks } = this
    const known = holdings.locate(node, peer)
    if (!known && !holdings.open(node, peer, nowS, this.config.benchScore)) return
    // Most providers speak no DHT: one known as such alone is not asked and makes room for all others.
    if (!known) holdings.evidence.mark(holdings.row, MUTE, 0)
    if (outcome === 'failed') {
      this.fail(node, nowS, false)
      return
    }
    const { evidence: e, row, seated } = holdings
    if (outcome === 'lied') {
      this.benched(node, nowS, estimator.lied(e, row, nowS))
      return
    }
    estimator.served(e, row, nowS)
    if (!e.is(row, BENCHED)) return
    if (seated) checks.retryFrom(node, estimator.dueS(e, row))
    else this.settleUnseated(node, nowS)
  }

  speaks(node: number, peer: PeerRef, nowS: number): void {
    const { holdings } = this
    if (!holdings.open(node, peer, nowS, this.config.goodScore)) return
    holdings.evidence.mark(holdings.row, SPEAKS, MUTE)
    if (!holdings.seated) this.settle(node, nowS)
  }

  isMute(node: number, peer: PeerRef, nowS: number): void {
    const { holdings } = this
    if (!holdings.locate(node, peer)) return
    holdings.evidence.mark(holdings.row, MUTE, SPEAKS)
    if (holdings.seated) this.expel(node, nowS)
    else holdings.dropIfBlank(node)
  }

  linked(
    node: number,
    peer: PeerRef,
    link: Link,
    dialled: boolean,
    ipGroup: number,
    nowS: number,
  ): void {
    const { holdings } = this
    const bits = LINKS.indexOf(link)
    if (bits === COLD || bits === LOST) {
      if (!holdings.locate(node, peer)) return
      // A broken connection is of interest with members only: others are not looked for.
      const kept = holdings.seated ? bits : COLD
      holdings.evidence.mark(holdings.row, kept << LINK_SHIFT, LINK_MASK)
      if (!holdings.seated) holdings.dropIfBlank(node)
      return
    }
    if (!holdings.open(node, peer, nowS, this.config.goodScore)) return
    const { evidence: e, row } = holdings
    e.mark(row, bits << LINK_SHIFT, LINK_MASK)
    // The address of one who dialled us is a hint only: it is not what others would reach it at.
    if (dialled) this.reached(node, ipGroup, nowS)
    else if (!e.is(row, DIALLED)) e.setGroup(row, ipGroup)
    if (!holdings.seated) this.settle(node, nowS)
  }

  dialSucceeded(node: number, peer: PeerRef, ipGroup: number, nowS: number): void {
    const { holdings } = this
    if (!holdings.open(node, peer, nowS, this.config.goodScore)) return
    this.reached(node, ipGroup, nowS)
    if (!holdings.seated) this.settle(node, nowS)
  }

  dialFailed(node: number, peer: PeerRef, nowS: number): void {
    const { holdings } = this
    if (!holdings.locate(node, peer)) return
    const { evidence: e, row, seated } = holdings
    // A peer that is connected otherwise is alive: it can't be dialled, which costs it the table only.
    const signs = e.isLinked(row) ? 0 : e.link(row) === LOST ? LOST_FAILURES : 1
    if (signs > 0) e.mark(row, 0, LINK_MASK)
    for (let i = 0; i < signs; i++) this.fail(node, nowS, false)
    if (seated) return
    this.checks.probeFailed(e, row, nowS)
    this.settle(node, nowS)
  }

  loaded(
    node: number,
    peer: PeerRef,
    evidence: PeerEvidence,
    ageS: number,
    ipGroup: number,
    nowS: number,
  ): void {
    const { holdings } = this
    if (!holdings.open(node, peer, nowS, this.config.benchScore)) return
    const { evidence: e, row } = holdings
    if (e.successes(row) !== 0 || e.failures(row) !== 0) return
    this.estimator.load(e, row, evidence, ageS, nowS)
    if (e.group(row) === 0) e.setGroup(row, ipGroup)
    if (e.srtt(row) !== 0) this.experience.met(node, this.estimator.srttMs(e, row))
    this.settle(node, nowS)
  }

  placed(node: number, peer: PeerRef, rttMs: number, ipGroup: number, nowS: number): boolean {
    const { holdings } = this
    if (holdings.locate(node, peer) && holdings.seated) return true
    if (!holdings.place(node, peer, ipGroup, nowS)) return false
    this.measured(node, rttMs)
    return true
  }

  filled(
    node: number,
    bucket: number,
    peers: Int32Array,
    count: number,
    groups: Int32Array | null,
    rttsMs: Float32Array | null,
    nowS: number,
  ): void {
    if (rttsMs === null) {
      this.holdings.fill(node, bucket, peers, count, groups, null, nowS)
      return
    }
    if (this.steps.length < count) this.steps = new Uint8Array(count)
    const { steps } = this
    for (let i = 0; i < count; i++) {
      const rttMs = rttsMs[i] as number
      const step = rttMs >= 0 ? stepOf(toSteps(rttMs)) : 0
      steps[i] = step
      if (step > 0) this.experience.met(node, msOf(roundTripOf(step)))
    }
    this.holdings.fill(node, bucket, peers, count, groups, steps, nowS)
  }

  /** A failure of the peer found last. */
  private fail(node: number, nowS: number, soft: boolean): void {
    const { evidence: e, row } = this.holdings
    this.benched(node, nowS, this.estimator.failure(e, row, nowS, soft))
  }

  /** The peer found last did wrong; `benchedNow`: it is benched by this. */
  private benched(node: number, nowS: number, benchedNow: boolean): void {
    const { holdings } = this
    const { evidence: e, row, bucket, seated } = holdings
    if (!seated) return
    if (e.is(row, BENCHED)) this.checks.retryFrom(node, this.estimator.dueS(e, row))
    if (!benchedNow) return
    const peer = e.refs[row] as PeerRef
    holdings.table.bench(node, bucket, 1)
    this.placeOpened(node, bucket, nowS)
    // Another may have been seated: the caller still speaks of this one.
    holdings.locate(node, peer)
  }

  /** A round trip to the peer found last. */
  private measured(node: number, rttMs: number): void {
    const { evidence: e, row } = this.holdings
    if (this.estimator.measure(e, row, rttMs)) {
      this.experience.met(node, this.estimator.srttMs(e, row))
    }
  }

  /** The peer found last was dialled with success, at an address of this group. */
  private reached(node: number, ipGroup: number, nowS: number): void {
    const { holdings } = this
    const { evidence: e, row, bucket, seated } = holdings
    e.mark(row, DIALLED, 0)
    if (e.group(row) === ipGroup) return
    e.setGroup(row, ipGroup)
    if (!seated) return
    if (!holdings.table.groupFits(node, bucket, ipGroup, row)) this.expel(node, nowS)
    else this.checks.probeFrom(node, nowS) // its former group has a place again
  }

  /** Takes the seat of the peer found last. */
  private expel(node: number, nowS: number): void {
    const { bucket, row } = this.holdings
    this.holdings.expel(node, bucket, row, nowS)
    this.placeOpened(node, bucket, nowS)
  }

  private placeOpened(node: number, bucket: number, nowS: number): void {
    this.holdings.promote(node, bucket, nowS)
    this.checks.probeFrom(node, nowS)
  }

  /** Something was learned about the remembered peer found last: it may have a seat, or need a dial. */
  private settle(node: number, nowS: number): void {
    this.settleUnseated(node, nowS)
    this.holdings.admit(node, nowS)
  }

  private settleUnseated(node: number, nowS: number): void {
    const { holdings } = this
    const { evidence: e, row } = holdings
    // Out of the table the bench fades with what led to it.
    if (e.is(row, BENCHED) && !this.estimator.benched(e, row, nowS)) e.mark(row, 0, BENCHED)
    if (!holdings.lacksDial(node)) return
    this.checks.probeFrom(node, e.probeAt(row))
  }
}
