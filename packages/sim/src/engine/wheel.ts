/**
 * What is to happen when: events by whole milliseconds of simulated time, in two wheels of slots, and a list of those
 * that lie beyond both. An event is six integers; what happens within one millisecond is put in an order that depends
 * on the events alone, never on who added them first: by node, kind, source and the source's own sequence.
 *
 * A slot is a stack of chunks of some events each, so that those of a millisecond lie side by side in memory: where each
 * was a link of a chain, finding the next one waited for the one before.
 *
 * Times are whole ms, 0..`LAST_MS`; what is to happen later than that is not kept, since no run lasts so long.
 *
 * Bounded by: what is scheduled; the slab doubles and its chunks are used again.
 */

import { alignedInts, widenedInts } from '../host/lines.ts'

/** The last time that there is, ms: 24 days. */
export const LAST_MS: number = 2 ** 31 - 1

const FINE_BITS = 13
const FINE = 1 << FINE_BITS
const FINE_MASK = FINE - 1
const COARSE = 1 << 13
/** The slot of what lies beyond both wheels. */
const BEYOND = FINE + COARSE
const END = -1

/** More events than one millisecond has. */
const INDEX_SPAN = 0x100_0000

/** Up to so many events are sorted by insertion. */
const FEW = 40

// A chunk: where the next one of its slot begins, how many words are in use, and ten events.
const HEADER_WORDS = 4
const NEXT = 0
const USED = 1
const EVENT_WORDS = 6
const CHUNK_WORDS = 64

/** Room for so many at the start. */
const START_CHUNKS = 256

export class Wheel {
  /** The millisecond that is taken out next: all before it is over. */
  nowMs: number
  /** Events scheduled. */
  size = 0
  /** The first chunk of each slot. */
  private readonly slots = new Int32Array(BEYOND + 1).fill(END)
  private words: Int32Array = alignedInts(START_CHUNKS * CHUNK_WORDS)
  private free = END
  private fresh = 0
  /** The chunks of what was taken out last, which stay readable until the next `advance`. */
  private held = END
  private due = new Int32Array(64) // events taken out last
  private order = new Float64Array(64) // scratch
  private scratch = new Int32Array(64)

  constructor(nowMs: number) {
    this.nowMs = nowMs
  }

  /**
   * At `atMs` (not before `nowMs`, and never if after `LAST_MS`) this happens to a node. `payload` goes along and orders
   * nothing.
   */
  add(
    atMs: number,
    node: number,
    kind: number,
    source: number,
    sequence: number,
    payload: number,
  ): void {
    if (atMs > LAST_MS) return
    const dueMs = atMs < this.nowMs ? this.nowMs : atMs
    this.size++
    const at = this.room(this.slotOf(dueMs))
    const { words } = this
    words[at] = dueMs
    words[at + 1] = node
    words[at + 2] = kind
    words[at + 3] = source
    words[at + 4] = sequence
    words[at + 5] = payload
  }

  /**
   * Takes out all events of the present millisecond and moves on to the next; they are read by `node`, `kind`, `source`,
   * `sequence` and `payload` with 0..count-1 until the next call. Events added meanwhile come later. Returns how many.
   */
  advance(): number {
    this.release(this.held)
    const slot = this.nowMs & FINE_MASK
    const first = this.slots[slot] as number
    this.slots[slot] = END
    this.held = first
    let count = 0
    for (let chunk = first; chunk !== END; chunk = this.words[chunk + NEXT] as number) {
      const end = chunk + (this.words[chunk + USED] as number)
      for (let at = chunk + HEADER_WORDS; at < end; at += EVENT_WORDS) {
        if (count === this.due.length) this.widen()
        this.due[count++] = at
      }
    }
    this.size -= count
    if (count > 1) this.sort(count)
    this.nowMs++
    if ((this.nowMs & FINE_MASK) === 0) this.refill()
    return count
  }

  node(index: number): number {
    return this.words[(this.due[index] as number) + 1] as number
  }

  kind(index: number): number {
    return this.words[(this.due[index] as number) + 2] as number
  }

  source(index: number): number {
    return this.words[(this.due[index] as number) + 3] as number
  }

