/**
 * What the nodes of a plain column have under way, without an object for anything: requests and lookups are numbers, the
 * fields of each lie side by side in one array that grows by doubling, and each node has a list of either.
 *
 * Bounded by: what is under way at once; a request takes 32 B, a lookup 448 B.
 */
import {
  compareDistance,
  KEY_WORDS,
  type Key,
  type OperationType,
  type PeerBook,
  type PeerRef,
} from '@kadmium/core'
import { alignedInts, widenedInts } from '../../host/lines.ts'
import { HEARD, QUERIED, UNREACHABLE, WAITING } from './candidates.ts'
import { nearOf } from './plain-table.ts'

export const NONE = -1

/** The last time that there is, for a deadline that never comes. */
export const NEVER_MS = 0x7fff_ffff

// Words of a node.
/** Its first request and its first lookup. */
const REQUESTS = 0
const LOOKUPS = 1
/** The id of its last request. */
const SEQUENCE = 2
/** When it wants to be woken, and to refresh its table. */
export const DUE = 3
export const REFRESH = 4
/** 1: it is online. */
export const ONLINE = 5
export const NODE_WORDS = 8

/** What each node is in the midst of. */
export function plainNodes(rows: number): Int32Array {
  const nodes = alignedInts(rows * NODE_WORDS)
  for (let row = 0; row < rows; row++) {
    const at = row * NODE_WORDS
    nodes[at + REQUESTS] = NONE
    nodes[at + LOOKUPS] = NONE
    nodes[at + DUE] = NEVER_MS
    nodes[at + REFRESH] = NEVER_MS
  }
  return nodes
}

/** The next of a list, of requests as of lookups. */
const NEXT = 0
const START = 64

// Words of a request.
const ID = 1
const WHO = 2
const LOOKUP = 3
const NOTE = 4
const DUE_MS = 5
const REQUEST_WORDS = 8

/** Requests, by where they begin in `words`. */
export class PlainRequests {
  private readonly nodes: Int32Array
  private words: Int32Array = alignedInts(START * REQUEST_WORDS)
  private free = NONE
  private used = 0

  constructor(nodes: Int32Array) {
    this.nodes = nodes
  }

  get bytes(): number {
    return this.words.byteLength
  }

  first(row: number): number {
    return this.nodes[row * NODE_WORDS + REQUESTS] as number
  }

  after(at: number): number {
    return this.words[at + NEXT] as number
  }

  id(at: number): number {
    return this.words[at + ID] as number
  }

  peer(at: number): PeerRef {
    return this.words[at + WHO] as number
  }

  /** The lookup it belongs to; `NONE` for a ping, whose newcomer is its note. */
  lookup(at: number): number {
    return this.words[at + LOOKUP] as number
  }

  note(at: number): PeerRef {
    return this.words[at + NOTE] as number
  }

  nextId(row: number): number {
    const { nodes } = this
    const id = (nodes[row * NODE_WORDS + SEQUENCE] as number) + 1
    nodes[row * NODE_WORDS + SEQUENCE] = id
    return id
  }

  open(row: number, peer: PeerRef, lookup: number, note: number, dueMs: number): number {
    const at = this.take()
    const { words, nodes } = this
    words[at + ID] = this.nextId(row)
    words[at + WHO] = peer
    words[at + LOOKUP] = lookup
    words[at + NOTE] = note
    words[at + DUE_MS] = dueMs
    words[at + NEXT] = nodes[row * NODE_WORDS + REQUESTS] as number
    nodes[row * NODE_WORDS + REQUESTS] = at
    return at
  }

  find(row: number, id: number): number {
    const { words } = this
    let at = this.first(row)
    while (at !== NONE && words[at + ID] !== id) at = words[at + NEXT] as number
    return at
  }

  /** A request whose time is up; `NONE` where there is none. */
  nextDue(row: number, nowMs: number): number {
    const { words } = this
    let at = this.first(row)
    while (at !== NONE && (words[at + DUE_MS] as number) > nowMs) at = words[at + NEXT] as number
    return at
  }

