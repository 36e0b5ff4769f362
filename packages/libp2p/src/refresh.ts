/**
 * A refresh of the table that a caller waits for: our own key is looked up, then one key in each bucket from the
 * farthest to that of our nearest neighbour. Beyond it there is nobody.
 */
import { commonPrefixLength, type Key } from '@kadmium/core'
import type { AbortOptions, PeerId } from '@libp2p/interface'
import { keyOf } from './bridge.ts'
import { BITS_MAX, randomKeyInBucket } from './random-key.ts'
import type { QueryEvent } from './types.ts'

/** Lookups at once: this is upkeep, callers of their own go first. */
const CONCURRENCY = 3

/** A lookup of the peers nearest to a key. */
export type Closest = (key: Uint8Array, options: AbortOptions) => AsyncIterable<QueryEvent>

/** Resolves when all lookups have ended. Rejects with what the first that fails throws. */
export async function refreshTable(
  self: PeerId,
  closest: Closest,
  options: AbortOptions,
): Promise<void> {
  const ownBytes = self.toMultihash().bytes
  const own = keyOf(ownBytes)
  let deepest = -1
  for await (const event of closest(ownBytes, options)) {
    if (event.name === 'FINAL_PEER') deepest = Math.max(deepest, sharedBits(own, event.peer.id))
  }
  let bits = 0
  let failed = false
  const lookUp = async (): Promise<void> => {
    while (!failed && bits <= Math.min(deepest, BITS_MAX)) {
      const picked = randomKeyInBucket(own, bits++, (bytes) => crypto.getRandomValues(bytes))
      if (picked === null) continue
      for await (const _ of closest(picked.keyBytes, options)) {
        // What the lookup teaches is in the table.
      }
    }
  }
  const workers = Array.from({ length: CONCURRENCY }, () =>
    lookUp().catch((error: unknown) => {
      failed = true // what runs beside it comes to its end, nothing else begins
      throw error
    }),
  )
  await Promise.all(workers)
}

function sharedBits(own: Key, peer: PeerId): number {
  return commonPrefixLength(own, 0, keyOf(peer.toMultihash().bytes), 0)
}
