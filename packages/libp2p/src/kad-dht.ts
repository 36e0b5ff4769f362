/**
 * The service: the public surface of a Kadmium node in js-libp2p, with the names of `@libp2p/kad-dht`.
 * It starts and stops the parts and turns calls into operations; what happens is decided in the core.
 */

import {
  type AbortOptions,
  type ContentRouting,
  contentRoutingSymbol,
  type Logger,
  type PeerDiscovery,
  type PeerDiscoveryEvents,
  type PeerId,
  type PeerRouting,
  type PeerUpdate,
  peerDiscoverySymbol,
  peerRoutingSymbol,
  type RoutingOptions,
  type Startable,
  serviceCapabilities,
  serviceDependencies,
} from '@libp2p/interface'
import { isPrivate } from '@libp2p/utils'
import { Circuit } from '@multiformats/multiaddr-matcher'
import { TypedEventEmitter } from 'main-event'
import type { CID } from 'multiformats/cid'
import { SYSTEM_CLOCK } from './clock.ts'
import {
  DATASTORE_PREFIX,
  LOG_PREFIX,
  MAX_INBOUND_STREAMS,
  MAX_OUTBOUND_STREAMS,
  PROTOCOL,
} from './constants.ts'
import { coreConfig } from './core-config.ts'
import { Host } from './host.ts'
import { Links } from './links.ts'
import { removePrivateAddressesMapper } from './mappers.ts'
import { type Ask, Queries } from './queries.ts'
import { RecordJudge } from './records/judge.ts'
import { Reprovider } from './reprovider.ts'
import { DHTContentRouting, DHTPeerRouting, drain } from './routers.ts'
import { Storage } from './storage.ts'
import { InboundStreams } from './streams/inbound.ts'
import { StreamPool } from './streams/outbound.ts'
import type {
  KadDHTComponents,
  KadDHTInit,
  QueryEvent,
  RoutingTable,
  Selectors,
  SetModeOptions,
  SingleKadDHT,
  Validators,
} from './types.ts'

/** Providers after which `findProviders` ends, as in `@libp2p/kad-dht`. */
const PROVIDERS_WANTED = 20

/** What was learned of peers is written this often, ms. */
const SAVE_INTERVAL_MS = 30_000

/** A query right after the start waits so long for a first peer, ms, and then goes on without. */
const FIRST_PEER_TIMEOUT_MS = 10_000

/** Share of the connections that libp2p allows above which idle streams are let go at once. */
const PRESSURE = 0.8

type Mode = 'client' | 'server'

