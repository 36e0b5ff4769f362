/** Lets the first announcements of a run wait for somebody to tell. */
export class FirstPeer {
  private met = Promise.withResolvers<void>()

  /** Somebody is there. */
  meet(): void {
    this.met.resolve()
  }

  /** The run is over: nobody waits any longer, and the next run begins with nobody. */
  reset(): void {
    this.met.resolve()
    this.met = Promise.withResolvers()
  }

  /** Resolves as soon as a peer was met. Throws the signal's reason. */
  async until(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const aborted = Promise.withResolvers<void>()
    const onAbort = (): void => aborted.reject(signal.reason)
    signal.addEventListener('abort', onAbort)
    try {
      await Promise.race([this.met.promise, aborted.promise])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }
}
