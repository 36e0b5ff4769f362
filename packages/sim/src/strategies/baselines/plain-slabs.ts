/**
 * What the nodes of a plain column have under way, without an object for anything: lookups and requests are numbers, their
 * fields lie in typed arrays that grow by doubling, and each row has a list of either, threaded through a column.
 *
 * Bounded by: what is under way at once; a lookup takes 13 B for each of its `CANDIDATES` places.
 */
import {
  compareDistance,
  KEY_WORDS,
  type OperationType,
  type PeerBook,
  type PeerRef,
} from '@kadmium/core'
import { HEARD, QUERIED, UNREACHABLE, WAITING } from './candidates.ts'
import { distance53 } from './nearest.ts'

export const NONE = -1

/** The nearest so many are kept of what a lookup hears of: those farther on would never be asked. */
export const CANDIDATES = 64

export class PlainRequests {
  readonly heads: Int32Array
  ids: Uint32Array = new Uint32Array(64)
  peers: Int32Array = new Int32Array(64)
  /** The lookup it belongs to; `NONE` for a ping, whose newcomer stands in `notes`. */
  lookups: Int32Array = new Int32Array(64)
  notes: Int32Array = new Int32Array(64)
  dueMs: Float64Array = new Float64Array(64)
  next: Int32Array = new Int32Array(64)
  private readonly sequences: Uint32Array
  private free = NONE
  private used = 0

  constructor(rows: number) {
    this.heads = new Int32Array(rows).fill(NONE)
    this.sequences = new Uint32Array(rows)
  }

  get bytes(): number {
    const { heads, sequences, ids, peers, lookups, notes, dueMs, next } = this
    const columns = [heads, sequences, ids, peers, lookups, notes, dueMs, next]
    return columns.reduce((sum, column) => sum + column.byteLength, 0)
  }

  nextId(row: number): number {
    const id = ((this.sequences[row] as number) + 1) >>> 0
    this.sequences[row] = id
    return id
  }

  open(row: number, peer: PeerRef, lookup: number, note: number, dueMs: number): number {
    const at = this.take()
    this.ids[at] = this.nextId(row)
    this.peers[at] = peer
    this.lookups[at] = lookup
    this.notes[at] = note
    this.dueMs[at] = dueMs
    this.next[at] = this.heads[row] as number
    this.heads[row] = at
    return at
  }

  find(row: number, id: number): number {
    let at = this.heads[row] as number
    while (at !== NONE && this.ids[at] !== id) at = this.next[at] as number
    return at
  }

  /** A request whose time is up; `NONE` where there is none. */
  nextDue(row: number, nowMs: number): number {
    let at = this.heads[row] as number
    while (at !== NONE && (this.dueMs[at] as number) > nowMs) at = this.next[at] as number
    return at
  }

  deadlineMs(row: number): number {
    let deadline = Number.POSITIVE_INFINITY
    for (let at = this.heads[row] as number; at !== NONE; at = this.next[at] as number) {
      deadline = Math.min(deadline, this.dueMs[at] as number)
    }
    return deadline
  }

  close(row: number, at: number): void {
    unlink(this.heads, this.next, row, at)
    this.next[at] = this.free
    this.free = at
  }

  private take(): number {
    if (this.free !== NONE) {
      const at = this.free
      this.free = this.next[at] as number
      return at
    }
    if (this.used === this.ids.length) {
      const room = this.used * 2
      this.ids = widened(this.ids, new Uint32Array(room))
      this.peers = widened(this.peers, new Int32Array(room))
      this.lookups = widened(this.lookups, new Int32Array(room))
      this.notes = widened(this.notes, new Int32Array(room))
      this.dueMs = widened(this.dueMs, new Float64Array(room))
      this.next = widened(this.next, new Int32Array(room))
    }
    return this.used++
  }
}

export class PlainLookups {
  readonly heads: Int32Array
  ids: Float64Array = new Float64Array(16)
  keys: Uint32Array = new Uint32Array(16 * KEY_WORDS)
  sizes: Uint8Array = new Uint8Array(16)
  /** Requests under way. */
  flights: Uint8Array = new Uint8Array(16)
  stored: Uint8Array = new Uint8Array(16)
  subjects: Int32Array = new Int32Array(16)
  peers: Int32Array = new Int32Array(16 * CANDIDATES)
  states: Uint8Array = new Uint8Array(16 * CANDIDATES)
  distances: Float64Array = new Float64Array(16 * CANDIDATES)
  next: Int32Array = new Int32Array(16)
  readonly types: OperationType[] = [] // BOUNDED: by lookups under way
  readonly keyBytes: Uint8Array[] = [] // BOUNDED: by lookups under way
  readonly records: (Uint8Array | null)[] = [] // BOUNDED: by lookups under way
  readonly wanted: number[] = [] // BOUNDED: by lookups under way
  private readonly book: PeerBook
  private free = NONE
  private used = 0

