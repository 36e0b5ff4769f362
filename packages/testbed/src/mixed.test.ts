/**
 * One network of both implementations, each node joined through one of the other kind: every operation
 * crosses from each to the other. A result has four peers, so that most nodes are not holders and must ask.
 */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { PeerId, PeerInfo } from '@libp2p/interface'
import { CODE_P2P } from '@multiformats/multiaddr'
import type { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { dhtKey, dhtKeyOfPeer, nearest } from './distance.ts'
import type { DhtService } from './implementations.ts'
import { drain, hex } from './live/calls.ts'
import { type Kind, type LiveInit, type LiveNode, startNode, startRawPeer } from './live/nodes.ts'
import { TYPE } from './live/wire.ts'
import { SeededChoice } from './random.ts'
import { holdersAmong, holdsProvider, holdsValue } from './work/holders.ts'
import {
  type IpnsName,
  ipnsName,
  ipnsVersion,
  publicKeyRecord,
  randomCid,
  type ValueRecord,
} from './work/records.ts'

/** Result size and replication. */
const K = 4
const EACH = 5
const TIMEOUT_MS = 20_000

const choose = new SeededChoice(7)
const kadmium: LiveNode[] = []
const others: LiveNode[] = []
let all: LiveNode[] = []
/** Where each lies in the key space. */
const places: { node: LiveNode; key: Uint8Array }[] = []

/** Both ways: who writes, who reads. */
const WAYS: readonly (readonly [Kind, Kind])[] = [
  ['kadmium', 'kad-dht'],
  ['kad-dht', 'kadmium'],
]

const ofKind = (kind: Kind): LiveNode[] => (kind === 'kadmium' ? kadmium : others)
const timeout = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(TIMEOUT_MS) })
const listening = ({ libp2p }: LiveNode): string[] =>
  libp2p.getMultiaddrs().map((address) => address.decapsulateCode(CODE_P2P).toString())
const ids = (peers: readonly { id: PeerId }[]): string[] => peers.map(({ id }) => id.toString())

/** Who a node is and what it runs; the same in each run of the tests. */
async function identity(clientMode = false): Promise<LiveInit> {
  const privateKey = await generateKeyPairFromSeed('Ed25519', choose.bytes(32))
  return { privateKey, dht: { kBucketSize: K, clientMode } }
}

async function valueAt(dht: DhtService, key: Uint8Array): Promise<Uint8Array | undefined> {
  let value: Uint8Array | undefined
  for await (const event of dht.get(key, timeout())) if (event.name === 'VALUE') value = event.value
  return value
}

async function providersAt(dht: DhtService, cid: CID): Promise<PeerInfo[]> {
  const found: PeerInfo[] = []
  for await (const event of dht.findProviders(cid, timeout())) {
    if (event.name === 'PROVIDER') found.push(...event.providers)
  }
  return found
}

async function closestAt(dht: DhtService, key: Uint8Array): Promise<PeerInfo[]> {
  const found: PeerInfo[] = []
  for await (const event of dht.getClosestPeers(key, timeout())) {
    if (event.name === 'FINAL_PEER') found.push(event.peer)
  }
  return found
}

/** Nodes of a kind whose own store has nothing of it, so that they must ask others. */
async function strangers(
  kind: Kind,
  holds: (node: LiveNode) => Promise<boolean>,
): Promise<LiveNode[]> {
  const holders = await holdersAmong(ofKind(kind), holds)
  const found = ofKind(kind).filter((node) => !holders.includes(node))
  expect(found.length).toBeGreaterThan(0)
  return found
}

/** Some nodes of either kind hold it, at the latest soon: kad-dht does not wait for what it announces. */
async function expectOnBoth(holds: (node: LiveNode) => Promise<boolean>): Promise<void> {
  const kinds = async (): Promise<number> => {
    const holders = await holdersAmong(all, holds)
    return new Set(holders.map(({ kind }) => kind)).size
  }
  await expect.poll(kinds, { timeout: 20_000 }).toBe(2)
}

/** Draws until two of the nearest four nodes to what was drawn are of each kind. */
async function drawForBoth<T>(draw: () => Promise<T>, keyOf: (drawn: T) => Uint8Array): Promise<T> {
  for (;;) {
    const drawn = await draw()
    const at = await dhtKey(keyOf(drawn))
    const holders = nearest(places, at, K)
    if (holders.filter(({ node }) => node.kind === 'kadmium').length === K / 2) return drawn
  }
}

const freshRecord = (): Promise<ValueRecord> =>
  drawForBoth(
    () => publicKeyRecord(choose),
    (r) => r.key,
  )
const freshName = (): Promise<IpnsName> =>
  drawForBoth(
    () => ipnsName(choose),
    (n) => n.key,
  )
const freshCid = (): Promise<CID> =>
  drawForBoth(
    () => randomCid(choose),
    (c) => c.multihash.bytes,
  )

