/** What happens when, in a model: the earliest first, equal times in order of entry. For some tens of entries at once. */
export class Agenda<T> {
  /** Time of the entry taken last. The unit is the caller's. */
  now = 0
  private readonly entries: { at: number; item: T }[] = [] // BOUNDED: by what the caller has in flight

  /** Enters something that happens `delay` from now. */
  enter(delay: number, item: T): void {
    this.entries.push({ at: this.now + delay, item })
  }

  /** Takes the earliest entry and moves the time there; undefined when there is none. */
  take(): T | undefined {
    let first = 0
    for (let i = 1; i < this.entries.length; i++)
      if ((this.entries[i]?.at as number) < (this.entries[first]?.at as number)) first = i
    const [entry] = this.entries.splice(first, 1)
    if (entry === undefined) return undefined
    this.now = entry.at
    return entry.item
  }
}
