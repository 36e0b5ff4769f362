/**
 * A plain Kademlia as simulators run it (simulators.md §2a): k 8, alpha 2, requests that are given up after 1 s, lookups that
 * end when the 8 nearest have answered, buckets that are refreshed when no lookup went there for 15 minutes, contacts that
 * are questionable after 15 minutes without a sign (BEP 5) and gone when they do not answer. Whoever asks is taken in, too,
 * where there is room. Made to be run on a million nodes: 1.1 kB a row, no object for any event.
 *
 * Where the sources leave room: a full bucket pings its longest silent member if that is questionable, and a failed one gives
 * its seat to the newcomer; a get ends with the first valid value; a search for providers with the first answer that names
 * any, unless its caller wants more.
 */
import {
  type FailureReason,
  type Input,
  KEY_WORDS,
  type Message,
  NO_PEER,
  type OperationOutcome,
  type Outbox,
  type PeerRef,
  type StartOperation,
} from '@kadmium/core'
import type { Column, Strategy } from '../strategy.ts'
import { HEARD, QUERIED, UNREACHABLE, WAITING } from './candidates.ts'
import { faultOf, optionsOf } from './options.ts'
import { PLAIN_OPTIONS, PlainNode } from './plain-node.ts'
import {
  CLOSEST,
  DUE,
  FLIGHTS,
  NEVER_MS,
  NODE_WORDS,
  NONE,
  ONLINE,
  PEER,
  PROVIDE,
  PROVIDERS,
  PUT,
  REFRESH,
  STORED,
  SUBJECT,
  TYPE,
  TYPES,
  VALUE,
  WANTED,
} from './plain-slabs.ts'
import type { Step } from './step.ts'

/** Instead of a subject: the records of a store are on their way. */
const SENT = -2

/** Of a walk of the node's own: nobody in particular is looked for. */
const OWN = { peer: NO_PEER, countMax: 0 }

