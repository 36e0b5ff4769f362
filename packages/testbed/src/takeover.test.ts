/**
 * A node changes its DHT and keeps its key and its datastore, in which libp2p's peer store lies too: what the
 * former implementation held is served, announced anew and used to find the network again. Both ways, so
 * that whoever came from `@libp2p/kad-dht` can go back.
 */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { MemoryDatastore } from 'datastore-core/memory'
import { Key } from 'interface-datastore'
import type { CID } from 'multiformats/cid'
import { toString as bytesToString } from 'uint8arrays/to-string'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { drain, hex } from './live/calls.ts'
import { type Kind, type LiveNode, type RawPeer, startNode, startRawPeer } from './live/nodes.ts'
import type { RawMessage, ReadMessage } from './live/wire.ts'
import { TYPE, valueIn, varint, writeRecord } from './live/wire.ts'
import { SeededChoice } from './random.ts'
import { holdsProvider } from './work/holders.ts'
import {
  ipnsName,
  ipnsVersion,
  publicKeyRecord,
  randomCid,
  type ValueRecord,
} from './work/records.ts'

const HOUR_MS = 3_600_000
const PATIENCE = { timeout: 20_000, interval: 50 }

async function until(holds: () => Promise<boolean>): Promise<void> {
  await vi.waitFor(async () => expect(await holds()).toBe(true), PATIENCE)
}

/** What a node held and was, before its DHT changed. */
class Estate {
  readonly datastore = new MemoryDatastore()
  readonly choose = new SeededChoice(11)
  readonly prefix: string
  readonly values: ValueRecord[] = []
  readonly home: LiveNode
  readonly provider: RawPeer
  readonly theirs: CID
  readonly ours: CID

  private constructor(prefix: string, home: LiveNode, provider: RawPeer, cids: [CID, CID]) {
    this.prefix = prefix
    this.home = home
    this.provider = provider
    this.theirs = cids[0]
    this.ours = cids[1]
  }

  static async create(prefix: string): Promise<Estate> {
    const choose = new SeededChoice(12)
    const home = await startNode('kad-dht')
    const cids: [CID, CID] = [await randomCid(choose), await randomCid(choose)]
    return new Estate(prefix, home, await startRawPeer(), cids)
  }

  /** The node, with the datastore as it is. */
  async run(kind: Kind): Promise<LiveNode> {
    const privateKey = await generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(9))
    const { datastore, prefix: datastorePrefix } = this
    const dht = { datastorePrefix, reprovide: { interval: 500 } }
    return await startNode(kind, { privateKey, datastore, dht })
  }

  /** A life of the node: it meets its network, holds values and providers, and provides something itself. */
  async live(kind: Kind): Promise<void> {
    const { home, provider, theirs, ours } = this
    const node = await this.run(kind)
    await node.libp2p.dial(home.libp2p.getMultiaddrs())
    await vi.waitFor(() => expect(node.dht.routingTable.size).toBe(1), PATIENCE)
    const [pk, ipns] = [
      await publicKeyRecord(this.choose),
      await ipnsVersion(await ipnsName(this.choose), 3),
    ]
    this.values.push(pk, ipns)
    await drain(node.dht.put(ipns.key, ipns.value))
    await drain(node.dht.provide(ours))
    const stream = await provider.open(node.libp2p.getMultiaddrs())
    const record = writeRecord(pk.key, pk.value)
    expect(await stream.ask({ type: TYPE.putValue, key: pk.key, record })).not.toBeNull()
    const { idBytes: id, addresses } = provider
    const key = theirs.multihash.bytes
    stream.send({ type: TYPE.addProvider, key, providers: [{ id, addresses }] })
    const has = async (): Promise<boolean> =>
      await this.datastore.has(this.providerKey(theirs, provider.libp2p.peerId.toString()))
    await until(has)
    await until(() => holdsProvider(home, ours, node.peerId))
    await node.libp2p.stop()
    // It is to be found by what the DHT left, not by libp2p's own reconnecting.
    await node.libp2p.peerStore.merge(home.peerId, { tags: { 'keep-alive-kad-dht': undefined } })
    const { tags } = await node.libp2p.peerStore.get(home.peerId)
    expect(tags.get('kad-peer')).toMatchObject({ value: 1 })
  }

  /** The node is down for so long that what it provides is known to nobody any more. */
  async outlive(): Promise<void> {
    const { home, ours } = this
    const self = peerIdFromPrivateKey(
      await generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(9)),
    ).toString()
    const arrivedMs = Date.now() - 60 * HOUR_MS
    await this.datastore.put(this.providerKey(ours, self), varint(arrivedMs))
    const name = bytesToString(ours.multihash.bytes, 'base32')
    await home.datastore.delete(new Key(`/dht/provider/${name}/${self}`))
  }

  private providerKey(cid: CID, peer: string): Key {
    return new Key(
      `${this.prefix}/provider/${bytesToString(cid.multihash.bytes, 'base32')}/${peer}`,
    )
  }
}

describe.each<[Kind, Kind, string]>([
  ['kad-dht', 'kadmium', '/dht'],
  ['kad-dht', 'kadmium', '/of/its/own'],
  ['kadmium', 'kad-dht', '/dht'],
  ['kadmium', 'kad-dht', '/of/its/own'],
  ['kadmium', 'kadmium', '/dht'],
])('what %s left is taken over by %s, under %s', (from, to, prefix) => {
  let estate: Estate
  let heir: LiveNode
  let asker: RawPeer

  const ask = async (message: RawMessage): Promise<ReadMessage | null> => {
    const stream = await asker.open(heir.libp2p.getMultiaddrs())
    return await stream.ask(message)
  }

  beforeAll(async () => {
    estate = await Estate.create(prefix)
    await estate.live(from)
    await estate.outlive()
    heir = await estate.run(to)
    asker = await startRawPeer()
  }, 60_000)

  afterAll(async () => {
    const nodes = [heir, estate?.home, estate?.provider, asker]
    await Promise.all(nodes.map((node) => node?.libp2p.stop()))
  })

  test('values', async () => {
    for (const { key, value } of estate.values) {
      const answer = await ask({ type: TYPE.getValue, key })
      expect(hex(valueIn(answer?.record ?? new Uint8Array()))).toBe(hex(value))
    }
  })

  test('providers, with their addresses', async () => {
    const { theirs, provider } = estate
    const answer = await ask({ type: TYPE.getProviders, key: theirs.multihash.bytes })
    expect(answer?.providers.map(({ id }) => hex(id))).toEqual([hex(provider.idBytes)])
    expect(answer?.providers[0]?.addresses.length).toBeGreaterThan(0)
  })

  test('the network, without a bootstrapper', async () => {
    await vi.waitFor(() => expect(heir.dht.routingTable.size).toBe(1), PATIENCE)
    expect(heir.libp2p.getPeers().map(String)).toContain(estate.home.peerId.toString())
  })

  test('what it provided is announced, though that had run out', async () => {
    const { home, ours } = estate
    await until(() => holdsProvider(home, ours, heir.peerId))
    const answer = await ask({ type: TYPE.getProviders, key: ours.multihash.bytes })
    expect(answer?.providers.map(({ id }) => hex(id))).toEqual([hex(heir.idBytes)])
    expect(answer?.providers[0]?.addresses.length).toBeGreaterThan(0)
  })
})
