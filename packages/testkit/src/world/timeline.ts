/** What happens when, for a whole world: a binary heap, the earliest first, equal times in order of entry. */

interface Entry {
  atMs: number
  order: number
  run: () => void
}

export class Timeline {
  nowMs: number
  private readonly entries: Entry[] = [] // BOUNDED: by what the world has under way
  private order = 0

  constructor(startMs: number) {
    this.nowMs = startMs
  }

  /** Something happens in `delayMs` from now; 0 is after all else that happens now. */
  later(delayMs: number, run: () => void): void {
    this.at(this.nowMs + delayMs, run)
  }

  /** Something happens at a time, not before now. */
  at(atMs: number, run: () => void): void {
    const entry = { atMs: Math.max(atMs, this.nowMs), order: this.order++, run }
    let at = this.entries.length
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = this.entries[above] as Entry
      if (!isBefore(entry, parent)) break
      this.entries[at] = parent
      at = above
    }
    this.entries[at] = entry
  }

  /** Runs the next entry if it happens by `untilMs`; else it is `untilMs` now, and false. */
  step(untilMs: number): boolean {
    const first = this.entries[0]
    if (first === undefined || first.atMs > untilMs) {
      this.nowMs = Math.max(this.nowMs, untilMs)
      return false
    }
    const last = this.entries.pop() as Entry
    if (last !== first) this.sink(last)
    this.nowMs = first.atMs
    first.run()
    return true
  }

  private sink(entry: Entry): void {
    const { entries } = this
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= entries.length) break
      const right = entries[below + 1]
      if (right !== undefined && isBefore(right, entries[below] as Entry)) below++
      const child = entries[below] as Entry
      if (!isBefore(child, entry)) break
      entries[at] = child
      at = below
    }
    entries[at] = entry
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.atMs !== b.atMs ? a.atMs < b.atMs : a.order < b.order
}
