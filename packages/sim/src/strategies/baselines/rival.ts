/**
 * What the rivals have in common: a machine with the inputs and outputs of the core. A strategy is a rule on top: whom a walk
 * asks next and when it ends (`advance`), what is learned from answers, what the table takes in, what is done unasked.
 *
 * Late, duplicate and unknown inputs are no-ops. Bounded by: what callers start; an idle row costs its table and some 60 B.
 */
import {
  type Input,
  type Message,
  NO_PEER,
  type Outbox,
  type PeerRef,
  type StartOperation,
  type Verdict,
} from '@kadmium/core'
import type { Column, StrategyInit } from '../strategy.ts'
import type { Manners } from './asking.ts'
import { allJudged, providersFound, recordFound, recordJudged } from './finds.ts'
import { Operating } from './operating.ts'
import { Serving } from './serving.ts'
import type { Step } from './step.ts'
import type { Walk } from './walk.ts'

export abstract class Rival extends Operating implements Column {
  readonly serving: Serving
  /** Peers named in an answer. */
  readonly count: number
  private readonly online: Uint8Array

  constructor(init: StrategyInit, manners: Manners, step: Step) {
    super(init, manners, step)
    this.count = manners.k
    this.online = new Uint8Array(init.count)
    this.serving = new Serving(this, manners.selects)
  }

  abstract bucketSeats(bucket: number): number
  abstract seat(row: number, bucket: number, peers: Int32Array, count: number, nowMs: number): void
  abstract members(row: number, out: Int32Array): number
  abstract get bytes(): number
  abstract restart(row: number): void

  protected abstract connected(step: Step, peer: PeerRef): void
  protected abstract protocolTold(step: Step, peer: PeerRef, speaks: boolean): void
  protected abstract started(step: Step): void
  /** What is due without being asked for. */
  protected abstract upkeep(step: Step): void
  /** When that is due next. */
  protected abstract upkeepDueMs(row: number): number

  handle(row: number, nowMs: number, input: Input, outbox: Outbox): void {
    const { step } = this
    step.row = row
    step.self = this.init.first + row
    step.nowMs = nowMs
    step.outbox = outbox
    switch (input.kind) {
      case 'wake':
        this.wake(step)
        break
      case 'start':
        this.online[row] = 1
        this.started(step)
        break
      case 'stop':
        this.stop(step)
        break
      case 'startOperation':
        this.startOperation(step, input)
        break
      case 'cancelOperation': {
        const walk = input.operation === 0 ? null : this.walks.find(row, input.operation)
        if (walk !== null) this.end(step, walk, 'cancelled')
        break
      }
      case 'requestArrived':
        this.requested(step, input.exchange, input.from, input.message)
        break
      case 'answerArrived':
        this.answerArrived(step, input.request, input.message, input.rttMs)
        break
      case 'requestFailed':
        this.requestFailed(step, input.request, input.reason)
        break
      case 'keyPicked':
        if (this.isOnline(row)) this.walkTo(step, input.key, input.keyBytes)
        break
      case 'linkChanged':
        if (this.isPeer(input.peer)) this.linkChanged(step, input)
        break
      case 'protocolChanged':
        if (this.isPeer(input.peer)) this.protocolTold(step, input.peer, input.speaks)
        break
      case 'validated':
        this.validated(step, input.job, input.verdict)
        break
      case 'persisted':
        this.ownPutEnded(step, this.serving.persisted(step, input.job, input.ok))
        break
      default:
        this.handleStored(step, input)
    }
  }

  seeds(row: number, key: Uint32Array, keyAt: number, nowMs: number, out: Int32Array): number {
    return this.closest(row, key, keyAt, NO_PEER, nowMs, out.subarray(0, this.manners.k))
  }

  /** Bytes of what every rival's row has. */
  protected get rivalBytes(): number {
    return this.askingBytes + this.online.byteLength
  }

  protected isOnline(row: number): boolean {
    return this.online[row] === 1
  }

  private startOperation(step: Step, start: StartOperation): void {
    const { row, nowMs } = step
    if (start.operation <= 0 || this.walks.find(row, start.operation) !== null) return
    const walk = this.walks.open(row, start, nowMs)
    walk.limitMs = nowMs + this.manners.walkLimitMs
    this.wakeAt(row, walk.limitMs)
    if (walk.type === 'putValue') {
      if (walk.record === null) {
        this.end(step, walk, 'invalid')
        return
      }
      walk.phase = 'storingHere'
      this.serving.put(step, walk.key, walk.keyBytes, walk.record, -1, walk.id)
      return
    }
    if (walk.type === 'provide') this.serving.provide(step, walk.key, walk.keyBytes, step.self)
    else if (walk.reach !== 'network' && this.looksHere(step, walk)) return
    if (walk.reach !== 'local') this.seedFromTable(step, walk)
    else if (walk.type === 'getClosest' || walk.type === 'provide') this.endHere(step, walk)
    else if (allJudged(walk)) this.end(step, walk, walk.seen.length > 0 ? 'ok' : 'notFound')
    else walk.phase = 'following'
  }

