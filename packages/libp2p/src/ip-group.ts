/**
 * The group of an address for diversity caps: peers of one /16 (IPv4) or /32 (IPv6) are likely in one
 * hand. Loopback and private addresses form no group, so that a LAN is not capped; neither do names, which
 * say nothing of where they lead.
 */
import { isPrivate } from '@libp2p/utils'
import { CODE_IP4, CODE_IP6, type Multiaddr } from '@multiformats/multiaddr'

const IPV4 = 0x1_0000
const IPV6 = 0x4000_0000

/** What IPv6 addresses with an IPv4 address in their last four bytes begin with (RFC 4291, RFC 6052). */
const MAPPED: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
const TRANSLATED: readonly number[] = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]

/** A positive 31-bit number, the same for addresses of one group; 0 for none. */
export function ipGroup(address: Multiaddr): number {
  // The codes of both are one byte long, and the address itself follows.
  const { bytes } = address
  const isV4 = bytes[0] === CODE_IP4
  if ((!isV4 && bytes[0] !== CODE_IP6) || isPrivate(address)) return 0
  if (isV4) return groupOfV4(bytes, 1)
  if (startsWith(bytes, MAPPED) || startsWith(bytes, TRANSLATED)) return groupOfV4(bytes, 13)
  const [, a = 0, b = 0, c = 0, d = 0] = bytes
  return IPV6 | (((a << 24) | (b << 16) | (c << 8) | d) & (IPV6 - 1))
}

function groupOfV4(bytes: Uint8Array, at: number): number {
  return IPV4 | ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
}

function startsWith(bytes: Uint8Array, prefix: readonly number[]): boolean {
  return prefix.every((byte, i) => bytes[i + 1] === byte)
}
