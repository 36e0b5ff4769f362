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
import { QUERIED, UNREACHABLE, WAITING } from './candidates.ts'
import { faultOf, optionsOf } from './options.ts'
import { PLAIN_OPTIONS, PlainNode } from './plain-node.ts'
import { CANDIDATES, NONE } from './plain-slabs.ts'
import type { Step } from './step.ts'

const QUESTION = {
  getClosest: 'findNode',
  findPeer: 'findNode',
  putValue: 'findNode',
  provide: 'findNode',
  getValue: 'getValue',
  findProviders: 'getProviders',
} as const

/** Instead of a subject: the records of a store are on their way. */
const SENT = -2

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
        if (this.isOnline(row)) this.walkTo(step, input.key, input.keyBytes)
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
    const { heads } = this.lookups
    for (let at = heads[row] as number; at !== NONE; at = heads[row] as number) {
      this.end(step, at, 'cancelled')
    }
    for (let at = this.requests.heads[row] as number; at !== NONE; ) {
      const next = this.requests.next[at] as number
      step.outbox.cancelRequest(this.requests.ids[at] as number, false)
      this.requests.close(row, at)
      at = next
    }
    this.walkedAt[row * this.table.buckets] = 0
    this.refreshAtMs[row] = Number.POSITIVE_INFINITY
    this.dueMs[row] = Number.POSITIVE_INFINITY
  }

  private wake(step: Step): void {
    const { row, nowMs } = step
    const { requests } = this
    let due = requests.nextDue(row, nowMs)
    for (; due !== NONE; due = requests.nextDue(row, nowMs)) {
      step.outbox.cancelRequest(requests.ids[due] as number, true)
      this.failed(step, due, 'timeout')
    }
    if ((this.refreshAtMs[row] as number) <= nowMs) this.refresh(step)
    this.dueMs[row] = Math.min(requests.deadlineMs(row), this.refreshAtMs[row] as number)
  }

  private startOperation(step: Step, start: StartOperation): void {
    const { row, nowMs, outbox } = step
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
    const at = this.lookups.open(row, operation, key)
    this.lookups.types[at] = type
    this.lookups.keyBytes[at] = keyBytes
    this.lookups.records[at] = record
    this.lookups.subjects[at] = start.peer
    this.lookups.wanted[at] = Math.max(1, start.countMax)
    this.begin(step, at, nowMs)
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

  private walkTo(step: Step, key: Uint32Array, keyBytes: Uint8Array): void {
    const at = this.lookups.open(step.row, 0, key)
    this.lookups.types[at] = 'getClosest'
    this.lookups.keyBytes[at] = keyBytes
    this.lookups.records[at] = null
    this.lookups.subjects[at] = NO_PEER
    this.lookups.wanted[at] = 0
    this.begin(step, at, step.nowMs)
  }

  private begin(step: Step, at: number, nowMs: number): void {
    const { row } = step
    const { keys } = this.lookups
    const keyAt = at * KEY_WORDS
    const count = this.table.closest(row, keys, keyAt, this.options.k, step.self, this.found)
    for (let i = 0; i < count; i++) this.lookups.add(at, this.found[i] as PeerRef)
    this.noteWalk(row, at, nowMs)
    this.advance(step, at)
  }

  private advance(step: Step, at: number): void {
    const { lookups, options } = this
    const isSent = lookups.subjects[at] === SENT
    if (!isSent && lookups.isComplete(at, options.k)) {
      this.conclude(step, at)
      return
    }
    while (!isSent && (lookups.flights[at] as number) < options.alpha) {
      const place = lookups.unasked(at)
      if (place === NONE) break
      lookups.states[place] = WAITING
      this.ask(step, at, lookups.peers[place] as PeerRef)
    }
    if (lookups.flights[at] === 0) this.conclude(step, at)
  }

  private ask(step: Step, at: number, peer: PeerRef): void {
    const { lookups } = this
    const message = step.outbox.message(QUESTION[lookups.types[at] ?? 'getClosest'])
    this.send(step, at, peer, message)
  }

  private send(step: Step, at: number, peer: PeerRef, message: Message): void {
    const { lookups, requests, options } = this
    const { row, nowMs, outbox } = step
    const from = at * KEY_WORDS
    for (let i = 0; i < KEY_WORDS; i++) message.key[i] = lookups.keys[from + i] as number
    message.keyBytes = lookups.keyBytes[at] ?? message.keyBytes
    const dueMs = nowMs + options.requestTimeoutMs
    const request = requests.open(row, peer, at, NO_PEER, dueMs)
    this.wakeAt(row, dueMs)
    lookups.flights[at] = (lookups.flights[at] as number) + 1
    const id = lookups.ids[at] as number
    if (id !== 0) outbox.asking(id, peer, message)
    outbox.send(requests.ids[request] as number, peer, message, options.requestTimeoutMs)
  }

  private answered(step: Step, id: number, message: Message): void {
    const { row, outbox } = step
    const { requests, lookups } = this
    const request = requests.find(row, id)
    if (request === NONE) return
    const peer = requests.peers[request] as PeerRef
    const at = requests.lookups[request] as number
    requests.close(row, request)
    this.meet(step, peer)
    if (at === NONE) return
    lookups.flights[at] = (lookups.flights[at] as number) - 1
    const operation = lookups.ids[at] as number
    if (operation !== 0) outbox.answered(operation, peer, message)
    if (message.type === 'putValue' || message.type === 'addProvider') {
      lookups.stored[at] = (lookups.stored[at] as number) + 1
      this.advance(step, at)
      return
    }
    lookups.settle(at, peer, QUERIED)
    for (let i = 0; i < message.closerCount; i++) {
      const named = message.closer[i] as PeerRef
      if (this.isPeer(named) && named !== step.self) lookups.add(at, named)
    }
    if (!this.use(step, at, peer, message)) this.advance(step, at)
  }

  /** What was looked for. True when that ended the lookup. */
  private use(step: Step, at: number, peer: PeerRef, message: Message): boolean {
    const { outbox } = step
    const { lookups } = this
    const operation = lookups.ids[at] as number
    const type = lookups.types[at]
    if (type === 'getValue' && message.record !== null) {
      outbox.valueFound(operation, peer, message.record)
    } else if (type === 'findProviders' && message.providerCount > 0) {
      const found = outbox.message('getProviders')
      for (let i = 0; i < message.providerCount; i++) {
        const provider = message.providers[i] as PeerRef
        if (this.isPeer(provider)) found.addProvider(provider)
      }
      if (found.providerCount === 0) return false
      outbox.providersFound(operation, peer, found)
    } else if (type === 'findPeer') {
      const subject = lookups.subjects[at] as PeerRef
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
    const peer = requests.peers[request] as PeerRef
    const at = requests.lookups[request] as number
    const newcomer = requests.notes[request] as PeerRef
    requests.close(row, request)
    if (reason !== 'cancelled') table.remove(row, peer)
    if (at === NONE) {
      if (newcomer !== NO_PEER && !table.has(row, newcomer)) table.add(row, newcomer, step.nowMs)
      return
    }
    lookups.flights[at] = (lookups.flights[at] as number) - 1
    const operation = lookups.ids[at] as number
    if (operation !== 0) step.outbox.peerFailed(operation, peer, reason)
    lookups.settle(at, peer, UNREACHABLE)
    this.advance(step, at)
  }

  /** The k nearest have answered, or nobody is left and nothing is under way. */
  private conclude(step: Step, at: number): void {
    const { lookups } = this
    const type = lookups.types[at]
    const isStore = type === 'putValue' || type === 'provide'
    if (!isStore || (lookups.subjects[at] as number) === SENT) {
      this.end(step, at, isStore ? 'ok' : type === 'getClosest' ? 'ok' : 'notFound')
      return
    }
    lookups.subjects[at] = SENT
    this.sendRecords(step, at)
    if (lookups.flights[at] === 0) this.end(step, at, 'noPeers')
  }

  private sendRecords(step: Step, at: number): void {
    const { lookups } = this
    const isValue = lookups.types[at] === 'putValue'
    const begin = at * CANDIDATES
    let wanted = 0
    for (let place = begin; place < begin + (lookups.sizes[at] as number); place++) {
      if (lookups.states[place] !== QUERIED || wanted === this.options.k) continue
      const message = step.outbox.message(isValue ? 'putValue' : 'addProvider')
      if (isValue) message.record = lookups.records[at] ?? null
      else message.addProvider(step.self)
      this.send(step, at, lookups.peers[place] as PeerRef, message)
      wanted++
    }
    lookups.wanted[at] = wanted
  }

  private end(step: Step, at: number, outcome: OperationOutcome): void {
    const { row, outbox } = step
    const { lookups, requests } = this
    for (let request = requests.heads[row] as number; request !== NONE; ) {
      const next = requests.next[request] as number
      if (requests.lookups[request] === at) {
        outbox.cancelRequest(requests.ids[request] as number, false)
        requests.close(row, request)
      }
      request = next
    }
    const operation = lookups.ids[at] as number
    const type = lookups.types[at]
    if (type === 'getClosest') this.tellClosest(step, at, operation)
    if (operation !== 0) {
      const isStore = type === 'putValue' || type === 'provide'
      const stored = lookups.stored[at] as number
      const told = isStore && outcome === 'ok' && stored === 0 ? 'noPeers' : outcome
      outbox.operationEnded(operation, told, stored, isStore ? (lookups.wanted[at] ?? 0) : 0)
    }
    lookups.records[at] = null
    lookups.close(row, at)
  }

  private tellClosest(step: Step, at: number, operation: number): void {
    const { lookups } = this
    const begin = at * CANDIDATES
    const message = step.outbox.message('findNode')
    for (let place = begin; place < begin + (lookups.sizes[at] as number); place++) {
      if (message.closerCount === this.options.k) break
      if (lookups.states[place] === QUERIED) message.addCloser(lookups.peers[place] as PeerRef)
    }
    if (operation !== 0) step.outbox.closestFound(operation, message)
    else step.outbox.walkEnded(lookups.keyBytes[at] ?? message.keyBytes, message.closerCount)
  }
}

export const plain: Strategy = {
  name: 'plain',
  summary: 'a plain Kademlia with k 8, alpha 2 and time-outs of 1 s, as simulators run it',
  optionsFault: (options) => faultOf(PLAIN_OPTIONS, options),
  create: (init) => new Plain(init, optionsOf(PLAIN_OPTIONS, init.options)),
}