  constructor(rows: number, book: PeerBook) {
    this.heads = new Int32Array(rows).fill(NONE)
    this.book = book
  }

  get bytes(): number {
    const { heads, ids, keys, sizes, flights, stored, subjects, peers, states, distances, next } =
      this
    const columns = [
      heads,
      ids,
      keys,
      sizes,
      flights,
      stored,
      subjects,
      peers,
      states,
      distances,
      next,
    ]
    return columns.reduce((sum, column) => sum + column.byteLength, 0)
  }

  open(row: number, id: number, key: Uint32Array): number {
    const at = this.take()
    this.ids[at] = id
    this.keys.set(key, at * KEY_WORDS)
    this.sizes[at] = 0
    this.flights[at] = 0
    this.stored[at] = 0
    this.next[at] = this.heads[row] as number
    this.heads[row] = at
    return at
  }

  find(row: number, id: number): number {
    let at = this.heads[row] as number
    while (at !== NONE && this.ids[at] !== id) at = this.next[at] as number
    return at
  }

  close(row: number, at: number): void {
    unlink(this.heads, this.next, row, at)
    this.next[at] = this.free
    this.free = at
  }

  /** Takes in a peer unless it is there, or farther than all of a full list. */
  add(at: number, peer: PeerRef): void {
    const { keys } = this.book
    const begin = at * CANDIDATES
    const size = this.sizes[at] as number
    const distance = distance53(this.keys, at * KEY_WORDS, keys, peer * KEY_WORDS)
    let place = begin + size
    while (place > begin && this.isFarther(at, place - 1, peer, distance)) place--
    if (place > begin && this.peers[place - 1] === peer) return
    if (place === begin + CANDIDATES) return
    const end = begin + Math.min(size, CANDIDATES - 1)
    this.peers.copyWithin(place + 1, place, end)
    this.states.copyWithin(place + 1, place, end)
    this.distances.copyWithin(place + 1, place, end)
    this.peers[place] = peer
    this.states[place] = HEARD
    this.distances[place] = distance
    if (size < CANDIDATES) this.sizes[at] = size + 1
  }

  /** A peer of the list that was asked has answered or failed. */
  settle(at: number, peer: PeerRef, state: number): void {
    const begin = at * CANDIDATES
    for (let place = begin; place < begin + (this.sizes[at] as number); place++) {
      if (this.peers[place] !== peer) continue
      if (this.states[place] === WAITING) this.states[place] = state
      return
    }
  }

  /** The place of the nearest not asked yet; `NONE` where there is none. */
  unasked(at: number): number {
    const begin = at * CANDIDATES
    const end = begin + (this.sizes[at] as number)
    for (let place = begin; place < end; place++) if (this.states[place] === HEARD) return place
    return NONE
  }

  /** Whether the `k` nearest that have not failed have all answered, or all of fewer. */
  isComplete(at: number, k: number): boolean {
    const begin = at * CANDIDATES
    const end = begin + (this.sizes[at] as number)
    for (let place = begin, usable = 0; place < end && usable < k; place++) {
      const state = this.states[place]
      if (state === UNREACHABLE) continue
      if (state !== QUERIED) return false
      usable++
    }
    return true
  }

  private isFarther(at: number, place: number, peer: PeerRef, distance: number): boolean {
    const here = this.distances[place] as number
    if (here !== distance) return here > distance
    const { keys } = this.book
    const other = (this.peers[place] as number) * KEY_WORDS
    return compareDistance(this.keys, at * KEY_WORDS, keys, other, keys, peer * KEY_WORDS) > 0
  }

  private take(): number {
    if (this.free !== NONE) {
      const at = this.free
      this.free = this.next[at] as number
      return at
    }
    if (this.used === this.ids.length) this.grow(this.used * 2)
    return this.used++
  }

  private grow(room: number): void {
    this.ids = widened(this.ids, new Float64Array(room))
    this.keys = widened(this.keys, new Uint32Array(room * KEY_WORDS))
    this.sizes = widened(this.sizes, new Uint8Array(room))
    this.flights = widened(this.flights, new Uint8Array(room))
    this.stored = widened(this.stored, new Uint8Array(room))
    this.subjects = widened(this.subjects, new Int32Array(room))
    this.peers = widened(this.peers, new Int32Array(room * CANDIDATES))
    this.states = widened(this.states, new Uint8Array(room * CANDIDATES))
    this.distances = widened(this.distances, new Float64Array(room * CANDIDATES))
    this.next = widened(this.next, new Int32Array(room))
  }
}

function unlink(heads: Int32Array, next: Int32Array, row: number, at: number): void {
  if (heads[row] === at) {
    heads[row] = next[at] as number
    return
  }
  let before = heads[row] as number
  while (before !== NONE && next[before] !== at) before = next[before] as number
  if (before !== NONE) next[before] = next[at] as number
}

function widened<T extends Int32Array | Uint32Array | Uint8Array | Float64Array>(
  from: T,
  to: T,
): T {
  to.set(from)
  return to
}
