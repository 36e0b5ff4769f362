/**
 * The operations of a caller: get, put, provide and the finds, each a walk and what is done with its
 * answers. Decides when a caller's wait is over. Is told what peers answered and what was judged.
 * Never: opens requests itself (the port does), reads scores beyond what the port tells, or outlives
 * its last request. Late, duplicate and unknown inputs change nothing.
 *
 * Bounded by: `operationsMax` a node; objects are pooled.
 */
import type { Config } from '../config.ts'
import type {
  FailureReason,
  Message,
  OperationOutcome,
  StartOperation,
  Verdict,
} from '../messages.ts'
import { NodeLists } from '../node-lists.ts'
import { type NodeRows, OPERATIONS_DUE } from '../node-rows.ts'
import { NO_PEER, type PeerBook, type PeerRef } from '../peers.ts'
import { namesSubject, providersFound } from './find.ts'
import {
  allJudged,
  correctOthers,
  defaultQuorum,
  judgeNext,
  recordFound,
  recordJudged,
} from './get.ts'
import { concludeHere, tellClosest } from './local.ts'
import { Operation, QUESTION } from './operation.ts'
import type { OperationPort, OperationPurpose, Step } from './port.ts'
import { storeAnswered, storeFailed, storeOutcome, storeWhatIsDue } from './store.ts'
import { isLeftAlone, mayWait, startsAlone } from './waiting.ts'

export class Operations {
  private readonly book: PeerBook
  private readonly config: Config
  private readonly port: OperationPort
  private readonly live: NodeLists<Operation> // BOUNDED: each node's list by operationsMax
  private readonly rows: NodeRows
  private readonly pool: Operation[] = [] // BOUNDED: by the most operations ever live at once
  private readonly prospects: Int32Array // scratch
  private readonly queue: Operation[] = [] // scratch; BOUNDED: by operationsMax

  constructor(nodes: number, book: PeerBook, config: Config, port: OperationPort, rows: NodeRows) {
    this.book = book
    this.config = config
    this.port = port
    this.live = new NodeLists(nodes)
    this.rows = rows
    this.prospects = new Int32Array(config.candidatesMax)
  }

  get bytes(): number {
    return this.live.bytes
  }

  /** When an operation must decide with what it has; may be early, never late. */
  deadlineMs(node: number): number {
    return this.rows.due(node, OPERATIONS_DUE)
  }

  find(node: number, id: number): Operation | null {
    let operation = this.live.first(node)
    while (operation !== null && operation.id !== id) operation = operation.next
    return operation
  }

  /**
   * Registers an operation; `walk` begins it. Null when there are too many or the id is taken.
   * An id of 0 is the node's own upkeep: it reports its end only.
   */
  open(step: Step, start: StartOperation): Operation | null {
    const { node } = step
    if (this.live.count(node) >= this.config.operationsMax) return null
    if (start.operation !== 0 && this.find(node, start.operation) !== null) return null
    const operation = this.pool.pop() ?? new Operation(this.book, this.config)
    operation.take(node, start)
    operation.quorum = start.quorum > 0 ? start.quorum : defaultQuorum(start.keyBytes, this.config)
    if (this.book.has(start.peer)) {
      this.book.pin(start.peer)
      operation.subject = start.peer
    }
    this.live.add(node, operation)
    return operation
  }

  /** Begins the walk, or the wait for somebody to ask, or ends where nobody shall be asked. */
  walk(step: Step, operation: Operation): void {
    const { node } = step
    operation.walking = true
    if (operation.reach === 'local') {
      this.end(step, operation, concludeHere(this.port, step, operation, this.prospects))
      return
    }
    operation.begin(this.port.self(node), this.port.failureShare(node))
    if (!startsAlone(this.port, step, operation)) this.seed(step, operation)
    this.advance(step, operation)
  }

