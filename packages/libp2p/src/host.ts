/**
 * The libp2p side of one node: carries out what the core asks for (requests, dials, answers, verdicts,
 * writes) and hands it what comes of them.
 */
import {
  type Config,
  KEY_BITS,
  type Key,
  Message,
  NO_PEER,
  Nodes,
  type OperationEvent,
  type Output,
  PeerBook,
  type PeerRef,
} from '@kadmium/core'
import {
  AbortError,
  type Connection,
  type Logger,
  type PeerId,
  TimeoutError,
} from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import { CODE_P2P_CIRCUIT, type Multiaddr } from '@multiformats/multiaddr'
import { equals } from 'uint8arrays/equals'
import { Archive } from './archive.ts'
import { Bridge, keyOf } from './bridge.ts'
import { directConnections } from './connections.ts'
import { Directory } from './directory.ts'
import { type Arrival, Driver, type DriverClock, type Effects } from './driver.ts'
import { ipGroup } from './ip-group.ts'
import { Monitor, type MonitorSurroundings, type RequestTrace } from './monitor.ts'
import { PublicKeys } from './public-keys.ts'
import { randomKeyInBucket } from './random-key.ts'
import type { RecordJudge } from './records/judge.ts'
import type { Storage } from './storage.ts'
import { RequestError } from './streams/errors.ts'
import type { Exchange } from './streams/inbound.ts'
import { namedAddresses } from './streams/open.ts'
import type { StreamPool } from './streams/outbound.ts'
import type { Answer } from './streams/request.ts'
import type { PeerInfoMapper } from './types.ts'
import { decodeMessage, type WireMessage } from './wire/codec.ts'

/** A connection that a dial back left over is closed after this if nothing uses it, ms. */
const RETIRE_AFTER_MS = 2_000

export interface HostInit extends MonitorSurroundings {
  peerId: PeerId
  config: Partial<Config>
  clock: DriverClock
  mapper: PeerInfoMapper
  judge: Pick<RecordJudge, 'judge'>
  storage: Storage
  connectionManager: Pick<ConnectionManager, 'getConnections' | 'openConnection'>
  ownAddresses: () => readonly Multiaddr[]
  onEvent: (event: OperationEvent) => void
}

/** A request of ours on its way. */
interface Outgoing extends RequestTrace {
  controller: AbortController
  keyBytes: Uint8Array
  record: Uint8Array | null
}

export class Host implements Effects {
  readonly nodes: Nodes
  readonly directory: Directory
  readonly archive: Archive
  readonly monitor: Monitor
  private readonly init: HostInit
  private readonly log: Logger
  private readonly driver: Driver
  private readonly bridge: Bridge
  private readonly publicKeys: PublicKeys
  private readonly selfBytes: Uint8Array
  private readonly selfKey: Key
  private readonly incoming = new Message() // scratch
  private readonly outgoing = new Map<number, Outgoing>() // BOUNDED: by the core's requestsMax
  private readonly exchanges = new Map<number, Exchange>() // BOUNDED: by inbound streams and their queues
  private exchangeCount = 0
  /** The operation that asks with the next request; 0 for the node itself. */
  private asking = 0
  private pool: Pick<StreamPool, 'request' | 'announce'> | null = null
  /** Timers of connections that are to go. BOUNDED: by the dials back in RETIRE_AFTER_MS */
  private readonly retiring = new Set<{ clear: () => void }>()
  /** Aborted when the node goes offline. */
  private online = new AbortController()

  constructor(init: HostInit) {
    const { peerId, clock, mapper, ownAddresses } = init
    this.init = init
    this.log = init.logger.forComponent(init.logPrefix)
    const book = new PeerBook()
    this.directory = new Directory({ book, mapper, peerId, ownAddresses })
    this.selfBytes = peerId.toMultihash().bytes
    this.selfKey = keyOf(this.selfBytes)
    this.nodes = new Nodes({
      book,
      selves: [this.self],
      selfBytes: [this.selfBytes],
      config: init.config,
      seed: crypto.getRandomValues(new Uint32Array(1))[0] as number,
    })
    this.archive = new Archive({
      peerId,
      storage: init.storage,
      directory: this.directory,
      nodes: this.nodes,
      clock,
      log: this.log,
      dispatch: this.dispatch,
    })
    this.publicKeys = new PublicKeys(peerId, init.connectionManager)
    this.bridge = new Bridge({
      directory: this.directory,
      now: clock.now,
      isConnected: (peer) => this.isConnected(peer),
    })
    const { nodes, directory, selfBytes } = this
    this.monitor = new Monitor({ ...init, nodes, directory, clock, selfBytes })
    this.driver = new Driver(this.nodes, clock, this)
  }

