/**
 * What expires first: a binary heap of entries that know their place in it, so that an entry is moved
 * or taken out in O(log n) without a search.
 */

/** An entry of one heap; `heapAt` and, while it is in the heap, `expiresAtMs` belong to the heap. */
export interface Expiring {
  expiresAtMs: number
  heapAt: number
}

export class ExpiryHeap<T extends Expiring> {
  private readonly items: T[] = [] // BOUNDED: by whoever adds to it

  /** The entry that expires first. */
  first(): T | undefined {
    return this.items[0]
  }

  /** When the first expires; Infinity when there is none. */
  firstMs(): number {
    return this.items[0]?.expiresAtMs ?? Number.POSITIVE_INFINITY
  }

  add(item: T): void {
    this.items.push(item)
    this.rise(item, this.items.length - 1)
  }

  remove(item: T): void {
    const last = this.items.pop() as T
    if (last !== item) this.settle(last, item.heapAt)
    item.heapAt = -1
  }

  /** Gives an entry another time to expire. */
  move(item: T, expiresAtMs: number): void {
    item.expiresAtMs = expiresAtMs
    this.settle(item, item.heapAt)
  }

  /** Puts an entry where it belongs, from a place that is free. */
  private settle(item: T, at: number): void {
    this.sink(item, at)
    if (item.heapAt === at) this.rise(item, at)
  }

  private rise(item: T, from: number): void {
    let at = from
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = this.items[above] as T
      if (parent.expiresAtMs <= item.expiresAtMs) break
      this.place(parent, at)
      at = above
    }
    this.place(item, at)
  }

  private sink(item: T, from: number): void {
    const { items } = this
    let at = from
    for (;;) {
      let below = 2 * at + 1
      if (below >= items.length) break
      const [left, right] = [items[below] as T, items[below + 1]]
      if (right !== undefined && right.expiresAtMs < left.expiresAtMs) below++
      const child = items[below] as T
      if (child.expiresAtMs >= item.expiresAtMs) break
      this.place(child, at)
      at = below
    }
    this.place(item, at)
  }

  private place(item: T, at: number): void {
    this.items[at] = item
    item.heapAt = at
  }
}
