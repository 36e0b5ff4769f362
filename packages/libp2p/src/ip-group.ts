/**
 * The group of an address for diversity caps: peers of one /16 (IPv4) or /32 (IPv6) are likely in one
 * hand. Loopback and private addresses form no group, so that a LAN is not capped.
 */
import { isPrivate } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'

const IPV4 = 0x1_0000
const IPV6 = 0x4000_0000

/** A positive 31-bit number, the same for addresses of one group; 0 for none. */
export function ipGroup(address: Multiaddr): number {
  const host = address.getComponents()[0]
  if (host?.value === undefined) return 0
  if (host.name !== 'ip4' && host.name !== 'ip6') return 0
  if (isPrivate(address)) return 0
  return host.name === 'ip4' ? groupOfV4(host.value) : groupOfV6(host.value)
}

function groupOfV4(text: string): number {
  const [first, second] = text.split('.')
  return IPV4 | (Number(first) << 8) | Number(second)
}

function groupOfV6(text: string): number {
  const [first = '0', second = '0'] = text.split(':')
  const high = Number.parseInt(first === '' ? '0' : first, 16)
  const low = Number.parseInt(second === '' ? '0' : second, 16)
  return IPV6 | (((high << 16) | low) & 0x3fff_ffff)
}