  /** Somebody is there to ask: who waits for that goes on. */
  met(step: Step): void {
    let operation = this.live.first(step.node)
    while (operation !== null) {
      const { next } = operation
      if (operation.isWaiting) {
        operation.begin(this.port.self(step.node), this.port.failureShare(step.node))
        this.seed(step, operation)
        this.advance(step, operation)
      }
      operation = next
    }
  }

  /** The walk begins with the nearest peers known. */
  private seed(step: Step, operation: Operation): void {
    const { lookup } = operation
    operation.waitUntilMs = Number.POSITIVE_INFINITY
    const count = this.port.seeds(step, operation.key, this.prospects)
    for (let i = 0; i < count; i++) this.hear(step, operation, this.prospects[i] as PeerRef)
    // Those that failed lately are better than nobody.
    if (lookup.size === 0) {
      for (let i = 0; i < count; i++) {
        const peer = this.prospects[i] as PeerRef
        lookup.add(peer, this.port.costMs(step, peer))
      }
    }
  }

  /** Our own record counts as the first answer. The walk begins when it has been judged. */
  ownRecord(step: Step, operation: Operation, record: Uint8Array): void {
    recordFound(this.port, step, operation, NO_PEER, record)
  }

  /** A peer answered a request of the operation. */
  answered(
    step: Step,
    operation: Operation,
    peer: PeerRef,
    purpose: OperationPurpose,
    message: Message,
  ): void {
    if (operation.id !== 0) step.outbox.answered(operation.id, peer, message)
    const fresh =
      purpose === 'store' ? storeAnswered(operation, peer) : operation.lookup.answered(peer)
    if (!fresh) return
    this.learn(step, operation, message)
    this.useAnswer(step, operation, peer, message)
    this.advance(step, operation)
  }

  /** A request of the operation ended without an answer. */
  failed(
    step: Step,
    operation: Operation,
    peer: PeerRef,
    purpose: OperationPurpose,
    reason: FailureReason,
  ): void {
    if (operation.id !== 0) step.outbox.peerFailed(operation.id, peer, reason)
    if (purpose === 'store') storeFailed(operation, peer, 'failed')
    else operation.lookup.failed(peer)
    this.advance(step, operation)
  }

  /** A request's first clock ran out: its slot is free, its answer would still count. */
  late(step: Step, operation: Operation, peer: PeerRef, purpose: OperationPurpose): void {
    if (purpose === 'store') storeFailed(operation, peer, 'late')
    else operation.lookup.late(peer)
    this.advance(step, operation)
  }

  /** The verdict on a record that a peer sent. */
  judged(step: Step, operation: Operation, verdict: Verdict): void {
    recordJudged(this.port, step, this.config, operation, verdict)
    this.noteDeadline(operation)
    if (operation.walking) this.advance(step, operation)
    else this.walk(step, operation)
  }

  /** Those that waited long enough decide. */
  wake(step: Step): void {
    if (step.nowMs < this.deadlineMs(step.node)) return
    this.rows.setDue(step.node, OPERATIONS_DUE, Number.POSITIVE_INFINITY)
    let operation = this.live.first(step.node)
    while (operation !== null) {
      const { next } = operation
      if (operation.deadlineMs > step.nowMs) {
        this.noteDeadline(operation)
      } else {
        if (operation.waitUntilMs <= step.nowMs) this.seed(step, operation)
        this.advance(step, operation) // what then still waits, waits for a verdict
      }
      operation = next
    }
  }

