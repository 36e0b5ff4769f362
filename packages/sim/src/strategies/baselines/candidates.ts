/**
 * The peers that one lookup has heard of, nearest first, each in one state. Decides nothing: rules say what a state means.
 *
 * Bounded by: what answers name; it grows, and keeps its room for the next lookup of the pool.
 */
import { KEY_WORDS, NO_PEER, type PeerBook, type PeerRef } from '@kadmium/core'
import { compareExactly, distance53 } from './nearest.ts'

/** Not asked yet. */
export const HEARD = 0
/** Asked, not answered yet. */
export const WAITING = 1
/** Answered. */
export const QUERIED = 2
/** Failed; never asked again in this lookup. */
export const UNREACHABLE = 3

/** Passed over by the rule, never asked. */
export const SKIPPED = 4

const ROOM = 64

export class Candidates {
  size = 0
  /** Peers in each state. */
  readonly counts: Int32Array = new Int32Array(5)
  peers: Int32Array = new Int32Array(ROOM)
  states: Uint8Array = new Uint8Array(ROOM)
  /** A number that the rule keeps for each: the path it belongs to. */
  tags: Uint8Array = new Uint8Array(ROOM)
  distances: Float64Array = new Float64Array(ROOM)
  private readonly book: PeerBook
  private target: Uint32Array = new Uint32Array(KEY_WORDS)

  constructor(book: PeerBook) {
    this.book = book
  }

  /** Empties the list for a new target; the key is read as long as the lookup lives. */
  begin(target: Uint32Array): void {
    this.target = target
    this.size = 0
    this.counts.fill(0)
  }

  /** Where a peer stands, or -1. */
  find(peer: PeerRef): number {
    const at = this.place(peer, this.distanceOf(peer))
    return at < this.size && this.peers[at] === peer ? at : -1
  }

  /** False when it was there before. */
  add(peer: PeerRef, tag = 0): boolean {
    const distance = this.distanceOf(peer)
    const at = this.place(peer, distance)
    if (at < this.size && this.peers[at] === peer) return false
    if (this.size === this.peers.length) this.grow()
    const { size } = this
    this.peers.copyWithin(at + 1, at, size)
    this.states.copyWithin(at + 1, at, size)
    this.tags.copyWithin(at + 1, at, size)
    this.distances.copyWithin(at + 1, at, size)
    this.peers[at] = peer
    this.states[at] = HEARD
    this.tags[at] = tag
    this.distances[at] = distance
    this.size = size + 1
    this.counts[HEARD] = (this.counts[HEARD] as number) + 1
    return true
  }

  stateAt(at: number): number {
    return this.states[at] as number
  }

  setStateAt(at: number, state: number): void {
    const before = this.states[at] as number
    this.counts[before] = (this.counts[before] as number) - 1
    this.counts[state] = (this.counts[state] as number) + 1
    this.states[at] = state
  }

  /** Sets the state of a peer of the list. False when it is not there or not in state `from`. */
  move(peer: PeerRef, from: number, to: number): boolean {
    const at = this.find(peer)
    if (at < 0 || this.states[at] !== from) return false
    this.setStateAt(at, to)
    return true
  }

  count(state: number): number {
    return this.counts[state] as number
  }

  /** The nearest peer in a state, or `NO_PEER`. */
  nearest(state: number): PeerRef {
    if (this.counts[state] === 0) return NO_PEER
    for (let at = 0; at < this.size; at++) {
      if (this.states[at] === state) return this.peers[at] as number
    }
    return NO_PEER
  }

  /** The place of the nearest in a state and with a tag; -1 where there is none. */
  nearestTagged(state: number, tag: number): number {
    for (let at = 0; at < this.size; at++) {
      if (this.states[at] === state && this.tags[at] === tag) return at
    }
    return -1
  }

  /** Whether the `count` nearest that have not failed have all answered. */
  allQueried(count: number): boolean {
    let seen = 0
    for (let at = 0; at < this.size && seen < count; at++) {
      const state = this.states[at]
      if (state === UNREACHABLE || state === SKIPPED) continue
      if (state !== QUERIED) return false
      seen++
    }
    return true
  }

  distanceOf(peer: PeerRef): number {
    return distance53(this.target, 0, this.book.keys, peer * KEY_WORDS)
  }

  /** The first place that is not nearer than the peer: binary search. */
  private place(peer: PeerRef, distance: number): number {
    let low = 0
    let high = this.size
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.isBefore(middle, peer, distance)) low = middle + 1
      else high = middle
    }
    return low
  }

  private isBefore(at: number, peer: PeerRef, distance: number): boolean {
    const here = this.distances[at] as number
    if (here !== distance) return here < distance
    return compareExactly(this.book, this.target, 0, this.peers[at] as number, peer) < 0
  }

  private grow(): void {
    const room = this.peers.length * 2
    this.peers = widened(this.peers, new Int32Array(room))
    this.states = widened(this.states, new Uint8Array(room))
    this.tags = widened(this.tags, new Uint8Array(room))
    this.distances = widened(this.distances, new Float64Array(room))
  }
}

function widened<T extends Int32Array | Uint8Array | Float64Array>(from: T, to: T): T {
  to.set(from)
  return to
}
