/**
 * What operations can have done for them by the rest of a node: the requests they send, the costs and
 * scores they go by, the records they want judged. Methods of a few lines; no decisions here.
 */
import type { Config } from './config.ts'
import { copyKey, KEY_WORDS } from './key.ts'
import type { Message } from './messages.ts'
import { type NodeRows, SEQUENCE, STARVED } from './node-rows.ts'
import type { Operation } from './operation/operation.ts'
import type { OperationPort, OperationPurpose, Standing, Step } from './operation/port.ts'
import { NO_PEER, type PeerBook, type PeerRef } from './peers.ts'
import { nextChance, nextWord, RANDOM_WORDS, seedRandom } from './random.ts'
import type { Records } from './records/records.ts'
import type { Purpose, Requests } from './requests.ts'
import type { Routing } from './routing/routing.ts'
import type { NetworkSize } from './size.ts'

const NO_BYTES = new Uint8Array(0)

/** What operations of a node had to wait for. */
const REQUEST = 1
const VERDICT = 2

export interface NodePortInit {
  nodes: number
  config: Config
  seed: number
  book: PeerBook
  selfKeys: Uint32Array
  selfBytes: readonly Uint8Array[]
  selves: Int32Array
  routing: Routing
  records: Records
  requests: Requests
  sizes: NetworkSize
  rows: NodeRows
  allocate: (bytes: number) => ArrayBufferLike
}

export class NodePort implements OperationPort {
  private readonly config: Config
  private readonly book: PeerBook
  private readonly selfKeys: Uint32Array
  private readonly selfBytes: readonly Uint8Array[]
  private readonly selves: Int32Array
  private readonly routing: Routing
  private readonly records: Records
  private readonly requests: Requests
  private readonly sizes: NetworkSize
  private readonly dice: Uint32Array
  /**
   * `SEQUENCE`, the last request id of each node: its own, so that the row it lies in changes nothing.
   * `STARVED`: what was wanted in vain since the last `takeRelief`.
   */
  private readonly rows: NodeRows
  private readonly nearby: Int32Array // scratch

  constructor(init: NodePortInit) {
    this.config = init.config
    this.book = init.book
    this.selfKeys = init.selfKeys
    this.selfBytes = init.selfBytes
    this.selves = init.selves
    this.routing = init.routing
    this.records = init.records
    this.requests = init.requests
    this.sizes = init.sizes
    this.nearby = new Int32Array(init.config.k * 2)
    this.rows = init.rows
    this.dice = new Uint32Array(init.allocate(init.nodes * RANDOM_WORDS * 4))
    for (let node = 0; node < init.nodes; node++) {
      const stream = init.selfKeys[node * KEY_WORDS] as number
      seedRandom(this.dice, node * RANDOM_WORDS, init.seed, stream)
    }
  }

  get bytes(): number {
    return this.dice.byteLength
  }

  /** Opens a request of any purpose. */
  open(
    step: Step,
    operation: Operation | null,
    peer: PeerRef,
    purpose: Purpose,
    message: Message,
  ): void {
    const { node, nowMs } = step
    const id = (this.rows.word(node, SEQUENCE) + 1) >>> 0
    this.rows.setWord(node, SEQUENCE, id)
    const { config } = this
    const cold = this.routing.roundTrips(node, peer) > 2
    const timeoutMs = config.requestTimeoutMs + (cold ? config.dialTimeoutMs : 0)
    const rtoMs = this.routing.rtoMs(node, peer, nowMs)
    this.requests.open(node, id, peer, purpose, operation, nowMs, rtoMs, timeoutMs)
    step.outbox.send(id, peer, message, config.dialTimeoutMs)
  }

  /** Asks a peer for the neighbourhood of our own key, unless it is being asked: is it there, and does it answer? */
  check(step: Step, peer: PeerRef): void {
    const { node, outbox } = step
    if (!this.book.has(peer) || this.requests.isAsked(node, peer) || !this.hasRoom(step)) return
    const message = outbox.message('findNode')
    copyKey(this.selfKeys, node * KEY_WORDS, message.key, 0)
    message.keyBytes = this.selfBytes[node] ?? NO_BYTES
    this.open(step, null, peer, 'check', message)
  }

  self(node: number): PeerRef {
    return this.selves[node] as PeerRef
  }

  hasRoom(step: Step): boolean {
    const { node } = step
    if (this.requests.count(node) < this.config.requestsMax) return true
    this.rows.setOctet(node, STARVED, this.rows.octet(node, STARVED) | REQUEST)
    return false
  }

