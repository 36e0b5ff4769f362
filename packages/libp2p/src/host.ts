/**
 * The libp2p side of one node: carries out what the core asks for (requests, dials, answers, verdicts,
 * writes) and hands it what comes of them.
 */
import {
  type Config,
  KEY_BITS,
  type Key,
  Message,
  Nodes,
  type OperationEvent,
  type Output,
  PeerBook,
  type PeerRef,
} from '@kadmium/core'
import { type ComponentLogger, type Logger, type PeerId, TimeoutError } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import type { Multiaddr } from '@multiformats/multiaddr'
import { Bridge, keyOf } from './bridge.ts'
import { Directory } from './directory.ts'
import { type Arrival, Driver, type DriverClock, type Effects } from './driver.ts'
import { ipGroup } from './ip-group.ts'
import { randomKeyInBucket } from './random-key.ts'
import type { RecordJudge } from './records/judge.ts'
import type { Storage } from './storage.ts'
import { RequestError } from './streams/errors.ts'
import { namedAddresses } from './streams/open.ts'
import type { StreamPool } from './streams/outbound.ts'
import type { Answer } from './streams/request.ts'
import type { PeerInfoMapper } from './types.ts'
import { decodeMessage } from './wire/codec.ts'

export interface HostInit {
  peerId: PeerId
  config: Partial<Config>
  clock: DriverClock
  mapper: PeerInfoMapper
  judge: RecordJudge
  storage: Storage
  connectionManager: ConnectionManager
  logger: ComponentLogger
  logPrefix: string
  ownAddresses: () => readonly Multiaddr[]
  onEvent: (event: OperationEvent) => void
}

/** Where an answer to a peer's request goes. */
export interface Exchange {
  reply: (bytes: Uint8Array) => void
  /** There is no answer: `reset` because something was wrong, else because none is due. */
  conclude: (reset: boolean) => void
}

/** A request of ours on its way. */
interface Outgoing {
  controller: AbortController
  type: Message['type']
}

export class Host implements Effects {
  readonly nodes: Nodes
  readonly directory: Directory
  readonly self: PeerRef
  private readonly init: HostInit
  private readonly log: Logger
  private readonly driver: Driver
  private readonly bridge: Bridge
  private readonly selfBytes: Uint8Array
  private readonly selfKey: Key
  private readonly outgoing = new Map<number, Outgoing>() // BOUNDED: by the core's requestsMax
  private readonly exchanges = new Map<number, Exchange>() // BOUNDED: by inbound streams and their queues
  private exchangeCount = 0
  private pool: StreamPool | null = null

  constructor(init: HostInit) {
    this.init = init
    this.log = init.logger.forComponent(init.logPrefix)
    const book = new PeerBook()
    const { peerId, mapper, ownAddresses } = init
    this.directory = new Directory({ book, mapper, self: peerId, ownAddresses })
    this.self = this.directory.self
    this.selfBytes = init.peerId.toMultihash().bytes
    this.selfKey = keyOf(this.selfBytes)
    const seed = crypto.getRandomValues(new Uint32Array(1))[0] as number
    this.nodes = new Nodes({
      book,
      selves: [this.self],
      selfBytes: [this.selfBytes],
      config: init.config,
      seed,
    })
    this.bridge = new Bridge({
      directory: this.directory,
      isConnected: (peer) => this.isConnected(peer),
    })
    this.driver = new Driver(this.nodes, init.clock, this)
  }

  /** Hands the core an input. */
  readonly dispatch = (arrival: Arrival): void => {
    this.driver.dispatch(arrival)
  }

  /** The pool that requests go through from now on. */
  connect(pool: StreamPool): void {
    this.pool = pool
    this.driver.start()
  }

  /** No request, timer or answer survives this. */
  close(): void {
    this.driver.stop()
    for (const { controller } of this.outgoing.values()) controller.abort()
    this.outgoing.clear()
    this.exchanges.clear()
    this.pool = null
  }

