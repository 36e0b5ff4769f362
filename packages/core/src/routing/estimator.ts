/**
 * How evidence becomes numbers: reachability as a discounted Beta mean (Jøsang and Ismail 2002, "The beta
 * reputation system", with forgetting), round trips by Jacobson and Karels (RFC 6298), and the back-off of
 * benched peers. It holds parameters only; the rows are the caller's.
 *
 * Evidence is forgotten in two ways: all of it by a half-life in hours towards the neutral prior, and each
 * observation halves what speaks against it. So credit of any length is gone after a few failures in a row
 * (from the cap of 50 a peer is benched by the fourth), and an answer after silence counts at once.
 */
import { assert } from '../assert.ts'
import type { Config } from '../config.ts'
import type { PeerEvidence } from '../messages.ts'
import { BENCHED, DIALLED, type Evidence, LIED, ONE, TRIED } from './evidence.ts'
import { BACKOFF, FAILURES, LAST_SUCCESS, RTTVAR, SRTT, SUCCESSES, TOUCHED } from './facts.ts'
import { ROUND_TRIP_MAX } from './round-trips.ts'

/**
 * The prior: so many successes and as many failures, hence 0.5. With it a newcomer is good from its second
 * answer on, and benched by its first failure or its second late answer.
 */
const PRIOR = 2.25 * ONE

/** Round trips are stored in quarters of a millisecond, up to 16.4 s. */
const RTT_STEPS = 4

const BACKOFF_MAX = 30

/** A provider that delivered has proven more than one that answered: so many answers. */
const SERVED = 2 * ONE

/** A proven lie counts as so many failures, which end any credit, and it fades over days. */
const LIES = 8 * ONE

/** 2^(-elapsed/halfLife), 0..1, from additions and multiplications alone: every engine gets the same bits. */
export function halving(elapsed: number, halfLife: number): number {
  if (elapsed <= 0) return 1
  const halves = elapsed / halfLife
  if (!(halves < 64)) return 0
  const whole = Math.floor(halves)
  const t = (whole - halves) * Math.LN2
  let share =
    1 +
    t * (1 + (t / 2) * (1 + (t / 3) * (1 + (t / 4) * (1 + (t / 5) * (1 + t / 6 + (t * t) / 42)))))
  for (let i = 0; i < whole; i++) share *= 0.5
  return share
}

export class Estimator {
  private readonly config: Config
  private readonly cap: number
  private readonly halfLifeS: number
  private readonly hardWeight: number
  private readonly softWeight: number
  /** What is left of the credit after a hard and after a soft failure. */
  private readonly hardKeep: number
  private readonly softKeep: number

  constructor(config: Config) {
    assert(config.creditMax >= 1 && config.creditMax < 64, 'creditMax fits 16 bits of 1/1024')
    assert(
      config.benchScore <= 0.5 && config.goodScore > 0.5,
      'a newcomer is neither benched nor good',
    )
    this.config = config
    this.cap = Math.floor(config.creditMax * ONE)
    this.halfLifeS = config.evidenceHalfLifeMs / 1000
    this.hardWeight = Math.round(config.failureWeight * ONE)
    this.softWeight = Math.round((config.failureWeight * ONE) / 2)
    this.hardKeep = halving(config.failureWeight, 2)
    this.softKeep = halving(config.failureWeight, 4)
  }

  /** The chance that the peer answers, 0..1: 0.5 when nothing is known. */
  score(e: Evidence, row: number, nowS: number): number {
    const counted = e.successes(row)
    const failed = e.failures(row)
    if (counted === 0 && failed === 0) return 0.5
    const left = halving(nowS - e.touched(row), this.halfLifeS)
    const successes = counted * left
    const failures = failed * left
    return (successes + PRIOR) / (successes + failures + 2 * PRIOR)
  }

  benched(e: Evidence, row: number, nowS: number): boolean {
    if (!e.is(row, BENCHED)) return false
    return !e.fades || this.score(e, row, nowS) < this.config.benchScore
  }

