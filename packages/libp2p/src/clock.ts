/** The clock and the timers of the runtime. */
import type { DriverClock } from './driver.ts'

const startedAtMs = Date.now() - performance.now()

/** Wall time that never runs backwards, from the time that the process began. */
export const SYSTEM_CLOCK: DriverClock = {
  now: () => startedAtMs + performance.now(),
  setTimer: (delayMs, run) => {
    const timer = setTimeout(run, delayMs)
    return { clear: () => clearTimeout(timer) }
  },
}