  deadlineMs(row: number): number {
    const { words } = this
    let deadlineMs = NEVER_MS
    for (let at = this.first(row); at !== NONE; at = words[at + NEXT] as number) {
      if ((words[at + DUE_MS] as number) < deadlineMs) deadlineMs = words[at + DUE_MS] as number
    }
    return deadlineMs
  }

  close(row: number, at: number): void {
    unlink(this.nodes, row * NODE_WORDS + REQUESTS, this.words, at)
    this.words[at + NEXT] = this.free
    this.free = at
  }

  private take(): number {
    if (this.free !== NONE) {
      const at = this.free
      this.free = this.words[at + NEXT] as number
      return at
    }
    if (this.used === this.words.length) {
      this.words = widenedInts(this.words, this.used * 2)
    }
    const at = this.used
    this.used += REQUEST_WORDS
    return at
  }
}

/** The nearest so many are kept of what a lookup hears of: those farther on would never be asked. */
const CANDIDATES = 48

// Words of a lookup.
const SIZE = 1
/** Requests under way. */
export const FLIGHTS = 2
/** Acknowledgements of a store, and how many are wanted (providers, of a search). */
export const STORED = 3
export const WANTED = 4
/** Who is looked for. */
export const SUBJECT = 5
/** What is wanted, one of `TYPES`. */
export const TYPE = 6
const KEY = 8
/** The distances of its candidates as the less the nearer, and who they are with their state above. */
const DISTANCES: number = KEY + KEY_WORDS
const PEERS: number = DISTANCES + CANDIDATES
const LOOKUP_WORDS: number = PEERS + CANDIDATES

// What a lookup is for, and what it asks.
export const CLOSEST = 0
export const PEER = 1
export const PUT = 2
export const PROVIDE = 3
export const VALUE = 4
export const PROVIDERS = 5
export const TYPES: readonly OperationType[] = [
  'getClosest',
  'findPeer',
  'putValue',
  'provide',
  'getValue',
  'findProviders',
]

const STATE_SHIFT = 24
const PEER_MASK = (1 << STATE_SHIFT) - 1

/** Lookups, by where they begin in `words`. */
export class PlainLookups {
  words: Int32Array = alignedInts(START * LOOKUP_WORDS)
  /** The same words, to read keys from. */
  keys: Uint32Array = unsigned(this.words)
  /** Of all lookups by `number`: the operation, 0 for a walk of the node's own. */
  private ids = new Float64Array(START)
  readonly keyBytes: Uint8Array[] = [] // BOUNDED: by lookups under way
  readonly records: (Uint8Array | null)[] = [] // BOUNDED: by lookups under way
  private readonly nodes: Int32Array
  private readonly book: PeerBook
  private free = NONE
  private used = 0

  constructor(nodes: Int32Array, book: PeerBook) {
    this.nodes = nodes
    this.book = book
  }

  get bytes(): number {
    return this.words.byteLength + this.ids.byteLength
  }

  first(row: number): number {
    return this.nodes[row * NODE_WORDS + LOOKUPS] as number
  }

  /** The index of a lookup in lists beside the words. */
  number(at: number): number {
    return at / LOOKUP_WORDS
  }

  /** Where the key begins in `keys`. */
  keyAt(at: number): number {
    return at + KEY
  }

  id(at: number): number {
    return this.ids[at / LOOKUP_WORDS] as number
  }

  open(row: number, id: number, key: Key): number {
    const at = this.take()
    const { words, nodes } = this
    this.ids[at / LOOKUP_WORDS] = id
    for (let i = 0; i < KEY_WORDS; i++) words[at + KEY + i] = key[i] as number
    words[at + SIZE] = 0
    words[at + FLIGHTS] = 0
    words[at + STORED] = 0
    words[at + NEXT] = nodes[row * NODE_WORDS + LOOKUPS] as number
    nodes[row * NODE_WORDS + LOOKUPS] = at
    return at
  }

  find(row: number, id: number): number {
    let at = this.first(row)
    while (at !== NONE && this.id(at) !== id) at = this.words[at + NEXT] as number
    return at
  }

  close(row: number, at: number): void {
    this.records[at / LOOKUP_WORDS] = null
    unlink(this.nodes, row * NODE_WORDS + LOOKUPS, this.words, at)
    this.words[at + NEXT] = this.free
    this.free = at
  }

