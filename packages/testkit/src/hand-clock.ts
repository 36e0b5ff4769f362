/** Time that only a test moves, with timers that run when it is moved past them. */

/** Longest delay that the timers of all runtimes keep to, ms. */
const DELAY_MAX_MS = 2 ** 31 - 1

/** Timers that one move runs: more are a loop that no time ends. */
const RUNS_MAX = 100_000

interface HandTimer {
  dueMs: number
  run: () => void
}

/** A clock as hosts take it: `now` and `setTimer`. */
export class HandClock {
  private nowMs: number
  private timers: HandTimer[] = [] // bounded by what the test sets

  /** @param nowMs - where it begins, ms. */
  constructor(nowMs = 1_700_000_000_000) {
    this.nowMs = nowMs
  }

  readonly now = (): number => this.nowMs

  /** A delay longer than the runtimes' longest ends with that, as in a host. */
  readonly setTimer = (delayMs: number, run: () => void): { clear: () => void } => {
    if (!(delayMs >= 0)) throw new RangeError(`a timer can not run in ${delayMs} ms`)
    const timer = { dueMs: this.nowMs + Math.min(delayMs, DELAY_MAX_MS), run }
    this.timers.push(timer)
    return { clear: () => this.drop(timer) }
  }

  /** Timers that are set. */
  get timerCount(): number {
    return this.timers.length
  }

  /** When the next timer runs, ms; Infinity for none. */
  get nextMs(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.timers.map(({ dueMs }) => dueMs))
  }

  /** Moves on and runs what falls due on the way, each at its own time. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms
    let runs = 0
    for (let dueMs = this.nextMs; dueMs <= untilMs; dueMs = this.nextMs) {
      if (++runs > RUNS_MAX) throw new Error(`timers are set for ${dueMs} again and again`)
      this.nowMs = Math.max(this.nowMs, dueMs)
      const timer = this.timers.find((each) => each.dueMs === dueMs) as HandTimer
      this.drop(timer)
      timer.run()
    }
    this.nowMs = untilMs
  }

  private drop(timer: HandTimer): void {
    this.timers = this.timers.filter((each) => each !== timer)
  }
}
