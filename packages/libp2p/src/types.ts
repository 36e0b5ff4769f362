/**
 * The service as its users see it: the same names and shapes as `@libp2p/kad-dht` exports, so that
 * changing one import line is enough.
 */
import type {
  AbortOptions,
  ComponentLogger,
  Libp2pEvents,
  Metrics,
  PeerId,
  PeerInfo,
  PeerStore,
  PrivateKey,
  RoutingOptions,
} from '@libp2p/interface'
import type { AddressManager, ConnectionManager, Registrar } from '@libp2p/interface-internal'
import type { AdaptiveTimeoutInit } from '@libp2p/utils'
import type { Datastore } from 'interface-datastore'
import type { TypedEventTarget } from 'main-event'
import type { CID } from 'multiformats/cid'
import type { QueryEvent } from './events.ts'

export type {
  AddPeerEvent,
  DHTProgressEvents,
  DHTRecord,
  DialPeerEvent,
  DisjointPath,
  FinalPeerEvent,
  MessageName,
  PathEndedEvent,
  PeerResponseEvent,
  ProviderEvent,
  QueryErrorEvent,
  QueryEvent,
  SendQueryEvent,
  ValueEvent,
} from './events.ts'

/**
 * The DHT of one libp2p node. Queries are async iterables of events; a peer that fails is an event, not
 * an error, and leaving the loop cancels what is still in flight.
 */
export interface KadDHT {
  /** How many peers hold a record and make up the result of a lookup. */
  readonly k: number

  /** Requests of one lookup in flight. */
  readonly a: number

  /** Disjoint paths of one lookup. */
  readonly d: number

  /** Judges of records by the first part of their key. May be changed at any time. */
  readonly validators: Record<string, ValidateFn>

  /** Choosers among valid records by the first part of their key. May be changed at any time. */
  readonly selectors: Record<string, SelectFn>

  /** Finds the value of a key. The last `VALUE` event has the best one. */
  get(key: Uint8Array, options?: RoutingOptions): AsyncIterable<QueryEvent>

  /** Finds peers that have the content; they come as `PROVIDER` events as soon as they are known. */
  findProviders(key: CID, options?: RoutingOptions): AsyncIterable<QueryEvent>

  /** Finds the addresses of a peer; they come as a `FINAL_PEER` event. */
  findPeer(id: PeerId, options?: RoutingOptions): AsyncIterable<QueryEvent>

  /** Finds the k live peers nearest to a key; each comes as a `FINAL_PEER` event. */
  getClosestPeers(key: Uint8Array, options?: RoutingOptions): AsyncIterable<QueryEvent>

  /** Tells the peers nearest to the content that we have it, and tells them again in time. */
  provide(key: CID, options?: RoutingOptions): AsyncIterable<QueryEvent>

  /** Content given to `provide` is announced no more; what is known of it runs out. */
  cancelReprovide(key: CID, options?: AbortOptions): Promise<void>

  /** Stores a value with the peers nearest to its key, ourselves first. */
  put(key: Uint8Array, value: Uint8Array, options?: RoutingOptions): AsyncIterable<QueryEvent>

  /** A server answers the requests of others; a client only asks. */
  getMode(): 'client' | 'server'

  /** Changes the mode; `force` also where the mode was fixed by `clientMode`. */
  setMode(mode: 'client' | 'server', options?: SetModeOptions): Promise<void>

  /** Looks for new peers now. Resolves when the lookups have ended. */
  refreshRoutingTable(options?: AbortOptions): Promise<void>
}

/** A DHT with one routing table. */
export interface SingleKadDHT extends KadDHT {
  routingTable: RoutingTable
}

export interface RoutingTable {
  /** Peers in the table. */
  size: number
}

/** Changes the addresses of a peer on its way in or out, most often by leaving some out. */
export type PeerInfoMapper = (peer: PeerInfo) => PeerInfo

export interface SetModeOptions extends AbortOptions {
  /** Also where the mode was fixed. Default false. */
  force?: boolean
}

/** Returns the index of the best of the records of a key. All have passed the validator. */
export type SelectFn = (key: Uint8Array, records: Uint8Array[]) => number | Promise<number>

/** Throws where the value does not belong to the key. */
export type ValidateFn = (
  key: Uint8Array,
  value: Uint8Array,
  options?: AbortOptions,
) => void | Promise<void>

/** Selectors by the first part of the key: `{ ipns }` is for `/ipns/…`. */
export type Selectors = Record<string, SelectFn>