  get self(): PeerRef {
    return this.directory.self
  }

  /** Hands the core an input. */
  readonly dispatch = (arrival: Arrival): void => {
    this.driver.dispatch(arrival)
  }

  /** From now on requests go through this pool, and the node is woken at its deadlines. */
  connect(pool: Pick<StreamPool, 'request' | 'announce'>): void {
    this.pool = pool
    this.online = new AbortController()
    this.driver.start()
  }

  /** No request, dial, timer or answer survives this; `connect` begins anew. */
  close(): void {
    this.driver.stop()
    this.online.abort()
    for (const timer of this.retiring) timer.clear()
    this.retiring.clear()
    for (const { controller } of this.outgoing.values()) controller.abort()
    this.outgoing.clear()
    this.exchanges.clear()
    this.pool = null
    this.monitor.stop()
  }

  /** A peer asks. */
  requestArrived(from: PeerId, bytes: Uint8Array, exchange: Exchange): void {
    this.dispatch(() => {
      const message = this.incoming
      const isRead = this.read(bytes, (wire) => this.bridge.decodeRequest(wire, message))
      const ref = isRead ? this.directory.internId(from) : NO_PEER
      if (ref === NO_PEER) {
        this.monitor.requestRefused(from)
        exchange.conclude(true)
        return null
      }
      const id = ++this.exchangeCount
      this.exchanges.set(id, this.monitor.requestArrived(message.type, from, exchange))
      return { kind: 'requestArrived', exchange: id, from: ref, message }
    })
  }

  send(output: Extract<Output, { kind: 'send' }>): void {
    const { request, to, message, dialTimeoutMs } = output
    const operation = this.asking
    this.asking = 0
    const peer = this.directory.peerId(to)
    const { pool } = this
    if (peer === null || pool === null) {
      const reason = pool === null ? 'cancelled' : 'malformed'
      this.dispatch({ kind: 'requestFailed', request, reason })
      return
    }
    const { type, keyBytes, record } = message
    const controller = new AbortController()
    const startedMs = this.init.clock.now()
    const outgoing = { controller, type, keyBytes, record, peer, startedMs }
    this.outgoing.set(request, outgoing)
    const addresses = this.directory.addresses(to)
    const options = { signal: controller.signal, dialTimeoutMs, addresses }
    const bytes = this.bridge.encode(message)
    const sent = this.monitor.send<Answer | null>(outgoing, operation, () =>
      type === 'addProvider'
        ? pool.announce(peer, bytes, options)
        : pool.request(peer, bytes, options),
    )
    sent.then(
      (answer) => this.answered(request, answer),
      (error: unknown) => this.unanswered(request, error),
    )
  }

  cancelRequest(request: number, expired: boolean): void {
    const outgoing = this.outgoing.get(request)
    this.outgoing.delete(request)
    if (outgoing === undefined) return
    this.monitor.requestEnded(outgoing, expired ? 'timeout' : 'cancelled')
    outgoing.controller.abort(expired ? new TimeoutError('no answer in time') : undefined)
  }

  respond(exchange: number, message: Message): void {
    const waiting = this.exchanges.get(exchange)
    this.exchanges.delete(exchange)
    if (message.type === 'getValue') message.record ??= this.publicKeys.record(message.keyBytes)
    waiting?.reply(this.bridge.encode(message))
  }

  conclude(exchange: number, refused: boolean): void {
    const waiting = this.exchanges.get(exchange)
    this.exchanges.delete(exchange)
    if (waiting === undefined) return
    if (refused) waiting.conclude(true)
    // What has no answer is done when it is in the store: what follows on the stream is proof of that.
    else void this.archive.takeAnnounced().then((ok) => waiting.conclude(!ok))
  }

