/**
 * The simulated network as one worker sees it: messages on their way, connections of its own nodes, and what comes from
 * and goes to the nodes of other workers. It decides when something arrives, and whether; what it means is the host's.
 *
 * A message to a peer without a connection waits for the handshake first; whether the peer was there shows by its answer,
 * or by the dial's time-out. A request over a connection of which the other side knows nothing is reset.
 */
import { copyKey, type Message } from '@kadmium/core'
import { FLIGHT, LOSS, PUNCH, WARM } from '../engine/draws.ts'
import type { Mailbox } from '../engine/mailbox.ts'
import type { Wheel } from '../engine/wheel.ts'
import type { FaultSettings } from '../scenario/scenario.ts'
import { recordOf, subjectOf, versionOf } from '../workload/subjects.ts'
import { draw, share } from '../world/dice.ts'
import { Connections, DIALLED, DIALLING } from './connections.ts'
import * as flight from './flights.ts'
import { Flights } from './flights.ts'
import { KeysKept } from './keys-kept.ts'
import type { NetworkInit } from './network-init.ts'
import { emptyRows, ROW_WORDS, SENT } from './rows.ts'

/** Kinds of events, in the order in which a node sees those of one millisecond. */
export const CHANGES = 0
export const ARRIVES = 1
export const DIAL_ENDS = 2
export const IDLES = 3
export const WAKES = 4
export const OPERATES = 5
/** The measurement looks at an operation. */
export const EVALUATES = 6
/** A node that is up when the run begins takes up its work. */
export const STARTS = 7
/** Somebody who came for one operation leaves. */
export const LEAVES = 8
/** A node walks to its own key. */
export const WALKS = 9

/** A stream repairs a lost message after so much more than a round trip, ms (a TCP retransmission time-out's floor). */
const REPAIR_MS = 200

/** Round trips more than another handshake that a hole punch takes: the peer is told over a relay, and both dial. */
const PUNCH_TRIPS = 2

export class Network {
  readonly flights: Flights = new Flights()
  readonly connections: Connections
  /** What the host keeps of each node. */
  readonly rows: Int32Array
  /** Open connections of one node. */
  readonly connectionsMax: number
  /** Everybody is connected to everybody, as over datagrams. */
  readonly isConnectionless: boolean
  /** Messages that began a journey. */
  sent = 0
  /** Window that is being lived through, and its faults. */
  window = 0
  faults: FaultSettings | null = null
  /** The key of the message that was read last, and its subject. */
  private keyBytes: Uint8Array | null = null
  private subject = -1
  private readonly keysKept = new KeysKept()
  private readonly init: NetworkInit
  private readonly wheel: Wheel
  /** Identities of this worker: from the first to before the end. */
  private readonly first: number
  private readonly end: number

  constructor(init: NetworkInit) {
    this.init = init
    this.wheel = init.wheel
    this.first = init.partition.first
    this.end = init.partition.first + init.partition.count
    this.connections = new Connections(init.partition.count)
    this.connectionsMax = init.transports.connectionsMax
    this.rows = emptyRows(init.partition.count)
    this.isConnectionless = init.transports.warmShare >= 1
  }

  /**
   * A request leaves. Returns how long the host waits for a dial, from now, ms: `limitMs`, and no longer than the transport
   * does; 0 where there is a connection. `message` null only dials.
   */
  request(
    row: number,
    to: number,
    id: number,
    message: Message | null,
    nowMs: number,
    limitMs: number,
  ): number {
    const { connections, init } = this
    const waitMs = Math.min(limitMs, init.transports.dialTimeoutMs)
    if (this.isConnectionless) return this.send(row, to, id, message, nowMs, waitMs)
    let at = connections.find(row, to)
    const isOpen = at >= 0 && connections.isOpen(at)
    if (at < 0) at = this.dial(row, to, nowMs, waitMs)
    const fresh = message === null || !isOpen
    if (isOpen) connections.use(at, nowMs)
    let startsMs = nowMs
    if (!isOpen) startsMs = Math.max(nowMs, connections.readyMs(at))
    else if (fresh) startsMs = nowMs + this.handshakeMs(row, to)
    // Nobody behind a NAT gets a connection from outside: the time-out will tell.
    if (fresh && !this.isReachable(row, to)) return waitMs
    const letter = this.begin(message === null ? flight.DIAL : flight.REQUEST, row, to, id)
    if (message !== null) this.load(letter, message)
    this.flights.words[this.flights.at(letter) + flight.OPENS] = fresh ? 1 : 0
    this.depart(letter, startsMs, 0)
    return fresh ? waitMs : 0
  }

