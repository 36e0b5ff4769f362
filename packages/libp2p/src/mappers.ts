/**
 * The address filters that a DHT of the internet, one of a local network and a test need. A mapper is
 * run on each peer that comes in and on each that goes out.
 */
import type { PeerInfo } from '@libp2p/interface'
import { isPrivate } from '@libp2p/utils'

/** Keeps public addresses and names: for a DHT of the internet. */
export function removePrivateAddressesMapper(peer: PeerInfo): PeerInfo {
  return { ...peer, multiaddrs: peer.multiaddrs.filter((address) => !isPrivate(address)) }
}

/** Keeps private, loopback and link-local addresses: for a DHT of a local network. */
export function removePublicAddressesMapper(peer: PeerInfo): PeerInfo {
  return { ...peer, multiaddrs: peer.multiaddrs.filter((address) => isPrivate(address)) }
}

/** Keeps every address. */
export function passthroughMapper(peer: PeerInfo): PeerInfo {
  return peer
}