  /** Nobody is to be asked: what the node has is all there is. */
  private endHere(step: Step, walk: Walk): void {
    if (walk.type === 'getClosest') {
      const out = walk.result.subarray(0, this.manners.k)
      walk.resultCount = this.closest(step.row, walk.key, 0, step.self, step.nowMs, out)
      this.tellClosest(step, walk)
    }
    this.end(step, walk, 'ok')
  }

  /** What the node has itself. True when that was all that was wanted. */
  private looksHere(step: Step, walk: Walk): boolean {
    const { row, nowMs } = step
    if (walk.type === 'getValue') {
      const own = this.serving.records.value(row, walk.key, nowMs)
      if (own !== null) recordFound(step, walk, NO_PEER, own, this.nextId)
    } else if (walk.type === 'findProviders') {
      const own = step.outbox.message('getProviders')
      this.serving.records.nameProviders(row, walk.key, nowMs, own)
      if (own.providerCount === 0) return false
      const isEnough = providersFound(
        step,
        walk,
        this.book.size,
        NO_PEER,
        own,
        this.providersWanted(walk),
      )
      if (isEnough) this.end(step, walk, 'ok')
      return isEnough
    } else if (walk.type === 'findPeer') {
      const isHere = walk.subject === step.self || this.links.has(row, walk.subject)
      if (isHere) this.foundPeer(step, walk, NO_PEER)
      return isHere
    }
    return false
  }

  private walkTo(step: Step, key: Uint32Array, keyBytes: Uint8Array): void {
    const start: StartOperation = {
      kind: 'startOperation',
      operation: 0,
      type: 'getClosest',
      key,
      keyBytes,
      record: null,
      peer: NO_PEER,
      quorum: 0,
      countMax: 0,
      reach: 'all',
      patienceMs: 0,
    }
    const walk = this.walks.open(step.row, start, step.nowMs)
    walk.limitMs = step.nowMs + this.ownWalkLimitMs(step)
    this.wakeAt(step.row, walk.limitMs)
    this.seedFromTable(step, walk)
  }

  /** A walk of the node's own is given up after so long, ms. */
  protected abstract ownWalkLimitMs(step: Step): number

  private wake(step: Step): void {
    const { row, nowMs } = step
    this.expire(step)
    for (let walk = this.walks.first(row); walk !== null; ) {
      const { next } = walk
      if (walk.limitMs <= nowMs) this.end(step, walk, 'cancelled')
      walk = next
    }
    if (this.isOnline(row) && this.upkeepDueMs(row) <= nowMs) this.upkeep(step)
    this.settleDeadline(row, this.isOnline(row) ? this.upkeepDueMs(row) : Number.POSITIVE_INFINITY)
  }

  private stop(step: Step): void {
    const { row } = step
    this.online[row] = 0
    for (let walk = this.walks.first(row); walk !== null; walk = this.walks.first(row)) {
      this.end(step, walk, 'cancelled')
    }
    this.stopAsking(step)
  }

  private requested(step: Step, exchange: number, from: PeerRef, message: Message): void {
    // Clients do not register the protocol: a stream to them fails.
    if (!this.init.isServer(step.self)) step.outbox.refuse(exchange)
    else this.serve(step, exchange, from, message)
  }

  protected serve(step: Step, exchange: number, from: PeerRef, message: Message): void {
    this.serving.serve(step, exchange, from, message)
  }

  private linkChanged(step: Step, input: Extract<Input, { kind: 'linkChanged' }>): void {
    const isOpen = input.link === 'connected' || input.link === 'pooled'
    this.setLink(step, input.peer, isOpen)
    if (isOpen) this.connected(step, input.peer)
  }

  private validated(step: Step, job: number, verdict: Verdict): void {
    for (let walk = this.walks.first(step.row); walk !== null; walk = walk.next) {
      if (walk.judging !== job) continue
      recordJudged(step, walk, verdict, this.nextId)
      if (walk.phase !== 'idle' && !this.stopsAtQuorum(step, walk)) this.goOn(step, walk)
      return
    }
    this.ownPutEnded(step, this.serving.validated(step, job, verdict))
  }

  private ownPutEnded(step: Step, put: { operation: number; ok: boolean } | null): void {
    const walk = put === null ? null : this.walks.find(step.row, put.operation)
    if (walk === null || walk.phase !== 'storingHere') return
    if (put?.ok !== true) this.end(step, walk, 'invalid')
    else if (walk.reach === 'local') this.end(step, walk, 'ok')
    else this.seedFromTable(step, walk)
  }

  /** What was found in the store at start, and what is taken out of it. */
  private handleStored(step: Step, input: Input): void {
    const { records } = this.serving
    const { row } = step
    if (input.kind === 'recordLoaded') {
      records.setValue(row, input.key, input.keyBytes, input.record, input.expiresAtMs)
    } else if (input.kind === 'providerLoaded' && this.isPeer(input.provider)) {
      records.addProvider(row, input.key, input.keyBytes, input.provider, input.expiresAtMs)
    } else if (input.kind === 'withdrawProvider') {
      records.dropProvider(row, input.key, input.provider)
    }
  }
}
