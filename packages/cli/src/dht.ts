/** The DHT service that the commands run on: the one place that names the package. */

import type { KadDHTComponents, KadDHTInit, SingleKadDHT } from '@libp2p/kad-dht'
import {
  kadDHT,
  passthroughMapper,
  removePrivateAddressesMapper,
  removePublicAddressesMapper,
} from '@libp2p/kad-dht'

export type { QueryEvent } from '@libp2p/kad-dht'
export { passthroughMapper, removePrivateAddressesMapper, removePublicAddressesMapper }

/** The service as a running node offers it. */
export type Dht = SingleKadDHT

/** A factory for the `services` of a libp2p node. */
export function dhtService(init: KadDHTInit): (components: KadDHTComponents) => Dht {
  const create = kadDHT(init)
  return (components) => create(components) as SingleKadDHT
}
