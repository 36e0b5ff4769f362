/** A peer of js-libp2p in this process: Kadmium or `@libp2p/kad-dht`, through the surface that both have. */
import { DATASTORE_PREFIX, type Kind, type LiveNode, startNode } from '@kadmium/testbed'
import type { PeerInfo } from '@libp2p/interface'
import { Record as KadRecord } from '@libp2p/kad-dht'
import { peerIdFromString } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { Key } from 'interface-datastore'
import type { CID } from 'multiformats/cid'
import { toString as bytesToString } from 'uint8arrays/to-string'
import {
  type Found,
  type InteropPeer,
  LISTEN,
  OPERATION_TIMEOUT_MS,
  type PeerInit,
  type Transport,
} from './peer.ts'

/** Starts a node in this process. */
export async function startLibp2pPeer(kind: Kind, init: PeerInit): Promise<InteropPeer> {
  const { privateKey } = init
  const node = await startNode(kind, {
    ...(privateKey !== undefined && { privateKey }),
    listen: [LISTEN[init.transport]],
    transports: [init.transport === 'quic' ? (await loadQuic()).quic() : tcp()],
    dht: { clientMode: init.mode === 'client', protocol: init.protocol, kBucketSize: init.k },
  })
  return new Libp2pPeer(node)
}

/** Why js-libp2p has no such transport on this machine; null when it has. */
export async function lacksTransport(transport: Transport): Promise<string | null> {
  if (transport === 'tcp') return null
  try {
    await loadQuic()
    return null
  } catch (error) {
    return `@chainsafe/libp2p-quic can't be loaded: ${(error as Error).message}`
  }
}

/** Loaded when it is wanted, since it has a native part that not every machine has. */
const loadQuic = (): Promise<typeof import('@chainsafe/libp2p-quic')> =>
  import('@chainsafe/libp2p-quic')

type Events = ReturnType<LiveNode['dht']['get']>
type DhtEvent = Events extends AsyncIterable<infer Event> ? Event : never

class Libp2pPeer implements InteropPeer {
  readonly peer: string
  readonly addresses: readonly string[]
  private readonly node: LiveNode

  constructor(node: LiveNode) {
    this.node = node
    this.peer = node.peerId.toString()
    this.addresses = node.libp2p.getMultiaddrs().map(String)
  }

  async connect(address: string): Promise<void> {
    await this.node.libp2p.dial(multiaddr(address), limits())
  }

  async put(key: Uint8Array, value: Uint8Array): Promise<void> {
    await run(this.node.dht.put(key, value, limits()))
  }

  async get(key: Uint8Array): Promise<Uint8Array> {
    const values = await run(this.node.dht.get(key, limits()), (event) =>
      event.name === 'VALUE' ? [event.value] : [],
    )
    const best = values.at(-1)
    if (best === undefined) throw new Error('not found')
    return best
  }

  async provide(cid: CID): Promise<void> {
    await run(this.node.dht.provide(cid, limits()))
  }

  async findProviders(cid: CID, count: number): Promise<readonly Found[]> {
    const providers = await run(this.node.dht.findProviders(cid, limits()), (event) =>
      event.name === 'PROVIDER' ? event.providers.map(found) : [],
    )
    return providers.slice(0, count)
  }

  async findPeer(peer: string): Promise<readonly string[]> {
    const id = peerIdFromString(peer)
    const [first] = await run(this.node.dht.findPeer(id, limits()), (event) =>
      event.name === 'FINAL_PEER' ? [found(event.peer)] : [],
    )
    if (first === undefined) throw new Error('not found')
    return first.addresses
  }

  async closest(key: Uint8Array): Promise<readonly string[]> {
    return await run(this.node.dht.getClosestPeers(key, limits()), (event) =>
      event.name === 'FINAL_PEER' ? [event.peer.id.toString()] : [],
    )
  }

  async tableSize(): Promise<number> {
    return this.node.dht.routingTable.size
  }

  async table(): Promise<null> {
    return null
  }

  async stored(key: Uint8Array): Promise<Uint8Array | null> {
    const at = new Key(`${DATASTORE_PREFIX}/record/${bytesToString(key, 'base32')}`, false)
    if (!(await this.node.datastore.has(at))) return null
    return KadRecord.deserialize(await this.node.datastore.get(at)).value
  }

  async storedProviders(cid: CID): Promise<readonly string[]> {
    const prefix = `${DATASTORE_PREFIX}/provider/${bytesToString(cid.multihash.bytes, 'base32')}`
    const peers: string[] = []
    for await (const { key } of this.node.datastore.query({ prefix })) peers.push(key.name())
    return peers
  }

  async stop(): Promise<void> {
    await this.node.libp2p.stop()
  }
}

const limits = (): { signal: AbortSignal } => ({
  signal: AbortSignal.timeout(OPERATION_TIMEOUT_MS),
})

const found = ({ id, multiaddrs }: PeerInfo): Found => ({
  peer: id.toString(),
  addresses: multiaddrs.map(String),
})

/** Runs an operation to its end and collects what is wanted of its events. */
async function run<T>(events: Events, wanted: (event: DhtEvent) => T[] = () => []): Promise<T[]> {
  const collected: T[] = []
  for await (const event of events) collected.push(...wanted(event))
  return collected
}
