/**
 * What a node provides outlives the node: the next one over the same datastore names itself as the provider and
 * announces it anew in time. Both implementations do, and over each other's datastores.
 */
import { MemoryDatastore } from 'datastore-core/memory'
import { afterEach, expect, test, vi } from 'vitest'
import { drain, hex, inTime, stopAll } from '../live/calls.ts'
import {
  type Kind,
  type LiveInit,
  type LiveNode,
  type RawPeer,
  startNode,
  startRawPeer,
} from '../live/nodes.ts'
import { TYPE } from '../live/wire.ts'
import { SeededChoice } from '../random.ts'
import { randomCid } from '../work/records.ts'
import { someIdentity } from './identities.ts'
import { type Asked, knowsNothing, meet, type ScriptedPeer, startScripted } from './scripted.ts'

const HOUR_MS = 3_600_000
const choose = new SeededChoice(48)
const running: (LiveNode | RawPeer | ScriptedPeer)[] = []

afterEach(() => stopAll(running.splice(0)))

/** Who ran before, and who takes over. */
const RUNS: readonly { before: Kind; after: Kind }[] = [
  { before: 'kadmium', after: 'kadmium' },
  { before: 'kad-dht', after: 'kadmium' },
  { before: 'kadmium', after: 'kad-dht' },
]

test.each(RUNS)('from $before to $after', async ({ before, after }) => {
  const init: LiveInit = {
    privateKey: await someIdentity(choose),
    datastore: new MemoryDatastore(),
    // All that lives for less than this, which is more than any record does, is announced anew, soon.
    dht: { reprovide: { interval: 500, threshold: 49 * HOUR_MS } },
  }
  const cid = await randomCid(choose)
  const key = cid.multihash.bytes
  const isAnnounced = (peer: ScriptedPeer): Asked[] =>
    peer.askedFor(TYPE.addProvider).filter(({ request }) => hex(request.key) === hex(key))
  const first = await startScripted(knowsNothing)
  const second = await startScripted(knowsNothing)
  running.push(first, second)
  const old = await startNode(before, { ...init, dht: {} })
  await meet(old, [first])
  await drain(old.dht.provide(cid, inTime()))
  await vi.waitFor(() => expect(isAnnounced(first).length).toBeGreaterThan(0), 10_000)
  await old.libp2p.stop()
  const node = await startNode(after, init)
  running.push(node)
  await meet(node, [second])
  await vi.waitFor(() => expect(isAnnounced(second).length).toBeGreaterThan(0), 10_000)
  const [named] = isAnnounced(second)[0]?.request.providers ?? []
  expect(hex(named?.id)).toBe(hex(node.idBytes))
  expect(named?.addresses.length).toBeGreaterThan(0)
  const asker = await startRawPeer()
  running.push(asker)
  const stream = await asker.open(node.libp2p.getMultiaddrs())
  const answer = await stream.ask({ type: TYPE.getProviders, key })
  expect(answer?.providers.map(({ id }) => hex(id))).toEqual([hex(node.idBytes)])
})
