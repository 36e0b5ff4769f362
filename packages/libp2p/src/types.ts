/**
 * The service as its users see it: the same names and shapes as `@libp2p/kad-dht` exports, so that
 * changing one import line is enough.
 */
import type { Config, ProviderOutcome } from '@kadmium/core'
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

export type { ProviderOutcome } from '@kadmium/core'
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

/** Options of `get`. */
export interface GetOptions extends RoutingOptions {
  /**
   * Answers with a valid record after which the best of them is the value, a whole number from 1. Fewer
   * decide when nobody is left to ask, or some time after the first (`kadmium.quorumTimeoutMs`). Default 1
   * for keys under `/pk/`, which have one value only, and `kadmium.mutableQuorum` for all others.
   */
  quorum?: number
}

/** Options of `findProviders`. */
export interface FindProvidersOptions extends RoutingOptions {
  /**
   * At least so many providers, where there are: the search ends after them. A whole number from 1, or `Infinity` to ask everybody near the
   * content. A search ends only when three peers have named some, so that no single liar ends it: it may
   * yield more. Default 20.
   */
  limit?: number
}

/**
 * The DHT of one libp2p node. Queries are async iterables of events; a peer that fails is an event, not
 * an error, and leaving the loop cancels what is still in flight.
 *
 * They take the options of libp2p's routing: with `useNetwork: false` they go by what this node has itself
 * (a `put` or `provide` is stored here alone, and what is provided is announced when it would be announced
 * anew), with `useCache: false` by what others say, even if the answer is here; with both a find finds
 * nothing.
 *
 * All queries throw `QueryError` where too many run at once (512), the reason of the `signal` when that is
 * aborted, `AbortError` when the node stops, `NotStartedError` where it is not started, and
 * `InvalidParametersError` for what is no key, CID or peer id. They have no time-out of their own: pass a `signal`.
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

  /**
   * Finds the value of a key, such as `/pk/…`. The last `VALUE` event has the best one. Throws
   * `NotFoundError` where nobody has it, `QueryError` where nobody could be asked, and
   * `InvalidParametersError` for a `quorum` that is no whole number from 1.
   */
  get(key: Uint8Array, options?: GetOptions): AsyncIterable<QueryEvent>

  /**
   * Finds peers that have the content, at least 20 unless `limit` says otherwise; they come as `PROVIDER` events as
   * soon as they are known. Ends without an error where there are none. Throws `InvalidParametersError` for
   * a `limit` out of range.
   */
  findProviders(key: CID, options?: FindProvidersOptions): AsyncIterable<QueryEvent>

  /**
   * Finds the addresses of a peer; they come as a `FINAL_PEER` event. Throws `NotFoundError` where nobody
   * knows it, `QueryError` where nobody could be asked.
   */
  findPeer(id: PeerId, options?: RoutingOptions): AsyncIterable<QueryEvent>

  /**
   * Finds the k live peers nearest to the SHA-256 of a key; each comes as a `FINAL_PEER` event, the
   * nearest first. Ends without an error where there are none.
   */
  getClosestPeers(key: Uint8Array, options?: RoutingOptions): AsyncIterable<QueryEvent>

  /**
   * Tells the k peers nearest to the content that we have it, and tells them again in time. Throws
   * `QueryError` where nobody could be told, and where our own record can't be stored: then nobody is told.
   * What was not told to anybody, also because the caller gave up, is tried again in the next round.
   */
  provide(key: CID, options?: RoutingOptions): AsyncIterable<QueryEvent>

  /** Content given to `provide` is announced no more; what is known of it runs out. */
  cancelReprovide(key: CID, options?: AbortOptions): Promise<void>

  /**
   * Stores a value with the k peers nearest to its key, ourselves first. Throws `QueryError` where the
   * value is not valid for the key (the validator's error is its `cause`), is older than one known here, is
   * too long, can't be stored here, or nobody could be reached.
   */
  put(key: Uint8Array, value: Uint8Array, options?: RoutingOptions): AsyncIterable<QueryEvent>

  /**
   * Tells what became of a provider that `findProviders` named, so that the next search names it where it
   * belongs and its score moves: `served`, it delivered (counts as two answers to requests of ours);
   * `failed`, it could not be reached or did not deliver (counts as a request that failed); `lied`, it
   * delivered what is provably something else: it is benched at once, and for 4 h whatever it answers.
   *
   * May be called for each block and each retry: the same outcome for the same content and peer counts
   * once an hour, and credit is capped. A report gives nobody a place in the routing table, and whoever
   * named the provider is not blamed. Nothing happens for ourselves.
   *
   * @throws InvalidParametersError for an outcome that is none of the three, or what is no CID or no peer id
   */
  reportProvider(key: CID, peer: PeerId, outcome: ProviderOutcome): void

  /**
   * How a peer stands with us, 0..1, from our own experience alone: the chance that it answers or delivers.
   * 0.5 for a newcomer, benched under 0.4, good from 0.6. Undefined where nothing is remembered of it.
   *
   * @throws InvalidParametersError for what is no peer id
   */
  peerScore(peer: PeerId): number | undefined

  /** A server answers the requests of others; a client only asks. */
  getMode(): 'client' | 'server'

  /** Changes the mode for good, or, where `clientMode` was not given, until the addresses of the node change. */
  setMode(mode: 'client' | 'server', options?: SetModeOptions): Promise<void>

  /**
   * Looks up our own key and one in each bucket up to that of our nearest neighbour. Resolves when all
   * lookups have ended, rejects when `signal` aborts.
   */
  refreshRoutingTable(options?: AbortOptions): Promise<void>
}

