/** What is known of one operation under way: plain data, pooled, without decisions. */
import { copyKey, KEY_WORDS, type Key } from '../key.ts'
import { Lookup, type LookupInit } from '../lookup/lookup.ts'
import type { MessageType, OperationType, Reach, StartOperation } from '../messages.ts'
import { NO_PEER, type PeerBook, type PeerRef } from '../peers.ts'

const NO_BYTES = new Uint8Array(0)

/** Peers that one put can try to store at: k and the replacements of those that fail. */
export const HOLDERS_MAX = 64

/** Providers that one search can tell apart; what comes above is not reported. */
export const PROVIDERS_SEEN_MAX = 1024

/** An answer with a record that waits for its turn to be judged. */
export interface FoundRecord {
  peer: PeerRef
  record: Uint8Array
}

/** Where a record stands at one peer; `late`: nobody waits for the answer, but it would count. */
export type HolderState = 'sending' | 'late' | 'stored' | 'failed'

/** What a walk asks of each peer. */
export const QUESTION: Record<OperationType, MessageType> = {
  getClosest: 'findNode',
  findPeer: 'findNode',
  getValue: 'getValue',
  findProviders: 'getProviders',
  putValue: 'findNode',
  provide: 'findNode',
}

export class Operation {
  /** The caller's id; 0 for the node's own upkeep, which reports its end only. */
  id = 0
  next: Operation | null = null
  node = 0
  type: OperationType = 'getClosest'
  readonly key: Key = new Uint32Array(KEY_WORDS)
  keyBytes: Uint8Array = NO_BYTES
  record: Uint8Array | null = null
  /** The peer that is looked for, or that provides. */
  subject: PeerRef = NO_PEER
  readonly lookup: Lookup
  reach: Reach = 'all'
  /** How long the walk waits for somebody to ask, ms. */
  patienceMs = 0
  /** When the caller's patience ends. */
  patientUntilMs = 0
  /** Until when it waits; Infinity while it does not. */
  waitUntilMs: number = Number.POSITIVE_INFINITY
  /** The walk has begun: before, an own record is being judged, and stored where it is put. */
  walking = false
  /** The caller has been told the outcome; what goes on is in the background. */
  ended = false
  /** Questions of a walk that were answered. */
  learned = 0
  /** The last so many of them named nobody new among the k nearest: what a put learned about the region. */
  quiet = 0

  // getValue
  quorum = 1
  best: Uint8Array | null = null
  bestFrom: PeerRef = NO_PEER
  /** Answers with a valid record so far. */
  agreed = 0
  /** Peers that answered with the best, or with one of its rank; not ourselves. */
  readonly current: PeerRef[] = [] // BOUNDED: by candidates, each answers once; pinned by the lookup
  /** The record with the judge, or null. */
  judged: FoundRecord | null = null
  readonly waiting: FoundRecord[] = [] // BOUNDED: by candidates, each answers once
  /** Peers that answered with a worse record than the best. */
  readonly stale: PeerRef[] = [] // BOUNDED: by candidates, each answers once; pinned by the lookup
  /** When the best so far has to do; Infinity while there is none. */
  decideAtMs: number = Number.POSITIVE_INFINITY

  // findProviders
  countMax = 0
  readonly seen: PeerRef[] = [] // BOUNDED: by PROVIDERS_SEEN_MAX; pinned
  /** Answers that named providers. */
  namers = 0

  // putValue, provide
  readonly holders: PeerRef[] = [] // BOUNDED: by HOLDERS_MAX; pinned by the lookup
  readonly holderStates: HolderState[] = [] // BOUNDED: with holders
  stored = 0
  /** Holders in state `sending`. */
  sending = 0

  constructor(book: PeerBook, init: LookupInit) {
    this.lookup = new Lookup(book, init)
  }

  /** What the caller wants. */
  take(node: number, start: StartOperation): void {
    this.id = start.operation
    this.node = node
    this.type = start.type
    copyKey(start.key, 0, this.key, 0)
    this.keyBytes = start.keyBytes
    this.record = start.record
    this.countMax = start.countMax
    this.reach = start.reach
    this.patienceMs = start.patienceMs
  }

  /** Whether the walk waits for somebody to ask. */
  get isWaiting(): boolean {
    return this.waitUntilMs !== Number.POSITIVE_INFINITY
  }

  /** When it must decide or go on with what it has. */
  get deadlineMs(): number {
    return Math.min(this.decideAtMs, this.waitUntilMs)
  }

  /** Whether the operation puts something at the k closest peers. */
  get stores(): boolean {
    return this.type === 'putValue' || this.type === 'provide'
  }

  /** Whether a record was sent to the peer, whatever became of it. */
  isHolder(peer: PeerRef): boolean {
    return this.holders.includes(peer)
  }

  /** Begins the walk, maybe again: who failed may be tried anew. */
  begin(self: PeerRef, failureShare: number): void {
    this.forgetHolders()
    this.lookup.begin(this.key, 0, self, failureShare)
  }

  private forgetHolders(): void {
    this.holders.length = 0
    this.holderStates.length = 0
    this.sending = 0
  }

  /** Ready for the pool. What was pinned has been let go by then. */
  reset(): void {
    this.lookup.end()
    this.id = 0
    this.keyBytes = NO_BYTES
    this.record = null
    this.subject = NO_PEER
    this.reach = 'all'
    this.patienceMs = 0
    this.patientUntilMs = 0
    this.waitUntilMs = Number.POSITIVE_INFINITY
    this.walking = false
    this.ended = false
    this.learned = 0
    this.quiet = 0
    this.next = null
    this.quorum = 1
    this.best = null
    this.bestFrom = NO_PEER
    this.agreed = 0
    this.judged = null
    this.waiting.length = 0
    this.current.length = 0
    this.stale.length = 0
    this.decideAtMs = Number.POSITIVE_INFINITY
    this.countMax = 0
    this.seen.length = 0
    this.namers = 0
    this.forgetHolders()
    this.stored = 0
  }
}