  /** Without connections nobody is dialled and nothing is told about links: a message arrives or it does not. */
  private send(
    row: number,
    to: number,
    id: number,
    message: Message | null,
    nowMs: number,
    waitMs: number,
  ): number {
    if (!this.init.population.isDialable(to)) return message === null ? waitMs : 0
    const letter = this.begin(message === null ? flight.DIAL : flight.REQUEST, row, to, id)
    if (message !== null) this.load(letter, message)
    this.depart(letter, nowMs, 0)
    return message === null ? waitMs : 0
  }

  /**
   * The answer to a request goes back in the same flight, with `closerCount` peers that stand where the flight has them. It
   * leaves when `reply` would have it leave after no work.
   */
  turnBack(letter: number, row: number, closerCount: number, nowMs: number): void {
    const { flights, rows } = this
    const { words } = flights
    const at = flights.at(letter)
    const sequence = (rows[row * ROW_WORDS + SENT] as number) + 1
    rows[row * ROW_WORDS + SENT] = sequence
    words[at + flight.KIND] = flight.ANSWER
    words[at + flight.TO] = words[at + flight.FROM] as number
    words[at + flight.FROM] = this.first + row
    words[at + flight.SEQUENCE] = sequence
    words[at + flight.OPENS] = 0
    words[at + flight.CLOSER_COUNT] = closerCount
    this.depart(letter, nowMs, words[at + flight.RTT] as number)
  }

  /** An answer, or another sign, goes back over a connection. `afterMs`: the work it took; `tripMs`: what the request took. */
  reply(
    row: number,
    to: number,
    kind: number,
    id: number,
    message: Message | null,
    nowMs: number,
    afterMs: number,
    tripMs: number,
  ): void {
    const letter = this.begin(kind, row, to, id)
    if (message !== null) this.load(letter, message)
    const words = this.flights.words
    words[this.flights.at(letter) + flight.RTT] = tripMs + afterMs
    this.depart(letter, nowMs + afterMs, tripMs + afterMs)
  }

  /** A question of the measurement: it takes no part in the simulation and arrives a window later. */
  probe(
    row: number,
    to: number,
    kind: number,
    id: number,
    subject: number,
    version: number,
    atMs: number,
  ): void {
    const letter = this.flights.take()
    this.flights.blank(letter)
    const { words } = this.flights
    const at = this.flights.at(letter)
    words[at + flight.KIND] = kind
    words[at + flight.FROM] = this.init.partition.first + row
    words[at + flight.TO] = to
    words[at + flight.AT] = atMs
    words[at + flight.SEQUENCE] = id
    words[at + flight.REQUEST_ID] = id
    words[at + flight.SUBJECT] = subject
    words[at + flight.VERSION] = version
    this.route(letter)
  }

  /** A flight from another worker comes in. */
  receive = (words: Int32Array, start: number, count: number): void => {
    this.arrange(this.flights.receive(words, start, count))
  }

