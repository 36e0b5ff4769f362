/**
 * How a rival asks: what is under way, its time-outs, the second try, one request to a peer at a time. The manners say
 * which of that a strategy does; what an answer means is decided above.
 *
 * Bounded by: the requests of the lookups under way; an idle row costs some 40 B here.
 */
import {
  type FailureReason,
  type Message,
  NO_PEER,
  type PeerBook,
  type PeerRef,
} from '@kadmium/core'
import type { StrategyInit } from '../strategy.ts'
import { BackOffs } from './back-offs.ts'
import { Links } from './links.ts'
import { dueAtMs, type Purpose, type Request, Requests } from './requests.ts'
import { peerOf } from './serving.ts'
import type { Step } from './step.ts'
import { type Walk, Walks } from './walk.ts'

/** How a strategy asks and stores. */
export interface Manners {
  /** Result size, and peers named in an answer. */
  k: number
  /** Records sent at once after a walk. */
  sendsAtOnce: number
  /** A send and its tries end after so long, ms. */
  sendLimitMs: number
  /** A walk is given up after so long, ms. */
  walkLimitMs: number
  /** Tries of one request: 2 repeats it once when the peer was reached and did not answer. */
  tries: number
  /** Whether requests to one peer wait for one another. */
  oneAtATime: boolean
  /** Whether a peer whose dial failed is left alone for a while: dials fail at once then. */
  backsOff: boolean
  /** Valid records that end a get, unless the caller says so. */
  quorum: number
  /** Whether a stored record gives way only to a better one. */
  selects: boolean
}

/** Messages that ask for the nearest by what is wanted. */
const QUESTION = {
  getClosest: 'findNode',
  findPeer: 'findNode',
  putValue: 'findNode',
  provide: 'findNode',
  getValue: 'getValue',
  findProviders: 'getProviders',
} as const

export abstract class Asking {
  protected readonly init: StrategyInit
  protected readonly book: PeerBook
  protected readonly manners: Manners
  protected readonly requests: Requests
  protected readonly walks: Walks
  protected readonly links: Links = new Links()
  private readonly backOffs = new BackOffs()
  protected readonly step: Step
  /** When each row wants to be woken; may be early. */
  private readonly dueMs: Float64Array
  readonly nextId = (row: number): number => this.requests.nextId(row)

  constructor(init: StrategyInit, manners: Manners, step: Step) {
    this.init = init
    this.book = init.book
    this.manners = manners
    this.step = step
    this.requests = new Requests(init.count)
    this.walks = new Walks(init.count, init.book)
    this.dueMs = new Float64Array(init.count).fill(Number.POSITIVE_INFINITY)
  }

  deadline(row: number): number {
    return this.dueMs[row] as number
  }

  /** Bytes of what every row has here. */
  protected get askingBytes(): number {
    const { requests, walks, links, backOffs, dueMs } = this
    return requests.bytes + walks.bytes + links.bytes + backOffs.bytes + dueMs.byteLength
  }

  /** How long this try may take from now on, ms; where the peer is not `connected`, with its dial. */
  protected abstract patienceMs(step: Step, request: Request): number
  /** Where a connection has to be opened first, that may take so long, ms. */
  protected abstract dialTimeoutMs(step: Step): number
  /** A request of any purpose was answered: what it teaches about the peer. */
  protected abstract learnSuccess(
    step: Step,
    request: Request,
    message: Message,
    rttMs: number,
  ): void
  /** A request ended without an answer; never called for one that was cancelled. */
  protected abstract learnFailure(step: Step, request: Request, reason: FailureReason): void
  /** A request that no walk waits for was answered. */
  protected abstract strayAnswered(step: Step, request: Request, message: Message): void
  protected abstract strayFailed(step: Step, request: Request): void
  /** A request of a walk was answered; it has been closed. */
  protected abstract walkAnswered(
    step: Step,
    walk: Walk,
    purpose: Purpose,
    peer: PeerRef,
    message: Message,
  ): void
  protected abstract walkFailed(step: Step, walk: Walk, purpose: Purpose, peer: PeerRef): void

  /** The row wants to be woken then, at the latest. */
  protected wakeAt(row: number, atMs: number): void {
    if (atMs < this.deadline(row)) this.dueMs[row] = atMs
  }

  /** Makes the deadline exact after a wake. `besidesMs`: of what else the node waits for. */
  protected settleDeadline(row: number, besidesMs: number): void {
    const { requests, walks } = this
    this.dueMs[row] = Math.min(requests.deadlineMs(row), walks.deadlineMs(row), besidesMs)
  }

