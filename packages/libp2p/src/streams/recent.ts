/** A map that keeps the entries set last and forgets the others. */
export class Recent<V> {
  private readonly countMax: number
  /** The one set first comes first. BOUNDED: by `countMax`. */
  private readonly entries = new Map<string, V>()

  constructor(countMax: number) {
    this.countMax = countMax
  }

  get(key: string): V | undefined {
    return this.entries.get(key)
  }

  set(key: string, value: V): void {
    this.entries.delete(key)
    this.entries.set(key, value)
    if (this.entries.size <= this.countMax) return
    for (const oldest of this.entries.keys()) {
      this.entries.delete(oldest)
      break
    }
  }

  delete(key: string): void {
    this.entries.delete(key)
  }
}
