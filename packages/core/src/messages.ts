/**
 * Everything that a node can hear (`Input`) and everything that it can ask for (`Output`). Both are
 * closed unions of plain data: they carry ids, never callbacks, so that a run can be written down and
 * replayed. Start reading here.
 *
 * Objects handed to `handle` are borrowed for the call, and objects in an `Outbox` are valid until the
 * next `handle` with that outbox: whoever keeps something copies it. Not so the bytes of keys and
 * records: an array of bytes that was handed over is never written to again, so that it may be kept.
 */
import { KEY_WORDS, type Key } from './key.ts'
import type { OperationOutcome } from './outcomes.ts'
import type { PeerRef } from './peers.ts'

export type { OperationOutcome }

/** The six RPCs of the libp2p Kademlia protocol. */
export type MessageType =
  | 'putValue'
  | 'getValue'
  | 'addProvider'
  | 'getProviders'
  | 'findNode'
  | 'ping'

/** Most closer peers that are read from one message: 2k, as go takes. */
export const CLOSER_MAX = 40

/** Most providers that are read from one message. */
export const PROVIDERS_MAX = 128

/** Longest record key on the wire, bytes (go's limit for provider keys). */
export const KEY_BYTES_MAX = 80

const NO_BYTES = new Uint8Array(0)

/**
 * One request or answer of the protocol, with room for the longest lists, made to be reused: its
 * shape never changes, so that a pool of them costs nothing to fill and to read.
 */
export class Message {
  /** Which of the six RPCs; an answer has the type of its request. Default `ping`. */
  type: MessageType = 'ping'
  /** SHA-256 of `keyBytes`: where the subject lies in the key space. */
  readonly key: Key = new Uint32Array(KEY_WORDS)
  /** The key as it goes over the wire (multihash, peer id, `/pk/…`); empty where the host has none. */
  keyBytes: Uint8Array = NO_BYTES
  /** A serialized libp2p record: of PUT_VALUE and of the answer to GET_VALUE. */
  record: Uint8Array | null = null
  /** Peers nearer to the key: `closer[0..closerCount)`. */
  readonly closer: Int32Array = new Int32Array(CLOSER_MAX)
  /** How many of `closer` are meant, 0..`CLOSER_MAX`. */
  closerCount = 0
  /** Providers of the key: `providers[0..providerCount)`. */
  readonly providers: Int32Array = new Int32Array(PROVIDERS_MAX)
  /** How many of `providers` are meant, 0..`PROVIDERS_MAX`. */
  providerCount = 0

  /** Empties the message for a new use. Returns the message itself. */
  clear(type: MessageType): this {
    this.type = type
    for (let i = 0; i < KEY_WORDS; i++) this.key[i] = 0 // faster than `fill` on so few
    this.keyBytes = NO_BYTES
    this.record = null
    this.closerCount = 0
    this.providerCount = 0
    return this
  }

  /** Takes over all of another message; the bytes of key and record are shared. Returns this message. */
  copy(from: Message): this {
    this.type = from.type
    this.key.set(from.key)
    this.keyBytes = from.keyBytes
    this.record = from.record
    this.closer.set(from.closer)
    this.closerCount = from.closerCount
    this.providers.set(from.providers)
    this.providerCount = from.providerCount
    return this
  }

  /** Adds a closer peer; false when the list is full. */
  addCloser(ref: PeerRef): boolean {
    if (this.closerCount >= CLOSER_MAX) return false
    this.closer[this.closerCount++] = ref
    return true
  }

  /** Adds a provider; false when the list is full. */
  addProvider(ref: PeerRef): boolean {
    if (this.providerCount >= PROVIDERS_MAX) return false
    this.providers[this.providerCount++] = ref
    return true
  }
}

/** What a caller can ask of a node. */
export type OperationType =
  | 'getClosest'
  | 'findPeer'
  | 'getValue'
  | 'putValue'
  | 'findProviders'
  | 'provide'

/**
 * What an operation may go by. `local`: only what the node has itself: nobody is asked, and what is put or
 * provided is stored here alone. `network`: only what others say: what is stored here and who is known to
 * be reachable does not answer it.
 */
export type Reach = 'all' | 'local' | 'network'

