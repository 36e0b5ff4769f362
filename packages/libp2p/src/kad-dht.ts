/**
 * The service: the public surface of a Kadmium node in js-libp2p, with the names of `@libp2p/kad-dht`.
 * It starts and stops the parts and turns calls into operations; what happens is decided in the core.
 */

import {
  type AbortOptions,
  type ContentRouting,
  contentRoutingSymbol,
  type Logger,
  NotStartedError,
  type PeerDiscovery,
  type PeerDiscoveryEvents,
  type PeerId,
  type PeerRouting,
  peerDiscoverySymbol,
  peerRoutingSymbol,
  type RoutingOptions,
  type Startable,
  serviceCapabilities,
  serviceDependencies,
} from '@libp2p/interface'
import { TypedEventEmitter } from 'main-event'
import type { CID } from 'multiformats/cid'
import { Announcer } from './announcer.ts'
import { checkAsk, checkPeerId, multihashOf } from './arguments.ts'
import { limitOf, quorumOf } from './call-options.ts'
import { SYSTEM_CLOCK } from './clock.ts'
import { Feedback } from './feedback.ts'
import { FirstPeer } from './first-peer.ts'
import { Host } from './host.ts'
import { Links } from './links.ts'
import { type Mode, ModeSwitch } from './mode.ts'
import { type Options, resolveOptions } from './options.ts'
import { Pressure } from './pressure.ts'
import { type Ask, Queries } from './queries.ts'
import { RecordJudge } from './records/judge.ts'
import { type Closest, refreshTable } from './refresh.ts'
import { Reprovider } from './reprovider.ts'
import { DHTContentRouting, DHTPeerRouting, drain } from './routers.ts'
import { Saving } from './saving.ts'
import { Storage } from './storage.ts'
import { InboundStreams } from './streams/inbound.ts'
import { StreamPool } from './streams/outbound.ts'
import { Tags } from './tags.ts'
import type {
  FindProvidersOptions,
  GetOptions,
  KadDHTComponents,
  KadDHTInit,
  ProviderOutcome,
  QueryEvent,
  RoutingTable,
  Selectors,
  SetModeOptions,
  SingleKadDHT,
  Validators,
} from './types.ts'

