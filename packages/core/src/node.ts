/**
 * A column of nodes. `handle` turns what a node hears into what it asks for: a function of the node's
 * state, the time that is passed and one seed; it never waits, never reads a clock and never throws for
 * what a peer did. A live node is a column of one, a simulator's world a column of a million.
 *
 * This file routes and decides nothing: routing, records, operations, answers and upkeep do, and know
 * nothing of one another. What one of them must tell another goes through here.
 */
import { Answers } from './answers.ts'
import { assert, unreachable } from './assert.ts'
import { type Config, DEFAULT_CONFIG } from './config.ts'
import { copyKey, KEY_WORDS, type Key } from './key.ts'
import type { FailureReason, Input, Message, StartOperation } from './messages.ts'
import { NodePort } from './node-port.ts'
import { NodeRows } from './node-rows.ts'
import type { NodesInit } from './nodes-init.ts'
import { Operations } from './operation/operations.ts'
import type { Step } from './operation/port.ts'
import { Outbox } from './outbox.ts'
import { OwnWork } from './own-work.ts'
import { NO_PEER, type PeerBook, type PeerRef } from './peers.ts'
import { type Completion, PUT_OUTCOMES, Records } from './records/records.ts'
import { type Request, Requests } from './requests.ts'
import { Routing } from './routing/routing.ts'
import { NetworkSize } from './size.ts'
import { Upkeep, upkeepWalk } from './upkeep.ts'

/** A column of nodes, one or a million; each is named by its row, 0..n-1. */
export class Nodes {
  /** The peer book of the column's peers. */
  readonly book: PeerBook
  /** The parameters of all its nodes: the defaults, and what `NodesInit.config` overrides. */
  readonly config: Config
  /** What the nodes remember of peers; hosts read `size` and `exportPeers`. */
  readonly routing: Routing
  /** @internal What the nodes keep for others, for tests. */
  readonly records: Records
  private readonly rows: NodeRows
  private readonly requests: Requests
  private readonly port: NodePort
  private readonly operations: Operations
  private readonly ownWork: OwnWork
  private readonly answers: Answers
  private readonly upkeep: Upkeep
  private readonly sizes: NetworkSize
  private readonly selves: Int32Array
  private readonly selfKeys: Uint32Array
  private readonly step: Step = { node: 0, nowMs: 0, outbox: new Outbox() }
  private readonly walkStart: StartOperation = upkeepWalk()

  constructor(init: NodesInit) {
    const nodes = init.selves.length
    assert(nodes > 0, 'a column has at least one node')
    const allocate = init.allocate ?? ((bytes: number): ArrayBufferLike => new ArrayBuffer(bytes))
    const { book } = init
    const config = { ...DEFAULT_CONFIG, ...init.config }
    this.book = book
    this.config = config
    this.selves = Int32Array.from(init.selves)
    const selfKeys = new Uint32Array(allocate(nodes * KEY_WORDS * 4))
    for (let node = 0; node < nodes; node++) {
      const self = this.selves[node] as PeerRef
      book.pin(self)
      copyKey(book.keys, book.at(self), selfKeys, node * KEY_WORDS)
    }
    this.selfKeys = selfKeys
    const rows = new NodeRows(nodes, allocate)
    this.rows = rows
    this.routing = new Routing({ nodes, book, config, selfKeys, rows, allocate })
    this.records = new Records({ nodes, book, config })
    this.requests = new Requests(nodes, book, rows)
    this.sizes = new NetworkSize(nodes, book)
    this.port = new NodePort({
      nodes,
      config,
      seed: init.seed,
      book,
      selfKeys,
      selfBytes: init.selfBytes ?? [],
      selves: this.selves,
      routing: this.routing,
      records: this.records,
      requests: this.requests,
      sizes: this.sizes,
      rows,
      allocate,
    })
    this.operations = new Operations(nodes, book, config, this.port, rows)
    this.ownWork = new OwnWork(this.routing, this.records, this.operations, this.selves)
    this.answers = new Answers(book, config, this.routing, this.records, this.selves)
    this.upkeep = new Upkeep(rows, book, config, this.routing, this.selves, this.sizes)
  }

  /**
   * One input to one node; what it asks for is appended to `outbox`. `nowMs` never runs backwards for a
   * node. Late, duplicate and unknown inputs change nothing.
   */
  handle(node: number, nowMs: number, input: Input, outbox: Outbox): void {
    const { step } = this
    step.node = node
    step.nowMs = nowMs
    step.outbox = outbox
    this.dispatch(step, input)
    if (this.port.takeRelief(node)) this.operations.resume(step)
    this.upkeep.dialBack(step)
    for (let gone = this.book.nextReleased(); gone !== NO_PEER; gone = this.book.nextReleased()) {
      outbox.forget(gone)
    }
  }

