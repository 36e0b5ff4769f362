/**
 * Who comes and goes when. A worker asks for the changes of its own identities only; what it writes into the population all
 * others read.
 */
import type { ChurnSettings } from '../scenario/scenario.ts'
import type { Population } from './population.ts'
import { Sessions } from './sessions.ts'

export class Churn {
  private readonly population: Population
  private readonly settings: ChurnSettings
  private readonly sessions: Sessions

  constructor(population: Population, settings: ChurnSettings, seed: number) {
    this.population = population
    this.settings = settings
    this.sessions = new Sessions(settings, seed)
  }

  /** When the peer's state changes next, whole ms: it leaves, returns or arrives for the first time. Infinity for never. */
  firstChangeMs(peer: number): number {
    const { upFromMs, upUntilMs } = this.population
    const from = upFromMs[peer] as number
    const until = upUntilMs[peer] as number
    return from < until ? until : from
  }

  /**
   * The peer changes its state now, at the time that was foretold. Returns when it changes next, at least 50 ms later;
   * Infinity for never. The times of states that are past stay readable for as long (`Population.isUp`).
   */
  change(peer: number, nowMs: number): number {
    const { upFromMs, upUntilMs } = this.population
    const leaves = (upFromMs[peer] as number) < (upUntilMs[peer] as number)
    if (leaves) upFromMs[peer] = nowMs + this.awayMs(peer, nowMs)
    else upUntilMs[peer] = nowMs + this.staysMs(peer, nowMs)
    return this.firstChangeMs(peer)
  }

  private awayMs(peer: number, nowMs: number): number {
    if (this.settings.model === 'flap') return this.sessions.flapMs
    if (this.sessions.isGone(peer, nowMs)) return Number.POSITIVE_INFINITY
    return this.sessions.awayMs(peer, nowMs)
  }

  private staysMs(peer: number, nowMs: number): number {
    if (this.settings.model === 'flap') return this.sessions.flapMs
    return this.sessions.sessionMs(peer, this.population.isStable(peer), nowMs)
  }
}
