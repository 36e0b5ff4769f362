/**
 * Runs one worker's nodes: hands each what happens to it, carries out what it asks for, and writes nothing down that the
 * observers do not want. All strategies have this host.
 *
 * Validation and the store of a simulated node take no time: a record is valid, the newer version is the better one.
 */
import {
  type FailureReason,
  type Input,
  Message,
  Outbox,
  type Output,
  type PeerRef,
} from '@kadmium/core'
import { ASKED } from '../check/holders.ts'
import { subjectOf, versionOf } from '../workload/subjects.ts'
import { Digest } from './digest.ts'
import { Exchanges } from './exchanges.ts'
import * as flight from './flights.ts'
import type { HostInit } from './host-init.ts'
import { Inputs } from './inputs.ts'
import { DIAL_ENDS } from './network.ts'
import { Presence } from './presence.ts'
import { answerProbe } from './probes.ts'
import { answerRead, serviceMs } from './reads.ts'
import { Store, verdictOf } from './store.ts'
import { Wakes } from './wakes.ts'
import { WalkKeys } from './walk-keys.ts'

/** The request id of a dial that the host began by itself, to enter the network. */
const ENTERS = -2
/** The request id of a dial that the node asked for. */
const CHECKS = -1

const WAKE: Input = { kind: 'wake' }

export class Host {
  /** Inputs handed to nodes. */
  events = 0
  /** Requests that nodes have sent. */
  requests = 0
  readonly digest: Digest
  readonly store: Store = new Store()
  /** The last answer to a request of a checker's; null: refused. */
  told: Message | null = null
  private readonly init: HostInit
  private readonly outbox = new Outbox()
  private readonly exchanges = new Exchanges()
  private readonly walkKeys: WalkKeys
  private readonly soon: Input[] = [] // BOUNDED: by what one step of a node asks of its store and judges
  private readonly dials = new Set<number>() // BOUNDED: by the checks that nodes make at once (probesMax each)
  private readonly message = new Message()
  private readonly inputs: Inputs = new Inputs(this.message)
  readonly presence: Presence
  private readonly wakes: Wakes

  constructor(init: HostInit) {
    this.init = init
    const { column, network, population, wheel, first } = init
    this.digest = new Digest(first, network.rows)
    this.presence = new Presence(population, first, network.rows)
    this.wakes = new Wakes(column, wheel, network.rows)
    this.walkKeys = new WalkKeys(init)
  }

  /** One input to one node, and all that follows from it at once. */
  give(row: number, nowMs: number, input: Input): void {
    this.hand(row, nowMs, input)
    this.wakes.arrange(row, nowMs)
  }

  /** As `give`, where more is to come at once: the last of it arranges the node's next wake. */
  private hand(row: number, nowMs: number, input: Input): void {
    const { soon } = this
    this.step(row, nowMs, input)
    while (soon.length > 0) this.step(row, nowMs, soon.shift() as Input)
  }

  /** The wheel says that a node wants to be woken. */
  wake(row: number, nowMs: number): void {
    if (!this.wakes.isDue(row, nowMs) || !this.presence.isUp(row, nowMs)) return
    if (this.init.column.deadline(row) <= nowMs) this.give(row, nowMs, WAKE)
    else this.wakes.arrange(row, nowMs)
  }

  /** The node's process begins. */
  start(row: number, nowMs: number, bootstrap: readonly PeerRef[]): void {
    this.give(row, nowMs, { kind: 'start' })
    for (const peer of bootstrap) this.dial(row, peer, ENTERS, nowMs, Number.POSITIVE_INFINITY)
  }

  /** The node has had connections to these since before the run. */
  connect(row: number, peers: Int32Array, nowMs: number): void {
    const { network, first } = this.init
    for (const peer of peers) {
      if (network.isWarm(first + row, peer)) this.opened(row, peer, nowMs)
    }
    this.wakes.arrange(row, nowMs)
  }

