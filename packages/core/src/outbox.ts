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

  clear(): void {
    this.count = 0
    this.messageCount = 0
  }

  *[Symbol.iterator](): Generator<Output> {
    for (let i = 0; i < this.count; i++) yield this.at(i)
  }

  /** A pooled message to be filled and then named in an output of the same step. */
  message(type: MessageType): Message {
    let message = this.messages[this.messageCount]
    if (message === undefined) {
      message = new Message()
      this.messages.push(message)
    }
    this.messageCount++
    return message.clear(type)
  }

  send(request: number, to: PeerRef, message: Message, dialTimeoutMs: number): void {
    const output = this.next('send')
    output.request = request
    output.to = to
    output.message = message
    output.dialTimeoutMs = dialTimeoutMs
  }

  cancelRequest(request: number, expired: boolean): void {
    const output = this.next('cancelRequest')
    output.request = request
    output.expired = expired
  }

  respond(exchange: number, message: Message): void {
    const output = this.next('respond')
    output.exchange = exchange
    output.message = message
  }

  refuse(exchange: number): void {
    this.next('refuse').exchange = exchange
  }

  accept(exchange: number): void {
    this.next('accept').exchange = exchange
  }

  dial(peer: PeerRef, timeoutMs: number): void {
    const output = this.next('dial')
    output.peer = peer
    output.timeoutMs = timeoutMs
  }

  pickKey(bits: number): void {
    this.next('pickKey').bits = bits
  }

  walkEnded(keyBytes: Uint8Array, peers: number): void {
    const output = this.next('walkEnded')
    output.keyBytes = keyBytes
    output.peers = peers
  }

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

  persistProvider(job: number, keyBytes: Uint8Array, provider: PeerRef, expiresAtMs: number): void {
    const output = this.next('persistProvider')
    output.job = job
    output.keyBytes = keyBytes
    output.provider = provider
    output.expiresAtMs = expiresAtMs
  }

  asking(operation: number, peer: PeerRef, message: Message): void {
    const output = this.event('asking', operation)
    output.peer = peer
    output.message = message
  }

  answered(operation: number, peer: PeerRef, message: Message): void {
    const output = this.event('answered', operation)
    output.peer = peer
    output.message = message
  }

  peerFailed(operation: number, peer: PeerRef, reason: FailureReason): void {
    const output = this.event('peerFailed', operation)
    output.peer = peer
    output.reason = reason
  }

  valueFound(operation: number, peer: PeerRef, record: Uint8Array): void {
    const output = this.event('valueFound', operation)
    output.peer = peer
    output.record = record
  }

  providersFound(operation: number, peer: PeerRef, message: Message): void {
    const output = this.event('providersFound', operation)
    output.peer = peer
    output.message = message
  }

  peerFound(operation: number, from: PeerRef, peer: PeerRef): void {
    const output = this.event('peerFound', operation)
    output.from = from
    output.peer = peer
  }

  closestFound(operation: number, message: Message): void {
    this.event('closestFound', operation).message = message
  }

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
