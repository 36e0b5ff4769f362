/**
 * What a strategy is to the simulator: nodes with the signature of the core, `handle(node, now, input,
 * outbox)` and `deadline(node)`. Kadmium's own `Nodes` is one; the rivals in `baselines/` are machines
 * with the same inputs and outputs, so that all of them live in one world behind one host.
 */
import type { Input, Outbox, PeerBook, PeerRef } from '@kadmium/core'

/** The nodes of one worker: rows 0..n-1 of a contiguous range of identities. */
export interface Column {
  /** One input to one node; what it asks for is appended to `outbox`. Late and unknown inputs are no-ops. */
  handle(row: number, nowMs: number, input: Input, outbox: Outbox): void
  /** When the node wants its next `wake`, ms; Infinity for never. May be early, never late. */
  deadline(row: number): number
  /** Peers that bucket `bucket` of a full table holds; 0 where there is no table. */
  bucketSeats(bucket: number): number
  /**
   * Fills an empty bucket, before the run begins: `peers[0..count)` are in key order and all belong there. They count as
   * met, with success, as if they had answered once. `groups[0..count)` are those of their
   * addresses, as `StrategyInit.ipGroup` tells them; null where nobody has one.
   */
  seat(
    row: number,
    bucket: number,
    peers: Int32Array,
    count: number,
    nowMs: number,
    groups: Int32Array | null,
  ): void
  /** Writes all peers of the node's table. Returns how many; what `out` has no room for is left out. */
  members(row: number, out: Int32Array): number
  /** Writes whom a lookup of that key would begin with, nearest first. Returns how many. */
  seeds(row: number, key: Uint32Array, keyAt: number, nowMs: number, out: Int32Array): number
  /** What the node thinks of a peer, 0..1 (0.5: nothing known); undefined where the strategy keeps no scores. */
  score?(row: number, peer: PeerRef, nowMs: number): number
  /** Whether the node keeps a member aside that failed it: it neither begins with it nor names it. Left out where nobody is kept so. */
  isBenched?(row: number, peer: PeerRef, nowMs: number): boolean
  /** The node's process ended and begins anew: what the strategy keeps in memory only is gone. Left out where all of it is kept. */
  restart?(row: number): void
  /**
   * A request arrives that only asks for peers, or for a record (`getValue`), as `requestArrived` would tell it: the key
   * stands in `words` from `keyAt` on. Writes the peers that its answer names to `words` from `closerAt` on and returns
   * how many, at most 40; what else the node asks for is appended to `outbox`. -1, and nothing is changed: only `handle`
   * can answer it. The same as by `handle`, without a message for either; where it is left out, `handle` hears of all.
   */
  answerRead?(
    row: number,
    nowMs: number,
    from: PeerRef,
    words: Int32Array,
    keyAt: number,
    closerAt: number,
    outbox: Outbox,
  ): number
  /** Peers that a bucket holds besides, such as benched ones. Default 0. */
  readonly benchSeats?: number
  /** Whether `members` come bucket by bucket, the widest first. */
  readonly inBuckets?: boolean
  /** Whether a request to read is answered at once from what the node has, and changes nothing: a checker may ask. */
  readonly readsAlone?: boolean
  /** Requests of a node in flight. */
  inFlight?(row: number): number
  /** How many of them there may be. */
  readonly inFlightMax?: number
  /** Bytes that the column's typed arrays and slabs hold now, over all rows. */
  readonly bytes: number
}

/** What the world knows: for strategies that are told what others must measure (`oracle`, `pns`), and for checkers. */
export interface Truth {
  /** Whether the identity is up at that time and can be dialled; exact up to the present. */
  isReachable(peer: PeerRef, nowMs: number): boolean
  /** Round trip between two identities without jitter and service time, ms. */
  rttMs(a: PeerRef, b: PeerRef): number
  /** Writes the `count` nearest to the key that are reachable servers now, nearest first. Returns how many. */
  closestLive(
    key: Uint32Array,
    keyAt: number,
    count: number,
    nowMs: number,
    out: Int32Array,
  ): number
}

/** What a strategy makes its nodes of. */
export interface StrategyInit {
  /** All identities of the run: the ref of each is its rank in key order, and never ends. */
  book: PeerBook
  /** The first identity of this column: row r is identity `first + r`. */
  first: PeerRef
  /** Rows. */
  count: number
  /** Root of all dice, 32 bits. A node's own come from this and its key, whatever its row. */
  seed: number
  /** Whether an identity is a server: it answers, and belongs in tables. */
  isServer(peer: PeerRef): boolean
  /** The group of the identity's address; 0 for none. */
  ipGroup(peer: PeerRef): number
  /** What the world knows. */
  truth: Truth
  /** What the scenario sets for this strategy. */
  options: Readonly<Record<string, unknown>>
}

/** A strategy by name. */
export interface Strategy {
  /** As scenarios and results name it. */
  readonly name: string
  /** One line for people: what it does and where it is described. */
  readonly summary: string
  /** What is wrong with a scenario's options for it, as a sentence; null where nothing is. */
  optionsFault(options: Readonly<Record<string, unknown>>): string | null
  /** The nodes of one worker. */
  create(init: StrategyInit): Column
}
