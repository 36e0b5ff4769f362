/**
 * What a node asks for in one step. The caller owns the outbox; its records and messages are pooled
 * and valid until the next `clear`.
 *
 * Bounded by: what one input can cause, which the machines bound one by one (requests in flight,
 * operations, jobs).
 */
import {
  type FailureReason,
  Message,
  type MessageType,
  type OperationOutcome,
  type Output,
} from './messages.ts'
import { NO_PEER, type PeerRef } from './peers.ts'

/** The one shape that all outputs are kept in: reading and filling them stays monomorphic. */
class OutputRecord {
  kind: Output['kind'] = 'accept'
  request = 0
  exchange = 0
  operation = 0
  job = 0
  bits = 0
  expired = false
  peer: PeerRef = NO_PEER
  to: PeerRef = NO_PEER
  from: PeerRef = NO_PEER
  provider: PeerRef = NO_PEER
  message: Message | null = null
  keyBytes: Uint8Array | null = null
  record: Uint8Array | null = null
  against: Uint8Array | null = null
  reason: FailureReason = 'timeout'
  outcome: OperationOutcome = 'ok'
  expiresAtMs = 0
  timeoutMs = 0
  dialTimeoutMs = 0
  stored = 0
  wanted = 0
  peers = 0
}

/**
 * The outputs of one step or of several: made by the host, filled by `Nodes.handle`, read by index or by iteration
 * and cleared by the host. Its writers, one for each kind of output and named after it, are for whoever writes a
 * machine with the signature of `Nodes`: a host only reads. Objects that are handed to a writer are kept as they are.
 */
export class Outbox {
  /** Outputs since the last `clear`. */
  count = 0
  private readonly records: OutputRecord[] = [] // BOUNDED: by the most outputs of one step
  private readonly messages: Message[] = [] // BOUNDED: by the most messages of one step
  private messageCount = 0

  /** Output number `index`, in the order in which the node asked. */
  at(index: number): Output {
    return this.records[index] as unknown as Output
  }

  /** Forgets all outputs; their records and messages are used anew. */
  clear(): void {
    this.count = 0
    this.messageCount = 0
  }

  /** The outputs in the order in which the node asked. Each is valid until the next `clear`. */
  *[Symbol.iterator](): Generator<Output> {
    for (let i = 0; i < this.count; i++) yield this.at(i)
  }

  /** A pooled message, emptied, to be filled and then named in an output of the same step. */
  message(type: MessageType): Message {
    let message = this.messages[this.messageCount]
    if (message === undefined) {
      message = new Message()
      this.messages.push(message)
    }
    this.messageCount++
    return message.clear(type)
  }

  /** Asks a peer. `request`: the machine's own id for it, never used before; a connection that has to be opened first may take `dialTimeoutMs`. */
  send(request: number, to: PeerRef, message: Message, dialTimeoutMs: number): void {
    const output = this.next('send')
    output.request = request
    output.to = to
    output.message = message
    output.dialTimeoutMs = dialTimeoutMs
  }

  /** Takes back a request; no input follows. `expired`: its time is up, so that what carries it is reset. */
  cancelRequest(request: number, expired: boolean): void {
    const output = this.next('cancelRequest')
    output.request = request
    output.expired = expired
  }

  /** Answers a `requestArrived`. */
  respond(exchange: number, message: Message): void {
    const output = this.next('respond')
    output.exchange = exchange
    output.message = message
  }

  /** Leaves a `requestArrived` without an answer, as malformed, invalid or over a limit. */
  refuse(exchange: number): void {
    this.next('refuse').exchange = exchange
  }

  /** Ends a `requestArrived` that has no answer (ADD_PROVIDER). */
  accept(exchange: number): void {
    this.next('accept').exchange = exchange
  }

  /** Opens a fresh connection to an address that the peer announces, within `timeoutMs`. Ends with `dialEnded`. */
  dial(peer: PeerRef, timeoutMs: number): void {
    const output = this.next('dial')
    output.peer = peer
    output.timeoutMs = timeoutMs
  }