  /** The node's process ends: in order, or without a word. */
  stop(row: number, nowMs: number, isPolite: boolean): void {
    this.presence.fell(row)
    this.step(row, nowMs, { kind: 'stop' })
    this.soon.length = 0
    const { network, column } = this.init
    const { connections } = network
    for (let at = connections.first(row); at >= 0; at = connections.first(row)) {
      const peer = connections.peer(at)
      network.close(row, peer, isPolite, nowMs)
      this.link(row, nowMs, peer, 'cold', false)
    }
    column.restart?.(row)
    this.wakes.arrange(row, nowMs)
  }

  /** A flight has come to one of our nodes. */
  arrive(row: number, letter: number, nowMs: number): void {
    const kind = this.word(letter, flight.KIND)
    const from = this.word(letter, flight.FROM)
    if (kind === flight.PROBE || kind === flight.PROBE_ANSWER)
      answerProbe(this.init, this.store, row, letter, nowMs)
    else if (this.presence.isUp(row, nowMs)) {
      if (kind === flight.REQUEST && this.serve(row, from, letter, nowMs)) return // it flies back
      this.take(row, kind, from, letter, nowMs)
    }
    this.wakes.arrange(row, nowMs)
    this.init.network.flights.release(letter)
  }

  /** The time-out of a dial has come. */
  dialEnded(row: number, peer: PeerRef, id: number, nowMs: number): void {
    const isGone = this.init.network.dialEnded(row, peer, nowMs)
    const isCheck = id === CHECKS && this.dials.delete(this.dialName(row, peer))
    if (!this.presence.isUp(row, nowMs)) return
    if (isCheck) {
      this.give(row, nowMs, { kind: 'dialEnded', peer, ok: false, ipGroup: 0 })
    } else if (id >= 0 && isGone) {
      this.give(row, nowMs, { kind: 'requestFailed', request: id, reason: 'dial' })
    }
  }

  /** The idle timer of a connection ran. */
  idled(row: number, peer: PeerRef, nowMs: number): void {
    if (this.init.network.idled(row, peer, nowMs)) {
      this.link(row, nowMs, peer, 'cold', false)
      this.wakes.arrange(row, nowMs)
    }
  }

  private take(row: number, kind: number, from: PeerRef, letter: number, nowMs: number): void {
    const { network } = this.init
    switch (kind) {
      case flight.REQUEST:
        this.requested(row, from, letter, nowMs)
        break
      case flight.DIAL:
        this.accept(row, from, nowMs)
        this.replyTo(row, from, letter, flight.DIAL_ANSWER, nowMs)
        break
      case flight.ANSWER:
      case flight.ACCEPTED:
        this.opened(row, from, nowMs)
        network.read(letter, this.message)
        if (kind === flight.ACCEPTED) this.message.type = 'addProvider'
        this.inputs.answered.request = this.word(letter, flight.REQUEST_ID)
        this.inputs.answered.rttMs = this.word(letter, flight.RTT)
        this.digest.add(row, kind, from, nowMs, this.message.closerCount)
        this.hand(row, nowMs, this.inputs.answered)
        break
      case flight.RESET: {
        const id = this.word(letter, flight.REQUEST_ID)
        if (network.close(row, from, false, nowMs)) this.link(row, nowMs, from, 'lost', false)
        this.fail(row, id, 'reset', nowMs)
        break
      }
      case flight.CLOSE:
        if (network.close(row, from, false, nowMs)) this.link(row, nowMs, from, 'cold', false)
        break
      case flight.DIAL_ANSWER:
        this.opened(row, from, nowMs)
        this.checked(row, from, this.word(letter, flight.REQUEST_ID), nowMs)
        break
    }
  }