  /** The counts as of now, and now as the time of the last try. Returns the row's facts. */
  touch(e: Evidence, row: number, nowS: number): number {
    const at = e.own(row)
    const { words, halves } = e.facts
    const elapsedS = nowS - (words[at * 8 + TOUCHED] as number)
    if (elapsedS === 0) return at
    const left = halving(elapsedS, this.halfLifeS)
    halves[at * 16 + SUCCESSES] = Math.round((halves[at * 16 + SUCCESSES] as number) * left)
    halves[at * 16 + FAILURES] = Math.round((halves[at * 16 + FAILURES] as number) * left)
    words[at * 8 + TOUCHED] = nowS
    return at
  }

  /** The peer answered. It is not benched afterwards, unless for a lie whose time is not over. */
  success(e: Evidence, row: number, nowS: number): void {
    if (this.isSentenced(e, row, nowS)) return
    const at = this.touch(e, row, nowS)
    const { words, halves, octets } = e.facts
    const successes = Math.min(this.cap, (halves[at * 16 + SUCCESSES] as number) + ONE)
    let failures = (halves[at * 16 + FAILURES] as number) >>> 1
    if (e.is(row, BENCHED)) failures = Math.min(failures, successes)
    halves[at * 16 + SUCCESSES] = successes
    halves[at * 16 + FAILURES] = failures
    words[at * 8 + LAST_SUCCESS] = nowS
    // Halved, not cleared: who comes and goes all the time is looked at less and less often.
    octets[at * 32 + BACKOFF] = ((octets[at * 32 + BACKOFF] as number) & ~LIED) >>> 1
    e.mark(row, 0, BENCHED | TRIED)
  }

  /** The peer failed, or is late (`soft`). Returns whether it is benched by this. */
  failure(e: Evidence, row: number, nowS: number, soft: boolean): boolean {
    const was = e.is(row, BENCHED)
    // Requests that were in flight together fail together: they double the back-off once.
    const again = was && (e.is(row, TRIED) || nowS >= this.dueS(e, row))
    const backoff = e.backoff(row)
    const at = this.touch(e, row, nowS)
    const { halves, octets } = e.facts
    if (again && backoff < LIED) octets[at * 32 + BACKOFF] = Math.min(backoff + 1, BACKOFF_MAX)
    const keep = soft ? this.softKeep : this.hardKeep
    const weight = soft ? this.softWeight : this.hardWeight
    halves[at * 16 + SUCCESSES] = Math.round((halves[at * 16 + SUCCESSES] as number) * keep)
    halves[at * 16 + FAILURES] = Math.min(this.cap, (halves[at * 16 + FAILURES] as number) + weight)
    e.mark(row, 0, TRIED)
    if (was || this.score(e, row, nowS) >= this.config.benchScore) return false
    e.mark(row, BENCHED, 0)
    return true
  }

  /**
   * The peer delivered as a provider. What it did in the DHT decides about its bench and its seat: this
   * raises its score, and brings the next look at a benched one forward.
   */
  served(e: Evidence, row: number, nowS: number): void {
    if (this.isSentenced(e, row, nowS)) return
    const at = this.touch(e, row, nowS)
    const { words, halves, octets } = e.facts
    halves[at * 16 + SUCCESSES] = Math.min(
      this.cap,
      (halves[at * 16 + SUCCESSES] as number) + SERVED,
    )
    halves[at * 16 + FAILURES] = (halves[at * 16 + FAILURES] as number) >>> 1
    words[at * 8 + LAST_SUCCESS] = nowS
    octets[at * 32 + BACKOFF] = 0
  }

  /** A proven lie: benched whatever its credit, for the longest back-off. Returns whether it is benched by this. */
  lied(e: Evidence, row: number, nowS: number): boolean {
    const at = this.touch(e, row, nowS)
    const { halves, octets } = e.facts
    halves[at * 16 + SUCCESSES] = 0
    halves[at * 16 + FAILURES] = Math.min(this.cap, (halves[at * 16 + FAILURES] as number) + LIES)
    octets[at * 32 + BACKOFF] = LIED
    const was = e.is(row, BENCHED)
    e.mark(row, BENCHED, TRIED)
    return !was
  }

  /** Whatever the peer is benched for, its back-off begins anew. */
  pardon(e: Evidence, row: number): void {
    if (e.at(row) >= 0) e.facts.octets[e.at(row) * 32 + BACKOFF] = 0
  }

