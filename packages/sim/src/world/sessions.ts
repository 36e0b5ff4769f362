/**
 * How long nodes stay and how long they are away: distributions only, every value a function of (seed, identity,
 * what for). `Population` asks how things stand when the run begins, `Churn` what comes next.
 * Two classes (docs/calibration.md): stable ones with exponential sessions, the others with Weibull ones.
 */
import type { ChurnSettings } from '../scenario/scenario.ts'
import { DRAW, draw, share } from './dice.ts'
import { exponential, gamma, ln, power, sineOfTurns } from './maths.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** Least length of a session and of an absence: several windows of the engine, so that a window sees one change at most. */
const LEAST_STAY_MS = 50

/** Draws of one purpose for one identity and one moment. */
type Dice = (attempt: number) => number

export class Sessions {
  private readonly settings: ChurnSettings
  private readonly seed: number
  /** Swing of a day as milliseconds that the sum of arrivals runs ahead at most. */
  private readonly swingMs: number

  constructor(settings: ChurnSettings, seed: number) {
    this.settings = settings
    this.seed = seed
    this.swingMs = (settings.dailySwing * DAY_MS) / (2 * Math.PI)
  }

  /** Mean session of a class, ms. */
  meanMs(stable: boolean): number {
    const { stableHours, scaleHours, shape } = this.settings
    return (stable ? stableHours : scaleHours * gamma(1 + 1 / shape)) * HOUR_MS
  }

  /** A session that begins now, whole ms. */
  sessionMs(peer: number, stable: boolean, nowMs: number): number {
    const word = draw(this.seed, peer, nowMs, DRAW.session)
    const { scaleHours, shape } = this.settings
    if (stable) return stay(exponential(word) * this.meanMs(true))
    return stay(power(exponential(word), 1 / shape) * scaleHours * HOUR_MS)
  }

  /** Of a session that is under way when the run begins: how long ago it began and when it ends, ms. */
  underWayMs(peer: number, stable: boolean): { ageMs: number; untilMs: number } {
    const dice: Dice = (attempt) => draw(this.seed, peer, attempt, DRAW.start)
    if (stable) {
      const mean = this.meanMs(true)
      return {
        ageMs: stay(exponential(dice(0)) * mean),
        untilMs: stay(exponential(dice(1)) * mean),
      }
    }
    // The session that an instant falls into is length-biased: (L / scale)^shape is Gamma(1 + 1 / shape).
    const { scaleHours, shape } = this.settings
    const whole = power(gammaVariate(1 + 1 / shape, dice), 1 / shape) * scaleHours * HOUR_MS
    const left = share(dice(0)) * whole
    return { ageMs: stay(whole - left), untilMs: stay(left) }
  }

  /** Whether somebody who leaves now never returns. */
  isGone(peer: number, nowMs: number): boolean {
    return share(draw(this.seed, peer, nowMs, DRAW.leave)) < this.settings.neverReturnShare
  }

  /** How long somebody who left just now stays away, ms: exponential, with more returns in the busy half of a day. */
  awayMs(peer: number, nowMs: number): number {
    const amount =
      exponential(draw(this.seed, peer, nowMs, DRAW.away)) * this.settings.awayHours * HOUR_MS
    return stay(this.waitMs(nowMs, amount))
  }

  /** When a newcomer arrives in a run of so many milliseconds. */
  arrivalMs(peer: number, runMs: number): number {
    const amount = share(draw(this.seed, peer, 0, DRAW.arrival)) * this.arrivedMs(0, runMs)
    return stay(this.waitMs(0, amount))
  }

  /** Arrivals in a span of time, as milliseconds of a day without swing. */
  arrivedMs(fromMs: number, untilMs: number): number {
    const turn = (ms: number): number => 1 - sineOfTurns(ms / DAY_MS + 0.25)
    return untilMs - fromMs + this.swingMs * (turn(untilMs) - turn(fromMs))
  }

  /** `flap`: what is left of the state that a node is in when the run begins, ms. */
  flapLeftMs(peer: number): number {
    const periodMs = this.settings.flapHours * HOUR_MS
    return stay(share(draw(this.seed, peer, 0, DRAW.start)) * periodMs)
  }

  /** `flap`: each state lasts so long, ms. */
  get flapMs(): number {
    return stay(this.settings.flapHours * HOUR_MS)
  }

  /** The time in which so many arrivals happen, by bisection to less than a millisecond. */
  private waitMs(nowMs: number, amountMs: number): number {
    if (this.swingMs === 0) return amountMs
    let low = Math.max(0, amountMs - 2 * this.swingMs)
    let high = amountMs + 2 * this.swingMs
    while (high - low > 0.5) {
      const middle = (low + high) / 2
      if (this.arrivedMs(nowMs, nowMs + middle) < amountMs) low = middle
      else high = middle
    }
    return high
  }
}

function stay(ms: number): number {
  return Math.max(LEAST_STAY_MS, Math.round(ms))
}

/** A gamma variate of scale 1 and shape above 1: Marsaglia and Tsang 2000, "A simple method for generating gamma variables". */
function gammaVariate(shape: number, dice: Dice): number {
  const d = shape - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (let attempt = 1; ; attempt += 3) {
    // Marsaglia's polar method; what falls out of the unit disc is drawn again.
    const x = 2 * share(dice(attempt)) - 1
    const y = 2 * share(dice(attempt + 1)) - 1
    const s = x * x + y * y
    if (s >= 1) continue
    const normal = x * Math.sqrt((-2 * ln(s)) / s)
    const root = 1 + c * normal
    const v = root * root * root
    if (v <= 0) continue
    if (ln(share(dice(attempt + 2))) < (normal * normal) / 2 + d - d * v + d * ln(v)) return d * v
  }
}
