/**
 * Multiaddrs in bytes, judged by their form: each component has a protocol that we know and a value of
 * its length. Making an object of an address costs 1.5 to 3 us, of a peer id in one of them much more
 * (base58 is quadratic: 8 KiB of it stop a node for a tenth of a second), and most addresses are never
 * dialled.
 */
import { CODE_P2P, registry, V } from '@multiformats/multiaddr'
import { isPeerId } from './ids.ts'

/** Whether `multiaddr(bytes)` makes an address of these bytes, of all of them and without an error. */
export function isMultiaddr(bytes: Uint8Array): boolean {
  let at = 0
  while (at < bytes.length) {
    const code = readVarint(bytes, at)
    if (code < 0) return false
    at += varintLength(code)
    const size = protocolSize(code)
    if (size === UNKNOWN) return false
    let valueBytes = size
    if (size === V) {
      valueBytes = readVarint(bytes, at)
      if (valueBytes <= 0) return false
      at += varintLength(valueBytes)
    }
    if (at + valueBytes > bytes.length) return false
    if (code === CODE_P2P && !isPeerId(bytes.subarray(at, at + valueBytes))) return false
    at += valueBytes
  }
  return at > 0
}

const UNKNOWN = -2

/** Bytes of a protocol's value by its code, `V` where the length stands before it. BOUNDED: by the registry. */
const sizes = new Map<number, number>()

function protocolSize(code: number): number {
  const known = sizes.get(code)
  if (known !== undefined) return known
  try {
    const bits = registry.getProtocol(code).size ?? 0
    const size = bits > 0 ? bits / 8 : bits
    sizes.set(code, size)
    return size
  } catch {
    return UNKNOWN
  }
}

/** An unsigned varint of at most four bytes and in its shortest form; -1 for anything else. */
function readVarint(bytes: Uint8Array, at: number): number {
  let value = 0
  for (let i = 0; i < 4; i++) {
    const byte = bytes[at + i]
    if (byte === undefined) return -1
    value |= (byte & 0x7f) << (7 * i)
    if (byte < 0x80) return byte === 0 && i > 0 ? -1 : value
  }
  return -1
}

function varintLength(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4
}