/** A DHT with one routing table. */
export interface SingleKadDHT extends KadDHT {
  /** Its size alone: what it holds is the core's. */
  routingTable: RoutingTable
}

/** What can be read of the routing table. */
export interface RoutingTable {
  /** Peers in the table, whether good, new or benched. */
  size: number
}

/** Changes the addresses of a peer on its way in or out, most often by leaving some out. */
export type PeerInfoMapper = (peer: PeerInfo) => PeerInfo

/** How the mode is set. */
export interface SetModeOptions extends AbortOptions {
  /** Registers the handler of the protocol anew where the mode is the same already. Default false. */
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

/** All of it is refused: `@libp2p/kad-dht` accepts it without effect. */
export interface ProvidersInit {
  /** @deprecated Refused: providers are held in memory; `kadmium.providerRecordsMax` says how many. */
  cacheSize?: number
  /** @deprecated Refused: a provider record goes at the time it expires. */
  cleanupInterval?: number
  /** @deprecated Refused: use `reprovide.validity`, ms. */
  provideValidity?: number
}

/** How what we provide is announced anew. */
export interface ReProvideInit {
  /** Announcements at once. Default 10. */
  concurrency?: number
  /**
   * Announcements of one round, the most urgent first; what is due beyond them comes in the next, at once.
   * Default 16,384.
   */
  maxQueueSize?: number
  /** Announce anew when a record has this long to live, ms. Default 24 h. */
  threshold?: number
  /**
   * Look for records to announce this often, ms; as soon as there is a peer, what would not last until
   * the second time is announced. Default 1 h.
   */
  interval?: number
  /**
   * How long records live, values too, ms. One that comes again is written again when it gains a 48th of
   * this, 1 h at most, unless `kadmium.renewalMinMs` is set. Default 48 h.
   */
  validity?: number
}

/** Bounds of an adaptive timeout, as `@libp2p/utils` has them. */
type TimeoutInit = Omit<AdaptiveTimeoutInit, 'metricsName' | 'metrics'>

/**
 * Parameters of Kadmium itself, by the names, units and defaults of the core's `Config`. Those that
 * `@libp2p/kad-dht` has an option for are set by that option: `kBucketSize`, `alpha`,
 * `reprovide.validity`, `querySelfInterval`, `initialQuerySelfInterval`,
 * `routingTableUpdateQueueConcurrency` and `onPeerConnectTimeout`.
 */
export type KadmiumInit = Partial<
  Omit<
    Config,
    | 'k'
    | 'alpha'
    | 'recordValidityMs'
    | 'refreshIntervalMs'
    | 'joinIntervalMs'
    | 'probesMax'
    | 'probeTimeoutMs'
  >
>

/**
 * Options of the service: every one of `@libp2p/kad-dht`, and `kadmium`. Some of theirs steer a part that
 * Kadmium does without (its table is no tree and asks nobody by ping, one path is enough for its lookups,
 * each peer has a time-out of its own). Those are refused: `kadDHT(init)(components)` throws
 * `InvalidParametersError`, which says what to do instead, as it does for a value out of range.
 */
export interface KadDHTInit {
  /** Peers that hold a record and make up the result of a lookup, 1 to 40. Default 20. */
  kBucketSize?: number
  /** @deprecated Refused: the table is not a tree that splits; see `kadmium.bucketGoodPeers`. */
  kBucketSplitThreshold?: number
  /** Requests of one lookup in flight, 1 to 128. Default 10. */
  alpha?: number
  /** 1, or refused: a lookup walks one path and confirms its result. Default 1. */
  disjointPaths?: number
  /** Newcomers and doubtful peers that are checked by dialling them at once, 0 to 4,096. Default 16. */
  routingTableUpdateQueueConcurrency?: number
  /** @deprecated Refused: no updates queue up; see `kadmium.memoryPeersMax`. */
  routingTableUpdateMaxQueueSize?: number
  /** @deprecated Refused: the table is not a tree with a depth; see `kadmium.bucketGoodPeers`. */
  prefixLength?: number
  /**
   * `true`: a client until `setMode` says otherwise. `false`: a server likewise. Not given: a client that
   * becomes a server while the node has a public address that others can dial.
   */
  clientMode?: boolean
  /** Selectors beside the built-in ones for `pk` and `ipns`, or in their place. */
  selectors?: Selectors
  /** Validators beside the built-in ones for `pk` and `ipns`, or in their place. */
  validators?: Validators
  /**
   * Time between two lookups of our own key, in which each bucket is looked into as well, ms. Default
   * 10 min.
   */
  querySelfInterval?: number
  /** From the first peer met to the first such lookup, and between those of the first round, ms. Default 1 s. */
  initialQuerySelfInterval?: number
  /**
   * Queries with nobody to ask end at once. Default false: what the node can do by itself is done at once,
   * and then they wait for a peer, 10 s at most, at the start and whenever all peers are lost.
   */
  allowQueryWithZeroPeers?: boolean
  /** The network to join. Default `/ipfs/kad/1.0.0`. */
  protocol?: string
  /** Default `libp2p:kad-dht`. */
  logPrefix?: string
  /** Where in the datastore our records lie. Default `/dht`. */
  datastorePrefix?: string
  /** What the names of metrics begin with. Default `libp2p_kad_dht`. */
  metricsPrefix?: string
  /** @deprecated Refused: nobody is pinged; see `onPeerConnectTimeout`. */
  pingOldContactTimeout?: TimeoutInit
  /** @deprecated Refused: nobody is pinged; see `routingTableUpdateQueueConcurrency`. */
  pingOldContactConcurrency?: number
  /** @deprecated Refused: nobody is pinged, there is no queue. */
  pingOldContactMaxQueueSize?: number
  /** @deprecated Refused: nobody is pinged; see `onPeerConnectTimeout`. */
  pingNewContactTimeout?: TimeoutInit
  /** @deprecated Refused: nobody is pinged; see `routingTableUpdateQueueConcurrency`. */
  pingNewContactConcurrency?: number
  /** @deprecated Refused: nobody is pinged, there is no queue. */
  pingNewContactMaxQueueSize?: number
  /** Streams of the protocol that one connection may open towards us. Default 32. */
  maxInboundStreams?: number
  /** Streams of the protocol that we may open on one connection. Default 64. */
  maxOutboundStreams?: number
  /** Refused, except empty. */
  providers?: ProvidersInit
  /** How what we provide is announced anew. */
  reprovide?: ReProvideInit
  /** Run on each peer that comes in and each that goes out. Default `removePrivateAddressesMapper`. */
  peerInfoMapper?: PeerInfoMapper
  /** @deprecated Refused: each peer has a time-out of its own; see `kadmium.rtoMinMs` and `kadmium.rtoMaxMs`. */
  networkDialTimeout?: TimeoutInit
  /** How long checking a peer by dialling it may take, ms. Default 5 s. */
  onPeerConnectTimeout?: number
  /** A request to us must be here, handled and answered within so long, ms, or its stream is reset. Default 10 s. */
  incomingMessageTimeout?: number
  /** Parameters of Kadmium itself. */
  kadmium?: KadmiumInit
}

/** What the service takes from the libp2p node. It needs no ping: peers are known by DHT answers. */
export interface KadDHTComponents {
  /** Who we are. */
  peerId: PeerId
  /** Our key. Not used: nothing that the DHT sends is signed by us. */
  privateKey: PrivateKey
  /** Takes the handler of the protocol, and tells who else supports it. */
  registrar: Registrar
  /** Knows the addresses that we announce. */
  addressManager: AddressManager
  /** Keeps the addresses of peers. */
  peerStore: PeerStore
  /** Where figures go, if anywhere. */
  metrics?: Metrics
  /** Opens connections and tells which are open. */
  connectionManager: ConnectionManager
  /** Keeps records, providers and what was learned of peers over restarts. */
  datastore: Datastore
  /** Tells of connections, of identified peers and of changes to ourselves. */
  events: TypedEventTarget<Libp2pEvents>
  /** Where log lines go. */
  logger: ComponentLogger
}