  /** When the node wants its next `wake`, ms; Infinity for never. May be early, never late. */
  deadline(node: number): number {
    return Math.min(
      this.requests.deadlineMs(node),
      this.operations.deadlineMs(node),
      this.records.deadlineMs(node),
      this.upkeep.deadlineMs(node),
    )
  }

  /** Estimated number of nodes in the network, 0 while unknown. */
  networkSize(node: number): number {
    return this.sizes.estimate(node)
  }

  /** Bytes of all columns and slabs at the moment. Records and what is under way (operations, requests) are objects, and not counted. */
  get bytes(): number {
    const own = this.selves.byteLength + this.selfKeys.byteLength
    const { rows, routing, port, requests, operations, sizes, records } = this
    const parts = [rows, routing, port, requests, operations, sizes, records]
    return parts.reduce((sum, part) => sum + part.bytes, own)
  }

  /** Requests of the node in flight. */
  inFlight(node: number): number {
    return this.requests.count(node)
  }

  private dispatch(step: Step, input: Input): void {
    const { node, nowMs, outbox } = step
    switch (input.kind) {
      case 'wake':
        this.wake(step)
        break
      case 'start':
        this.upkeep.start(node, nowMs)
        break
      case 'stop':
        this.stop(step)
        break
      case 'startOperation':
        this.startOperation(step, input)
        break
      case 'cancelOperation': {
        const operation = this.operations.find(node, input.operation)
        if (operation !== null && operation.id !== 0) this.operations.cancel(step, operation)
        break
      }
      case 'requestArrived':
        this.answers.handle(step, input.exchange, input.from, input.message)
        break
      case 'keyPicked':
        if (this.upkeep.isOnline(node)) this.walkTo(step, input.key, input.keyBytes)
        break
      case 'answerArrived':
        this.answerArrived(step, input.request, input.message, input.rttMs)
        break
      case 'requestFailed':
        this.requestFailed(step, input.request, input.reason)
        break
      case 'linkChanged':
        this.linkChanged(step, input)
        break
      case 'protocolChanged':
        this.protocolChanged(step, input.peer, input.speaks)
        break
      case 'dialEnded':
        this.dialEnded(step, input)
        break
      case 'validated':
        this.complete(step, this.records.validated(node, nowMs, input.job, input.verdict, outbox))
        break
      case 'persisted':
        this.complete(step, this.records.persisted(node, nowMs, input.job, input.ok, outbox))
        break
      case 'recordLoaded':
        this.recordLoaded(step, input)
        break
      case 'providerLoaded':
        this.providerLoaded(step, input)
        break
      case 'withdrawProvider':
        this.records.removeProvider(node, input.key, 0, input.provider, outbox)
        break
      case 'providerReported':
        this.routing.noteReport(node, input.peer, input.key, input.outcome, nowMs)
        break
      case 'peerLoaded':
        this.routing.loadPeer(node, input.peer, input.evidence, input.ageMs, input.ipGroup, nowMs)
        this.upkeep.peerMet(node, nowMs)
        break
      default:
        unreachable(input)
    }
  }

  private startOperation(step: Step, input: StartOperation): void {
    const { node, outbox } = step
    const operation = input.operation > 0 ? this.operations.open(step, input) : null
    if (operation === null) {
      if (this.operations.find(node, input.operation) === null) {
        outbox.operationEnded(input.operation, 'busy', 0, 0)
      }
      return
    }
    this.complete(step, this.ownWork.begin(step, operation))
  }

  private recordLoaded(step: Step, input: Extract<Input, { kind: 'recordLoaded' }>): void {
    const { key, keyBytes, record, expiresAtMs } = input
    const { node, nowMs, outbox } = step
    this.records.recordLoaded(node, nowMs, key, keyBytes, record, expiresAtMs, outbox)
  }

  private providerLoaded(step: Step, input: Extract<Input, { kind: 'providerLoaded' }>): void {
    const { key, keyBytes, provider, expiresAtMs } = input
    const { node, nowMs, outbox } = step
    const own = provider === this.selves[node]
    this.records.providerLoaded(node, nowMs, key, keyBytes, provider, own, expiresAtMs, outbox)
  }

  private answerArrived(step: Step, id: number, message: Message, rttMs: number): void {
    const { node, nowMs } = step
    const request = this.requests.find(node, id)
    if (request === null) return
    const { peer, purpose, operation } = request
    this.routing.noteSuccess(node, peer, nowMs, rttMs)
    this.book.pin(peer) // while it is spoken of below
    this.requests.close(node, request)
    if (operation !== null && purpose !== 'check') {
      this.operations.answered(step, operation, peer, purpose, message)
    }
    this.book.unpin(peer)
  }