  protected isPeer(peer: PeerRef): boolean {
    return peer >= 0 && peer < this.book.size
  }

  /** The peer with that key, where the node is connected to it. */
  known(row: number, key: Uint32Array): PeerRef {
    const peer = peerOf(this.book.keys, this.book.size, key)
    return peer !== NO_PEER && this.links.has(row, peer) ? peer : NO_PEER
  }

  /** Asks a peer, or has the request wait until it may. */
  protected ask(step: Step, peer: PeerRef, purpose: Purpose, walk: Walk): void {
    const { row } = step
    const request = this.requests.open(row, peer, purpose, walk)
    if (purpose === 'store' || purpose === 'correct') {
      request.limitMs = step.nowMs + this.manners.sendLimitMs
      this.wakeAt(row, request.limitMs)
    }
    if (purpose === 'store' || purpose === 'correct') walk.sending++
    else walk.inFlight++
    this.sendInTurn(step, request)
  }

  /** Asks a peer on nobody's behalf; `note` writes down what the request is about. */
  protected askAlone(
    step: Step,
    peer: PeerRef,
    purpose: Purpose,
    note?: (request: Request) => void,
  ): void {
    const request = this.requests.open(step.row, peer, purpose, null)
    note?.(request)
    this.sendInTurn(step, request)
  }

  private sendInTurn(step: Step, request: Request): void {
    const isBusy = this.requests.isBusy(step.row, request.peer, request)
    if (this.manners.oneAtATime && isBusy) request.held = true
    else this.transmit(step, request)
  }

  protected transmit(step: Step, request: Request): void {
    const { row, nowMs, outbox } = step
    const { peer, walk } = request
    request.id = this.requests.nextId(row)
    request.held = false
    request.sentAtMs = nowMs
    request.connected = this.links.has(row, peer)
    request.refused = !request.connected && this.backOffs.holds(row, peer, nowMs)
    request.deadlineMs = nowMs + (request.refused ? 0 : this.patienceMs(step, request))
    this.wakeAt(row, dueAtMs(request))
    const message = this.compose(step, request)
    if (walk !== null && walk.id !== 0) outbox.asking(walk.id, peer, message)
    if (!request.refused) outbox.send(request.id, peer, message, this.dialTimeoutMs(step))
  }

  protected answerArrived(step: Step, id: number, message: Message, rttMs: number): void {
    const request = this.requests.find(step.row, id)
    if (request === null) return
    const { peer, purpose, walk } = request
    this.learnSuccess(step, request, message, rttMs)
    if (walk === null) {
      this.strayAnswered(step, request, message)
      this.close(step, request)
      return
    }
    this.close(step, request)
    if (walk.id !== 0) step.outbox.answered(walk.id, peer, message)
    this.walkAnswered(step, walk, purpose, peer, message)
  }

  protected requestFailed(step: Step, id: number, reason: FailureReason): void {
    const request = this.requests.find(step.row, id)
    if (request !== null) this.fail(step, request, reason)
  }

  /** Requests whose time is up. */
  protected expire(step: Step): void {
    const { row, nowMs } = step
    let due = this.requests.nextDue(row, nowMs)
    for (; due !== null; due = this.requests.nextDue(row, nowMs)) {
      if (isSent(due)) step.outbox.cancelRequest(due.id, true)
      this.fail(step, due, due.refused ? 'dial' : 'timeout')
    }
  }

  /** A connection began or ended: who was dialled has been reached. */
  protected setLink(step: Step, peer: PeerRef, isOpen: boolean): void {
    const { row, nowMs } = step
    if (isOpen) this.links.add(row, peer)
    else this.links.remove(row, peer)
    if (!isOpen) return
    this.backOffs.reached(row, peer)
    for (let request = this.requests.first(row); request !== null; request = request.next) {
      if (request.peer !== peer || !isSent(request) || request.connected) continue
      request.connected = true
      request.deadlineMs = nowMs + this.patienceMs(step, request)
      this.wakeAt(row, dueAtMs(request))
    }
  }

  /** Nobody waits for the walk's requests any more. Those that `keeps` says yes to only teach, the others are taken back. */
  protected release(step: Step, walk: Walk, keeps: (request: Request) => boolean): void {
    const { row } = step
    const { requests } = this
    this.drop(step, walk, (request) => request.held)
    this.drop(step, walk, (request) => !keeps(request))
    for (let request = requests.first(row); request !== null; request = request.next) {
      if (request.walk === walk) request.walk = null
    }
    walk.inFlight = 0
    walk.sending = 0
  }

