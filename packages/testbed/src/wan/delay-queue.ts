/**
 * One timer for all that the emulated network holds back. Thousands of chunks are under way at once and a
 * timer for each would cost more than the chunks: here those due in the same millisecond share a list, and
 * one real timer stands for the earliest list. What is due in one millisecond runs in the order it came, and
 * no later list runs before an earlier one, so equal delays never reorder.
 */

/** Time and one kind of alarm, so that a test can hold the clock. */
export interface Clock {
  /** Milliseconds from any origin, never falling. */
  now(): number
  /** Calls back once after so many ms; returns what cancels it. */
  alarm(delayMs: number, ring: () => void): () => void
}

/** The machine's own clock. */
const systemClock: Clock = {
  now: () => performance.now(),
  alarm(delayMs, ring) {
    const timer = setTimeout(ring, delayMs)
    return () => clearTimeout(timer)
  },
}

/** Slack in ms within which an alarm counts as on time: timers of Node ring on whole milliseconds. */
const EARLY_MS = 0.5

export class DelayQueue {
  private readonly clock: Clock
  /** What is due in each millisecond. Bounded by what the network has under way. */
  private readonly due = new Map<number, Array<() => void>>()
  /** The milliseconds of `due`, ascending. Bounded by the longest delay in ms. */
  private ticks: number[] = []
  private cancelAlarm: (() => void) | undefined
  private alarmTick = Number.POSITIVE_INFINITY

  constructor(clock: Clock = systemClock) {
    this.clock = clock
  }

  /** Runs a function once after so many ms (0 or more, to a whole ms). */
  after(delayMs: number, run: () => void): void {
    const tick = Math.round(this.clock.now() + delayMs)
    const list = this.due.get(tick)
    if (list !== undefined) {
      list.push(run)
      return
    }
    this.due.set(tick, [run])
    this.insertTick(tick)
    if (tick < this.alarmTick) this.setAlarm(tick)
  }

  /** How many functions wait. */
  get size(): number {
    let count = 0
    for (const list of this.due.values()) count += list.length
    return count
  }

  private insertTick(tick: number): void {
    let at = this.ticks.length
    while (at > 0 && (this.ticks[at - 1] as number) > tick) at--
    this.ticks.splice(at, 0, tick)
  }

  private setAlarm(tick: number): void {
    this.cancelAlarm?.()
    this.alarmTick = tick
    const delayMs = Math.max(0, tick - this.clock.now())
    this.cancelAlarm = this.clock.alarm(delayMs, () => this.ring())
  }

  private ring(): void {
    this.alarmTick = Number.POSITIVE_INFINITY
    const nowMs = this.clock.now() + EARLY_MS
    let count = 0
    while (count < this.ticks.length && (this.ticks[count] as number) <= nowMs) count++
    // Taken out before they run: what they add is for a later turn, never for this one.
    for (const tick of this.ticks.splice(0, count)) {
      const list = this.due.get(tick) ?? []
      this.due.delete(tick)
      for (const run of list) run()
    }
    const next = this.ticks[0]
    if (next !== undefined && next < this.alarmTick) this.setAlarm(next)
  }
}