/** Where nobody is there to ask, a query waits so long for somebody, ms, and then goes on without. */
const PATIENCE_MS = 10_000

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
  private readonly options: Options
  private readonly log: Logger
  private readonly host: Host
  private readonly links: Links
  private readonly queries: Queries
  private readonly pool: StreamPool
  private readonly inbound: InboundStreams
  private readonly mode: ModeSwitch
  private readonly pressure: Pressure
  private readonly announcer: Announcer
  private readonly reprovider: Reprovider
  private readonly tags: Tags
  private readonly saving: Saving
  private readonly contentRouting: DHTContentRouting
  private readonly peerRouting: DHTPeerRouting
  private readonly feedback: Feedback
  private readonly firstPeer = new FirstPeer()
  private running = false

  constructor(components: KadDHTComponents, init: KadDHTInit = {}) {
    super()
    this.components = components
    this.options = resolveOptions(init)
    const { logger, peerId } = components
    const { logPrefix, reprovide } = this.options
    this.log = logger.forComponent(logPrefix)
    const judge = new RecordJudge(this.options)
    this.validators = judge.validators
    this.selectors = judge.selectors
    const storage = this.makeStorage()
    this.host = this.makeHost(judge, storage)
    const { nodes, directory, dispatch } = this.host
    this.k = nodes.config.k
    this.a = nodes.config.alpha
    this.routingTable = {
      get size(): number {
        return nodes.routing.size(0)
      },
    }
    this.links = this.makeLinks()
    this.queries = new Queries({
      directory,
      self: peerId,
      logger,
      logPrefix,
      dispatch,
      peerStore: components.peerStore,
      isConnected: (peer) => this.links.isConnected(peer),
      faultOf: (keyBytes, value) => judge.faultOf(keyBytes, value),
    })
    this.pool = this.makePool()
    this.inbound = new InboundStreams({
      clock: SYSTEM_CLOCK,
      requestTimeoutMs: this.options.incomingMessageTimeoutMs,
      onRequest: (from, bytes, exchange) => this.host.requestArrived(from, bytes, exchange),
    })
    this.mode = this.makeMode()
    const { connectionManager, events } = components
    const releaseIdle = (): void => this.pool.releaseIdle()
    this.pressure = new Pressure({ connectionManager, events, releaseIdle })
    const { log } = this
    this.tags = new Tags({ peerStore: components.peerStore, protocol: this.options.protocol, log })
    this.saving = new Saving({
      nodes,
      directory,
      archive: this.host.archive,
      tags: this.tags,
      clock: SYSTEM_CLOCK,
      log,
    })
    const self = peerId.toString()
    this.announcer = new Announcer({ self, storage, clock: SYSTEM_CLOCK, options: reprovide, log })
    this.reprovider = new Reprovider({
      peerId,
      storage,
      clock: SYSTEM_CLOCK,
      options: reprovide,
      log: logger.forComponent(`${logPrefix}:reprovider`),
      ready: async (signal) => {
        if (this.routingTable.size === 0) await this.firstPeer.until(signal)
      },
      provide: (keyBytes, signal) => this.announce(keyBytes, signal),
    })
    this.feedback = new Feedback(this.host, SYSTEM_CLOCK.now)
    this.contentRouting = new DHTContentRouting(this)
    this.peerRouting = new DHTPeerRouting(this)
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
    await this.host.archive.load((isWanted) => this.tags.read(isWanted))
    this.pressure.start()
    await this.links.start()
    await this.mode.start()
    this.host.dispatch({ kind: 'start' })
    this.saving.start()
    this.reprovider.start()
  }

  async stop(): Promise<void> {
    if (!this.running) return
    this.running = false
    this.pressure.stop()
    await this.reprovider.stop()
    this.host.dispatch({ kind: 'stop' })
    this.queries.stop()
    await this.mode.stop()
    this.links.stop()
    this.inbound.stop()
    this.pool.stop()
    await this.saving.stop()
    await this.host.archive.settled()
    this.host.close()
    this.firstPeer.reset()
  }

  getMode(): Mode {
    return this.mode.get()
  }

  async setMode(mode: Mode, options: SetModeOptions = {}): Promise<void> {
    await this.mode.set(mode, options)
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
    options: GetOptions = {},
  ): AsyncGenerator<QueryEvent, void, undefined> {
    yield* this.run({ type: 'getValue', keyBytes: key, quorum: quorumOf(options) }, options)
  }

  async *provide(
    cid: CID,
    options: RoutingOptions = {},
  ): AsyncGenerator<QueryEvent, void, undefined> {
    const keyBytes = multihashOf(cid)
    this.checkStarted()
    yield* this.announcer.provide(keyBytes, options, () => this.queryProvide(keyBytes, options))
  }

  async cancelReprovide(cid: CID, options?: AbortOptions): Promise<void> {
    options?.signal?.throwIfAborted()
    const keyBytes = multihashOf(cid)
    this.reprovider.cancel(keyBytes)
    await this.host.archive.withdraw(keyBytes)
  }

  async *findProviders(
    cid: CID,
    options: FindProvidersOptions = {},
  ): AsyncGenerator<QueryEvent, void, undefined> {
    const keyBytes = multihashOf(cid)
    yield* this.run({ type: 'findProviders', keyBytes, countMax: limitOf(options) }, options)
  }

  async *findPeer(
    id: PeerId,
    options: RoutingOptions = {},
  ): AsyncGenerator<QueryEvent, void, undefined> {
    checkPeerId(id)
    yield* this.run({ type: 'findPeer', keyBytes: id.toMultihash().bytes, sought: id }, options)
  }

  async *getClosestPeers(
    key: Uint8Array,
    options: RoutingOptions = {},
  ): AsyncGenerator<QueryEvent, void, undefined> {
    yield* this.run({ type: 'getClosest', keyBytes: key }, options)
  }

  reportProvider(cid: CID, peer: PeerId, outcome: ProviderOutcome): void {
    this.feedback.report(cid, peer, outcome)
  }

  peerScore(peer: PeerId): number | undefined {
    return this.feedback.score(peer)
  }

  async refreshRoutingTable(options: AbortOptions = {}): Promise<void> {
    const closest: Closest = (key, within) => this.getClosestPeers(key, within)
    await refreshTable(this.components.peerId, closest, options)
  }

  private checkStarted(): void {
    if (!this.running) throw new NotStartedError('The DHT is not started')
  }

  private run(ask: Ask, options: RoutingOptions): AsyncGenerator<QueryEvent, void, undefined> {
    this.checkStarted()
    checkAsk(ask)
    const patienceMs = this.options.allowQueryWithZeroPeers ? 0 : PATIENCE_MS
    return this.host.monitor.operation(ask.type, ask.keyBytes, options, (_, traced) =>
      this.queries.run({ patienceMs, ...ask }, traced),
    )
  }

  private queryProvide(
    keyBytes: Uint8Array,
    options: RoutingOptions,
    patience: Pick<Ask, 'patienceMs'> = {},
  ): AsyncGenerator<QueryEvent, void, undefined> {
    return this.run({ type: 'provide', keyBytes, peer: this.host.self, ...patience }, options)
  }

  private makeStorage(): Storage {
    const { datastore, logger } = this.components
    const { logPrefix, datastorePrefix: prefix, reprovide } = this.options
    return new Storage({ datastore, logger, logPrefix, prefix, validityMs: reprovide.validity })
  }

  private makeHost(judge: RecordJudge, storage: Storage): Host {
    const { components, options } = this
    return new Host({
      peerId: components.peerId,
      config: options.config,
      clock: SYSTEM_CLOCK,
      mapper: options.peerInfoMapper,
      judge,
      storage,
      connectionManager: components.connectionManager,
      metrics: components.metrics,
      metricsPrefix: options.metricsPrefix,
      logger: components.logger,
      logPrefix: options.logPrefix,
      events: components.events,
      pooledPeers: () => this.links.pooledPeers,
      reprovideLoad: () => this.reprovider.load,
      traceOf: (operation) => this.queries.traceOf(operation),
      ownAddresses: () => components.addressManager.getAddresses(),
      onEvent: (event) => this.queries.handle(event),
    })
  }

  private makeLinks(): Links {
    const { connectionManager, peerStore, events } = this.components
    const { directory, dispatch } = this.host
    return new Links({
      directory,
      connectionManager,
      peerStore,
      events,
      protocol: this.options.protocol,
      dispatch,
      onSpeaker: (peer) => this.speakerMet(peer),
    })
  }

  private makePool(): StreamPool {
    return new StreamPool({
      connectionManager: this.components.connectionManager,
      protocol: this.options.protocol,
      clock: SYSTEM_CLOCK,
      maxOutboundStreams: this.options.maxOutboundStreams,
      agentOf: (peer) => this.links.agentOf(peer),
      onPooled: (peer, pooled) => this.links.setPooled(peer, pooled),
    })
  }

  private makeMode(): ModeSwitch {
    return new ModeSwitch({
      ...this.options,
      registrar: this.components.registrar,
      events: this.components.events,
      log: this.log,
      onStream: (stream, connection) => this.inbound.onStream(stream, connection),
      onClient: () => this.inbound.stop(),
    })
  }

  private async announce(keyBytes: Uint8Array, signal: AbortSignal): Promise<void> {
    if (this.announcer.isProviding(keyBytes)) return
    const ended = this.host.monitor.announcementBegan()
    const query = (): AsyncGenerator<QueryEvent, void, undefined> =>
      this.queryProvide(keyBytes, { signal }, { patienceMs: 0 })
    await drain(this.announcer.announce(keyBytes, { signal }, query)).then(
      () => ended(true),
      (error) => {
        ended(false)
        throw error
      },
    )
  }

  private speakerMet(ref: number): void {
    this.firstPeer.meet()
    const info = this.host.directory.info(ref)
    if (info !== null) this.safeDispatchEvent('peer', { detail: info })
  }
}
