/**
 * Networks of real libp2p nodes in one process: TCP, Noise and Yamux on loopback under an emulated WAN, with
 * identify, ping and a DHT in server mode. Keys and regions come from a seed, so the same arguments build the
 * same network, whichever implementation runs on it.
 */
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Libp2p, PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { MemoryDatastore } from 'datastore-core/memory'
import type { Datastore } from 'interface-datastore'
import { createLibp2p } from 'libp2p'
import { dhtKeyOfPeer } from './distance.ts'
import type { DhtFactory, DhtService, Implementation } from './implementations.ts'
import { Meter } from './meters/meter.ts'
import { eachLimited } from './pool.ts'
import { SeededChoice } from './random.ts'
import { apportion, CLOUD_2024, type Population, type Region } from './wan/regions.ts'
import { wanTcp } from './wan/transport.ts'
import { Wan, type WanHost } from './wan/wan.ts'

export interface TestNode {
  readonly index: number
  readonly region: Region
  readonly peerId: PeerId
  /** SHA-256 of the peer id: the node's place in the key space. */
  readonly key: Uint8Array
  readonly libp2p: Libp2p
  readonly dht: DhtService
  readonly datastore: Datastore
  readonly host: WanHost
}

export interface NetworkOptions {
  /** Default 40. */
  nodes?: number
  /** Keys, regions and all later choices follow from it. Default 1. */
  seed?: number
  /** Where the nodes live. Default `CLOUD_2024`. */
  population?: Population
  /** Which implementation the node of an index runs; a function allows mixed networks. */
  implementation: Implementation | ((index: number) => Implementation)
  /** Told after each node that started. */
  onProgress?: (started: number, total: number) => void
  signal?: AbortSignal
}

/** Nodes that start at the same time; more only makes each slower. */
const START_CONCURRENCY = 8

export class Network {
  readonly seed: number
  readonly wan: Wan
  readonly meter: Meter
  readonly nodes: readonly TestNode[]

  constructor(seed: number, wan: Wan, meter: Meter, nodes: readonly TestNode[]) {
    this.seed = seed
    this.wan = wan
    this.meter = meter
    this.nodes = nodes
  }

  /** The nodes that can be reached. */
  get live(): TestNode[] {
    return this.nodes.filter((node) => !node.host.dark)
  }

  node(index: number): TestNode {
    const node = this.nodes[index]
    if (node === undefined) throw new RangeError(`no node ${index}`)
    return node
  }

  /** The node becomes unreachable as behind a NAT: connections drop, dials to and from it are swallowed. */
  goDark(node: TestNode): void {
    this.wan.goDark(node.host)
  }

  comeBack(node: TestNode): void {
    this.wan.comeBack(node.host)
  }

  /** The round trip between two nodes in ms. */
  rttMs(a: TestNode, b: TestNode): number {
    return this.wan.rttMs(a.host, b.host)
  }

  /** Stops every node. Connections are cut first, so that no node waits for the others' goodbyes. */
  async close(): Promise<void> {
    for (const node of this.nodes) this.wan.goDark(node.host)
    await eachLimited(this.nodes, START_CONCURRENCY, async (node) => {
      await node.libp2p.stop()
    })
  }
}

/** Builds and starts a network whose nodes do not know each other yet. On failure all that started is stopped. */
export async function createNetwork(options: NetworkOptions): Promise<Network> {
  const count = options.nodes ?? 40
  const seed = options.seed ?? 1
  const choose = new SeededChoice(seed)
  const wan = new Wan()
  const meter = new Meter()
  const regions = choose.shuffled(apportion(count, options.population ?? CLOUD_2024))
  const plans = regions.map((region, index) => ({ region, index, keySeed: choose.bytes(32) }))
  const nodes: TestNode[] = []
  const { implementation } = options
  try {
    await eachLimited(plans, START_CONCURRENCY, async ({ region, index, keySeed }) => {
      options.signal?.throwIfAborted()
      const host: WanHost = { index, region, dark: false, links: new Set() }
      const chosen = typeof implementation === 'function' ? implementation(index) : implementation
      nodes[index] = await createNode(wan, meter, host, keySeed, chosen.createDht())
      options.onProgress?.(nodes.filter((node) => node !== undefined).length, count)
    })
  } catch (error) {
    await new Network(
      seed,
      wan,
      meter,
      nodes.filter((node) => node !== undefined),
    ).close()
    throw error
  }
  return new Network(seed, wan, meter, nodes)
}

async function createNode(
  wan: Wan,
  meter: Meter,
  host: WanHost,
  keySeed: Uint8Array,
  dht: DhtFactory,
): Promise<TestNode> {
  const privateKey = await generateKeyPairFromSeed('Ed25519', keySeed)
  const datastore = new MemoryDatastore()
  const libp2p = await createLibp2p({
    privateKey,
    datastore,
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [wanTcp(wan, host)],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {
      identify: identify(),
      ping: ping(),
      dht: (components: object) => dht(meter.componentsFor(components, host)),
    },
    // All nodes share one address, so the limit of 5 new connections a second for each address cannot stand.
    connectionManager: { inboundConnectionThreshold: 1_000_000 },
    // It pings each connection every 10 s, which would drown the pings of the DHTs in the counters.
    connectionMonitor: { enabled: false },
  })
  meter.watch(libp2p, host)
  const peerId = peerIdFromPrivateKey(privateKey)
  return {
    index: host.index,
    region: host.region,
    peerId,
    key: await dhtKeyOfPeer(peerId),
    libp2p,
    dht: libp2p.services.dht,
    datastore,
    host,
  }
}
