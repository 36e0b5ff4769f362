/** Waiting that ends when a signal does, whatever the awaited thing makes of the signal. */

/** `promise`, or the reason of the signal's abort when that comes first. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  // The loser of the race may still fail: that is no unhandled rejection.
  promise.catch(() => {})
  aborted.catch(() => {})
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** The items of `source` until it ends, the consumer leaves, or the signal is aborted. */
export async function* iterate<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await abortable(iterator.next(), signal)
      if (next.done === true) return
      yield next.value
    }
  } finally {
    // Not awaited: a generator that is stuck in an await would never let go.
    iterator.return?.().catch(() => {})
  }
}

/** Waits for `promise`, but no longer than `timeoutMs`; whether it was done by then. */
export async function within(
  promise: Promise<unknown> | undefined,
  timeoutMs: number,
): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), timeoutMs)
  try {
    return await Promise.race([Promise.resolve(promise).then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