/** Why a request got no answer. `cancelled` says nothing about the peer, all others do. */
export type FailureReason = 'dial' | 'timeout' | 'reset' | 'unsupported' | 'malformed' | 'cancelled'

/**
 * How near a peer is to us in round trips: an answer costs 5 cold, 2 connected, 1 on a pooled stream.
 * `lost`: cold, because the last connection broke (it was reset or timed out, not closed in order).
 */
export type Link = 'cold' | 'connected' | 'pooled' | 'lost'

/**
 * What a caller found out about a provider: it delivered what was asked for; it did not; it delivered
 * something else, which can be proven (it does not hash to its key).
 */
export type ProviderOutcome = 'served' | 'failed' | 'lied'

/**
 * What a validator, and where there is something to compare with a selector, says of a record:
 * `invalid`; `better` than (or first where there is none), `same` as, `worse` than the other.
 */
export type Verdict = 'invalid' | 'better' | 'same' | 'worse'

/**
 * What a node can hear. Late, duplicate and unknown inputs change nothing.
 *
 * @property kind What happened.
 * @property operation The host's id for an operation, as `startOperation` gave it.
 * @property exchange The host's name for the place where an answer goes.
 * @property request The id of the `send` that this ends.
 * @property job The id of the `validate`, `persistRecord` or `persistProvider` that this answers.
 * @property from The peer that asks.
 * @property peer The peer in question.
 * @property provider The peer that provides.
 * @property message The request or the answer; borrowed for the call.
 * @property rttMs Milliseconds from the writing of the request to its answer; -1 where the host can't tell.
 * @property reason Why there is no answer.
 * @property key Where the subject lies in the key space.
 * @property keyBytes What `key` is the SHA-256 of, as it goes over the wire; at most `KEY_BYTES_MAX` bytes.
 * @property record A serialized libp2p record.
 * @property expiresAtMs When it ends to be valid, in ms of the clock that `handle` is called with.
 * @property link How near the peer is now.
 * @property dialled Whether we opened the connection, to an address that the peer announces.
 * @property ipGroup The group of the address that the peer was reached at; 0 for none (loopback, private).
 * @property speaks Whether it supports our protocol as a server.
 * @property ok Whether it was done.
 * @property verdict What the judge says.
 * @property outcome What became of the provider.
 * @property evidence What was remembered of the peer.
 * @property ageMs How long ago that was written, ms.
 */
export type Input =
  /** The deadline passed. Early, late and doubled wakes do no harm. */
  | { kind: 'wake' }
  /** The node goes online: look up ourselves, keep the table fresh. */
  | { kind: 'start' }
  /** The node goes offline: operations end as `cancelled`, timers stop, tables stay. */
  | { kind: 'stop' }
  | StartOperation
  /** The caller lost interest; what is in flight is cancelled. */
  | { kind: 'cancelOperation'; operation: number }
  /** A peer asks. `exchange` is the host's name for the place where the answer goes. */
  | { kind: 'requestArrived'; exchange: number; from: PeerRef; message: Message }
  /**
   * A peer answered our request; `request` is the id of the `send`. `rttMs`: from the writing of the
   * request to its answer, one round trip and the peer's work; -1 where the host can't tell.
   */
  | { kind: 'answerArrived'; request: number; message: Message; rttMs: number }
  /** The answer to `pickKey`: the node walks there. */
  | { kind: 'keyPicked'; key: Key; keyBytes: Uint8Array }
  /** Our request ends without an answer. */
  | { kind: 'requestFailed'; request: number; reason: FailureReason }
  /**
   * A connection to the peer began or ended, or a stream to it is (no longer) kept open. `dialled`:
   * the connection was opened by us, to an address that the peer announces. `ipGroup`: the group of
   * the address we reached it at, 0 for none (loopback, private).
   */
  | { kind: 'linkChanged'; peer: PeerRef; link: Link; dialled: boolean; ipGroup: number }
  /** Identify told whether the peer speaks our protocol, or told anew. */
  | { kind: 'protocolChanged'; peer: PeerRef; speaks: boolean }
  /** The end of a `dial`. */
  | { kind: 'dialEnded'; peer: PeerRef; ok: boolean; ipGroup: number }
  /** The answer to `validate`. */
  | { kind: 'validated'; job: number; verdict: Verdict }
  /** The answer to `persistRecord`. */
  | { kind: 'persisted'; job: number; ok: boolean }
  /** A value found in the store at start. */
  | {
      kind: 'recordLoaded'
      key: Key
      keyBytes: Uint8Array
      record: Uint8Array
      expiresAtMs: number
    }
  /** A provider record found in the store at start. */
  | {
      kind: 'providerLoaded'
      key: Key
      keyBytes: Uint8Array
      provider: PeerRef
      expiresAtMs: number
    }
  /** We (`provider`) no longer provide the key: drop our own record of it. */
  | { kind: 'withdrawProvider'; key: Key; provider: PeerRef }
  /**
   * A caller tells what became of a provider of `key`. The same outcome of the same two counts once an
   * hour; a report moves the peer's score and gives no seat in the table.
   */
  | { kind: 'providerReported'; key: Key; peer: PeerRef; outcome: ProviderOutcome }
  /** What an earlier run remembered of a peer, as written by `exportPeers`, `ageMs` ago. */
  | { kind: 'peerLoaded'; peer: PeerRef; evidence: PeerEvidence; ageMs: number; ipGroup: number }