  /** Asks for a random key that shares exactly so many leading bits with the node's own, 0..256. Ends with `keyPicked`. */
  pickKey(bits: number): void {
    this.next('pickKey').bits = bits
  }

  /** Tells that the walk of a `keyPicked` is over, with so many nearest peers confirmed. */
  walkEnded(keyBytes: Uint8Array, peers: number): void {
    const output = this.next('walkEnded')
    output.keyBytes = keyBytes
    output.peers = peers
  }

  /** Has a record judged, alone (`against` null) or against another. Ends with `validated`. */
  validate(
    job: number,
    keyBytes: Uint8Array,
    record: Uint8Array,
    against: Uint8Array | null,
  ): void {
    const output = this.next('validate')
    output.job = job
    output.keyBytes = keyBytes
    output.record = record
    output.against = against
  }

  /** Has a value written, or deleted where `record` is null. Ends with `persisted`. */
  persistRecord(
    job: number,
    keyBytes: Uint8Array,
    record: Uint8Array | null,
    expiresAtMs: number,
  ): void {
    const output = this.next('persistRecord')
    output.job = job
    output.keyBytes = keyBytes
    output.record = record
    output.expiresAtMs = expiresAtMs
  }

  /** Has a provider record written, or deleted where `expiresAtMs` is 0. Ends with `persisted`, unless the job is 0. */
  persistProvider(job: number, keyBytes: Uint8Array, provider: PeerRef, expiresAtMs: number): void {
    const output = this.next('persistProvider')
    output.job = job
    output.keyBytes = keyBytes
    output.provider = provider
    output.expiresAtMs = expiresAtMs
  }

  /** Tells the caller of an operation that a request goes to a peer. */
  asking(operation: number, peer: PeerRef, message: Message): void {
    const output = this.event('asking', operation)
    output.peer = peer
    output.message = message
  }

  /** Tells the caller of an operation that a peer answered. */
  answered(operation: number, peer: PeerRef, message: Message): void {
    const output = this.event('answered', operation)
    output.peer = peer
    output.message = message
  }

  /** Tells the caller of an operation that a peer did not answer. */
  peerFailed(operation: number, peer: PeerRef, reason: FailureReason): void {
    const output = this.event('peerFailed', operation)
    output.peer = peer
    output.reason = reason
  }

  /** Tells the caller of a get its value, once. `peer` is `NO_PEER` when it was our own. */
  valueFound(operation: number, peer: PeerRef, record: Uint8Array): void {
    const output = this.event('valueFound', operation)
    output.peer = peer
    output.record = record
  }

  /** Tells the caller of a search the providers in `message` that were not named before. */
  providersFound(operation: number, peer: PeerRef, message: Message): void {
    const output = this.event('providersFound', operation)
    output.peer = peer
    output.message = message
  }

  /** Tells the caller of a search that the peer is known, and who named it. */
  peerFound(operation: number, from: PeerRef, peer: PeerRef): void {
    const output = this.event('peerFound', operation)
    output.from = from
    output.peer = peer
  }

  /** Tells the caller the closest live peers in `message.closer`, nearest first. */
  closestFound(operation: number, message: Message): void {
    this.event('closestFound', operation).message = message
  }

  /** Ends the wait of an operation's caller: `stored` of `wanted` holders have acknowledged so far. */
  operationEnded(
    operation: number,
    outcome: OperationOutcome,
    stored: number,
    wanted: number,
  ): void {
    const output = this.event('operationEnded', operation)
    output.outcome = outcome
    output.stored = stored
    output.wanted = wanted
  }

  /** Tells the host that nothing holds the peer any more: its ref is stale from now on. */
  forget(peer: PeerRef): void {
    this.next('forget').peer = peer
  }

  private event(kind: Output['kind'], operation: number): OutputRecord {
    const output = this.next(kind)
    output.operation = operation
    return output
  }

  private next(kind: Output['kind']): OutputRecord {
    let output = this.records[this.count]
    if (output === undefined) {
      output = new OutputRecord()
      this.records.push(output)
    }
    this.count++
    output.kind = kind
    return output
  }
}