export class KadDHT
  extends TypedEventEmitter<PeerDiscoveryEvents>
  implements SingleKadDHT, Startable
{
  readonly k: number
  readonly a: number
  /** Always 1 (docs/decisions/0006). */
  readonly d = 1
  readonly validators: Validators
  readonly selectors: Selectors
  readonly routingTable: RoutingTable
  private readonly components: KadDHTComponents
  private readonly init: KadDHTInit
  private readonly log: Logger
  private readonly protocol: string
  private readonly host: Host
  private readonly links: Links
  private readonly queries: Queries
  private readonly pool: StreamPool
  private readonly inbound: InboundStreams
  private readonly reprovider: Reprovider
  private readonly contentRouting: DHTContentRouting
  private readonly peerRouting: DHTPeerRouting
  private mode: Mode
  private handling = false
  private running = false
  private saveTimer: { clear: () => void } | null = null
  private firstPeer = Promise.withResolvers<void>()

  constructor(components: KadDHTComponents, init: KadDHTInit = {}) {
    super()
    this.components = components
    this.init = init
    const { logger, connectionManager, peerId, datastore } = components
    const logPrefix = init.logPrefix ?? LOG_PREFIX
    this.log = logger.forComponent(logPrefix)
    this.protocol = init.protocol ?? PROTOCOL
    this.mode = init.clientMode === false ? 'server' : 'client'
    const judge = new RecordJudge({ validators: init.validators, selectors: init.selectors })
    this.validators = judge.validators
    this.selectors = judge.selectors
    const config = coreConfig(init)
    const { recordValidityMs: validityMs } = config
    const prefix = init.datastorePrefix ?? DATASTORE_PREFIX
    const storage = new Storage({ datastore, logger, logPrefix, prefix, validityMs })
    this.host = new Host({
      peerId,
      config,
      clock: SYSTEM_CLOCK,
      mapper: init.peerInfoMapper ?? removePrivateAddressesMapper,
      judge,
      storage,
      connectionManager,
      logger,
      logPrefix,
      ownAddresses: () => this.components.addressManager.getAddresses(),
      onEvent: (event) => this.queries.handle(event),
    })
    const { nodes, directory, dispatch } = this.host
    this.k = nodes.config.k
    this.a = nodes.config.alpha
    this.routingTable = {
      get size(): number {
        return nodes.routing.size(0)
      },
    }
    this.links = new Links({
      directory,
      connectionManager,
      peerStore: components.peerStore,
      events: components.events,
      protocol: this.protocol,
      dispatch,
      onSpeaker: (peer) => this.speakerMet(peer),
    })
    this.queries = new Queries({
      directory,
      self: peerId,
      dispatch,
      isConnected: (peer) => this.links.isConnected(peer),
    })
    this.pool = this.makePool()
    this.inbound = new InboundStreams({
      clock: SYSTEM_CLOCK,
      onRequest: (from, bytes, exchange) => this.host.requestArrived(from, bytes, exchange),
    })
    this.reprovider = new Reprovider({
      peerId,
      storage,
      clock: SYSTEM_CLOCK,
      options: init.reprovide ?? {},
      log: this.log,
      provide: (keyBytes, signal) => this.announce(keyBytes, signal),
    })
    this.contentRouting = new DHTContentRouting(this)
    this.peerRouting = new DHTPeerRouting(this)
    if (init.clientMode === undefined) this.switchByAddress()
  }

  readonly [Symbol.toStringTag]: string = '@kadmium/libp2p'

  readonly [serviceCapabilities]: string[] = [
    '@libp2p/content-routing',
    '@libp2p/peer-routing',
    '@libp2p/peer-discovery',
    '@libp2p/kad-dht',
  ]

  readonly [serviceDependencies]: string[] = ['@libp2p/identify']

  get [contentRoutingSymbol](): ContentRouting {
    return this.contentRouting
  }

  get [peerRoutingSymbol](): PeerRouting {
    return this.peerRouting
  }

  get [peerDiscoverySymbol](): PeerDiscovery {
    return this
  }

  isStarted(): boolean {
    return this.running
  }

  async start(): Promise<void> {
    if (this.running) return
    this.running = true
    this.host.connect(this.pool)
    await this.host.archive.load()
    const { events } = this.components
    events.addEventListener('connection:open', this.relievePressure)
    events.addEventListener('connection:prune', this.dropIdleStreams)
    await this.links.start()
    await this.setMode(this.mode, { force: true })
    this.host.dispatch({ kind: 'start' })
    this.saveLater()
    this.reprovider.start()
  }

  async stop(): Promise<void> {
    if (!this.running) return
    this.running = false
    const { events, registrar } = this.components
    events.removeEventListener('connection:open', this.relievePressure)
    events.removeEventListener('connection:prune', this.dropIdleStreams)
    this.saveTimer?.clear()
    await this.reprovider.stop()
    this.host.dispatch({ kind: 'stop' })
    this.queries.stop()
    if (this.handling) await registrar.unhandle(this.protocol)
    this.handling = false
    this.links.stop()
    this.inbound.stop()
    this.pool.stop()
    await this.host.archive
      .savePeers()
      .catch((error) => this.log.error('could not save peers - %e', error))
    this.host.close()
    this.firstPeer = Promise.withResolvers<void>()
  }

  getMode(): Mode {
    return this.mode
  }

  async setMode(mode: Mode, options: SetModeOptions = {}): Promise<void> {
    if (mode === this.mode && options.force !== true) return
    this.mode = mode
    if (!this.running) return
    const { registrar } = this.components
    if (this.handling) await registrar.unhandle(this.protocol)
    this.handling = false
    if (mode === 'client') {
      this.inbound.stop()
      return
    }
    this.handling = true
    await registrar.handle(
      this.protocol,
      (stream, connection) => this.inbound.onStream(stream, connection),
      {
        maxInboundStreams: this.init.maxInboundStreams ?? MAX_INBOUND_STREAMS,
        maxOutboundStreams: this.init.maxOutboundStreams ?? MAX_OUTBOUND_STREAMS,
      },
    )
  }

  async *put(
    key: Uint8Array,
    value: Uint8Array,
    options: RoutingOptions = {},
  ): AsyncGenerator<QueryEvent, void, undefined> {
    yield* this.run({ type: 'putValue', keyBytes: key, value }, options)
  }

  async *get(
    key: Uint8Array,
    options: RoutingOptions = {},
  ): AsyncGenerator<QueryEvent, void, undefined> {
    yield* this.run({ type: 'getValue', keyBytes: key }, options)
  }

  async *provide(
    cid: CID,
    options: RoutingOptions = {},
  ): AsyncGenerator<QueryEvent, void, undefined> {
    const keyBytes = cid.multihash.bytes
    yield* this.run({ type: 'provide', keyBytes, peer: this.host.self }, options)
  }

  async cancelReprovide(cid: CID, options?: AbortOptions): Promise<void> {
    options?.signal?.throwIfAborted()
    await this.host.archive.withdraw(cid.multihash.bytes)
  }

  async *findProviders(
    cid: CID,
    options: RoutingOptions = {},
  ): AsyncGenerator<QueryEvent, void, undefined> {
    const keyBytes = cid.multihash.bytes
    yield* this.run({ type: 'findProviders', keyBytes, countMax: PROVIDERS_WANTED }, options)
  }

  async *findPeer(
    id: PeerId,
    options: RoutingOptions = {},
  ): AsyncGenerator<QueryEvent, void, undefined> {
    const peer = this.host.directory.internId(id)
    yield* this.run({ type: 'findPeer', keyBytes: id.toMultihash().bytes, peer }, options)
  }

  async *getClosestPeers(
    key: Uint8Array,
    options: RoutingOptions = {},
  ): AsyncGenerator<QueryEvent, void, undefined> {
    yield* this.run({ type: 'getClosest', keyBytes: key }, options)
  }

  /** Looks up our own neighbourhood, then each bucket in turn in the background. */
  async refreshRoutingTable(options: AbortOptions = {}): Promise<void> {
    this.host.dispatch({ kind: 'refresh' })
    const own = this.components.peerId.toMultihash().bytes
    await drain(this.getClosestPeers(own, options as RoutingOptions))
  }

  private async *run(
    ask: Ask,
    options: RoutingOptions,
  ): AsyncGenerator<QueryEvent, void, undefined> {
    if (this.init.allowQueryWithZeroPeers !== true) await this.someoneToAsk(options.signal)
    yield* this.queries.run(ask, options)
  }

  private makePool(): StreamPool {
    return new StreamPool({
      connectionManager: this.components.connectionManager,
      protocol: this.protocol,
      clock: SYSTEM_CLOCK,
      maxOutboundStreams: this.init.maxOutboundStreams ?? MAX_OUTBOUND_STREAMS,
      agentOf: (peer) => this.links.agentOf(peer),
      onPooled: (peer, pooled) => this.links.setPooled(peer, pooled),
    })
  }

  private async announce(keyBytes: Uint8Array, signal: AbortSignal): Promise<void> {
    await drain(this.run({ type: 'provide', keyBytes, peer: this.host.self }, { signal }))
  }

  /** Resolves as soon as there is a peer to ask, or after a while all the same. */
  private async someoneToAsk(signal: AbortSignal | undefined): Promise<void> {
    if (this.routingTable.size > 0) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = SYSTEM_CLOCK.setTimer(FIRST_PEER_TIMEOUT_MS, resolve)
    const onAbort = (): void => reject(signal?.reason)
    signal?.addEventListener('abort', onAbort)
    try {
      signal?.throwIfAborted()
      await Promise.race([promise, this.firstPeer.promise])
    } finally {
      timer.clear()
      signal?.removeEventListener('abort', onAbort)
    }
  }

  private speakerMet(ref: number): void {
    this.firstPeer.resolve()
    const info = this.host.directory.info(ref)
    if (info !== null) this.safeDispatchEvent('peer', { detail: info })
  }

  private saveLater(): void {
    this.saveTimer = SYSTEM_CLOCK.setTimer(SAVE_INTERVAL_MS, () => {
      this.host.archive
        .savePeers()
        .catch((error) => this.log.error('could not save peers - %e', error))
      this.saveLater()
    })
  }

  private readonly relievePressure = (): void => {
    const { connectionManager } = this.components
    const allowed = connectionManager.getMaxConnections() * PRESSURE
    if (connectionManager.getConnections().length > allowed) this.pool.releaseIdle()
  }

  private readonly dropIdleStreams = (): void => {
    this.pool.releaseIdle()
  }

  /** Becomes a server once the node has an address that the world can dial, and a client when it has none. */
  private switchByAddress(): void {
    this.components.events.addEventListener(
      'self:peer:update',
      (event: CustomEvent<PeerUpdate>) => {
        const isPublic = event.detail.peer.addresses.some(
          ({ multiaddr }) => !isPrivate(multiaddr) && !Circuit.exactMatch(multiaddr),
        )
        this.setMode(isPublic ? 'server' : 'client').catch((error) => {
          this.log.error('could not change mode - %e', error)
        })
      },
    )
  }
}
