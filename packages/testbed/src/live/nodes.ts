/**
 * Single libp2p nodes on loopback, TCP without an emulated WAN, for live tests: servers and clients of both
 * implementations, and peers whose side of the protocol is the test's.
 */
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { type KadDHTInit, kadDHT as kadmium } from '@kadmium/libp2p'
import { identify, identifyPush } from '@libp2p/identify'
import type { ConnectionGater, Libp2p, PeerId, PrivateKey, StreamHandler } from '@libp2p/interface'
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import type { Multiaddr } from '@multiformats/multiaddr'
import { MemoryDatastore } from 'datastore-core/memory'
import type { Datastore } from 'interface-datastore'
import { ipnsSelector } from 'ipns/selector'
import { ipnsValidator } from 'ipns/validator'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { type DhtFactory, type DhtService, KAD_PROTOCOL } from '../implementations.ts'
import { RawStream } from './raw-stream.ts'

export type Kind = 'kadmium' | 'kad-dht'

/** A node that runs a DHT. */
export interface LiveNode {
  readonly kind: Kind
  readonly libp2p: Libp2p
  readonly dht: DhtService
  readonly peerId: PeerId
  /** The bytes of its id, as messages name it. */
  readonly idBytes: Uint8Array
  readonly datastore: Datastore
}

export interface LiveInit {
  /** Options of the service; by default a server that takes loopback addresses and IPNS records. */
  dht?: KadDHTInit
  privateKey?: PrivateKey
  datastore?: Datastore
  /** Default one TCP port on loopback; `/ip4/127.0.0.1/tcp/0/ws` is for browsers. */
  listen?: string[]
  announce?: string[]
  connectionGater?: ConnectionGater
  /** How long the node's own store of peers keeps them; by default an hour for addresses, six for peers. */
  peerStore?: { maxAddressAge?: number; maxPeerAge?: number }
  /** Default TCP and WebSockets. */
  transports?: NonNullable<Libp2pOptions['transports']>
}

/** Starts a node. Whoever starts it stops it. */
export async function startNode(kind: Kind, init: LiveInit = {}): Promise<LiveNode> {
  const datastore = init.datastore ?? new MemoryDatastore()
  const options: KadDHTInit = {
    clientMode: false,
    peerInfoMapper: passthroughMapper,
    validators: { ipns: ipnsValidator },
    selectors: { ipns: ipnsSelector },
    ...init.dht,
  }
  const factory = (kind === 'kadmium' ? kadmium(options) : kadDHT(options)) as DhtFactory
  const libp2p = await createNode({ ...init, datastore }, { dht: factory })
  return {
    kind,
    libp2p,
    dht: libp2p.services.dht as DhtService,
    peerId: libp2p.peerId,
    idBytes: libp2p.peerId.toMultihash().bytes,
    datastore,
  }
}

/** A peer without a DHT: what it says and answers is up to the test. */
export class RawPeer {
  readonly libp2p: Libp2p
  readonly idBytes: Uint8Array

  constructor(libp2p: Libp2p) {
    this.libp2p = libp2p
    this.idBytes = libp2p.peerId.toMultihash().bytes
  }

  /** Its addresses in bytes, as messages name them. */
  get addresses(): Uint8Array[] {
    return this.libp2p.getMultiaddrs().map(({ bytes }) => bytes)
  }

  /** A stream of the DHT's protocol to a node. */
  async open(to: Multiaddr[], protocol: string = KAD_PROTOCOL): Promise<RawStream> {
    return new RawStream(await this.libp2p.dialProtocol(to, protocol))
  }
}

/** Starts a peer without a DHT; with a handler it says that it speaks the protocol. */
export async function startRawPeer(handler?: StreamHandler, init: LiveInit = {}): Promise<RawPeer> {
  const libp2p = await createNode(init, {})
  if (handler !== undefined) await libp2p.handle(KAD_PROTOCOL, handler)
  return new RawPeer(libp2p)
}

/** A node with any services beside identify and ping. Whoever starts it stops it. */
export async function createNode(
  init: LiveInit,
  services: Record<string, DhtFactory>,
): Promise<Libp2p<Record<string, unknown>>> {
  const { privateKey, datastore, connectionGater, peerStore, announce = [] } = init
  return await createLibp2p<Record<string, unknown>>({
    ...(privateKey !== undefined && { privateKey }),
    ...(datastore !== undefined && { datastore }),
    ...(connectionGater !== undefined && { connectionGater }),
    ...(peerStore !== undefined && { peerStore }),
    addresses: { listen: init.listen ?? ['/ip4/127.0.0.1/tcp/0'], announce },
    transports: init.transports ?? [tcp(), webSockets()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify(), push: identifyPush(), ping: ping(), ...services },
    // All nodes share one address, so the limit of 5 new connections a second for each cannot stand.
    connectionManager: { inboundConnectionThreshold: 1_000_000 },
    connectionMonitor: { enabled: false },
  })
}
