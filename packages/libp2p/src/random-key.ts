/**
 * Random keys near our own that peers can be asked for: a peer hashes what it is asked, so a key is of
 * use only together with bytes that hash to it, and those must be searched for.
 */
import { commonPrefixLength, type Key, keyFromBytes } from '@kadmium/core'
import { sha256 } from '@noble/hashes/sha2.js'

/** Bytes of a preimage: as a SHA-256 multihash, which servers of all implementations take as a key. */
const PREIMAGE_BYTES = 34

/** Deepest bucket for which the search is worth it: 2^13 hashes, some 10 ms. */
export const BITS_MAX = 12

/** Hashes tried beyond which the search ends without a result: a miss in e^-8 of all searches. */
const TRIES_PER_EXPECTED = 8

/**
 * Bytes whose key shares exactly `bits` bits with `own`, or null where that would take too long.
 * `random` fills an array with random bytes.
 */
export function randomKeyInBucket(
  own: Key,
  bits: number,
  random: (bytes: Uint8Array<ArrayBuffer>) => void,
): { key: Key; keyBytes: Uint8Array } | null {
  if (bits > BITS_MAX) return null
  const keyBytes = new Uint8Array(PREIMAGE_BYTES)
  random(keyBytes)
  keyBytes[0] = 0x12
  keyBytes[1] = 0x20
  const counter = new DataView(keyBytes.buffer)
  for (let i = 0; i < TRIES_PER_EXPECTED * 2 ** (bits + 1); i++) {
    counter.setUint32(2, i)
    const key = keyFromBytes(sha256(keyBytes))
    if (commonPrefixLength(own, 0, key, 0) === bits) return { key, keyBytes }
  }
  return null
}