  /** Whether something is to be had that an operation of the node wanted in vain; true once. */
  takeRelief(node: number): boolean {
    const starved = this.rows.octet(node, STARVED)
    if (starved === 0) return false
    const { requests, records, config } = this
    const hasRequest = (starved & REQUEST) !== 0 && requests.count(node) < config.requestsMax
    const hasVerdict = (starved & VERDICT) !== 0 && records.canJudge(node)
    if (!hasRequest && !hasVerdict) return false
    this.rows.setOctet(node, STARVED, 0)
    return true
  }

  send(
    step: Step,
    operation: Operation | null,
    peer: PeerRef,
    purpose: OperationPurpose,
    message: Message,
  ): void {
    this.open(step, operation, peer, purpose, message)
  }

  release(step: Step, operation: Operation, cancel: boolean): void {
    const { node } = step
    if (operation.id !== 0) this.records.cancel(node, operation.id)
    let request = this.requests.findOf(node, operation)
    while (request !== null) {
      request.operation = null
      if (cancel) {
        step.outbox.cancelRequest(request.id, false)
        this.requests.close(node, request)
      }
      request = this.requests.findOf(node, operation)
    }
  }

  costMs(step: Step, peer: PeerRef): number {
    return this.routing.costMs(step.node, peer, step.nowMs)
  }

  askCostMs(step: Step, peer: PeerRef): number {
    return this.routing.askCostMs(step.node, peer, step.nowMs)
  }

  isAvoided(step: Step, peer: PeerRef): boolean {
    return this.routing.isAvoided(step.node, peer, step.nowMs)
  }

  standing(step: Step, peer: PeerRef): Standing {
    if (this.isAvoided(step, peer)) return 'avoided'
    const score = this.routing.score(step.node, peer, step.nowMs)
    return score >= this.config.goodScore ? 'good' : 'open'
  }

  isTrusted(step: Step, peer: PeerRef): boolean {
    const { node, nowMs } = step
    return this.routing.isMember(node, peer) && this.routing.score(node, peer, nowMs) > 0.5
  }

  seeds(step: Step, key: Uint32Array, out: Int32Array): number {
    // Twice what a result needs: in a small network nobody else names those behind the dead ones.
    const count = this.config.k * 2
    return this.routing.seeds(step.node, key, 0, count, step.nowMs, out)
  }

  isAlone(step: Step, key: Uint32Array, tried: boolean): boolean {
    const { node, nowMs } = step
    const { routing, nearby } = this
    const count = this.seeds(step, key, nearby)
    for (let i = 0; i < count; i++) {
      const peer = nearby[i] as PeerRef
      const isWorth = routing.isMember(node, peer) && !routing.isAvoided(node, peer, nowMs)
      if (isWorth && !tried) return false
      if (routing.roundTrips(node, peer) <= 2 && routing.speaks(node, peer)) return false
    }
    return true
  }

  nearest(step: Step, key: Uint32Array, out: Int32Array): number {
    const { node, nowMs } = step
    return this.routing.nearest(node, key, 0, this.config.k, nowMs, NO_PEER, out)
  }

  failureShare(node: number): number {
    return this.routing.failureShare(node)
  }

  networkSize(node: number): number {
    return this.sizes.estimate(node)
  }

  observe(node: number, target: Uint32Array, peers: Int32Array, count: number): void {
    this.sizes.observe(node, target, peers, count, this.config.k)
  }

  judge(step: Step, operation: Operation, record: Uint8Array, against: Uint8Array | null): boolean {
    const { node, outbox } = step
    const { id, keyBytes } = operation
    if (this.records.judge(node, id, keyBytes, record, against, outbox) !== 0) return true
    this.rows.setOctet(node, STARVED, this.rows.octet(node, STARVED) | VERDICT)
    return false
  }

  keepBetter(step: Step, operation: Operation, record: Uint8Array): void {
    const { node, nowMs, outbox } = step
    const { key, keyBytes } = operation
    this.records.keepBetter(node, nowMs, key, keyBytes, record, outbox)
  }

  lied(step: Step, peer: PeerRef): void {
    this.routing.noteFailure(step.node, peer, step.nowMs, false)
  }

  explore(node: number): number {
    const at = node * RANDOM_WORDS
    if (!nextChance(this.dice, at, this.config.explorePercent, 100)) return -1
    return nextWord(this.dice, at)
  }
}
