/** What a node provides is announced anew in time, for as long as it is provided. */
import { MemoryDatastore } from 'datastore-core/memory'
import { Key } from 'interface-datastore'
import type { CID } from 'multiformats/cid'
import { toString as bytesToString } from 'uint8arrays/to-string'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { drain } from './live/calls.ts'
import { type LiveNode, startNode } from './live/nodes.ts'
import { SeededChoice } from './random.ts'
import { holdsProvider } from './work/holders.ts'
import { randomCid } from './work/records.ts'

const HOUR_MS = 3_600_000
const PATIENCE = { timeout: 20_000, interval: 50 }

const choose = new SeededChoice(41)
const datastore = new MemoryDatastore()
let holder: LiveNode
let provider: LiveNode
let cids: [CID, CID]

/** The holder loses what it knows. It is of the kind that looks into its store for each answer. */
async function forgotten(): Promise<void> {
  for (const cid of cids) {
    const name = `${bytesToString(cid.multihash.bytes, 'base32')}/${provider.peerId}`
    await holder.datastore.delete(new Key(`/dht/provider/${name}`))
  }
}

const knows = (cid: CID): Promise<boolean> => holdsProvider(holder, cid, provider.peerId)
const known = (cid: CID): Promise<void> =>
  vi.waitFor(async () => expect(await knows(cid)).toBe(true), PATIENCE)

beforeAll(async () => {
  cids = [await randomCid(choose), await randomCid(choose)]
  holder = await startNode('kad-dht')
  // All that is provided is due in each round.
  const reprovide = { interval: 200, threshold: 49 * HOUR_MS }
  provider = await startNode('kadmium', { datastore, dht: { reprovide } })
  await provider.libp2p.dial(holder.libp2p.getMultiaddrs())
  await vi.waitFor(() => expect(provider.dht.routingTable.size).toBe(1), PATIENCE)
  for (const cid of cids) await drain(provider.dht.provide(cid))
  for (const cid of cids) await known(cid)
}, 60_000)

afterAll(async () => {
  await Promise.all([provider, holder].map((node) => node?.libp2p.stop()))
})

test('again and again', async () => {
  for (let round = 0; round < 2; round++) {
    await forgotten()
    for (const cid of cids) await known(cid)
  }
})

test('until it is withdrawn, at once', async () => {
  const [gone, kept] = cids
  await provider.dht.cancelReprovide(gone)
  expect(await holdsProvider(provider, gone, provider.peerId)).toBe(false)
  for (let round = 0; round < 2; round++) {
    await forgotten()
    await known(kept)
  }
  expect(await knows(gone)).toBe(false)
})

test('also when the service stops and starts', async () => {
  const [, kept] = cids
  await provider.libp2p.stop()
  await forgotten()
  await provider.libp2p.start()
  await known(kept)
})