  dial(peer: PeerRef, timeoutMs: number): void {
    const { signal } = this.online
    const note = this.monitor.dialBegan(peer)
    const ended = (group: number, error?: unknown): void => {
      note(error)
      const ok = error === undefined
      if (!signal.aborted) this.dispatch({ kind: 'dialEnded', peer, ok, ipGroup: group })
    }
    this.dialBack(peer, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])).then(
      (group) => ended(group),
      (error: unknown) => ended(0, error ?? new AbortError()),
    )
  }

  pickKey(bits: number): void {
    const picked =
      bits === KEY_BITS
        ? { key: this.selfKey, keyBytes: this.selfBytes }
        : randomKeyInBucket(this.selfKey, bits, (bytes) => crypto.getRandomValues(bytes))
    if (picked === null) return
    this.monitor.walkBegan(picked.keyBytes)
    this.dispatch({ kind: 'keyPicked', ...picked })
  }

  walkEnded(keyBytes: Uint8Array, peers: number): void {
    this.monitor.walkEnded(keyBytes, peers)
  }

  validate(output: Extract<Output, { kind: 'validate' }>): void {
    const { job, keyBytes, record, against } = output
    void this.init.judge
      .judge(keyBytes, record, against)
      .then((verdict) => this.dispatch({ kind: 'validated', job, verdict }))
  }

  persistRecord(output: Extract<Output, { kind: 'persistRecord' }>): void {
    this.archive.persistRecord(output)
  }

  persistProvider(output: Extract<Output, { kind: 'persistProvider' }>): void {
    this.archive.persistProvider(output)
  }

  event(event: OperationEvent): void {
    if (event.kind === 'asking') this.asking = event.operation
    this.init.onEvent(event)
  }

  forget(peer: PeerRef): void {
    this.archive.forget(peer)
    this.directory.forget(peer)
  }

  settled(): void {
    this.monitor.settled()
  }

  failed(error: unknown): void {
    this.log.error('could not do what the node asked for - %e', error)
  }

  private answered(request: number, answer: Answer | null): void {
    const outgoing = this.outgoing.get(request)
    if (outgoing === undefined) return
    this.outgoing.delete(request)
    this.dispatch(() => {
      const message = this.incoming
      if (answer === null) message.clear(outgoing.type)
      else if (!this.readAnswer(outgoing, answer.bytes, message)) {
        this.monitor.requestEnded(outgoing, 'malformed')
        return { kind: 'requestFailed', request, reason: 'malformed' }
      }
      this.monitor.requestEnded(outgoing, 'answered')
      return { kind: 'answerArrived', request, message, rttMs: answer?.rttMs ?? -1 }
    })
  }

  private readAnswer(asked: Outgoing, bytes: Uint8Array, into: Message): boolean {
    const { type, keyBytes, record } = asked
    const isRead = this.read(
      bytes,
      (wire) => wire.type === type && this.bridge.decodeAnswer(wire, into, keyBytes),
    )
    if (!isRead || type !== 'putValue') return isRead
    // A peer says that it holds a value by sending it back.
    return record !== null && into.record !== null && equals(record, into.record)
  }

  private unanswered(request: number, error: unknown): void {
    const outgoing = this.outgoing.get(request)
    if (outgoing === undefined) return
    this.outgoing.delete(request)
    const reason = error instanceof RequestError ? error.reason : 'reset'
    this.monitor.requestEnded(outgoing, reason, error)
    this.dispatch({ kind: 'requestFailed', request, reason })
  }

  private read(bytes: Uint8Array, use: (wire: WireMessage) => boolean): boolean {
    try {
      return use(decodeMessage(bytes))
    } catch {
      return false
    }
  }

  /** Opens a fresh connection, which goes again if there is another: what counts is that it can be opened. */
  private async dialBack(peer: PeerRef, signal: AbortSignal): Promise<number> {
    const peerId = this.directory.peerId(peer)
    if (peerId === null) throw new RequestError('dial', 'not a peer id')
    const direct = this.directory.addresses(peer).filter((address) => !isRelayed(address))
    if (direct.length === 0) throw new RequestError('dial', 'no address to dial')
    const { connectionManager } = this.init
    const target = namedAddresses(direct, peerId)
    const connection = await connectionManager.openConnection(target, { force: true, signal })
    if (directConnections(connectionManager, peerId).some((other) => other !== connection)) {
      this.retire(connection)
    }
    return ipGroup(connection.remoteAddr)
  }

  /** Not at once: libp2p gives the same connection to a request that had to dial at that time. */
  private retire(connection: Connection): void {
    const timer = this.init.clock.setTimer(RETIRE_AFTER_MS, () => {
      this.retiring.delete(timer)
      if (connection.streams.length > 0) return
      connection.close().catch((error: Error) => connection.abort(error))
    })
    this.retiring.add(timer)
  }

  private isConnected(peer: PeerRef): boolean {
    const peerId = this.directory.peerId(peer)
    return peerId !== null && directConnections(this.init.connectionManager, peerId).length > 0
  }
}

function isRelayed(address: Multiaddr): boolean {
  return address.getComponents().some(({ code }) => code === CODE_P2P_CIRCUIT)
}