  /** Somebody connected to this node, or the node's own dial was answered. The connection's row, -1 where it was open before. */
  open(row: number, peer: number, dialled: boolean, nowMs: number): number {
    const { connections, init } = this
    if (this.isConnectionless) return -1
    let at = connections.find(row, peer)
    if (at >= 0 && connections.isOpen(at)) {
      connections.use(at, nowMs)
      return -1
    }
    if (at < 0) at = connections.add(row, peer, dialled ? DIALLED : 0, nowMs, nowMs)
    else connections.setFlags(at, dialled ? DIALLED : 0)
    connections.use(at, nowMs)
    const dueMs = nowMs + init.transports.idleMs
    connections.setTimer(at, dueMs)
    init.wheel.add(dueMs, row, IDLES, peer, 0, 0)
    return at
  }

  /** Whether the node has a connection to the peer; without connections everybody counts as connected. */
  isOpen(row: number, peer: number): boolean {
    if (this.isConnectionless) return true
    const at = this.connections.find(row, peer)
    return at >= 0 && this.connections.isOpen(at)
  }

  /** Whether two identities have a connection when the run begins, should one of them have the other in its table. */
  isWarm(a: number, b: number): boolean {
    const { seed, transports } = this.init
    if (transports.warmShare === 0) return false
    return share(draw(seed, Math.min(a, b), Math.max(a, b), WARM)) < transports.warmShare
  }

  /** One dial's time-out has come: forgets the connection if that was the dial that was to open it. Whether there is none. */
  dialEnded(row: number, peer: number, nowMs: number): boolean {
    const { connections } = this
    const at = connections.find(row, peer)
    if (at < 0) return true
    if (connections.isOpen(at)) return false
    if (connections.timerMs(at) <= nowMs) connections.remove(at)
    return true
  }

  /** The idle timer of a connection ran. Whether the connection is closed by it. */
  idled(row: number, peer: number, nowMs: number): boolean {
    const { connections, init } = this
    const at = connections.find(row, peer)
    if (at < 0 || connections.timerMs(at) !== nowMs) return false
    const dueMs = connections.usedMs(at) + init.transports.idleMs
    if (dueMs <= nowMs) return this.close(row, peer, true, nowMs)
    connections.setTimer(at, dueMs)
    init.wheel.add(dueMs, row, IDLES, peer, 0, 0)
    return false
  }

  /** Closes a connection; the other side is told unless the node vanishes. Whether there was one. */
  close(row: number, peer: number, tells: boolean, nowMs: number): boolean {
    const at = this.connections.find(row, peer)
    if (at < 0) return false
    const wasOpen = this.connections.isOpen(at)
    this.connections.remove(at)
    if (tells && wasOpen) this.depart(this.begin(flight.CLOSE, row, peer, 0), nowMs, 0)
    return wasOpen
  }

  /** Writes the key of an identity. */
  copyKey(peer: number, key: Uint32Array): void {
    const { book } = this.init.population
    copyKey(book.keys, book.at(peer), key, 0)
  }

  /** Reads a message into another; it is valid until the next one is read. */
  read(letter: number, message: Message): void {
    const { flights } = this
    flights.unpack(letter, message)
    const at = flights.at(letter)
    const subject = flights.words[at + flight.SUBJECT] as number
    const version = flights.words[at + flight.VERSION] as number
    const keyBytes = this.keysKept.of(subject)
    message.keyBytes = keyBytes
    message.record = version === 0 ? null : recordOf(subject, version)
    this.keyBytes = keyBytes
    this.subject = subject
  }

  private load(letter: number, message: Message): void {
    const { flights } = this
    flights.pack(letter, message)
    const at = flights.at(letter)
    // An answer has the key of the request that was read last.
    const isKnown = message.keyBytes === this.keyBytes
    flights.words[at + flight.SUBJECT] = isKnown ? this.subject : subjectOf(message.keyBytes)
    flights.words[at + flight.VERSION] = message.record === null ? 0 : versionOf(message.record)
  }

  private dial(row: number, to: number, nowMs: number, waitMs: number): number {
    const readyMs = nowMs + this.handshakeMs(row, to)
    const at = this.connections.add(row, to, DIALLING | DIALLED, readyMs, nowMs)
    this.connections.setTimer(at, nowMs + waitMs)
    return at
  }

