/** An operation of a caller, or a walk of the node's own, from its start to its end: plain state that the rules work on. */
import {
  KEY_WORDS,
  NO_PEER,
  type OperationType,
  type PeerBook,
  type PeerRef,
  type Reach,
  type StartOperation,
} from '@kadmium/core'
import { Candidates } from './candidates.ts'

/** Where a walk stands. */
export type Phase =
  /** In the pool. */
  | 'idle'
  /** Our own record is being judged or written. */
  | 'storingHere'
  /** Nobody to ask yet. */
  | 'gated'
  | 'walking'
  /** It is known who is nearest; what was under way then is waited for. */
  | 'lingering'
  /** Those of the result that have not answered are asked once more. */
  | 'following'
  /** The record goes to the result. */
  | 'sending'
  /** Older records are replaced before the caller gets the value. */
  | 'correcting'

/** Most peers of a result. */
export const RESULT_MAX = 40

/** A record that came in, and from whom; `NO_PEER` for our own. */
export interface FoundRecord {
  peer: PeerRef
  record: Uint8Array
}

const NO_BYTES = new Uint8Array(0)

export class Walk {
  readonly key: Uint32Array = new Uint32Array(KEY_WORDS)
  readonly candidates: Candidates
  id = 0
  phase: Phase = 'idle'
  type: OperationType = 'getClosest'
  keyBytes: Uint8Array = NO_BYTES
  record: Uint8Array | null = null
  subject: PeerRef = NO_PEER
  /** Who named the subject. */
  namer: PeerRef = NO_PEER
  quorum = 0
  countMax = 0
  reach: Reach = 'all'
  startedAtMs = 0
  /** It is given up then. */
  limitMs: number = Number.POSITIVE_INFINITY
  /** Questions of the walk under way. */
  inFlight = 0
  /** Records of the walk that are on their way to holders. */
  sending = 0
  /** The nearest when the walk came to its end, nearest first. */
  readonly result: Int32Array = new Int32Array(RESULT_MAX)
  resultCount = 0
  /** Those of the result that had not answered when it was frozen. */
  readonly open: PeerRef[] = [] // BOUNDED: by the result
  /** Of the result: where the sends are. */
  nextTarget = 0
  stored = 0
  /** Peers that were sent the record while the walk went on. */
  readonly holders: PeerRef[] = [] // BOUNDED: by the result
  /** The caller has its answer; what follows is nobody's wait. */
  told = false
  /** Records that came in and wait for the judge; the first is with it where `judging`. */
  readonly waiting: FoundRecord[] = [] // BOUNDED: by the peers asked
  judging = 0
  best: Uint8Array | null = null
  bestFrom: PeerRef = NO_PEER
  /** Valid records that came in. */
  responses = 0
  /** Peers that hold the best. */
  readonly current: PeerRef[] = [] // BOUNDED: by the peers asked
  /** Peers that hold another one. */
  readonly stale: PeerRef[] = [] // BOUNDED: by the peers asked
  /** Providers named to the caller. */
  readonly seen: PeerRef[] = [] // BOUNDED: by what answers name
  /** What a rule keeps besides; made by the rule, used anew with the walk. */
  extra: unknown = null
  next: Walk | null = null

  constructor(book: PeerBook) {
    this.candidates = new Candidates(book)
  }

  get stores(): boolean {
    return this.type === 'putValue' || this.type === 'provide'
  }

  begin(start: StartOperation, nowMs: number): void {
    this.key.set(start.key)
    this.candidates.begin(this.key)
    this.id = start.operation
    this.phase = 'walking'
    this.type = start.type
    this.keyBytes = start.keyBytes
    this.record = start.record
    this.subject = start.peer
    this.namer = NO_PEER
    this.quorum = start.quorum
    this.countMax = start.countMax
    this.reach = start.reach
    this.startedAtMs = nowMs
    this.limitMs = Number.POSITIVE_INFINITY
    this.inFlight = 0
    this.sending = 0
    this.resultCount = 0
    this.open.length = 0
    this.nextTarget = 0
    this.stored = 0
    this.holders.length = 0
    this.told = false
    this.waiting.length = 0
    this.judging = 0
    this.best = null
    this.bestFrom = NO_PEER
    this.responses = 0
    this.current.length = 0
    this.stale.length = 0
    this.seen.length = 0
  }
}

/** The walks of a column: a short list for each row, threaded through pooled objects. */
export class Walks {
  private readonly heads: (Walk | null)[] // BOUNDED: by rows
  private readonly pool: Walk[] = [] // BOUNDED: by the most walks ever under way at once
  private readonly book: PeerBook

  constructor(rows: number, book: PeerBook) {
    this.heads = new Array<Walk | null>(rows).fill(null)
    this.book = book
  }

  get bytes(): number {
    return this.heads.length * 8
  }

  first(row: number): Walk | null {
    return this.heads[row] ?? null
  }

  open(row: number, start: StartOperation, nowMs: number): Walk {
    const walk = this.pool.pop() ?? new Walk(this.book)
    walk.begin(start, nowMs)
    walk.next = this.first(row)
    this.heads[row] = walk
    return walk
  }

  find(row: number, id: number): Walk | null {
    let walk = this.first(row)
    while (walk !== null && walk.id !== id) walk = walk.next
    return walk
  }

  close(row: number, walk: Walk): void {
    let before: Walk | null = null
    let here = this.first(row)
    while (here !== null && here !== walk) {
      before = here
      here = here.next
    }
    if (here === null) return
    if (before === null) this.heads[row] = here.next
    else before.next = here.next
    walk.next = null
    walk.phase = 'idle'
    this.pool.push(walk)
  }

  /** When the first of the node's walks is to be given up. */
  deadlineMs(row: number): number {
    let deadline = Number.POSITIVE_INFINITY
    for (let walk = this.first(row); walk !== null; walk = walk.next) {
      deadline = Math.min(deadline, walk.limitMs)
    }
    return deadline
  }
}