beforeAll(async () => {
  for (let i = 0; i < EACH; i++) {
    kadmium.push(await startNode('kadmium', await identity()))
    others.push(await startNode('kad-dht', await identity()))
  }
  all = [...kadmium, ...others]
  const doors = { kadmium: others[0], 'kad-dht': kadmium[0] }
  for (const node of all) {
    await node.libp2p.dial((doors[node.kind] as LiveNode).libp2p.getMultiaddrs())
  }
  await Promise.all(all.map((node) => drain(node.dht.getClosestPeers(node.idBytes, timeout()))))
  places.push(
    ...(await Promise.all(
      all.map(async (node) => ({ node, key: await dhtKeyOfPeer(node.peerId) })),
    )),
  )
  await vi.waitFor(
    () => {
      for (const { dht } of all) expect(dht.routingTable.size).toBeGreaterThan(EACH)
    },
    { timeout: 20_000, interval: 50 },
  )
}, 60_000)

afterAll(async () => {
  await Promise.all(all.map((node) => node.libp2p.stop()))
})

describe.each(WAYS)('from a node of %s to one of %s', (from, to) => {
  const writer = (): LiveNode => ofKind(from)[1] as LiveNode

  test('a value, by the generators', async () => {
    const { key, value } = await freshRecord()
    await drain(writer().dht.put(key, value, timeout()))
    await expectOnBoth((node) => holdsValue(node, key, value))
    for (const reader of await strangers(to, (node) => holdsValue(node, key))) {
      expect(hex(await valueAt(reader.dht, key))).toBe(hex(value))
    }
  })

  test('a value, by the content routing of libp2p', async () => {
    const { key, value } = await freshRecord()
    await writer().libp2p.contentRouting.put(key, value, timeout())
    await expectOnBoth((node) => holdsValue(node, key, value))
    const [reader] = await strangers(to, (node) => holdsValue(node, key))
    expect(hex(await reader?.libp2p.contentRouting.get(key, timeout()))).toBe(hex(value))
  })

  test('a name, of which the newer version wins', async () => {
    const name = await freshName()
    const versions = [await ipnsVersion(name, 1), await ipnsVersion(name, 2)]
    const publishers = [ofKind(to)[2], writer()] as LiveNode[]
    for (const [i, { key, value }] of versions.entries()) {
      await drain((publishers[i] as LiveNode).dht.put(key, value, timeout()))
      await expectOnBoth((node) => holdsValue(node, key, value))
      for (const reader of await strangers(to, (node) => holdsValue(node, key))) {
        expect(hex(await valueAt(reader.dht, key))).toBe(hex(value))
      }
    }
    const [old, latest] = versions as [ValueRecord, ValueRecord]
    const held = await holdersAmong(kadmium, (node) => holdsValue(node, old.key, latest.value))
    await drain((others[3] as LiveNode).dht.put(old.key, old.value, timeout()))
    for (const holder of held) expect(await holdsValue(holder, old.key, latest.value)).toBe(true)
  })

  test('a provider, by the generators', async () => {
    const cid = await freshCid()
    const provider = writer()
    await drain(provider.dht.provide(cid, timeout()))
    await expectOnBoth((node) => holdsProvider(node, cid, provider.peerId))
    const readers = await strangers(to, (node) => holdsProvider(node, cid, provider.peerId))
    for (const reader of readers) {
      const found = await providersAt(reader.dht, cid)
      expect(ids(found)).toContain(provider.peerId.toString())
      for (const { multiaddrs } of found) expect(multiaddrs.length).toBeGreaterThan(0)
    }
  })

  test('a provider, by the content routing of libp2p', async () => {
    const cid = await freshCid()
    const provider = writer()
    await provider.libp2p.contentRouting.provide(cid, timeout())
    const [reader] = await strangers(to, (node) => holdsProvider(node, cid, provider.peerId))
    const found: PeerInfo[] = []
    for await (const peer of (reader as LiveNode).libp2p.contentRouting.findProviders(
      cid,
      timeout(),
    )) {
      found.push(peer)
    }
    expect(ids(found)).toEqual([provider.peerId.toString()])
    expect(found[0]?.multiaddrs.length).toBeGreaterThan(0)
  })

  test('a peer', async () => {
    const sought = ofKind(to)[4] as LiveNode
    for await (const event of writer().dht.findPeer(sought.peerId, timeout())) {
      if (event.name !== 'FINAL_PEER') continue
      expect(event.peer.id.equals(sought.peerId)).toBe(true)
      expect(event.peer.multiaddrs.map(String)).toEqual(listening(sought))
    }
    const found = await writer().libp2p.peerRouting.findPeer(sought.peerId, timeout())
    expect(found.multiaddrs.map(String)).toEqual(listening(sought))
    expect.assertions(3)
  })

  test('the closest peers', async () => {
    const { key } = await freshRecord()
    const at = await dhtKey(key)
    const others = places.filter(({ node }) => node !== writer())
    const expected = nearest(others, at, K).map(({ node }) => node.peerId.toString())
    const byService = await closestAt(writer().dht, key)
    expect(ids(byService).sort()).toEqual(expected.sort())
    const byLibp2p: PeerInfo[] = []
    for await (const peer of writer().libp2p.peerRouting.getClosestPeers(key, timeout())) {
      byLibp2p.push(peer)
    }
    expect(ids(byLibp2p).sort()).toEqual(expected)
    // The other implementation yields some of its results without addresses.
    for (const { multiaddrs } of [...(from === 'kadmium' ? byService : []), ...byLibp2p]) {
      expect(multiaddrs.length).toBeGreaterThan(0)
    }
  })
})

