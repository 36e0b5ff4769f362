/**
 * Peer ids in bytes. A message names up to 168 peers and most of them are never spoken to, so their
 * ids are judged by their form alone (0.1 us); parsing one in full costs up to 170 us, because a
 * secp256k1 key is a point to be found, and that is left to whoever wants to use it.
 */

import type { PeerId } from '@libp2p/interface'
import { peerIdFromMultihash } from '@libp2p/peer-id'
import * as Digest from 'multiformats/hashes/digest'

const SHA2_256 = 0x12
const IDENTITY = 0x00

/** The start of an inlined Ed25519 key: identity, 36 bytes; type 1; 32 bytes of key. */
const ED25519_PREFIX: readonly number[] = [IDENTITY, 36, 0x08, 1, 0x12, 32]

/** The start of an inlined secp256k1 key: identity, 37 bytes; type 2; 33 bytes of key. */
const SECP256K1_PREFIX: readonly number[] = [IDENTITY, 37, 0x08, 2, 0x12, 33]

/**
 * Whether the bytes have the form of a peer id: the SHA-256 of a public key, or an Ed25519 or
 * secp256k1 key inlined (libp2p specs, peer-ids).
 */
export function isPeerId(bytes: Uint8Array): boolean {
  if (bytes[0] === SHA2_256) return bytes[1] === 32 && bytes.length === 34
  if (bytes.length === 38) return startsWith(bytes, ED25519_PREFIX)
  return bytes.length === 39 && startsWith(bytes, SECP256K1_PREFIX)
}

/** The peer id that the bytes stand for, or null where they stand for none. Never throws. */
export function toPeerId(bytes: Uint8Array): PeerId | null {
  if (!isPeerId(bytes)) return null
  try {
    return peerIdFromMultihash(Digest.decode(bytes))
  } catch {
    return null
  }
}

function startsWith(bytes: Uint8Array, prefix: readonly number[]): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[i] !== prefix[i]) return false
  return true
}
