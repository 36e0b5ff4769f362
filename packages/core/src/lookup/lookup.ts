/**
 * One walk towards a key: which peer to ask next, and when enough is known.
 *
 * Decides: the order of asking (least expected time among those that can still matter) and the end
 * (enough of the nearest confirmed, nothing nearer outstanding). Is told: who was heard of, who
 * answered, failed or is late. Never: sends, measures time, reads scores or throws for what a peer
 * did; late, duplicate and unknown inputs return false and change nothing. What a peer answered with
 * is of no interest here, so the same walk serves all operations.
 *
 * Bounded by: `candidatesMax` candidates, the nearest are kept; each is asked at most once.
 */
import { assert } from '../assert.ts'
import { compareDistance, KEY_WORDS, type Key } from '../key.ts'
import { NO_PEER, type PeerBook, type PeerRef } from '../peers.ts'
import { SlotMap } from './slot-map.ts'

export interface LookupInit {
  /** Size of the result. */
  k: number
  /** Requests in flight at most; late ones do not count. */
  alpha: number
  /** Candidates kept at most; at least 4k, so that a result is never crowded out. */
  candidatesMax: number
}

/** Heard of, not asked: `next` or `take` makes it waiting. */
const HEARD = 0
/** Asked; ends as answered, failed or late. */
const WAITING = 1
/** Its time ran out: it blocks nobody, but an answer still counts. Ends as answered or failed. */
const LATE = 2
/** Confirmed: part of the result if near enough. */
const ANSWERED = 3
/** Out for the rest of this walk. */
const FAILED = 4
/** As waiting, but asked out of turn: it takes no slot. */
const TAKEN = 5

/**
 * Extra confirmations beyond k, as a multiple of k times the share of failures. With f of the entries
 * dead everybody names the same nearest 20, of which 20f are dead; the live ones behind them are learned
 * from peers a little further out, so the walk must confirm some more. See docs/decisions/0006.
 */
const MARGIN_FACTOR = 2

/** Weight of the failures seen before this walk, in requests. */
const PRIOR_WEIGHT = 4

/** Up to so many places are moved by a loop. */
const LOOP_MAX = 24

/** In flight at most until somebody has answered: the first answers make most far seeds pointless. */
const SCOUTING_MAX = 5

export class Lookup {
  /** Requests in flight, without late ones and those taken out of turn. */
  inFlight = 0
  readonly target: Key = new Uint32Array(KEY_WORDS)
  private readonly book: PeerBook
  private readonly k: number
  private readonly alpha: number
  // Candidates by slot: where one is put it stays. BOUNDED: by candidatesMax
  private readonly peers: Int32Array
  private readonly states: Uint8Array
  private readonly costs: Float32Array
  // The order of distance, nearest first: slots, and beside each the first word of its distance, which decides
  // nearly every comparison.
  private readonly order: Uint16Array
  private readonly heads: Uint32Array
  private readonly slots: SlotMap
  private readonly eligible: Int32Array // scratch
  private count = 0
  private self: PeerRef = NO_PEER
  private priorFailureShare = 0
  private answers = 0
  private failures = 0

  constructor(book: PeerBook, init: LookupInit) {
    assert(init.candidatesMax >= init.k * 4, 'a lookup needs room for 4k candidates')
    this.book = book
    this.k = init.k
    this.alpha = init.alpha
    this.peers = new Int32Array(init.candidatesMax)
    this.states = new Uint8Array(init.candidatesMax)
    this.costs = new Float32Array(init.candidatesMax)
    this.order = new Uint16Array(init.candidatesMax)
    this.heads = new Uint32Array(init.candidatesMax)
    this.slots = new SlotMap()
    this.eligible = new Int32Array(init.candidatesMax)
  }

  /**
   * Begins a walk; the object is reused. `failureShare` (0..1) is the share of requests that failed at
   * this node lately, the first guess at how much of what we hear is dead. `self` is never a candidate.
   */
  begin(key: Uint32Array, keyAt: number, self: PeerRef, failureShare: number): void {
    this.end()
    for (let i = 0; i < KEY_WORDS; i++) this.target[i] = key[keyAt + i] as number
    this.self = self
    this.priorFailureShare = failureShare
    this.answers = 0
    this.failures = 0
  }

  /** Ends the walk and lets go of all candidates. */
  end(): void {
    for (let i = 0; i < this.count; i++) this.book.unpin(this.peerAt(i))
    this.count = 0
    this.inFlight = 0
    this.slots.clear()
  }