/** Whom nodes name when they are asked for random keys; nodes of Kadmium also for a key of interest. */
async function namedBy(nodes: readonly LiveNode[], key: Uint8Array): Promise<Set<string>> {
  const asker = await startRawPeer()
  const named = new Set<string>()
  for (const node of nodes) {
    const stream = await asker.open(node.libp2p.getMultiaddrs())
    const keys = Array.from({ length: 10 }, () => choose.bytes(32))
    // The other implementation names whom it is connected to, when asked for by its own key.
    if (node.kind === 'kadmium') keys.push(key)
    for (const asked of keys) {
      const answer = await stream.ask({ type: TYPE.findNode, key: asked })
      expect(answer?.closer.length).toBeGreaterThan(0)
      for (const { id } of answer?.closer ?? []) named.add(hex(id))
    }
  }
  await asker.libp2p.stop()
  return named
}

describe('a client of Kadmium', () => {
  let client: LiveNode

  beforeAll(async () => {
    client = await startNode('kadmium', await identity(true))
    await client.libp2p.dial((others[0] as LiveNode).libp2p.getMultiaddrs())
  })

  afterAll(() => client.libp2p.stop())

  test('reads and writes values through both', async () => {
    const { key, value } = await freshRecord()
    await drain(client.dht.put(key, value, timeout()))
    await expectOnBoth((node) => holdsValue(node, key, value))
    for (const kind of ['kadmium', 'kad-dht'] as const) {
      const [reader] = await strangers(kind, (node) => holdsValue(node, key))
      expect(hex(await valueAt((reader as LiveNode).dht, key))).toBe(hex(value))
      const theirs = await freshRecord()
      await drain((ofKind(kind)[1] as LiveNode).dht.put(theirs.key, theirs.value, timeout()))
      expect(hex(await valueAt(client.dht, theirs.key))).toBe(hex(theirs.value))
      expect(await holdsValue(client, theirs.key)).toBe(false)
    }
    const found = await closestAt(client.dht, key)
    expect(found).toHaveLength(K)
    expect(found.every(({ multiaddrs }) => multiaddrs.length > 0)).toBe(true)
  })

  test('is named by nobody and serves nobody', async () => {
    const named = await namedBy(all, client.idBytes)
    expect(named.size).toBe(all.length)
    expect(named).not.toContain(hex(client.idBytes))
    const asker = await startRawPeer()
    await expect(asker.open(client.libp2p.getMultiaddrs())).rejects.toThrow()
    await asker.libp2p.stop()
  })

  test('provides, is found by both, and is still named by no node of Kadmium', async () => {
    const cid = await freshCid()
    await drain(client.dht.provide(cid, timeout()))
    const holds = (node: LiveNode): Promise<boolean> => holdsProvider(node, cid, client.peerId)
    await expectOnBoth(holds)
    for (const kind of ['kadmium', 'kad-dht'] as const) {
      for (const seeker of await strangers(kind, holds)) {
        const found = await providersAt(seeker.dht, cid)
        expect(ids(found)).toEqual([client.peerId.toString()])
        expect(found[0]?.multiaddrs.map(String)).toEqual(listening(client))
      }
    }
    expect(await namedBy(kadmium, client.idBytes)).not.toContain(hex(client.idBytes))
  })
})

test('a client of the other kind is served by nodes of Kadmium', async () => {
  const client = await startNode('kad-dht', await identity(true))
  await client.libp2p.dial((kadmium[0] as LiveNode).libp2p.getMultiaddrs())
  const { key, value } = await freshRecord()
  await drain(client.dht.put(key, value, timeout()))
  await expectOnBoth((node) => holdsValue(node, key, value))
  const theirs = await freshRecord()
  await drain((kadmium[1] as LiveNode).dht.put(theirs.key, theirs.value, timeout()))
  const served = new Set<string>()
  let got: Uint8Array | undefined
  for await (const event of client.dht.get(theirs.key, timeout())) {
    if (event.name === 'PEER_RESPONSE') served.add(event.from.toString())
    if (event.name === 'VALUE') got = event.value
  }
  expect(hex(got)).toBe(hex(theirs.value))
  expect(kadmium.some(({ peerId }) => served.has(peerId.toString()))).toBe(true)
  const cid = await freshCid()
  await drain((kadmium[2] as LiveNode).dht.provide(cid, timeout()))
  expect(ids(await providersAt(client.dht, cid))).toContain(kadmium[2]?.peerId.toString())
  await client.libp2p.stop()
})