  private requestFailed(step: Step, id: number, reason: FailureReason): void {
    const request = this.requests.find(step.node, id)
    if (request !== null) this.fail(step, request, reason)
  }

  private fail(step: Step, request: Request, reason: FailureReason): void {
    const { node, nowMs } = step
    const { peer, purpose, operation } = request
    if (reason !== 'cancelled') this.routing.noteFailure(node, peer, nowMs, false)
    if (reason === 'unsupported') this.routing.setSpeaks(node, peer, false, nowMs)
    this.book.pin(peer)
    this.requests.close(node, request)
    if (operation !== null && purpose !== 'check') {
      this.operations.failed(step, operation, peer, purpose, reason)
    }
    this.book.unpin(peer)
  }

  private wake(step: Step): void {
    const { node, nowMs, outbox } = step
    let due = this.requests.nextDue(node, nowMs)
    for (; due !== null; due = this.requests.nextDue(node, nowMs)) this.requestDue(step, due)
    this.operations.wake(step)
    this.records.expire(node, nowMs, outbox)
    this.keepUp(step)
  }

  private requestDue(step: Step, request: Request): void {
    if (request.deadlineMs <= step.nowMs) {
      step.outbox.cancelRequest(request.id, true)
      this.fail(step, request, 'timeout')
      return
    }
    request.lateAtMs = Number.POSITIVE_INFINITY
    const { peer, purpose, operation } = request
    this.routing.noteFailure(step.node, peer, step.nowMs, true)
    if (operation !== null && purpose !== 'check') {
      this.operations.late(step, operation, peer, purpose)
    }
  }

  private keepUp(step: Step): void {
    this.upkeep.pickWalk(step)
    const due = this.upkeep.retry(step)
    for (let i = 0; i < due.length; i++) this.port.check(step, due[i] as PeerRef)
  }

  private walkTo(step: Step, key: Key, keyBytes: Uint8Array): void {
    this.walkStart.key.set(key)
    this.walkStart.keyBytes = keyBytes
    const operation = this.operations.open(step, this.walkStart)
    if (operation !== null) this.operations.walk(step, operation)
    else step.outbox.walkEnded(keyBytes, 0)
  }

  private linkChanged(step: Step, input: Extract<Input, { kind: 'linkChanged' }>): void {
    const { node, nowMs } = step
    const { peer, dialled, ipGroup } = input
    // Offline nobody looks for a peer whose connection broke.
    const link = input.link === 'lost' && !this.upkeep.isOnline(node) ? 'cold' : input.link
    this.routing.setLink(node, peer, link, dialled, ipGroup, nowMs)
    if (link === 'lost') this.upkeep.lost(step, peer)
    const isThere = link === 'connected' || link === 'pooled'
    if (isThere && this.routing.speaks(node, peer)) this.operations.met(step)
  }

  private dialEnded(step: Step, input: Extract<Input, { kind: 'dialEnded' }>): void {
    const { node, nowMs } = step
    const { peer, ok, ipGroup } = input
    this.upkeep.dialEnded(node)
    this.routing.noteDial(node, peer, ok, ipGroup, nowMs)
    // There it is: does it answer?
    if (ok && this.routing.isWorthCheck(node, peer, nowMs)) this.port.check(step, peer)
  }

  private protocolChanged(step: Step, peer: PeerRef, speaks: boolean): void {
    const { node, nowMs } = step
    this.routing.setSpeaks(node, peer, speaks, nowMs)
    if (speaks) this.operations.met(step)
    if (!speaks || !this.upkeep.isOnline(node)) return
    this.upkeep.peerMet(node, nowMs)
    // It shows up, so it is worth a look now, even if it was to wait out a back-off.
    if (this.routing.isWorthCheck(node, peer, nowMs)) this.port.check(step, peer)
  }

  private complete(step: Step, completion: Completion | null): void {
    if (completion === null) return
    const operation = this.operations.find(step.node, completion.operation)
    if (operation === null || operation.id === 0) return
    if (completion.kind === 'judged') {
      this.operations.judged(step, operation, completion.verdict)
    } else if (completion.ok) {
      this.operations.walk(step, operation)
    } else {
      this.operations.reject(step, operation, PUT_OUTCOMES[completion.reason])
    }
  }

  private stop(step: Step): void {
    const { node } = step
    this.upkeep.stop(node)
    this.operations.cancelAll(step)
    for (let request = this.requests.first(node); request !== null; ) {
      step.outbox.cancelRequest(request.id, false)
      this.requests.close(node, request)
      request = this.requests.first(node)
    }
  }
}