  /** Heard of a peer whose answer is expected to take `costMs`. True when it is a new candidate. */
  add(peer: PeerRef, costMs: number): boolean {
    if (peer === this.self || !this.book.has(peer)) return false
    if (this.slots.find(peer) >= 0) return false
    const at = this.place(peer)
    if (at < this.count && this.samePlace(peer, at)) return false
    const slot = this.count < this.peers.length ? this.count : this.dropFarthest(at)
    if (slot < 0) return false
    this.book.pin(peer)
    moveUp(this.order, at, this.count)
    moveUp(this.heads, at, this.count)
    this.order[at] = slot
    this.heads[at] = this.headOf(peer)
    this.peers[slot] = peer
    this.states[slot] = HEARD
    this.costs[slot] = costMs
    this.slots.add(peer, slot)
    this.count++
    return true
  }

  /**
   * The next peer to ask, from now on in flight; `NO_PEER` when none may be asked now. Among those that
   * can still matter to the result the one with the least expected time, the nearer of equals; with
   * `explore` (0..2^32-1, a die) any of them.
   */
  next(explore = -1): PeerRef {
    const room = this.answers === 0 ? Math.min(SCOUTING_MAX, this.alpha) : this.alpha
    if (this.inFlight >= room) return NO_PEER
    const eligible = this.collectEligible()
    if (eligible === 0) return NO_PEER
    if (explore >= 0) return this.ask(this.eligible[explore % eligible] as number)
    let best = this.eligible[0] as number
    for (let i = 1; i < eligible; i++) {
      const at = this.eligible[i] as number
      if ((this.costs[at] as number) < (this.costs[best] as number)) best = at
    }
    return this.ask(best)
  }

  /** Takes a certain candidate out of turn and beyond alpha. False when it can't be asked (any more). */
  take(peer: PeerRef): boolean {
    const at = this.find(peer)
    if (at < 0 || this.states[at] !== HEARD) return false
    this.states[at] = TAKEN
    return true
  }

  /** The peer answered. True when it was in flight or late: then add what it named. */
  answered(peer: PeerRef): boolean {
    const at = this.settle(peer, ANSWERED)
    if (at) this.answers++
    return at
  }

  /** The peer will not answer. True when it was in flight or late. */
  failed(peer: PeerRef): boolean {
    const wasLate = this.stateOf(peer) === LATE
    const settled = this.settle(peer, FAILED)
    if (settled && !wasLate) this.failures++
    return settled
  }

  /** The peer's expected time ran out: its slot is free. True when it was in flight. */
  late(peer: PeerRef): boolean {
    const at = this.find(peer)
    if (at < 0) return false
    const before = this.states[at]
    if (before !== WAITING && before !== TAKEN) return false
    if (before === WAITING) this.inFlight--
    this.states[at] = LATE
    this.failures++
    return true
  }

  /** Whether enough of the nearest are confirmed with nothing nearer outstanding, or nobody is left to ask. */
  get done(): boolean {
    const wanted = this.k + this.margin()
    let confirmed = 0
    for (let i = 0; i < this.count; i++) {
      const state = this.states[this.order[i] as number]
      if (state === HEARD || state === WAITING || state === TAKEN) return false
      if (state === ANSWERED && ++confirmed >= wanted) return true
    }
    return true
  }

  /** As `done`, and none of those that are late could still change the result. */
  get exhausted(): boolean {
    const wanted = this.k + this.margin()
    let confirmed = 0
    for (let i = 0; i < this.count; i++) {
      const state = this.states[this.order[i] as number]
      if (state !== ANSWERED && state !== FAILED) return false
      if (state === ANSWERED && ++confirmed >= wanted) return true
    }
    return true
  }

  /** Takes back the confirmation of a peer that answered but is of no use. True when it had answered. */
  reject(peer: PeerRef): boolean {
    const at = this.find(peer)
    if (at < 0 || this.states[at] !== ANSWERED) return false
    this.states[at] = FAILED
    return true
  }

  /** Writes up to k answered peers, nearest first. Returns how many. */
  closest(out: Int32Array): number {
    let found = 0
    for (let i = 0; i < this.count && found < this.k && found < out.length; i++) {
      const slot = this.order[i] as number
      if (this.states[slot] === ANSWERED) out[found++] = this.peers[slot] as PeerRef
    }
    return found
  }

  /**
   * Writes the k nearest candidates that have neither failed nor are late, asked or not, nearest first.
   * Returns how many: this is what the result will be if nothing nearer turns up and nobody fails.
   */
  prospects(out: Int32Array): number {
    let found = 0
    for (let i = 0; i < this.count && found < this.k && found < out.length; i++) {
      const slot = this.order[i] as number
      const state = this.states[slot]
      if (state !== FAILED && state !== LATE) out[found++] = this.peers[slot] as PeerRef
    }
    return found
  }

