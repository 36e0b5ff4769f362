/** The clock and the timers of the runtime. */
import type { DriverClock } from './driver.ts'

/** A timer can't be set further ahead than this in any runtime; beyond it would run at once. */
const DELAY_MAX_MS = 2 ** 31 - 1

/** Steps of the wall clock that are followed: a machine that slept, not one that is being adjusted. */
const STEP_MIN_MS = 1_000

/**
 * Wall time that never runs backwards: it starts with `wallMs`, goes on with `steadyMs`, and follows
 * where the wall clock is ahead by more than a second, since the steady clock of some systems stands
 * still while the machine sleeps.
 */
export function steadyWallClock(wallMs: () => number, steadyMs: () => number): () => number {
  let aheadMs = wallMs() - steadyMs()
  return () => {
    const nowMs = steadyMs()
    const stepMs = wallMs() - nowMs - aheadMs
    if (stepMs > STEP_MIN_MS) aheadMs += stepMs
    return nowMs + aheadMs
  }
}

export const SYSTEM_CLOCK: DriverClock = {
  now: steadyWallClock(Date.now, () => performance.now()),
  setTimer: (delayMs, run) => {
    const timer = setTimeout(run, Math.min(delayMs, DELAY_MAX_MS))
    return { clear: () => clearTimeout(timer) }
  },
}
