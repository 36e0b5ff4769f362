/**
 * What to expect of an answer: how long it takes over the round trips of the link, after what time it is late,
 * and what asking costs, since sometimes none comes. Times are whole seconds.
 *
 * Bounded by: nothing is kept here but the last peer's figures.
 */
import type { Config } from '../config.ts'
import type { PeerRef } from '../peers.ts'
import type { Estimator } from './estimator.ts'
import { COLD, LOST } from './evidence.ts'
import type { Experience } from './experience.ts'
import type { Holdings } from './holdings.ts'

/** Round trips to an answer by link: cold, connected, pooled, lost (measured over TCP, design §3). */
const ROUND_TRIPS = [5, 2, 1, 5] as const

export class Expectation {
  private readonly config: Config
  private readonly estimator: Estimator
  private readonly experience: Experience
  private readonly holdings: Holdings
  // What `expect` found.
  private rttMs = 0
  private rto = 0

  constructor(config: Config, estimator: Estimator, experience: Experience, holdings: Holdings) {
    this.config = config
    this.estimator = estimator
    this.experience = experience
    this.holdings = holdings
  }

  /** Expected time to an answer, ms. */
  costMs(node: number, peer: PeerRef, nowS: number): number {
    const { holdings } = this
    const score = this.expect(node, peer)
      ? this.estimator.score(holdings.evidence, holdings.row, nowS)
      : 0.5
    return this.rttMs + (1 - score) * this.rto
  }

  /** As `costMs`, and -1 for a peer that is benched or lost. */
  askCostMs(node: number, peer: PeerRef, nowS: number): number {
    const { holdings, estimator } = this
    if (!this.expect(node, peer)) return this.rttMs + 0.5 * this.rto
    const { evidence: e, row } = holdings
    if (e.link(row) === LOST || estimator.benched(e, row, nowS)) return -1
    return this.rttMs + (1 - estimator.score(e, row, nowS)) * this.rto
  }

  /** After so long an answer is late, ms. */
  rtoMs(node: number, peer: PeerRef): number {
    this.expect(node, peer)
    return this.rto
  }

  roundTrips(node: number, peer: PeerRef): number {
    const { holdings } = this
    const link = holdings.locate(node, peer) ? holdings.evidence.link(holdings.row) : COLD
    return ROUND_TRIPS[link] as number
  }

  /** Sets what an answer takes and after what time it is late. Whether the peer is known. */
  private expect(node: number, peer: PeerRef): boolean {
    const { holdings, estimator, config } = this
    const found = holdings.locate(node, peer)
    const { evidence: e, row } = holdings
    const trips = ROUND_TRIPS[found ? e.link(row) : COLD] as number
    const measured = found && e.srtt(row) !== 0
    const rttMs = measured ? estimator.srttMs(e, row) : this.experience.rttMs(node)
    const deviationMs = measured ? estimator.rttvarMs(e, row) : this.experience.rttDeviationMs(node)
    // What one trip varies by is independent of the next; by how much a guess is wrong is not.
    const spread = measured ? Math.sqrt(trips) : trips
    // Where round trips hardly vary a busy processor does (RFC 6298 has the granularity of its clock here).
    const rto = rttMs * trips + Math.max(4 * deviationMs * spread, config.rtoSlackMs * trips)
    this.rttMs = rttMs * trips
    this.rto = Math.min(Math.max(rto, config.rtoMinMs), config.rtoMaxMs)
    return found
  }
}