  /** Whether a dial gets through: always the same for one pair. */
  private isReachable(row: number, to: number): boolean {
    const { population, partition, holePunchShare, seed } = this.init
    if (population.isDialable(to)) return true
    if (holePunchShare === 0) return false
    const self = partition.first + row
    return share(draw(seed, Math.min(self, to), Math.max(self, to), PUNCH)) < holePunchShare
  }

  private handshakeMs(row: number, to: number): number {
    const { link, population, partition } = this.init
    const punchTrips = population.isDialable(to) ? 0 : PUNCH_TRIPS
    const trips = link.handshakeTrips(population.transport(to)) + punchTrips
    return Math.ceil(trips * link.rttMs(partition.first + row, to))
  }

  private begin(kind: number, row: number, to: number, id: number): number {
    const { flights, rows } = this
    const letter = flights.take()
    const { words } = flights
    const at = flights.at(letter)
    const sequence = (rows[row * ROW_WORDS + SENT] as number) + 1
    rows[row * ROW_WORDS + SENT] = sequence
    words[at + flight.KIND] = kind
    words[at + flight.FROM] = this.first + row
    words[at + flight.TO] = to
    words[at + flight.SEQUENCE] = sequence
    words[at + flight.REQUEST_ID] = id
    words[at + flight.OPENS] = 0
    words[at + flight.RTT] = 0
    words[at + flight.SUBJECT] = -1
    words[at + flight.VERSION] = 0
    flights.blank(letter)
    return letter
  }

  /** Gives a flight its time of arrival and sends it there, or loses it. */
  private depart(letter: number, leavesMs: number, tripMs: number): void {
    const { link, seed } = this.init
    const { words } = this.flights
    const at = this.flights.at(letter)
    const from = words[at + flight.FROM] as number
    const to = words[at + flight.TO] as number
    const sequence = words[at + flight.SEQUENCE] as number
    this.sent++
    if (this.faults !== null && this.isCut(from, to)) {
      this.flights.release(letter)
      return
    }
    const word = link.jitters ? draw(seed, from, sequence, FLIGHT) : 0
    let tookMs = link.oneWayMs(from, to, word)
    if (this.isLost(from, sequence)) tookMs += Math.ceil(link.rttMs(from, to)) + REPAIR_MS
    words[at + flight.AT] = leavesMs + tookMs
    words[at + flight.RTT] = tripMs + tookMs
    this.route(letter)
  }

  private isLost(from: number, sequence: number): boolean {
    const { link, seed } = this.init
    const { faults } = this
    if (!link.loses && (faults === null || faults.loss === 0)) return false
    const word = draw(seed, from, sequence, LOSS)
    if (link.isLost(word)) return true
    return faults !== null && faults.loss > 0 && (word ^ 0x5bd1e995) >>> 0 < faults.loss * 2 ** 32
  }

  /** Whether a partition lies between two identities: keys' halves, which are the halves of the ranks. */
  private isCut(from: number, to: number): boolean {
    if (this.faults === null || !this.faults.partition) return false
    const half = this.init.population.size / 2
    return from < half !== to < half
  }

  private route(letter: number): void {
    const at = this.flights.at(letter)
    const to = this.flights.words[at + flight.TO] as number
    if (to >= this.first && to < this.end) {
      this.arrange(letter)
      return
    }
    const { partition, outgoing } = this.init
    const mailbox = outgoing[Math.floor(to / partition.share)] as Mailbox
    mailbox.post(this.window, this.flights.words, at, this.flights.length(letter))
    this.flights.release(letter)
  }

  private arrange(letter: number): void {
    const { words } = this.flights
    const at = this.flights.at(letter)
    this.wheel.add(
      words[at + flight.AT] as number,
      (words[at + flight.TO] as number) - this.first,
      ARRIVES,
      words[at + flight.FROM] as number,
      words[at + flight.SEQUENCE] as number,
      letter,
    )
  }
}
