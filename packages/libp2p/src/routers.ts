/** The DHT as libp2p's content and peer routing: values in place of query events. */
import {
  type ContentRouting,
  NotFoundError,
  type PeerId,
  type PeerInfo,
  type PeerRouting,
  type Provider,
  type RoutingOptions,
} from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import type { FindProvidersOptions, GetOptions, KadDHT } from './types.ts'

/** Name of this router in the providers that it finds, as with `@libp2p/kad-dht`. */
const ROUTING = 'kad-dht'

export class DHTContentRouting implements ContentRouting {
  private readonly dht: KadDHT

  constructor(dht: KadDHT) {
    this.dht = dht
  }

  async provide(cid: CID, options: RoutingOptions = {}): Promise<void> {
    await drain(this.dht.provide(cid, options))
  }

  async cancelReprovide(cid: CID): Promise<void> {
    await this.dht.cancelReprovide(cid)
  }

  async *findProviders(
    cid: CID,
    options: FindProvidersOptions = {},
  ): AsyncGenerator<Provider, void, undefined> {
    for await (const event of this.dht.findProviders(cid, options)) {
      if (event.name !== 'PROVIDER') continue
      for (const peer of event.providers) yield { ...peer, routing: ROUTING }
    }
  }

  async put(key: Uint8Array, value: Uint8Array, options?: RoutingOptions): Promise<void> {
    await drain(this.dht.put(key, value, options))
  }

  async get(key: Uint8Array, options?: GetOptions): Promise<Uint8Array> {
    for await (const event of this.dht.get(key, options)) {
      if (event.name === 'VALUE') return event.value
    }
    throw new NotFoundError('No record found')
  }
}

export class DHTPeerRouting implements PeerRouting {
  private readonly dht: KadDHT

  constructor(dht: KadDHT) {
    this.dht = dht
  }

  async findPeer(peerId: PeerId, options: RoutingOptions = {}): Promise<PeerInfo> {
    for await (const event of this.dht.findPeer(peerId, options)) {
      if (event.name === 'FINAL_PEER') return event.peer
    }
    throw new NotFoundError('Peer not found')
  }

  async *getClosestPeers(
    key: Uint8Array,
    options: RoutingOptions = {},
  ): AsyncGenerator<PeerInfo, void, undefined> {
    for await (const event of this.dht.getClosestPeers(key, options)) {
      if (event.name === 'FINAL_PEER') yield event.peer
    }
  }
}

/** Runs a query to its end. */
export async function drain(source: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of source) {
    // Only the end counts.
  }
}