/** A caller wants something: the input that begins an operation. It ends with `operationEnded`. */
export interface StartOperation {
  /** What happened. */
  kind: 'startOperation'
  /** The host's id for the operation, 1 or more, never used before: the work behind a put may outlive its end. */
  operation: number
  /** What is wanted. */
  type: OperationType
  /** SHA-256 of `keyBytes`. */
  key: Key
  /** The key as it goes over the wire, at most `KEY_BYTES_MAX` bytes. */
  keyBytes: Uint8Array
  /** The record to put; null otherwise. */
  record: Uint8Array | null
  /** The peer to find or, for `provide`, the provider (ourselves); `NO_PEER` otherwise. */
  peer: PeerRef
  /** `getValue`: how many answers with a record decide. 0 takes the default for the kind of record. */
  quorum: number
  /** `findProviders`: end after so many providers; 0 for no limit. */
  countMax: number
  /** Whether others are asked, and whether what the node has itself counts. */
  reach: Reach
  /**
   * Where nobody is there to ask (no member that answers, no connected peer that speaks), the walk waits for
   * somebody so long, ms; 0 for not at all. What the node does by itself it does at once.
   */
  patienceMs: number
}

/** What is remembered of a peer between runs: sufficient statistics, not a score alone. */
export interface PeerEvidence {
  /** Decayed count of successes, 0..50. */
  successes: number
  /** Decayed count of failures, 0..50. */
  failures: number
  /** Smoothed round trip, ms; 0 when never measured. */
  rttMs: number
  /** Its mean deviation, ms. */
  rttDeviationMs: number
  /** We once dialled it with success. */
  dialled: boolean
}

/**
 * What a node asks its host for. ARCHITECTURE.md has the table of which input answers which output.
 *
 * @property kind What is to be done.
 * @property request The node's id for the request, to be named by the input that ends it.
 * @property exchange The place that the host named in `requestArrived`.
 * @property job The node's id for the work, to be named by the input that answers it; 0 wants no answer.
 * @property to The peer to ask.
 * @property peer The peer in question.
 * @property provider The peer that provides.
 * @property message What to send; valid until the outbox is cleared.
 * @property dialTimeoutMs Where a connection has to be opened first, that may take so long, ms.
 * @property timeoutMs The dial may take so long, ms.
 * @property expired Whether the request's time is up.
 * @property bits How many leading bits the key shares with the node's own, 0..256.
 * @property peers How many peers.
 * @property keyBytes The key as it goes over the wire.
 * @property record A serialized libp2p record; null deletes.
 * @property against Another record of the same key, or null.
 * @property expiresAtMs When it ends to be valid, in ms of the clock that `handle` is called with.
 */
