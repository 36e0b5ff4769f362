/**
 * Which network a command belongs to: the protocol it speaks, the addresses it believes in, where it
 * enters. This is decided once, from the options.
 */
import type { PeerInfo } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { isPrivateAddress, isWildcard, PUBLIC_BOOTSTRAP, parseBootstrap } from './addresses.ts'
import {
  passthroughMapper,
  removePrivateAddressesMapper,
  removePublicAddressesMapper,
} from './dht.ts'
import { usageError } from './errors.ts'
import type { Io } from './io.ts'

export const NETWORK_NAMES = ['public', 'local', 'any'] as const
export type NetworkName = (typeof NETWORK_NAMES)[number]

export interface Network {
  name: NetworkName
  /** The protocol id that DHT messages go over. */
  protocol: string
  /** Takes from a peer the addresses that have no meaning on this network. */
  peerInfoMapper: (peer: PeerInfo) => PeerInfo
  /** Where to enter; may be empty. */
  bootstrap: readonly Multiaddr[]
}

/** What the options say of the network. */
export interface NetworkOptions {
  bootstrap?: readonly string[]
  network?: NetworkName
  protocol?: string
}

/** What a network is, apart from where to enter it. The protocol ids are those of go and Kubo. */
const PROFILES: Readonly<Record<NetworkName, Omit<Network, 'name' | 'bootstrap'>>> = {
  public: { protocol: '/ipfs/kad/1.0.0', peerInfoMapper: removePrivateAddressesMapper },
  local: { protocol: '/ipfs/lan/kad/1.0.0', peerInfoMapper: removePublicAddressesMapper },
  any: { protocol: '/ipfs/kad/1.0.0', peerInfoMapper: passthroughMapper },
}

/** The options by which one speaks `protocol`. */
export function optionsFor(protocol: string): string {
  const name = NETWORK_NAMES.findLast((each) => PROFILES[each].protocol === protocol)
  return name === undefined ? `--protocol ${protocol}` : `--network ${name}`
}

/**
 * The network that the options name. Without `--network` it is `any` when all bootstrap addresses (or,
 * where there are none, all listen addresses) are private or loopback, and `public` otherwise.
 * `listen` is empty where a command does not listen.
 */
export function chooseNetwork(
  options: NetworkOptions,
  listen: readonly Multiaddr[],
  io: Io,
): Network {
  const given = givenBootstrap(options, io)
  const name = options.network ?? impliedNetwork(given, listen)
  const profile = PROFILES[name]
  const protocol = options.protocol ?? profile.protocol
  if (!protocol.startsWith('/')) throw usageError(`bad protocol '${protocol}': it starts with /`)
  const usesDefault = given.length === 0 && name === 'public'
  const bootstrap = usesDefault ? PUBLIC_BOOTSTRAP.map(parseBootstrap) : given
  return { ...profile, name, protocol, bootstrap }
}

function givenBootstrap(options: NetworkOptions, io: Io): Multiaddr[] {
  const flags = options.bootstrap ?? []
  const texts = flags.length > 0 ? flags : [io.env.KADMIUM_BOOTSTRAP ?? '']
  return texts
    .flatMap((text) => text.split(','))
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map(parseBootstrap)
}

function impliedNetwork(
  bootstrap: readonly Multiaddr[],
  listen: readonly Multiaddr[],
): NetworkName {
  const evidence = bootstrap.length > 0 ? bootstrap : listen
  if (evidence.length === 0) return 'public'
  const isPrivate = (address: Multiaddr) => isPrivateAddress(address) && !isWildcard(address)
  return evidence.every(isPrivate) ? 'any' : 'public'
}