  /** Candidates. */
  size(at: number): number {
    return this.words[at + SIZE] as number
  }

  peer(at: number, place: number): PeerRef {
    return (this.words[at + PEERS + place] as number) & PEER_MASK
  }

  state(at: number, place: number): number {
    return (this.words[at + PEERS + place] as number) >> STATE_SHIFT
  }

  setState(at: number, place: number, state: number): void {
    const peer = (this.words[at + PEERS + place] as number) & PEER_MASK
    this.words[at + PEERS + place] = peer | (state << STATE_SHIFT)
  }

  /**
   * Takes in a peer unless it is there, or farther than all of a full list. Returns its place: the best `guess` for the next
   * one where peers come nearest first, as in answers.
   */
  add(at: number, peer: PeerRef, guess: number): number {
    const { words } = this
    const size = words[at + SIZE] as number
    const distance = nearOf(this.keys, at + KEY) ^ (this.book.heads[peer] as number)
    const distancesAt = at + DISTANCES
    let place = guess
    while (place > 0 && (words[distancesAt + place - 1] as number) >= distance) place--
    while (place < size && (words[distancesAt + place] as number) < distance) place++
    while (place < size && words[distancesAt + place] === distance) {
      if (this.peer(at, place) === peer) return place
      if (this.isNearer(at, peer, this.peer(at, place))) break
      place++
    }
    if (place === CANDIDATES) return place
    const last = size < CANDIDATES ? size : CANDIDATES - 1
    for (let i = distancesAt + last; i > distancesAt + place; i--) {
      words[i] = words[i - 1] as number
      words[i + CANDIDATES] = words[i + CANDIDATES - 1] as number
    }
    words[distancesAt + place] = distance
    words[distancesAt + CANDIDATES + place] = peer | (HEARD << STATE_SHIFT)
    words[at + SIZE] = last + 1
    return place
  }

  /** A peer of the list that was asked has answered or failed. */
  settle(at: number, peer: PeerRef, state: number): void {
    const { words } = this
    const waiting = peer | (WAITING << STATE_SHIFT)
    const end = at + PEERS + (words[at + SIZE] as number)
    for (let i = at + PEERS; i < end; i++) {
      if (words[i] !== waiting) continue
      words[i] = peer | (state << STATE_SHIFT)
      return
    }
  }

  /** The place of the nearest that has neither answered nor failed; `NONE` where the `k` nearest but for those that failed have all answered. */
  nearestOpen(at: number, k: number): number {
    const { words } = this
    const size = words[at + SIZE] as number
    for (let place = 0, queried = 0; place < size && queried < k; place++) {
      const state = (words[at + PEERS + place] as number) >> STATE_SHIFT
      if (state === UNREACHABLE) continue
      if (state !== QUERIED) return place
      queried++
    }
    return NONE
  }

  /** Which of two is nearer, where 32 bits do not tell. */
  private isNearer(at: number, one: PeerRef, other: PeerRef): boolean {
    const { keys } = this.book
    const order = compareDistance(
      this.keys,
      at + KEY,
      keys,
      one * KEY_WORDS,
      keys,
      other * KEY_WORDS,
    )
    return order < 0
  }

  private take(): number {
    if (this.free !== NONE) {
      const at = this.free
      this.free = this.words[at + NEXT] as number
      return at
    }
    if (this.used === this.words.length) {
      this.words = widenedInts(this.words, this.used * 2)
      this.keys = unsigned(this.words)
      const ids = new Float64Array(this.ids.length * 2)
      ids.set(this.ids)
      this.ids = ids
    }
    const at = this.used
    this.used += LOOKUP_WORDS
    return at
  }
}

/** The same words without a sign. */
function unsigned({ buffer, byteOffset, length }: Int32Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length)
}

/** Takes `at` out of a node's list, whose head is a word of the node. */
function unlink(nodes: Int32Array, head: number, words: Int32Array, at: number): void {
  if (nodes[head] === at) {
    nodes[head] = words[at + NEXT] as number
    return
  }
  let before = nodes[head] as number
  while (before !== NONE && words[before + NEXT] !== at) before = words[before + NEXT] as number
  if (before !== NONE) words[before + NEXT] = words[at + NEXT] as number
}