/** Validators by the first part of the key. Keys with none are refused. */
export type Validators = Record<string, ValidateFn>

/** Accepted, and as in `@libp2p/kad-dht` of no effect. */
export interface ProvidersInit {
  cacheSize?: number
  /** Seconds. */
  cleanupInterval?: number
  /** Seconds. */
  provideValidity?: number
}

/** How what we provide is announced anew. */
export interface ReProvideInit {
  /** Announcements at once. Default 10. */
  concurrency?: number
  /** Announcements that may wait. Default 16,384. */
  maxQueueSize?: number
  /** Announce anew when a record has this long to live, ms. Default 24 h. */
  threshold?: number
  /** Look for records to announce this often, ms. Default 1 h. */
  interval?: number
  /** How long a provider record lives, ms. Default 48 h. */
  validity?: number
}

/** Bounds of an adaptive timeout, as `@libp2p/utils` has them. */
type TimeoutInit = Omit<AdaptiveTimeoutInit, 'metricsName' | 'metrics'>

/**
 * Options of the service: every one of `@libp2p/kad-dht`. Some steer a part that Kadmium does without
 * (its table is no trie and asks nobody by ping, one path is enough for its lookups, each peer has a
 * time-out of its own): they are accepted, so that a configuration can be taken over as it is, and
 * marked "no effect".
 */
export interface KadDHTInit {
  /** Peers that hold a record and make up the result of a lookup. Default 20. */
  kBucketSize?: number
  /** No effect. */
  kBucketSplitThreshold?: number
  /** Requests of one lookup in flight. Default 10. */
  alpha?: number
  /** No effect. */
  disjointPaths?: number
  /** No effect. */
  routingTableUpdateQueueConcurrency?: number
  /** No effect. */
  routingTableUpdateMaxQueueSize?: number
  /** No effect. */
  prefixLength?: number
  /**
   * `true`: a client for good. `false`: a server for good. Not given: a client that becomes a server
   * once the node has a public address that others can dial.
   */
  clientMode?: boolean
  /** Selectors beside the built-in ones for `pk` and `ipns`, or in their place. */
  selectors?: Selectors
  /** Validators beside the built-in ones for `pk` and `ipns`, or in their place. */
  validators?: Validators
  /** No effect: the table is refreshed as it needs to be. */
  querySelfInterval?: number
  /** No effect: the first lookup comes when a first peer is met. */
  initialQuerySelfInterval?: number
  /** Queries with nobody to ask end at once, in place of waiting for a first peer. Default false. */
  allowQueryWithZeroPeers?: boolean
  /** The network to join. Default `/ipfs/kad/1.0.0`. */
  protocol?: string
  /** Default `libp2p:kad-dht`. */
  logPrefix?: string
  /** Where in the datastore our records lie. Default `/dht`. */
  datastorePrefix?: string
  /** Default `libp2p_kad_dht`. */
  metricsPrefix?: string
  /** No effect. */
  pingOldContactTimeout?: TimeoutInit
  /** No effect. */
  pingOldContactConcurrency?: number
  /** No effect. */
  pingOldContactMaxQueueSize?: number
  /** No effect. */
  pingNewContactTimeout?: TimeoutInit
  /** No effect. */
  pingNewContactConcurrency?: number
  /** No effect. */
  pingNewContactMaxQueueSize?: number
  /** Streams of the protocol that one connection may open towards us. Default 32. */
  maxInboundStreams?: number
  /** Streams of the protocol that we may open on one connection. Default 64. */
  maxOutboundStreams?: number
  /** No effect. */
  providers?: ProvidersInit
  /** How what we provide is announced anew. */
  reprovide?: ReProvideInit
  /** Run on each peer that comes in and each that goes out. Default `removePrivateAddressesMapper`. */
  peerInfoMapper?: PeerInfoMapper
  /** No effect. */
  networkDialTimeout?: TimeoutInit
  /** No effect. */
  onPeerConnectTimeout?: number
  /** No effect. */
  incomingMessageTimeout?: number
}

/** What the service takes from the libp2p node. It needs no ping: peers are known by DHT answers. */
export interface KadDHTComponents {
  peerId: PeerId
  privateKey: PrivateKey
  registrar: Registrar
  addressManager: AddressManager
  peerStore: PeerStore
  metrics?: Metrics
  connectionManager: ConnectionManager
  datastore: Datastore
  events: TypedEventTarget<Libp2pEvents>
  logger: ComponentLogger
}