  /** Takes back those of the walk's requests that `isMeant`. */
  protected drop(step: Step, walk: Walk, isMeant: (request: Request) => boolean): void {
    let request = this.requests.first(step.row)
    while (request !== null) {
      const { next } = request
      if (request.walk === walk && isMeant(request)) {
        if (isSent(request)) step.outbox.cancelRequest(request.id, false)
        if (request.purpose === 'store' || request.purpose === 'correct') walk.sending--
        else walk.inFlight--
        this.close(step, request)
      }
      request = next
    }
  }

  protected stopAsking(step: Step): void {
    const { row, outbox } = step
    for (let held = this.requests.first(row); held !== null; ) {
      const { next } = held
      if (isSent(held)) outbox.cancelRequest(held.id, false)
      this.requests.close(row, held)
      held = next
    }
    this.dueMs[row] = Number.POSITIVE_INFINITY
  }

  private compose(step: Step, request: Request): Message {
    const { outbox } = step
    const { walk, purpose } = request
    if (walk !== null && (purpose === 'ask' || purpose === 'follow')) {
      const question = outbox.message(QUESTION[walk.type])
      question.key.set(walk.key)
      question.keyBytes = walk.keyBytes
      return question
    }
    if (walk !== null && purpose === 'store' && walk.type === 'provide') {
      const announcement = outbox.message('addProvider')
      announcement.key.set(walk.key)
      announcement.keyBytes = walk.keyBytes
      announcement.addProvider(walk.subject)
      return announcement
    }
    return this.composeStray(step, request)
  }

  /** Puts, corrections, probes and pings. */
  private composeStray(step: Step, request: Request): Message {
    const { outbox, self } = step
    const { walk, purpose } = request
    if (purpose === 'ping') return outbox.message('ping')
    if (purpose === 'relay') {
      const question = outbox.message(request.type)
      question.key.set(request.key ?? question.key)
      question.keyBytes = request.keyBytes ?? question.keyBytes
      return question
    }
    if (purpose === 'store' || purpose === 'correct') {
      const put = outbox.message('putValue')
      put.key.set(walk?.key ?? request.key ?? put.key)
      put.keyBytes = walk?.keyBytes ?? request.keyBytes ?? put.keyBytes
      put.record =
        purpose === 'store' ? (walk?.record ?? null) : (request.record ?? walk?.best ?? null)
      return put
    }
    const question = outbox.message('findNode')
    const at = this.book.at(self)
    question.key.set(this.book.keys.subarray(at, at + question.key.length))
    return question
  }

  private fail(step: Step, request: Request, reason: FailureReason): void {
    const { peer, purpose, walk } = request
    const isUnreached = reason === 'dial' || (reason === 'timeout' && !request.connected)
    if (this.manners.backsOff && isUnreached && isSent(request))
      this.backOffs.dialFailed(step.row, peer, step.nowMs)
    if (this.triesAgain(step, request, reason)) {
      if (walk !== null && walk.id !== 0) step.outbox.peerFailed(walk.id, peer, reason)
      request.tries++
      this.transmit(step, request)
      return
    }
    if (reason !== 'cancelled') this.learnFailure(step, request, reason)
    if (walk === null) {
      this.strayFailed(step, request)
      this.close(step, request)
      return
    }
    this.close(step, request)
    if (walk.id !== 0) step.outbox.peerFailed(walk.id, peer, reason)
    this.walkFailed(step, walk, purpose, peer)
  }

  /** The peer was reached and did not answer: once more, on a fresh stream. */
  private triesAgain(step: Step, request: Request, reason: FailureReason): boolean {
    const { purpose, walk } = request
    const isReached = reason === 'reset' || reason === 'malformed' || reason === 'timeout'
    if (!isReached || walk === null || request.tries + 1 >= this.manners.tries) return false
    if (request.held || !request.connected || request.limitMs <= step.nowMs) return false
    return !(purpose === 'store' && walk.type === 'provide') // no answer is read, so none can be missed
  }

  private close(step: Step, request: Request): void {
    const { row } = step
    const { peer } = request
    this.requests.close(row, request)
    if (!this.manners.oneAtATime) return
    const held = this.requests.oldestHeld(row, peer)
    if (held !== null && !this.requests.isBusy(row, peer, held)) this.transmit(step, held)
  }
}

/** Whether the host knows of the request. */
function isSent(request: Request): boolean {
  return !request.held && !request.refused
}
