/** What a node provides, in its store: announced again after a failure, and a store that fails or is slow. */
import { MemoryDatastore } from 'datastore-core/memory'
import { Key } from 'interface-datastore'
import { toString as bytesToString } from 'uint8arrays/to-string'
import { afterEach, expect, test, vi } from 'vitest'
import { someIdentity } from './defects/identities.ts'
import { knowsNothing, meet, type ScriptedPeer, startScripted } from './defects/scripted.ts'
import { drain, ended, Gate, hex, inTime, stopAll } from './live/calls.ts'
import { type LiveNode, startNode } from './live/nodes.ts'
import { TYPE, varint } from './live/wire.ts'
import { SeededChoice } from './random.ts'
import { randomCid } from './work/records.ts'

const HOUR_MS = 3_600_000
const PATIENCE = { timeout: 20_000, interval: 50 }

const choose = new SeededChoice(53)
const running: (LiveNode | ScriptedPeer)[] = []

afterEach(() => stopAll(running.splice(0)))

/** Provider records are written when the test says so, or not. */
class ProviderStore extends MemoryDatastore {
  onProvider: () => Promise<void> = async () => {}

  override put(...args: Parameters<MemoryDatastore['put']>): ReturnType<MemoryDatastore['put']> {
    const [key] = args
    if (!key.toString().startsWith('/dht/provider/')) return super.put(...args)
    return this.onProvider().then(() => super.put(...args))
  }
}

test('an announcement that failed is tried again in the next round', async () => {
  const peer = await startScripted(() => 'reset')
  running.push(peer)
  const datastore = new MemoryDatastore()
  const [privateKey, cid] = [await someIdentity(choose), await randomCid(choose)]
  const key = cid.multihash.bytes
  const dht = { reprovide: { interval: 300 } }
  const node = await startNode('kadmium', { privateKey, datastore })
  const self = node.peerId.toString()
  await node.libp2p.stop()
  const overdue = varint(Date.now() - 60 * HOUR_MS)
  await datastore.put(new Key(`/dht/provider/${bytesToString(key, 'base32')}/${self}`), overdue)
  const later = await startNode('kadmium', { privateKey, datastore, dht })
  running.push(later)
  await meet(later, [peer])
  const asked = (type: number): number =>
    peer.askedFor(type).filter(({ request }) => hex(request.key) === hex(key)).length
  await vi.waitFor(() => expect(asked(TYPE.findNode)).toBeGreaterThan(0), PATIENCE)
  peer.script = knowsNothing
  await vi.waitFor(() => expect(asked(TYPE.addProvider)).toBeGreaterThan(0), PATIENCE)
})

test('what can not be stored is told to nobody, and the caller knows', async () => {
  const peer = await startScripted(knowsNothing)
  const datastore = new ProviderStore()
  const node = await startNode('kadmium', { datastore })
  running.push(peer, node)
  await meet(node, [peer])
  datastore.onProvider = () => Promise.reject(new Error('full'))
  const cid = await randomCid(choose)
  const outcome = await ended(drain(node.dht.provide(cid, inTime())))
  expect(outcome).toMatchObject({ name: 'QueryError', cause: { message: 'full' } })
  expect(peer.askedFor(TYPE.addProvider)).toEqual([])
})

test('the service does not stop before the last write has ended', async () => {
  const gate = new Gate()
  const datastore = new ProviderStore()
  const node = await startNode('kadmium', { datastore })
  const [peer, provider] = [await startScripted(knowsNothing), await randomCid(choose)]
  running.push(peer)
  await meet(node, [peer])
  const begun = new Gate()
  datastore.onProvider = () => {
    begun.open()
    return gate.isOpen
  }
  const providing = ended(drain(node.dht.provide(provider, inTime())))
  await begun.isOpen
  let isStopped = false
  const stopping = Promise.resolve(node.libp2p.stop()).then(() => {
    isStopped = true
  })
  await vi.waitFor(() => expect(node.libp2p.getConnections()).toEqual([]), PATIENCE)
  expect(isStopped).toBe(false)
  gate.open()
  await stopping
  await providing
  const name = bytesToString(provider.multihash.bytes, 'base32')
  expect(await datastore.has(new Key(`/dht/provider/${name}/${node.peerId}`))).toBe(true)
})
