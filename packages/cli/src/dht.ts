/** The DHT service that the commands run on: the one place that names the package. */
export {
  kadDHT,
  passthroughMapper,
  type QueryEvent,
  removePrivateAddressesMapper,
  removePublicAddressesMapper,
  type SingleKadDHT,
} from '@kadmium/libp2p'
