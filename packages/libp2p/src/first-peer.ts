/** Lets the first queries of a run wait for somebody to ask, for a while. */
import type { DriverClock } from './driver.ts'

/** A query waits so long for a first peer, ms, and then goes on without. */
const PATIENCE_MS = 10_000

export class FirstPeer {
  private readonly clock: DriverClock
  private met = Promise.withResolvers<void>()

  constructor(clock: DriverClock) {
    this.clock = clock
  }

  /** Somebody is there. */
  meet(): void {
    this.met.resolve()
  }

  /** The run is over: nobody waits any longer, and the next run begins with nobody. */
  reset(): void {
    this.met.resolve()
    this.met = Promise.withResolvers()
  }

  /** Resolves as soon as a peer was met, or after a while all the same. Throws the signal's reason. */
  async wait(signal: AbortSignal | undefined): Promise<void> {
    const patience = Promise.withResolvers<void>()
    const timer = this.clock.setTimer(PATIENCE_MS, patience.resolve)
    await this.until(signal, patience.promise).finally(() => timer.clear())
  }

  /** Resolves as soon as a peer was met, or with `otherwise`. Throws the signal's reason. */
  async until(signal: AbortSignal | undefined, otherwise?: Promise<void>): Promise<void> {
    signal?.throwIfAborted()
    const aborted = Promise.withResolvers<void>()
    const onAbort = (): void => aborted.reject(signal?.reason)
    signal?.addEventListener('abort', onAbort)
    try {
      await Promise.race([this.met.promise, aborted.promise, ...(otherwise ? [otherwise] : [])])
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }
}
