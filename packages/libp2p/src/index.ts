/**
 * Kadmium for js-libp2p: a Kademlia DHT that remembers which peers deliver, in the place of
 * `@libp2p/kad-dht` and with its names.
 *
 * @packageDocumentation
 */
import { KadDHT } from './kad-dht.ts'
import type { KadDHTComponents, KadDHTInit, SingleKadDHT } from './types.ts'

export { Libp2pRecord as Record } from '@libp2p/record'
export { QueryError } from './errors.ts'
export { EventTypes, MessageType } from './events.ts'
export {
  passthroughMapper,
  removePrivateAddressesMapper,
  removePublicAddressesMapper,
} from './mappers.ts'
export type * from './types.ts'

/**
 * A DHT service for `createLibp2p({ services: { dht: kadDHT() } })`. It needs `@libp2p/identify` beside
 * it; without options it joins the public network as a client and becomes a server once the node has a
 * public address.
 */
export function kadDHT(init: KadDHTInit = {}): (components: KadDHTComponents) => SingleKadDHT {
  return (components) => new KadDHT(components, init)
}