  /** A peer asks. */
  requestArrived(from: PeerId, bytes: Uint8Array, exchange: Exchange): void {
    const message = new Message()
    const ref = this.directory.internId(from)
    if (ref < 0 || !this.decode(bytes, message, true)) {
      exchange.conclude(true)
      return
    }
    const id = ++this.exchangeCount
    this.exchanges.set(id, exchange)
    this.dispatch({ kind: 'requestArrived', exchange: id, from: ref, message })
  }

  send(output: Extract<Output, { kind: 'send' }>): void {
    const { request, to, message, dialTimeoutMs } = output
    const peer = this.directory.peerId(to)
    const { pool } = this
    if (peer === null || pool === null) {
      this.dispatch({
        kind: 'requestFailed',
        request,
        reason: peer === null ? 'malformed' : 'reset',
      })
      return
    }
    const controller = new AbortController()
    this.outgoing.set(request, { controller, type: message.type })
    const addresses = this.directory.addresses(to)
    const options = { signal: controller.signal, dialTimeoutMs, addresses }
    const bytes = this.bridge.encode(message)
    const sent: Promise<Answer | null> =
      message.type === 'addProvider'
        ? pool.announce(peer, bytes, options)
        : pool.request(peer, bytes, options)
    sent.then(
      (answer) => this.answered(request, answer),
      (error: unknown) => this.unanswered(request, error),
    )
  }

  cancelRequest(request: number, expired: boolean): void {
    const outgoing = this.outgoing.get(request)
    this.outgoing.delete(request)
    outgoing?.controller.abort(expired ? new TimeoutError('no answer in time') : undefined)
  }

  respond(exchange: number, message: Message): void {
    const waiting = this.exchanges.get(exchange)
    this.exchanges.delete(exchange)
    waiting?.reply(this.bridge.encode(message))
  }

  conclude(exchange: number, refused: boolean): void {
    const waiting = this.exchanges.get(exchange)
    this.exchanges.delete(exchange)
    waiting?.conclude(refused)
  }

  dial(peer: PeerRef, timeoutMs: number): void {
    this.dialBack(peer, timeoutMs).then(
      (group) => this.dispatch({ kind: 'dialEnded', peer, ok: true, ipGroup: group }),
      (error) => {
        this.log.trace('%p can not be dialled - %e', this.directory.peerId(peer), error)
        this.dispatch({ kind: 'dialEnded', peer, ok: false, ipGroup: 0 })
      },
    )
  }

  pickKey(bits: number): void {
    const picked =
      bits === KEY_BITS
        ? { key: this.selfKey, keyBytes: this.selfBytes }
        : randomKeyInBucket(this.selfKey, bits, (bytes) => crypto.getRandomValues(bytes))
    if (picked !== null) this.dispatch({ kind: 'keyPicked', ...picked })
  }

  validate(output: Extract<Output, { kind: 'validate' }>): void {
    const { job, keyBytes, record, against } = output
    void this.init.judge
      .judge(keyBytes, record, against)
      .then((verdict) => this.dispatch({ kind: 'validated', job, verdict }))
  }

  persistRecord(output: Extract<Output, { kind: 'persistRecord' }>): void {
    const { job, keyBytes, record, expiresAtMs } = output
    this.persisting(job, this.init.storage.putRecord(keyBytes, record, expiresAtMs))
  }

  persistProvider(output: Extract<Output, { kind: 'persistProvider' }>): void {
    const { job, keyBytes, provider, expiresAtMs } = output
    const peer = this.directory.peerId(provider)
    if (peer === null) return
    const addresses = provider === this.self ? [] : this.directory.addresses(provider)
    const { storage } = this.init
    this.persisting(job, storage.putProvider(keyBytes, peer.toString(), expiresAtMs, addresses))
  }

  event(event: OperationEvent): void {
    this.init.onEvent(event)
  }

  forget(peer: PeerRef): void {
    this.directory.forget(peer)
  }

  failed(error: unknown): void {
    this.log.error('could not do what the node asked for - %e', error)
  }