  /** Whether the peer is a candidate, in whatever state. */
  has(peer: PeerRef): boolean {
    return this.find(peer) >= 0
  }

  /** Whether the peer has answered in this walk. */
  hasAnswered(peer: PeerRef): boolean {
    return this.stateOf(peer) === ANSWERED
  }

  /** Whether the peer is known to this walk and not asked yet. */
  isUnasked(peer: PeerRef): boolean {
    return this.stateOf(peer) === HEARD
  }

  /** Whether the peer is among the nearest `count` candidates that have neither failed nor are late. */
  isAmong(peer: PeerRef, count: number): boolean {
    const slot = this.find(peer)
    let before = 0
    for (let i = 0; slot >= 0 && i < this.count && before < count; i++) {
      const other = this.order[i] as number
      if (other === slot) return true
      if (this.states[other] !== FAILED && this.states[other] !== LATE) before++
    }
    return false
  }

  /** Candidates known, in whatever state. */
  get size(): number {
    return this.count
  }

  /** Slots of those not asked yet that can still matter, nearest first. Returns how many. */
  private collectEligible(): number {
    const window = this.k + this.margin()
    let rank = 0
    let found = 0
    for (let i = 0; i < this.count && rank < window; i++) {
      const state = this.states[this.order[i] as number]
      if (state === FAILED || state === LATE) continue
      rank++
      if (state === HEARD) this.eligible[found++] = this.order[i] as number
    }
    return found
  }

  private margin(): number {
    const asked = this.answers + this.failures
    const expected = this.priorFailureShare * PRIOR_WEIGHT
    const share = (this.failures + expected) / (asked + PRIOR_WEIGHT)
    return Math.min(this.k, Math.ceil(MARGIN_FACTOR * this.k * share))
  }

  private ask(at: number): PeerRef {
    this.states[at] = WAITING
    this.inFlight++
    return this.peers[at] as PeerRef
  }

  private settle(peer: PeerRef, state: number): boolean {
    const at = this.find(peer)
    if (at < 0) return false
    const before = this.states[at]
    if (before !== WAITING && before !== TAKEN && before !== LATE) return false
    if (before === WAITING) this.inFlight--
    this.states[at] = state
    return true
  }

  private stateOf(peer: PeerRef): number {
    const at = this.find(peer)
    return at < 0 ? -1 : (this.states[at] as number)
  }

  /** The slot of a candidate, -1 for a peer that is none. */
  private find(peer: PeerRef): number {
    if (!this.book.has(peer)) return -1
    const slot = this.slots.find(peer)
    if (slot >= 0 || this.book.fixed) return slot
    const at = this.place(peer)
    return at < this.count && this.samePlace(peer, at) ? (this.order[at] as number) : -1
  }

  /** First place whose candidate is not nearer than the peer. */
  private place(peer: PeerRef): number {
    const head = this.headOf(peer)
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      const there = this.heads[middle] as number
      const nearer = there !== head ? there < head : this.compare(this.peerAt(middle), peer) < 0
      if (nearer) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Two refs of one key are one peer. */
  private samePlace(peer: PeerRef, at: number): boolean {
    if (this.heads[at] !== this.headOf(peer)) return false
    const there = this.peerAt(at)
    return there === peer || this.compare(there, peer) === 0
  }

  private peerAt(at: number): PeerRef {
    return this.peers[this.order[at] as number] as PeerRef
  }

  private compare(a: PeerRef, b: PeerRef): number {
    const { book } = this
    return compareDistance(this.target, 0, book.keys, book.at(a), book.keys, book.at(b))
  }

  private headOf(peer: PeerRef): number {
    return ((this.target[0] as number) ^ this.book.head(peer)) >>> 0
  }

  /** Frees the slot of the farthest candidate that was never asked, for one at `at`; -1 where all behind were. */
  private dropFarthest(at: number): number {
    for (let i = this.count - 1; i >= at; i--) {
      const slot = this.order[i] as number
      if (this.states[slot] !== HEARD) continue
      const peer = this.peers[slot] as PeerRef
      this.book.unpin(peer)
      this.slots.remove(peer)
      this.order.copyWithin(i, i + 1, this.count)
      this.heads.copyWithin(i, i + 1, this.count)
      this.count--
      return slot
    }
    return -1
  }
}

/** Moves [at, end) up by one place. A loop where that is less than calling the built-in. */
function moveUp(list: Uint16Array | Uint32Array, at: number, end: number): void {
  if (end - at > LOOP_MAX) {
    list.copyWithin(at + 1, at, end)
    return
  }
  for (let i = end; i > at; i--) list[i] = list[i - 1] as number
}