export type Output =
  /**
   * Ask a peer; dial it when there is no connection. ADD_PROVIDER has no answer on the wire: the host
   * reports `answerArrived` with a message of that type once it is sure that the peer handled it
   * (servers work through a stream in order, so a later answer or a clean end of the stream is proof).
   * The host ends a dial after `dialTimeoutMs`; the node itself ends the request.
   */
  | {
      kind: 'send'
      request: number
      to: PeerRef
      message: Message
      dialTimeoutMs: number
    }
  /**
   * No longer interested; no input follows. `expired`: its time is up, reset what carries it. Otherwise
   * its late answer may be swallowed, so that its neighbours on the same stream do not suffer.
   */
  | { kind: 'cancelRequest'; request: number; expired: boolean }
  /** The answer to a `requestArrived`. */
  | { kind: 'respond'; exchange: number; message: Message }
  /** A request that gets no answer: malformed, invalid or over a limit. The host resets the stream. */
  | { kind: 'refuse'; exchange: number }
  /** The message was handled and has no answer (ADD_PROVIDER). */
  | { kind: 'accept'; exchange: number }
  /** Open a fresh connection to the peer at an address that it announces: is it reachable for others? */
  | { kind: 'dial'; peer: PeerRef; timeoutMs: number }
  /**
   * Wanted: a random key that shares exactly `bits` bits with the node's own (256: that one itself),
   * together with bytes that hash to it, since peers are asked for those. The host may leave it be
   * where it can't find any.
   */
  | { kind: 'pickKey'; bits: number }
  /**
   * The walk of a `keyPicked` is over, with so many nearest peers confirmed: 0 where nobody answered or
   * too many operations were under way. None follows a `stop`.
   */
  | { kind: 'walkEnded'; keyBytes: Uint8Array; peers: number }
  /** Judge a record for a key, alone (`against` null) or against another. */
  | {
      kind: 'validate'
      job: number
      keyBytes: Uint8Array
      record: Uint8Array
      against: Uint8Array | null
    }
  /** Write a value, or delete it where `record` is null. A put is acknowledged only after `persisted`. */
  | {
      kind: 'persistRecord'
      job: number
      keyBytes: Uint8Array
      record: Uint8Array | null
      expiresAtMs: number
    }
  /** Write a provider record, or delete it where `expiresAtMs` is 0. Job 0 wants no answer. */
  | {
      kind: 'persistProvider'
      job: number
      keyBytes: Uint8Array
      provider: PeerRef
      expiresAtMs: number
    }
  | OperationEvent
  /** Nothing holds the peer any more: its ref is stale from now on. */
  | { kind: 'forget'; peer: PeerRef }

/**
 * What happens within an operation, for its caller.
 *
 * @property kind What happened.
 * @property operation The host's id for the operation.
 * @property peer The peer that is asked, answered, failed or was found; `NO_PEER` where it was our own store.
 * @property from The peer that told.
 * @property message The request or the answer; valid until the outbox is cleared.
 * @property reason Why the peer failed.
 * @property record A serialized libp2p record that was judged.
 * @property outcome How it ended.
 * @property stored Holders that acknowledged so far.
 * @property wanted Holders wanted; 0 where nothing is stored.
 */
export type OperationEvent =
  /** A request goes to a peer. */
  | { kind: 'asking'; operation: number; peer: PeerRef; message: Message }
  /** A peer answered. */
  | { kind: 'answered'; operation: number; peer: PeerRef; message: Message }
  /** A peer did not answer; the operation goes on. */
  | { kind: 'peerFailed'; operation: number; peer: PeerRef; reason: FailureReason }
  /** The decided value of `getValue`, once. `peer` is `NO_PEER` when it was our own. An older one that we hold gives way. */
  | { kind: 'valueFound'; operation: number; peer: PeerRef; record: Uint8Array }
  /** Providers not named before in this operation, in `message.providers`. */
  | { kind: 'providersFound'; operation: number; peer: PeerRef; message: Message }
  /** The peer that was looked for is known and has addresses at the host. */
  | { kind: 'peerFound'; operation: number; from: PeerRef; peer: PeerRef }
  /** The k closest live peers in `message.closer`, nearest first. */
  | { kind: 'closestFound'; operation: number; message: Message }
  /** The caller's wait is over. `stored` of `wanted` holders have acknowledged so far; work may go on behind it. */
  | {
      kind: 'operationEnded'
      operation: number
      outcome: OperationOutcome
      stored: number
      wanted: number
    }
