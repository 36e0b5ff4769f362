/**
 * Whether a first peer of the DHT was met in this run of the node. An operation that found nobody to ask
 * right after the start waits for it here, for a while.
 *
 * Bounded by: the operations that wait.
 */
import type { DriverClock } from './driver.ts'

/** An operation waits so long for a first peer, ms. */
const PATIENCE_MS = 10_000

export class FirstPeer {
  private readonly clock: DriverClock
  private readonly waiting = new Set<() => void>() // BOUNDED: by the operations that wait
  private met = false

  constructor(clock: DriverClock) {
    this.clock = clock
  }

  get isMet(): boolean {
    return this.met
  }

  /** Somebody is there. */
  meet(): void {
    this.met = true
    this.release()
  }

  /** The run is over; the next one begins with nobody. */
  reset(): void {
    this.met = false
    this.release()
  }

  /**
   * Runs `go` once: at once where a peer was met, else when one is, or after a while, or when the run is
   * over. Returns how to take that back.
   */
  wait(go: () => void): () => void {
    if (this.met) {
      go()
      return () => {}
    }
    const done = (): void => {
      this.waiting.delete(done)
      timer.clear()
      go()
    }
    const timer = this.clock.setTimer(PATIENCE_MS, done)
    this.waiting.add(done)
    return () => {
      this.waiting.delete(done)
      timer.clear()
    }
  }

  private release(): void {
    for (const done of [...this.waiting]) done()
  }
}