  private requested(row: number, from: PeerRef, letter: number, nowMs: number): void {
    const { network, first } = this.init
    const isOpen = network.isConnectionless || network.connections.find(row, from) >= 0
    if (this.word(letter, flight.OPENS) === 1 || network.isWarm(from, first + row)) {
      this.accept(row, from, nowMs)
    } else if (!isOpen) {
      this.replyTo(row, from, letter, flight.RESET, nowMs)
      return
    } else this.opened(row, from, nowMs) // perhaps over one that we are dialling
    this.inputs.arrived.exchange = this.exchanges.open(
      from,
      this.word(letter, flight.REQUEST_ID),
      this.word(letter, flight.RTT),
      serviceMs(this.init, first + row, from, this.word(letter, flight.SEQUENCE)),
    )
    network.read(letter, this.message)
    this.inputs.arrived.from = from
    this.digest.add(row, flight.REQUEST, from, nowMs, this.word(letter, flight.TYPE))
    this.hand(row, nowMs, this.inputs.arrived)
  }

  /** A request that only reads is answered where it lies, by a node that can do that. Whether it was. */
  private serve(row: number, from: PeerRef, letter: number, nowMs: number): boolean {
    const type = this.word(letter, flight.TYPE)
    this.outbox.clear()
    if (!answerRead(this.init, row, from, letter, nowMs, this.outbox)) return false
    this.events++
    this.digest.add(row, flight.REQUEST, from, nowMs, type)
    for (let i = 0; i < this.outbox.count; i++) this.carryOut(row, nowMs, this.outbox.at(i))
    this.wakes.arrange(row, nowMs)
    return true
  }

  /** Somebody has connected to us. */
  private accept(row: number, from: PeerRef, nowMs: number): void {
    if (this.init.network.open(row, from, false, nowMs) < 0) return
    this.makeRoom(row, nowMs)
    this.link(row, nowMs, from, 'connected', false)
    this.tellProtocol(row, from, nowMs)
  }

  /** Somebody whom we dialled, or asked over a connection, has answered. */
  private opened(row: number, from: PeerRef, nowMs: number): void {
    if (this.init.network.open(row, from, true, nowMs) < 0) return
    this.makeRoom(row, nowMs)
    this.link(row, nowMs, from, 'pooled', true)
    this.tellProtocol(row, from, nowMs)
  }

  private makeRoom(row: number, nowMs: number): void {
    const { network } = this.init
    const { connections } = network
    if (connections.count(row) <= network.connectionsMax) return
    const oldest = connections.longestIdle(row)
    if (oldest < 0) return
    const peer = connections.peer(oldest)
    network.close(row, peer, true, nowMs)
    this.link(row, nowMs, peer, 'cold', false)
  }

  private tellProtocol(row: number, peer: PeerRef, nowMs: number): void {
    const { spoken } = this.inputs
    spoken.peer = peer
    spoken.speaks = this.init.population.isServer(peer)
    this.hand(row, nowMs, spoken)
  }

  private link(
    row: number,
    nowMs: number,
    peer: PeerRef,
    link: 'cold' | 'connected' | 'pooled' | 'lost',
    dialled: boolean,
  ): void {
    const { linked } = this.inputs
    linked.peer = peer
    linked.link = link
    linked.dialled = dialled
    linked.ipGroup = this.init.population.ipGroup(peer)
    this.digest.add(row, 32 + link.length, peer, nowMs, 0)
    this.hand(row, nowMs, linked)
  }

  /** A dial that carried no request was answered. */
  private checked(row: number, peer: PeerRef, id: number, nowMs: number): void {
    if (id !== CHECKS || !this.dials.delete(this.dialName(row, peer))) return
    const ipGroup = this.init.population.ipGroup(peer)
    this.hand(row, nowMs, { kind: 'dialEnded', peer, ok: true, ipGroup })
  }

  private fail(row: number, request: number, reason: FailureReason, nowMs: number): void {
    this.digest.add(row, 48, request, nowMs, 0)
    this.hand(row, nowMs, { kind: 'requestFailed', request, reason })
  }

  private step(row: number, nowMs: number, input: Input): void {
    const { column, observer } = this.init
    const { outbox } = this
    this.events++
    const traced = observer.traces(row)
    if (traced) observer.heard(row, nowMs, input)
    outbox.clear()
    column.handle(row, nowMs, input, outbox)
    for (let i = 0; i < outbox.count; i++) {
      const output = outbox.at(i)
      if (traced) observer.said(row, nowMs, output)
      this.carryOut(row, nowMs, output)
    }
  }

