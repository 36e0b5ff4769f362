/**
 * A DHT client as an application would run it in a browser: the entry of the bundle that the tests load
 * into Chromium. What it offers to the page takes and gives texts, since that is what crosses over.
 */
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { kadDHT, passthroughMapper } from '@kadmium/libp2p'
import { identify } from '@libp2p/identify'
import { peerIdFromString } from '@libp2p/peer-id'
import { webSockets } from '@libp2p/websockets'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { CID } from 'multiformats/cid'
import { fromString } from 'uint8arrays/from-string'
import { toString as toText } from 'uint8arrays/to-string'

/** Keys and values in hex, contents and peers as libp2p writes them. */
export interface BrowserClient {
  put(key: string, value: string): Promise<void>
  get(key: string): Promise<string>
  /** The providers, each with its addresses. */
  findProviders(cid: string): Promise<[peer: string, addresses: string[]][]>
  /** The addresses of a peer. */
  findPeer(peer: string): Promise<string[]>
  mode(): Promise<string>
  /** The addresses of those that it is connected to. */
  connections(): Promise<string[]>
  stop(): Promise<void>
}

/** Starts a node without any address of its own that enters the network by one peer; `k` peers hold a record. */
export async function startClient(bootstrap: string, k: number): Promise<BrowserClient> {
  const node = await createLibp2p({
    transports: [webSockets()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    // In a browser libp2p dials neither private addresses nor plain ws by itself; the tests are on loopback.
    connectionGater: { denyDialMultiaddr: () => false },
    services: {
      identify: identify(),
      dht: kadDHT({ kBucketSize: k, peerInfoMapper: passthroughMapper }),
    },
  })
  const { contentRouting, peerRouting } = node
  await node.dial(multiaddr(bootstrap))
  return {
    async put(key, value) {
      await contentRouting.put(fromString(key, 'hex'), fromString(value, 'hex'))
    },
    async get(key) {
      return toText(await contentRouting.get(fromString(key, 'hex')), 'hex')
    },
    async findProviders(cid) {
      const found: [string, string[]][] = []
      for await (const { id, multiaddrs } of contentRouting.findProviders(CID.parse(cid)))
        found.push([id.toString(), multiaddrs.map(String)])
      return found
    },
    async findPeer(peer) {
      return (await peerRouting.findPeer(peerIdFromString(peer))).multiaddrs.map(String)
    },
    mode: async () => node.services.dht.getMode(),
    connections: async () => node.getConnections().map(({ remoteAddr }) => remoteAddr.toString()),
    stop: async () => await node.stop(),
  }
}
