/** The clock that the streams live by; a test passes one that it moves itself. */
export interface Clock {
  /** Milliseconds, never running backwards. */
  now: () => number
  /** Runs `run` once after the delay, unless it is cleared. */
  setTimer: (delayMs: number, run: () => void) => Timer
}

export interface Timer {
  clear: () => void
}

/** One timer for many deadlines: it stands at the earliest that it was told of. */
export class Alarm {
  private readonly clock: Clock
  private readonly ring: () => void
  private timer: Timer | null = null
  private atMs = Number.POSITIVE_INFINITY

  constructor(clock: Clock, ring: () => void) {
    this.clock = clock
    this.ring = ring
  }

  /** Rings at this time or earlier. Rings at most every 50 ms, so that near deadlines ring together. */
  set(dueMs: number): void {
    if (dueMs >= this.atMs) return
    this.clear()
    this.atMs = dueMs
    this.timer = this.clock.setTimer(Math.max(50, dueMs - this.clock.now()), () => {
      this.timer = null
      this.atMs = Number.POSITIVE_INFINITY
      this.ring()
    })
  }

  clear(): void {
    this.timer?.clear()
    this.timer = null
    this.atMs = Number.POSITIVE_INFINITY
  }
}