  /** When a benched peer is looked at again, seconds. */
  dueS(e: Evidence, row: number): number {
    return e.touched(row) + this.backoffS(e.backoff(row))
  }

  /** A back-off doubled so many times, whole seconds and more than none. */
  backoffS(doublings: number): number {
    const { retryMinMs, retryMaxMs } = this.config
    // One more, because the second it is counted from has begun before it.
    return (
      1 + Math.ceil(Math.min(retryMinMs * 2 ** Math.min(doublings, BACKOFF_MAX), retryMaxMs) / 1000)
    )
  }

  /** Whether the peer is benched for a lie and its time is not over: it was not looked at again yet. */
  private isSentenced(e: Evidence, row: number, nowS: number): boolean {
    return e.backoff(row) >= LIED && !e.is(row, TRIED) && nowS < this.dueS(e, row)
  }

  /** A round trip was measured. Returns whether it is the peer's first; nonsense (and -1) is none at all. */
  measure(e: Evidence, row: number, rttMs: number): boolean {
    if (!(rttMs >= 0)) return false
    const sample = toSteps(rttMs)
    const at = e.own(row)
    const { halves } = e.facts
    const srtt = halves[at * 16 + SRTT] as number
    if (srtt === 0) {
      halves[at * 16 + SRTT] = sample
      halves[at * 16 + RTTVAR] = sample >>> 1
      return true
    }
    const off = Math.abs(srtt - sample)
    const rttvar = halves[at * 16 + RTTVAR] as number
    halves[at * 16 + RTTVAR] = Math.round(rttvar + (off - rttvar) / 4)
    halves[at * 16 + SRTT] = Math.max(1, Math.round(srtt + (sample - srtt) / 8))
    return false
  }

  /** Smoothed round trip, ms; 0 when never measured. */
  srttMs(e: Evidence, row: number): number {
    return msOf(e.srtt(row))
  }

  /** Its mean deviation, ms. */
  rttvarMs(e: Evidence, row: number): number {
    return msOf(e.rttvar(row))
  }

  /** Evidence of an earlier run, as of now, `ageS` seconds later. Its weight is capped. */
  load(e: Evidence, row: number, evidence: PeerEvidence, ageS: number, nowS: number): void {
    const { creditMax, loadedCreditMax, benchScore } = this.config
    const left = halving(ageS, this.halfLifeS)
    const successes = within(evidence.successes, creditMax) * left
    const failures = within(evidence.failures, creditMax) * left
    const scale = Math.min(1, loadedCreditMax / Math.max(successes + failures, 1e-9)) * ONE
    const at = e.own(row)
    const { words, halves } = e.facts
    halves[at * 16 + SUCCESSES] = Math.round(successes * scale)
    halves[at * 16 + FAILURES] = Math.round(failures * scale)
    words[at * 8 + TOUCHED] = nowS
    words[at * 8 + LAST_SUCCESS] = evidence.successes > 0 ? Math.max(0, nowS - ageS) : 0
    halves[at * 16 + SRTT] = evidence.rttMs > 0 ? toSteps(evidence.rttMs) : 0
    halves[at * 16 + RTTVAR] = evidence.rttDeviationMs > 0 ? toSteps(evidence.rttDeviationMs) : 0
    if (evidence.dialled) e.mark(row, DIALLED, 0)
    if (this.score(e, row, nowS) < benchScore) e.mark(row, BENCHED, 0)
  }

  /** What `load` takes, as of the row's last try. */
  save(e: Evidence, row: number): PeerEvidence {
    return {
      successes: e.successes(row) / ONE,
      failures: e.failures(row) / ONE,
      rttMs: this.srttMs(e, row),
      rttDeviationMs: this.rttvarMs(e, row),
      dialled: e.is(row, DIALLED),
    }
  }
}

/** A round trip as it is stored, 1..65,535 quarters of a millisecond. */
export function toSteps(ms: number): number {
  return Math.max(1, Math.min(Math.round(ms * RTT_STEPS), ROUND_TRIP_MAX))
}

/** Quarters of a millisecond in ms. */
export function msOf(steps: number): number {
  return steps / RTT_STEPS
}

/** 0..max, and 0 for what is no number. */
function within(value: number, max: number): number {
  return value > 0 ? Math.min(value, max) : 0
}
