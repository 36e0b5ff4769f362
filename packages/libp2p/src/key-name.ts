import { toString as bytesToString } from 'uint8arrays/to-string'

/** A record key or multihash as the key of a map. */
export function nameOf(keyBytes: Uint8Array): string {
  return bytesToString(keyBytes, 'base64')
}
