/**
 * What a node has under way (requests, operations): a short list for each node of a column, newest
 * first, threaded through the objects themselves, so that a node with nothing under way costs ten bytes.
 */

/** An object that stands in one list at a time. */
export interface Listed<T> {
  next: T | null
}

export class NodeLists<T extends Listed<T>> {
  private readonly heads: (T | null)[] // BOUNDED: by nodes; each list by what its owner allows
  private readonly counts: Uint16Array

  constructor(nodes: number) {
    this.heads = new Array<T | null>(nodes).fill(null)
    this.counts = new Uint16Array(nodes)
  }

  /** Bytes of the lists' heads, eight for each, and counts. */
  get bytes(): number {
    return this.heads.length * 8 + this.counts.byteLength
  }

  /** The newest of a node's list, null when it is empty; the others follow by `next`. */
  first(node: number): T | null {
    return this.heads[node] ?? null
  }

  count(node: number): number {
    return this.counts[node] as number
  }

  add(node: number, item: T): void {
    item.next = this.first(node)
    this.heads[node] = item
    this.counts[node] = this.count(node) + 1
  }

  /** Takes an object out of a node's list. False when it does not stand there. */
  remove(node: number, item: T): boolean {
    let before: T | null = null
    let here = this.first(node)
    while (here !== null && here !== item) {
      before = here
      here = here.next
    }
    if (here === null) return false
    if (before === null) this.heads[node] = item.next
    else before.next = item.next
    item.next = null
    this.counts[node] = this.count(node) - 1
    return true
  }
}