  private carryOut(row: number, nowMs: number, output: Output): void {
    const { soon } = this
    switch (output.kind) {
      case 'send':
        this.send(row, nowMs, output)
        break
      case 'cancelRequest':
      case 'forget':
      case 'walkEnded':
        break
      case 'respond':
        this.answer(row, nowMs, output.exchange, flight.ANSWER, output.message)
        break
      case 'accept':
        this.answer(row, nowMs, output.exchange, flight.ACCEPTED, null)
        break
      case 'refuse':
        this.answer(row, nowMs, output.exchange, flight.RESET, null)
        break
      case 'dial':
        this.check(row, nowMs, output.peer, output.timeoutMs)
        break
      case 'pickKey':
        soon.push(this.walkKeys.pick(row, output.bits))
        break
      case 'validate': {
        const { job, record, against } = output
        soon.push({ kind: 'validated', job, verdict: verdictOf(record, against) })
        break
      }
      case 'persistRecord': {
        const { job, keyBytes, record } = output
        this.store.write(row, subjectOf(keyBytes), record === null ? 0 : versionOf(record))
        if (job !== 0) soon.push({ kind: 'persisted', job, ok: true })
        break
      }
      case 'persistProvider': {
        const { job, keyBytes, expiresAtMs } = output
        this.store.write(row, subjectOf(keyBytes), expiresAtMs === 0 ? 0 : 1)
        if (job !== 0) soon.push({ kind: 'persisted', job, ok: true })
        break
      }
      default: {
        const next = this.init.observer.operated(row, output, nowMs)
        if (next !== null) soon.push(next)
      }
    }
  }

  private send(row: number, nowMs: number, output: Extract<Output, { kind: 'send' }>): void {
    const { network, wheel } = this.init
    this.requests++
    const { to, request, message, dialTimeoutMs } = output
    const waitMs = network.request(row, to, request, message, nowMs, dialTimeoutMs)
    if (waitMs > 0) wheel.add(nowMs + waitMs, row, DIAL_ENDS, to, request, 0)
  }

  private check(row: number, nowMs: number, peer: PeerRef, limitMs: number): void {
    this.dials.add(this.dialName(row, peer))
    this.dial(row, peer, CHECKS, nowMs, limitMs)
  }

  private dial(row: number, peer: PeerRef, id: number, nowMs: number, limitMs: number): void {
    const { network, wheel } = this.init
    const waitMs = network.request(row, peer, id, null, nowMs, limitMs)
    wheel.add(nowMs + waitMs, row, DIAL_ENDS, peer, id, 0)
  }

  private dialName(row: number, peer: PeerRef): number {
    return row * 0x40_0000 + peer
  }

  private answer(
    row: number,
    nowMs: number,
    exchange: number,
    kind: number,
    message: Message | null,
  ): void {
    const { exchanges } = this
    if (exchange === ASKED && message !== null) this.told = new Message().copy(message)
    if (!exchanges.has(exchange)) return
    const to = exchanges.peer(exchange)
    const id = exchanges.request(exchange)
    const { network } = this.init
    const at = exchanges.serviceMs(exchange)
    if (id >= 0) network.reply(row, to, kind, id, message, nowMs, at, exchanges.tripMs(exchange))
    exchanges.close(exchange)
  }

  /** Answers at once what needs no node: a dial, or a request over a connection that is not there. */
  private replyTo(row: number, to: PeerRef, letter: number, kind: number, nowMs: number): void {
    const id = this.word(letter, flight.REQUEST_ID)
    const tripMs = this.word(letter, flight.RTT)
    this.init.network.reply(row, to, kind, id, null, nowMs, 0, tripMs)
  }

  private word(letter: number, word: number): number {
    const { flights } = this.init.network
    return flights.words[flights.at(letter) + word] as number
  }
}
