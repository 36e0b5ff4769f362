/**
 * Two networks, and one node that is in both with a service for each: every service keeps its own table,
 * records and mode, and what libp2p asks goes to both.
 */
import { type KadDHTInit, kadDHT } from '@kadmium/libp2p'
import type { Libp2p, PeerId } from '@libp2p/interface'
import { passthroughMapper } from '@libp2p/kad-dht'
import { MemoryDatastore } from 'datastore-core/memory'
import type { CID } from 'multiformats/cid'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { DhtFactory, DhtService } from './implementations.ts'
import { drain } from './live/calls.ts'
import { createNode } from './live/nodes.ts'
import { SeededChoice } from './random.ts'
import { publicKeyRecord, randomCid } from './work/records.ts'

const WAN: KadDHTInit = { protocol: '/test/kad/1.0.0' }
const LAN: KadDHTInit = {
  protocol: '/test/lan/kad/1.0.0',
  datastorePrefix: '/lan-dht',
  logPrefix: 'libp2p:lan-dht',
  metricsPrefix: 'libp2p_lan_dht',
}
const PATIENCE = { timeout: 20_000, interval: 50 }

const choose = new SeededChoice(21)
const datastore = new MemoryDatastore()
const service = (init: KadDHTInit): DhtFactory =>
  kadDHT({ clientMode: false, peerInfoMapper: passthroughMapper, ...init }) as DhtFactory

type Node = Libp2p<Record<string, unknown>>
const nodes: Node[] = []
let both: Node
let wan: DhtService
let lan: DhtService
/** Two nodes of each network, the second known to the first alone. */
let wide: [Node, Node]
let local: [Node, Node]

const dhtOf = (node: Node, name = 'dht'): DhtService => node.services[name] as DhtService
const timeout = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(20_000) })

async function start(services: Record<string, DhtFactory>, store?: MemoryDatastore): Promise<Node> {
  const node = await createNode(store === undefined ? {} : { datastore: store }, services)
  nodes.push(node)
  return node
}

async function network(init: KadDHTInit): Promise<[Node, Node]> {
  const pair: [Node, Node] = [
    await start({ dht: service(init) }),
    await start({ dht: service(init) }),
  ]
  await pair[0].dial(pair[1].getMultiaddrs())
  return pair
}

async function providersOf(node: Node, cid: CID): Promise<string[]> {
  const found = new Set<string>()
  for await (const { id } of node.contentRouting.findProviders(cid, timeout())) found.add(`${id}`)
  return [...found].sort()
}

async function keysUnder(prefix: string): Promise<string[]> {
  const keys: string[] = []
  for await (const key of datastore.queryKeys({ prefix })) keys.push(key.toString())
  return keys
}

const names = (...peers: PeerId[]): string[] => peers.map(String).sort()

beforeAll(async () => {
  wide = await network(WAN)
  local = await network(LAN)
  both = await start({ wan: service(WAN), lan: service(LAN) }, datastore)
  wan = dhtOf(both, 'wan')
  lan = dhtOf(both, 'lan')
  await both.dial(wide[0].getMultiaddrs())
  await both.dial(local[0].getMultiaddrs())
  await vi.waitFor(() => {
    expect(wan.routingTable.size).toBe(2)
    expect(lan.routingTable.size).toBe(2)
  }, PATIENCE)
}, 60_000)

afterAll(async () => {
  await Promise.all(nodes.map((node) => node.stop()))
})

test('each has the peers of its network in its table', async () => {
  for (const [dht, members] of [
    [wan, wide],
    [lan, local],
  ] as const) {
    const found: PeerId[] = []
    for await (const event of dht.getClosestPeers(both.peerId.toMultihash().bytes, timeout())) {
      if (event.name === 'FINAL_PEER') found.push(event.peer.id)
    }
    expect(names(...found)).toEqual(names(members[0].peerId, members[1].peerId))
  }
})

test('each keeps its records under a prefix of its own', async () => {
  const { key, value } = await publicKeyRecord(choose)
  await drain(lan.put(key, value, timeout()))
  expect(await keysUnder('/lan-dht/record')).toHaveLength(1)
  expect(await keysUnder('/dht/record')).toHaveLength(0)
  const values = async (node: Node): Promise<number> => {
    let count = 0
    try {
      for await (const event of dhtOf(node).get(key, timeout())) if (event.name === 'VALUE') count++
    } catch {
      return 0
    }
    return count
  }
  expect(await values(local[1])).toBe(1)
  expect(await values(wide[1])).toBe(0)
})

test('providers of both networks are found through libp2p, and what it provides is known in both', async () => {
  const cid = await randomCid(choose)
  await drain(dhtOf(wide[1]).provide(cid, timeout()))
  await drain(dhtOf(local[1]).provide(cid, timeout()))
  const expected = names(wide[1].peerId, local[1].peerId)
  expect(await providersOf(both, cid)).toEqual(expected)
  const own = await randomCid(choose)
  await both.contentRouting.provide(own, timeout())
  for (const node of [wide[1], local[1]]) {
    expect(await providersOf(node, own)).toEqual(names(both.peerId))
  }
})

test('a peer of either network is found through libp2p, with addresses', async () => {
  for (const { peerId } of [wide[1], local[1]]) {
    await both.peerStore.delete(peerId)
    const found = await both.peerRouting.findPeer(peerId, timeout())
    expect(`${found.id}`).toBe(`${peerId}`)
    expect(found.multiaddrs.length).toBeGreaterThan(0)
  }
})

test('the mode of one is not that of the other', async () => {
  await wan.setMode('client')
  expect([wan.getMode(), lan.getMode()]).toEqual(['client', 'server'])
  expect(both.getProtocols()).toContain(LAN.protocol)
  expect(both.getProtocols()).not.toContain(WAN.protocol)
  await wan.setMode('server')
  expect(both.getProtocols()).toContain(WAN.protocol)
})
