import { commonPrefixLength, Random } from '@kadmium/core'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { AbortOptions, PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { expect, test, vi } from 'vitest'
import { keyOf } from './bridge.ts'
import { finalPeerEvent } from './events.ts'
import { BITS_MAX } from './random-key.ts'
import { type Closest, refreshTable } from './refresh.ts'
import type { QueryEvent } from './types.ts'

const random = new Random(5)
const path = { index: 0, queued: 0, running: 0, total: 0 }
const keyOfPeer = (peer: PeerId): ReturnType<typeof keyOf> => keyOf(peer.toMultihash().bytes)

async function somePeer(): Promise<PeerId> {
  const seed = Uint8Array.from({ length: 32 }, () => random.below(256))
  return peerIdFromPrivateKey(await generateKeyPairFromSeed('Ed25519', seed))
}

/** A network of these peers: each lookup finds all of them. */
function lookups(peers: readonly PeerId[]): { closest: Closest; asked: Uint8Array[] } {
  const asked: Uint8Array[] = []
  const closest: Closest = async function* (key, options): AsyncGenerator<QueryEvent> {
    asked.push(key)
    options.signal?.throwIfAborted()
    await Promise.resolve()
    for (const id of peers) {
      yield finalPeerEvent({ from: id, peer: { id, multiaddrs: [] }, path }, {})
    }
  }
  return { closest, asked }
}

const sharedWith = (self: PeerId, key: Uint8Array): number =>
  commonPrefixLength(keyOfPeer(self), 0, keyOf(key), 0)

test('our own key is looked up, then one in each bucket up to that of the nearest', async () => {
  const self = await somePeer()
  const peers = await Promise.all(Array.from({ length: 64 }, somePeer))
  const shared = peers.map((peer) => sharedWith(self, peer.toMultihash().bytes))
  const { closest, asked } = lookups(peers)
  await refreshTable(self, closest, {})
  expect(asked[0]).toEqual(self.toMultihash().bytes)
  const depth = Math.max(...shared)
  expect(depth).toBeGreaterThan(2)
  const bits = asked.slice(1).map((key) => sharedWith(self, key))
  expect(new Set(bits).size).toBe(bits.length)
  expect(Math.max(...bits)).toBeLessThanOrEqual(depth)
  // Once in a thousand runs no key is found for one of the buckets.
  expect(bits.length).toBeGreaterThanOrEqual(depth)
})

test('where nobody is found no bucket is looked into, and deep ones cost no search', async () => {
  const self = await somePeer()
  const alone = lookups([])
  await refreshTable(self, alone.closest, {})
  expect(alone.asked).toHaveLength(1)
  // Nobody is nearer to us than ourselves: as deep as it gets.
  const deep = lookups([self])
  await refreshTable(self, deep.closest, {})
  const bits = deep.asked.slice(1).map((key) => sharedWith(self, key))
  expect(new Set(bits).size).toBe(bits.length)
  expect(Math.max(...bits)).toBe(BITS_MAX)
})

test('the signal reaches each lookup, and what one throws is thrown', async () => {
  const self = await somePeer()
  const controller = new AbortController()
  const { closest, asked } = lookups([await somePeer()])
  const seen: (AbortSignal | undefined)[] = []
  const watched = vi.fn((key: Uint8Array, options: AbortOptions) => {
    seen.push(options.signal)
    if (asked.length === 1) controller.abort(new Error('enough'))
    return closest(key, options)
  })
  await expect(refreshTable(self, watched, { signal: controller.signal })).rejects.toThrow('enough')
  expect(new Set(seen)).toEqual(new Set([controller.signal]))
})

test('after a failure no further lookup begins', async () => {
  const self = await somePeer()
  const peers = await Promise.all(Array.from({ length: 64 }, somePeer))
  const { closest, asked } = lookups(peers)
  const failing: Closest = (key, options) => {
    if (asked.length === 2) throw new Error('no')
    return closest(key, options)
  }
  await expect(refreshTable(self, failing, {})).rejects.toThrow('no')
  for (let i = 0; i < 1_000; i++) await Promise.resolve()
  expect(asked.length).toBeLessThanOrEqual(4)
})