  /** A request slot became free, or the judge: who had to wait goes on, the oldest first. */
  resume(step: Step): void {
    const { queue } = this
    let operation = this.live.first(step.node)
    for (; operation !== null; operation = operation.next) queue.push(operation)
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const unjudged = next.waiting.length
      judgeNext(this.port, step, next)
      if (this.port.hasRoom(step) || next.waiting.length < unjudged) this.advance(step, next)
    }
  }

  /** Ends an operation for its caller before its time. */
  cancel(step: Step, operation: Operation): void {
    this.port.release(step, operation, true)
    if (!operation.ended) this.report(step, operation, 'cancelled', operation.stored)
    this.close(step, operation)
  }

  /** Ends all operations of the node. */
  cancelAll(step: Step): void {
    for (let operation = this.live.first(step.node); operation !== null; ) {
      const { next } = operation
      this.cancel(step, operation)
      operation = next
    }
  }

  /** Ends an operation that can't begin. */
  reject(step: Step, operation: Operation, outcome: OperationOutcome): void {
    this.report(step, operation, outcome, 0)
    this.close(step, operation)
  }

  /** Reports a peer that was looked for as found, and ends. */
  foundPeer(step: Step, operation: Operation, from: PeerRef): void {
    step.outbox.peerFound(operation.id, from, operation.subject)
    this.end(step, operation, 'ok')
  }

  /** Reports providers in `message` that were not named before. True when that ended the operation. */
  foundProviders(step: Step, operation: Operation, from: PeerRef, message: Message): boolean {
    if (!providersFound(this.port, step, this.book, operation, from, message)) return false
    this.end(step, operation, 'ok')
    return true
  }

  private learn(step: Step, operation: Operation, message: Message): void {
    const { lookup } = operation
    let isNews = false
    for (let i = 0; i < message.closerCount; i++) {
      const peer = message.closer[i] as PeerRef
      const isNew = this.hear(step, operation, peer)
      if (operation.stores && isNew && lookup.isAmong(peer, this.config.k)) isNews = true
    }
    if (message.type !== 'findNode') return
    operation.learned++
    operation.quiet = isNews ? 0 : operation.quiet + 1
  }

  private hear(step: Step, operation: Operation, peer: PeerRef): boolean {
    // Most that an answer names was named before: what we know of a peer is looked up once a walk.
    if (!this.book.has(peer) || operation.lookup.has(peer)) return false
    const costMs = this.port.askCostMs(step, peer)
    return costMs >= 0 && operation.lookup.add(peer, costMs)
  }

  private useAnswer(step: Step, operation: Operation, peer: PeerRef, message: Message): void {
    if (operation.type === 'getValue' && message.type === 'getValue' && message.record !== null) {
      recordFound(this.port, step, operation, peer, message.record)
    } else if (operation.type === 'findProviders' && message.providerCount > 0) {
      this.foundProviders(step, operation, peer, message)
    } else if (operation.type === 'findPeer' && namesSubject(operation, peer, message)) {
      this.foundPeer(step, operation, peer)
    }
  }

  /** Everything that can be done now: send records, ask on, or come to an end. */
  private advance(step: Step, operation: Operation): void {
    if (!operation.walking) return // not begun, or at its end
    if (operation.type === 'getValue' && this.decide(step, operation)) return
    if (operation.isWaiting) {
      this.noteDeadline(operation)
      return
    }
    const { port, book, config, prospects } = this
    const allSent =
      !operation.stores || storeWhatIsDue(port, step, book, config, operation, prospects)
    this.askOn(step, operation)
    if (operation.stores) this.concludeStore(step, operation, allSent)
    else if (operation.lookup.done) this.concludeWalk(step, operation)
  }

  private askOn(step: Step, operation: Operation): void {
    const { lookup } = operation
    while (!mayWait(operation) && this.port.hasRoom(step)) {
      const explore = operation.id === 0 ? this.port.explore(step.node) : -1
      const peer = lookup.next(explore)
      if (peer === NO_PEER) return
      const message = step.outbox.message(QUESTION[operation.type])
      message.key.set(operation.key)
      message.keyBytes = operation.keyBytes
      if (operation.id !== 0) step.outbox.asking(operation.id, peer, message)
      this.port.send(step, operation, peer, 'ask', message)
    }
  }

  /** True when the get is decided. */
  private decide(step: Step, operation: Operation): boolean {
    const { best } = operation
    if (best === null) return false
    const enough = operation.agreed >= operation.quorum || step.nowMs >= operation.decideAtMs
    const over = !operation.isWaiting && operation.lookup.done && allJudged(operation)
    if (!enough && !over) return false
    step.outbox.valueFound(operation.id, operation.bestFrom, best)
    correctOthers(this.port, step, operation, best)
    this.end(step, operation, 'ok')
    return true
  }

  private concludeStore(step: Step, operation: Operation, allSent: boolean): void {
    const { lookup } = operation
    const isEnough = operation.stored >= this.config.putReturnCount
    if (isEnough && !operation.ended) this.report(step, operation, 'ok', operation.stored)
    if (!lookup.done || operation.sending > 0 || !allSent) return
    if (operation.stored === 0 && !lookup.exhausted) return
    const count = lookup.closest(this.prospects)
    if (count === 0 && this.staysAlone(step, operation)) return
    const outcome = storeOutcome(operation, this.config)
    if (count < this.config.k && !lookup.exhausted) {
      if (!operation.ended) this.report(step, operation, outcome, operation.stored)
      return // those that are late may still hold it, but the caller has waited long enough
    }
    this.port.observe(operation.node, operation.key, this.prospects, count)
    this.end(step, operation, outcome)
  }

  private concludeWalk(step: Step, operation: Operation): void {
    const { lookup } = operation
    const count = lookup.closest(this.prospects)
    if (count === 0 && this.staysAlone(step, operation)) return
    if (operation.type === 'getClosest') {
      if (count < this.config.k && !lookup.exhausted) return // the late ones are wanted
      this.port.observe(operation.node, operation.key, this.prospects, count)
      if (operation.id !== 0) tellClosest(step.outbox, operation.id, this.prospects, count)
      else step.outbox.walkEnded(operation.keyBytes, count)
      this.end(step, operation, count === 0 ? 'noPeers' : 'ok')
      return
    }
    if (!allJudged(operation)) return
    if (!lookup.exhausted && !this.isLateEnough(step, operation, count)) return
    const found = operation.seen.length > 0
    this.end(step, operation, found ? 'ok' : count === 0 ? 'noPeers' : 'notFound')
  }

  private staysAlone(step: Step, operation: Operation): boolean {
    if (!isLeftAlone(this.port, step, operation)) return false
    this.noteDeadline(operation)
    return true
  }

  /** Whether those that are late have had their grace. Where the result is not full, all of them are waited for. */
  private isLateEnough(step: Step, operation: Operation, answered: number): boolean {
    if (answered < this.config.k) return false
    const graceEndsMs = step.nowMs + this.config.lateGraceMs
    operation.decideAtMs = Math.min(operation.decideAtMs, graceEndsMs)
    this.noteDeadline(operation)
    return step.nowMs >= operation.decideAtMs
  }

  private end(step: Step, operation: Operation, outcome: OperationOutcome): void {
    this.port.release(step, operation, false)
    if (!operation.ended) this.report(step, operation, outcome, operation.stored)
    this.close(step, operation)
  }

  private report(
    step: Step,
    operation: Operation,
    outcome: OperationOutcome,
    stored: number,
  ): void {
    operation.ended = true
    if (operation.id === 0) return
    const wanted = operation.stores ? this.config.k : 0
    step.outbox.operationEnded(operation.id, outcome, stored, wanted)
  }

  private close(step: Step, operation: Operation): void {
    if (!this.live.remove(step.node, operation)) return
    if (operation.subject !== NO_PEER) this.book.unpin(operation.subject)
    for (const provider of operation.seen) this.book.unpin(provider)
    operation.reset()
    this.pool.push(operation)
  }

  private noteDeadline(operation: Operation): void {
    if (operation.ended) return
    const { node, deadlineMs } = operation
    this.rows.lowerDue(node, OPERATIONS_DUE, deadlineMs)
  }
}
