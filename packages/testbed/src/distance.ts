/** The key space as the testbed needs it: where keys and peers lie, and who is nearest. */
import type { PeerId } from '@libp2p/interface'
import { sha256 } from 'multiformats/hashes/sha2'

/** The place of a record key or a multihash in the key space: its SHA-256, 32 bytes. */
export async function dhtKey(bytes: Uint8Array): Promise<Uint8Array> {
  return (await sha256.digest(bytes)).digest
}

/** The place of a peer in the key space. */
export function dhtKeyOfPeer(peerId: PeerId): Promise<Uint8Array> {
  return dhtKey(peerId.toMultihash().bytes)
}

/** The `count` things nearest to a key by XOR distance, nearest first. */
export function nearest<T extends { readonly key: Uint8Array }>(
  things: readonly T[],
  key: Uint8Array,
  count: number,
): T[] {
  return [...things].sort((a, b) => compareDistance(a.key, b.key, key)).slice(0, count)
}

/** Below 0 when `a` is nearer to the target than `b`. */
function compareDistance(a: Uint8Array, b: Uint8Array, target: Uint8Array): number {
  for (let i = 0; i < target.length; i++) {
    const to = target[i] as number
    const difference = ((a[i] as number) ^ to) - ((b[i] as number) ^ to)
    if (difference !== 0) return difference
  }
  return 0
}