  /** Everything that the store holds from an earlier run. */
  async load(nowMs: number): Promise<void> {
    const { storage } = this.init
    for await (const { keyBytes, value, expiresAtMs } of storage.records()) {
      const key = keyOf(keyBytes)
      this.dispatch({ kind: 'recordLoaded', key, keyBytes, record: value, expiresAtMs })
    }
    for await (const { keyBytes, provider, addresses, expiresAtMs } of storage.providers()) {
      const ref = this.directory.internId(provider)
      for (const address of addresses) this.directory.addAddress(ref, address)
      this.dispatch({
        kind: 'providerLoaded',
        key: keyOf(keyBytes),
        keyBytes,
        provider: ref,
        expiresAtMs,
      })
    }
    for await (const { peer, saved } of storage.peers()) {
      const ref = this.directory.internId(peer)
      for (const address of saved.addresses) this.directory.addAddress(ref, address)
      const ageMs = Math.max(0, nowMs - saved.lastSeenMs)
      const { evidence, ipGroup: group } = saved
      this.dispatch({ kind: 'peerLoaded', peer: ref, evidence, ageMs, ipGroup: group })
    }
  }

  /** Writes what was learned of peers. */
  async savePeers(): Promise<void> {
    const peers = new Map()
    for (const { peer, evidence, lastSeenMs, ipGroup: group } of this.nodes.routing.exportPeers(
      0,
    )) {
      const peerId = this.directory.peerId(peer)
      const addresses = this.directory.addresses(peer).map((address) => address.bytes)
      if (peerId === null || addresses.length === 0) continue
      peers.set(peerId.toString(), {
        evidence: { ...evidence },
        lastSeenMs,
        ipGroup: group,
        addresses,
      })
    }
    await this.init.storage.savePeers(peers)
  }

  private answered(request: number, answer: Answer | null): void {
    const outgoing = this.outgoing.get(request)
    if (outgoing === undefined) return
    this.outgoing.delete(request)
    const message = new Message()
    if (answer === null) {
      message.clear(outgoing.type)
    } else if (!this.decode(answer.bytes, message, false) || message.type !== outgoing.type) {
      this.dispatch({ kind: 'requestFailed', request, reason: 'malformed' })
      return
    }
    this.dispatch({ kind: 'answerArrived', request, message, rttMs: answer?.rttMs ?? -1 })
  }

  private unanswered(request: number, error: unknown): void {
    if (!this.outgoing.delete(request)) return
    const reason = error instanceof RequestError ? error.reason : 'reset'
    this.log.trace('request %d failed - %e', request, error)
    this.dispatch({ kind: 'requestFailed', request, reason })
  }

  private decode(bytes: Uint8Array, into: Message, isRequest: boolean): boolean {
    try {
      return this.bridge.decode(decodeMessage(bytes), into, isRequest)
    } catch {
      return false
    }
  }

  private persisting(job: number, write: Promise<void>): void {
    write.then(
      () => job !== 0 && this.dispatch({ kind: 'persisted', job, ok: true }),
      (error: unknown) => {
        this.log.error('could not write to the datastore - %e', error)
        if (job !== 0) this.dispatch({ kind: 'persisted', job, ok: false })
      },
    )
  }

  /** Opens a fresh connection and closes it again if there is another: what counts is that it can be. */
  private async dialBack(peer: PeerRef, timeoutMs: number): Promise<number> {
    const peerId = this.directory.peerId(peer)
    if (peerId === null) throw new RequestError('dial', 'not a peer id')
    const addresses = namedAddresses(this.directory.addresses(peer), peerId)
    if (addresses.length === 0) throw new RequestError('dial', 'no address to dial')
    const { connectionManager } = this.init
    const connection = await connectionManager.openConnection(addresses, {
      force: true,
      signal: AbortSignal.timeout(timeoutMs),
    })
    const group = ipGroup(connection.remoteAddr)
    if (connectionManager.getConnections(peerId).length > 1) await connection.close()
    return group
  }

  private isConnected(peer: PeerRef): boolean {
    const peerId = this.directory.peerId(peer)
    return peerId !== null && this.init.connectionManager.getConnections(peerId).length > 0
  }
}