class Plain extends PlainNode implements Column {
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
      case 'answerArrived':
        this.answered(step, input.request, input.message)
        break
      case 'requestArrived':
        this.requested(step, input.exchange, input.from, input.message)
        break
      case 'requestFailed':
        this.failed(step, this.requests.find(row, input.request), input.reason)
        break
      case 'startOperation':
        this.startOperation(step, input)
        break
      case 'keyPicked':
        if (!this.isOnline(row)) break
        this.open(step, 0, CLOSEST, input.key, input.keyBytes, null, OWN)
        break
      case 'start':
        this.started(step)
        break
      case 'stop':
        this.stop(step)
        break
      case 'cancelOperation': {
        const at = input.operation > 0 ? this.lookups.find(row, input.operation) : NONE
        if (at !== NONE) this.end(step, at, 'cancelled')
        break
      }
      case 'protocolChanged':
        if (!this.isPeer(input.peer)) break
        if (input.speaks) this.meet(step, input.peer)
        else this.table.remove(row, input.peer)
        break
      default:
        this.handleStored(step, input)
    }
  }

  private stop(step: Step): void {
    const { row } = step
    const { requests, lookups, nodes } = this
    for (let at = lookups.first(row); at !== NONE; at = lookups.first(row)) {
      this.end(step, at, 'cancelled')
    }
    for (let at = requests.first(row); at !== NONE; at = requests.first(row)) {
      step.outbox.cancelRequest(requests.id(at), false)
      requests.close(row, at)
    }
    const at = row * NODE_WORDS
    nodes[at + ONLINE] = 0
    nodes[at + REFRESH] = NEVER_MS
    nodes[at + DUE] = NEVER_MS
  }

  private wake(step: Step): void {
    const { row, nowMs } = step
    const { requests, nodes } = this
    for (let due = requests.nextDue(row, nowMs); due !== NONE; due = requests.nextDue(row, nowMs)) {
      step.outbox.cancelRequest(requests.id(due), true)
      this.failed(step, due, 'timeout')
    }
    const at = row * NODE_WORDS
    if ((nodes[at + REFRESH] as number) <= nowMs) this.refresh(step)
    nodes[at + DUE] = Math.min(requests.deadlineMs(row), nodes[at + REFRESH] as number)
  }

  private startOperation(step: Step, start: StartOperation): void {
    const { row, outbox } = step
    const { operation, type, key, keyBytes, record } = start
    if (operation <= 0 || this.lookups.find(row, operation) !== NONE) return
    if (type === 'putValue' && record === null) {
      outbox.operationEnded(operation, 'invalid', 0, 0)
      return
    }
    if (type === 'putValue' && record !== null) {
      this.serving.put(step, key, keyBytes, record, -1, operation)
    } else if (type === 'provide') {
      this.serving.provide(step, key, keyBytes, step.self)
    } else if (start.reach !== 'network' && this.isHere(step, start)) return
    if (start.reach === 'local') {
      outbox.operationEnded(
        operation,
        type === 'provide' || record !== null ? 'ok' : 'notFound',
        0,
        0,
      )
      return
    }
    this.open(step, operation, TYPES.indexOf(type), key, keyBytes, record, start)
  }

  /** A lookup begins: of an operation, or (0) of the node's own. */
  private open(
    step: Step,
    operation: number,
    type: number,
    key: Uint32Array,
    keyBytes: Uint8Array,
    record: Uint8Array | null,
    { peer, countMax }: { peer: PeerRef; countMax: number },
  ): void {
    const { lookups } = this
    const { row, nowMs } = step
    const at = lookups.open(row, operation, key)
    lookups.keyBytes[lookups.number(at)] = keyBytes
    lookups.records[lookups.number(at)] = record
    lookups.words[at + TYPE] = type
    lookups.words[at + SUBJECT] = peer
    lookups.words[at + WANTED] = countMax
    const { k } = this.options
    const count = this.table.closest(row, key, 0, k, step.self, this.found, 0)
    for (let i = 0, place = 0; i < count; i++) {
      place = lookups.add(at, this.found[i] as PeerRef, place)
    }
    this.noteWalk(row, at, nowMs)
    this.advance(step, at)
  }

  /** Whether the node has what is looked for itself. */
  private isHere(step: Step, start: StartOperation): boolean {
    const { row, nowMs, outbox } = step
    const { operation, type, key } = start
    const { records } = this.serving
    if (type === 'getValue') {
      const own = records.value(row, key, nowMs)
      if (own === null) return false
      outbox.valueFound(operation, NO_PEER, own)
    } else if (type === 'findProviders') {
      const own = outbox.message('getProviders')
      records.nameProviders(row, key, nowMs, own)
      if (own.providerCount < Math.max(1, start.countMax)) return false
      outbox.providersFound(operation, NO_PEER, own)
    } else if (type === 'findPeer' && start.peer === step.self) {
      outbox.peerFound(operation, NO_PEER, start.peer)
    } else {
      return false
    }
    outbox.operationEnded(operation, 'ok', 0, 0)
    return true
  }

  private advance(step: Step, at: number): void {
    const { lookups, options } = this
    const { words } = lookups
    if (words[at + SUBJECT] !== SENT) {
      const open = lookups.nearestOpen(at, options.k)
      if (open === NONE) {
        this.conclude(step, at)
        return
      }
      const size = lookups.size(at)
      for (let place = open; place < size; place++) {
        if ((words[at + FLIGHTS] as number) >= options.alpha) break
        if (lookups.state(at, place) !== HEARD) continue
        lookups.setState(at, place, WAITING)
        this.ask(step, at, lookups.peer(at, place))
      }
    }
    if (words[at + FLIGHTS] === 0) this.conclude(step, at)
  }

  private ask(step: Step, at: number, peer: PeerRef): void {
    const type = this.lookups.words[at + TYPE]
    const question = type === VALUE ? 'getValue' : type === PROVIDERS ? 'getProviders' : 'findNode'
    this.send(step, at, peer, step.outbox.message(question))
  }

  private send(step: Step, at: number, peer: PeerRef, message: Message): void {
    const { lookups, requests, options } = this
    const { row, nowMs, outbox } = step
    const { words } = lookups
    const from = lookups.keyAt(at)
    for (let i = 0; i < KEY_WORDS; i++) message.key[i] = words[from + i] as number
    message.keyBytes = lookups.keyBytes[lookups.number(at)] ?? message.keyBytes
    const dueMs = nowMs + options.requestTimeoutMs
    const request = requests.open(row, peer, at, NO_PEER, dueMs)
    this.wakeAt(row, dueMs)
    words[at + FLIGHTS] = (words[at + FLIGHTS] as number) + 1
    const operation = lookups.id(at)
    if (operation !== 0) outbox.asking(operation, peer, message)
    outbox.send(requests.id(request), peer, message, options.requestTimeoutMs)
  }

  private answered(step: Step, id: number, message: Message): void {
    const { row, outbox } = step
    const { requests, lookups } = this
    const request = requests.find(row, id)
    if (request === NONE) return
    const peer = requests.peer(request)
    const at = requests.lookup(request)
    requests.close(row, request)
    this.meet(step, peer)
    if (at === NONE) return
    const { words } = lookups
    words[at + FLIGHTS] = (words[at + FLIGHTS] as number) - 1
    const operation = lookups.id(at)
    if (operation !== 0) outbox.answered(operation, peer, message)
    if (message.type === 'putValue' || message.type === 'addProvider') {
      words[at + STORED] = (words[at + STORED] as number) + 1
      this.advance(step, at)
      return
    }
    lookups.settle(at, peer, QUERIED)
    const { closer, closerCount } = message
    for (let i = 0, place = 0; i < closerCount; i++) {
      const named = closer[i] as PeerRef
      if (this.isPeer(named) && named !== step.self) place = lookups.add(at, named, place)
    }
    if (!this.use(step, at, peer, message)) this.advance(step, at)
  }

  /** What was looked for. True when that ended the lookup. */
  private use(step: Step, at: number, peer: PeerRef, message: Message): boolean {
    const { outbox } = step
    const { lookups } = this
    const type = lookups.words[at + TYPE]
    const operation = lookups.id(at)
    if (type === VALUE && message.record !== null) {
      outbox.valueFound(operation, peer, message.record)
    } else if (type === PROVIDERS && message.providerCount > 0) {
      const found = outbox.message('getProviders')
      for (let i = 0; i < message.providerCount; i++) {
        const provider = message.providers[i] as PeerRef
        if (this.isPeer(provider)) found.addProvider(provider)
      }
      if (found.providerCount === 0) return false
      outbox.providersFound(operation, peer, found)
    } else if (type === PEER) {
      const subject = lookups.words[at + SUBJECT] as PeerRef
      const isNamed = message.closer.subarray(0, message.closerCount).includes(subject)
      if (peer !== subject && !isNamed) return false
      outbox.peerFound(operation, peer, subject)
    } else {
      return false
    }
    this.end(step, at, 'ok')
    return true
  }

  private failed(step: Step, request: number, reason: FailureReason): void {
    if (request === NONE) return
    const { row } = step
    const { requests, lookups, table } = this
    const peer = requests.peer(request)
    const at = requests.lookup(request)
    const newcomer = requests.note(request)
    requests.close(row, request)
    if (reason !== 'cancelled') table.remove(row, peer)
    if (at === NONE) {
      if (newcomer !== NO_PEER && !table.has(row, newcomer)) table.add(row, newcomer, step.nowMs)
      return
    }
    lookups.words[at + FLIGHTS] = (lookups.words[at + FLIGHTS] as number) - 1
    const operation = lookups.id(at)
    if (operation !== 0) step.outbox.peerFailed(operation, peer, reason)
    lookups.settle(at, peer, UNREACHABLE)
    this.advance(step, at)
  }

  /** The k nearest have answered, or nobody is left and nothing is under way. */
  private conclude(step: Step, at: number): void {
    const { words } = this.lookups
    const type = words[at + TYPE]
    const isStore = type === PUT || type === PROVIDE
    if (!isStore || words[at + SUBJECT] === SENT) {
      this.end(step, at, isStore || type === CLOSEST ? 'ok' : 'notFound')
      return
    }
    words[at + SUBJECT] = SENT
    this.sendRecords(step, at)
    if (words[at + FLIGHTS] === 0) this.end(step, at, 'noPeers')
  }

  private sendRecords(step: Step, at: number): void {
    const { lookups } = this
    const isValue = lookups.words[at + TYPE] === PUT
    const size = lookups.size(at)
    let wanted = 0
    for (let place = 0; place < size && wanted < this.options.k; place++) {
      if (lookups.state(at, place) !== QUERIED) continue
      const message = step.outbox.message(isValue ? 'putValue' : 'addProvider')
      if (isValue) message.record = lookups.records[lookups.number(at)] ?? null
      else message.addProvider(step.self)
      this.send(step, at, lookups.peer(at, place), message)
      wanted++
    }
    lookups.words[at + WANTED] = wanted
  }

  private end(step: Step, at: number, outcome: OperationOutcome): void {
    const { row, outbox } = step
    const { lookups, requests } = this
    for (let request = requests.first(row); request !== NONE; ) {
      const next = requests.after(request)
      if (requests.lookup(request) === at) {
        outbox.cancelRequest(requests.id(request), false)
        requests.close(row, request)
      }
      request = next
    }
    const { words } = lookups
    const operation = lookups.id(at)
    const type = words[at + TYPE]
    if (type === CLOSEST) this.tellClosest(step, at, operation)
    if (operation !== 0) {
      const isStore = type === PUT || type === PROVIDE
      const stored = words[at + STORED] as number
      const told = isStore && outcome === 'ok' && stored === 0 ? 'noPeers' : outcome
      outbox.operationEnded(operation, told, stored, isStore ? (words[at + WANTED] as number) : 0)
    }
    lookups.close(row, at)
  }

  private tellClosest(step: Step, at: number, operation: number): void {
    const { lookups } = this
    const message = step.outbox.message('findNode')
    const size = lookups.size(at)
    for (let place = 0; place < size && message.closerCount < this.options.k; place++) {
      if (lookups.state(at, place) === QUERIED) message.addCloser(lookups.peer(at, place))
    }
    const keyBytes = lookups.keyBytes[lookups.number(at)] ?? message.keyBytes
    if (operation !== 0) step.outbox.closestFound(operation, message)
    else step.outbox.walkEnded(keyBytes, message.closerCount)
  }
}

export const plain: Strategy = {
  name: 'plain',
  summary: 'a plain Kademlia with k 8, alpha 2 and time-outs of 1 s, as simulators run it',
  optionsFault: (options) => faultOf(PLAIN_OPTIONS, options),
  create: (init) => new Plain(init, optionsOf(PLAIN_OPTIONS, init.options)),
}
