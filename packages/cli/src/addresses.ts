/** Multiaddrs from the command line, read and checked before anything is started. */
import { isPrivate } from '@libp2p/utils'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { messageOf, usageError } from './errors.ts'

/**
 * Where the public network is entered: the bootstrap nodes that Kubo ships (its defaults since
 * repository version 17), those that can be reached over TCP.
 */
export const PUBLIC_BOOTSTRAP: readonly string[] = [
  '/dnsaddr/bootstrap.libp2p.io/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN',
  '/dnsaddr/bootstrap.libp2p.io/p2p/QmQCU2EcMqAqQPR2i9bChDtGNJchTbq5TbXJJ16u19uLTa',
  '/dnsaddr/bootstrap.libp2p.io/p2p/QmbLHAnMoJPWSCR5Zhtx6BHJX9KiKNN6tpvbUcqanj75Nb',
  '/dnsaddr/bootstrap.libp2p.io/p2p/QmcZf59bWwK5XFi76CZX8cbJ4BhTzzA3gU1ZjYZcYW3dwt',
  '/dnsaddr/va1.bootstrap.libp2p.io/p2p/12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8',
  '/ip4/104.131.131.82/tcp/4001/p2p/QmaCpDMGvV2BGHeYERUEnRQAwe3N8SzbUtfsmvsqQLuvuJ',
]

/** The names of the parts that a TCP address may have. */
const TCP_PARTS = new Set(['ip4', 'ip6', 'ip6zone', 'dns', 'dns4', 'dns6', 'tcp', 'p2p'])

/** Reads one multiaddr. */
function parseMultiaddr(text: string): Multiaddr {
  let address: Multiaddr
  try {
    address = multiaddr(text)
  } catch (error) {
    throw usageError(`bad multiaddr '${text}': ${messageOf(error)}`)
  }
  const names = address.getComponents().map((part) => part.name)
  const isDnsaddr = names[0] === 'dnsaddr'
  if (!isDnsaddr && !names.every((name) => TCP_PARTS.has(name))) {
    throw usageError(`bad multiaddr '${text}': kadmium speaks TCP only: /ip4/…/tcp/…`)
  }
  if (!isDnsaddr && (names.length < 2 || names.indexOf('tcp') < 1)) {
    throw usageError(`bad multiaddr '${text}': write /ip4/<address>/tcp/<port>`)
  }
  return address
}

/** Reads the address of a bootstrap peer; it must end in the peer id, so that nobody can pose as it. */
export function parseBootstrap(text: string): Multiaddr {
  const address = parseMultiaddr(text)
  if (peerIdOf(address) === undefined) {
    throw usageError(`bad bootstrap address '${text}': it must end in /p2p/<peer id>`)
  }
  return address
}

/** Reads an address to listen on or to announce. */
export function parseOwnAddress(text: string): Multiaddr {
  const address = parseMultiaddr(text)
  if (address.getComponents()[0]?.name === 'dnsaddr') {
    throw usageError(`bad multiaddr '${text}': write /ip4/<address>/tcp/<port>`)
  }
  return address
}

/** The peer id at the end of an address. */
export function peerIdOf(address: Multiaddr): string | undefined {
  const last = address.getComponents().at(-1)
  return last?.name === 'p2p' ? last.value : undefined
}

/** Whether the address leads to this machine or into a private network. */
export function isPrivateAddress(address: Multiaddr): boolean {
  return isPrivate(address)
}

/** Whether the address stands for all interfaces of this machine (`0.0.0.0`, `::`). */
export function isWildcard(address: Multiaddr): boolean {
  const host = address.getComponents()[0]?.value
  return host === '0.0.0.0' || host === '::'
}
