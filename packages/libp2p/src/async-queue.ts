/** Hands values from a producer that calls to a consumer that iterates. Unread values wait. */
export class AsyncQueue<T> {
  private readonly values: T[] = [] // BOUNDED: by the producer, which sees `unread` and is told by `onReturn`
  private wake: (() => void) | null = null
  private ended = false
  private error: unknown

  /** Values that wait. */
  get unread(): number {
    return this.values.length
  }

  push(value: T): void {
    if (this.ended) return
    this.values.push(value)
    this.wake?.()
  }

  /** No more values; those unread are still delivered, then `error` is thrown if there is one. */
  end(error?: unknown): void {
    if (this.ended) return
    this.ended = true
    this.error = error
    this.wake?.()
  }

  /** Reads until the end. `onReturn` runs once, however the reading ends. */
  async *read(onReturn: () => void): AsyncGenerator<T, void, undefined> {
    try {
      while (true) {
        while (this.values.length > 0) yield this.values.shift() as T
        if (this.ended) break
        await new Promise<void>((resolve) => {
          this.wake = resolve
        })
        this.wake = null
      }
      if (this.error !== undefined) throw this.error
    } finally {
      this.ended = true
      this.values.length = 0
      onReturn()
    }
  }
}