  sequence(index: number): number {
    return this.words[(this.due[index] as number) + 4] as number
  }

  payload(index: number): number {
    return this.words[(this.due[index] as number) + 5] as number
  }

  /** Bytes of the slab and the slots. */
  get bytes(): number {
    return this.words.byteLength + this.slots.byteLength
  }

  private slotOf(atMs: number): number {
    const turn = atMs >>> FINE_BITS
    const ahead = turn - (this.nowMs >>> FINE_BITS)
    if (ahead === 0) return atMs & FINE_MASK
    return ahead < COARSE ? FINE + (turn & (COARSE - 1)) : BEYOND
  }

  /** Where the next event of a slot goes. */
  private room(slot: number): number {
    let chunk = this.slots[slot] as number
    if (chunk === END || (this.words[chunk + USED] as number) > CHUNK_WORDS - EVENT_WORDS) {
      const before = chunk
      chunk = this.take()
      this.words[chunk + NEXT] = before
      this.words[chunk + USED] = HEADER_WORDS
      this.slots[slot] = chunk
    }
    const used = this.words[chunk + USED] as number
    this.words[chunk + USED] = used + EVENT_WORDS
    return chunk + used
  }

  /** A turn of the fine wheel begins: what lies in it moves there. */
  private refill(): void {
    const turn = (this.nowMs >>> FINE_BITS) & (COARSE - 1)
    this.deal(FINE + turn)
    if (turn === 0) this.deal(BEYOND)
  }

  /** Deals the events of a slot anew. */
  private deal(slot: number): void {
    const first = this.slots[slot] as number
    this.slots[slot] = END
    for (let chunk = first; chunk !== END; chunk = this.words[chunk + NEXT] as number) {
      const end = chunk + (this.words[chunk + USED] as number)
      for (let at = chunk + HEADER_WORDS; at < end; at += EVENT_WORDS) {
        const to = this.room(this.slotOf(this.words[at] as number))
        this.words.copyWithin(to, at, at + EVENT_WORDS)
      }
    }
    this.release(first)
  }

  /** By node; the few that are of one node by all of their parts. */
  private sort(count: number): void {
    const { due, order, words, scratch } = this
    for (let i = 0; i < count; i++) {
      scratch[i] = due[i] as number
      order[i] = (words[(due[i] as number) + 1] as number) * INDEX_SPAN + i
    }
    if (count <= FEW) insertionSort(order, count)
    else order.subarray(0, count).sort()
    for (let i = 0; i < count; i++) {
      const event = scratch[(order[i] as number) % INDEX_SPAN] as number
      let at = i
      while (at > 0 && this.isBefore(event, due[at - 1] as number)) {
        due[at] = due[at - 1] as number
        at--
      }
      due[at] = event
    }
  }

  private isBefore(a: number, b: number): boolean {
    const { words } = this
    for (let part = 1; part <= 4; part++) {
      const difference = (words[a + part] as number) - (words[b + part] as number)
      if (difference !== 0) return difference < 0
    }
    return false
  }

  private take(): number {
    if (this.free !== END) {
      const chunk = this.free
      this.free = this.words[chunk + NEXT] as number
      return chunk
    }
    if (this.fresh === this.words.length) {
      this.words = widenedInts(this.words, this.words.length * 2)
    }
    const chunk = this.fresh
    this.fresh += CHUNK_WORDS
    return chunk
  }

  private release(first: number): void {
    for (let chunk = first; chunk !== END; ) {
      const next = this.words[chunk + NEXT] as number
      this.words[chunk + NEXT] = this.free
      this.free = chunk
      chunk = next
    }
  }

  private widen(): void {
    const due = new Int32Array(this.due.length * 2)
    due.set(this.due)
    this.due = due
    this.order = new Float64Array(due.length)
    this.scratch = new Int32Array(due.length)
  }
}

function insertionSort(list: Float64Array, count: number): void {
  for (let i = 1; i < count; i++) {
    const item = list[i] as number
    let at = i
    while (at > 0 && (list[at - 1] as number) > item) {
      list[at] = list[at - 1] as number
      at--
    }
    list[at] = item
  }
}
