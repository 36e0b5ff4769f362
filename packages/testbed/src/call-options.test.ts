/** What callers of the service can say for one call: where an answer may come from, and when it is enough. */
import type { FindProvidersOptions, GetOptions } from '@kadmium/libp2p'
import {
  type ContentRouting,
  contentRoutingSymbol,
  type Libp2p,
  type PeerId,
  type RoutingOptions,
} from '@libp2p/interface'
import type { QueryEvent } from '@libp2p/kad-dht'
import { multiaddr } from '@multiformats/multiaddr'
import type { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { hex } from './live/calls.ts'
import { type LiveNode, startNode } from './live/nodes.ts'
import { SeededChoice } from './random.ts'
import { holdsProvider, holdsValue } from './work/holders.ts'
import { ipnsName, ipnsVersion, publicKeyRecord, randomCid } from './work/records.ts'

const choose = new SeededChoice(31)
const LOCAL: RoutingOptions = { useNetwork: false }
const NETWORK: RoutingOptions = { useCache: false }
const NOTHING: RoutingOptions = { useNetwork: false, useCache: false }

const nodes: LiveNode[] = []
let asker: LiveNode
let others: LiveNode[]

const names = (peers: readonly PeerId[]): string[] => peers.map(String).sort()

async function all(events: AsyncIterable<QueryEvent>): Promise<QueryEvent[]> {
  const seen: QueryEvent[] = []
  for await (const event of events) seen.push(event)
  return seen
}

const asked = (events: readonly QueryEvent[]): number =>
  events.filter(({ name }) => name === 'SEND_QUERY').length

function providersIn(events: readonly QueryEvent[]): string[] {
  return names(
    events
      .flatMap((event) => (event.name === 'PROVIDER' ? event.providers : []))
      .map(({ id }) => id),
  )
}

function valueIn(events: readonly QueryEvent[]): string {
  const values = events.flatMap((event) => (event.name === 'VALUE' ? [event.value] : []))
  return hex(values.at(-1))
}

const found = (events: readonly QueryEvent[]): { id: PeerId; count: number }[] =>
  events.flatMap((event) =>
    event.name === 'FINAL_PEER' ? [{ id: event.peer.id, count: event.peer.multiaddrs.length }] : [],
  )

beforeAll(async () => {
  for (let i = 0; i < 5; i++) nodes.push(await startNode('kadmium'))
  asker = nodes[0] as LiveNode
  others = nodes.slice(1)
  for (const { libp2p } of others) await asker.libp2p.dial(libp2p.getMultiaddrs())
  for (const node of nodes) await all(node.dht.getClosestPeers(node.idBytes))
  await vi.waitFor(
    () => {
      for (const { dht } of nodes) expect(dht.routingTable.size).toBe(4)
    },
    { timeout: 20_000, interval: 50 },
  )
}, 60_000)

afterAll(async () => {
  await Promise.all(nodes.map(({ libp2p }) => libp2p.stop()))
})

describe('without the network', () => {
  test('a value is put here and got here', async () => {
    const { key, value } = await publicKeyRecord(choose)
    expect(asked(await all(asker.dht.put(key, value, LOCAL)))).toBe(0)
    expect(await holdsValue(asker, key, value)).toBe(true)
    for (const node of others) expect(await holdsValue(node, key)).toBe(false)
    const events = await all(asker.dht.get(key, LOCAL))
    expect([valueIn(events), asked(events)]).toEqual([hex(value), 0])
    await expect(all((others[0] as LiveNode).dht.get(key, LOCAL))).rejects.toThrow('No record')
  })

  test('content is provided here and found here, with addresses', async () => {
    const cid = await randomCid(choose)
    expect(asked(await all(asker.dht.provide(cid, LOCAL)))).toBe(0)
    expect(await holdsProvider(asker, cid, asker.peerId)).toBe(true)
    for (const node of others) expect(await holdsProvider(node, cid, asker.peerId)).toBe(false)
    const events = await all(asker.dht.findProviders(cid, LOCAL))
    expect([providersIn(events), asked(events)]).toEqual([names([asker.peerId]), 0])
    expect(await all((others[0] as LiveNode).dht.findProviders(cid, LOCAL))).toEqual([])
  })

  test('the closest are those of the table', async () => {
    const events = await all(asker.dht.getClosestPeers(asker.idBytes, LOCAL))
    expect(asked(events)).toBe(0)
    expect(names(found(events).map(({ id }) => id))).toEqual(names(others.map((n) => n.peerId)))
    for (const { count } of found(events)) expect(count).toBeGreaterThan(0)
  })

  test('a peer is found that we know, or libp2p, and no other', async () => {
    const [known] = others as [LiveNode]
    const events = await all(asker.dht.findPeer(known.peerId, LOCAL))
    expect([found(events)[0]?.id.toString(), asked(events)]).toEqual([`${known.peerId}`, 0])
    const stranger = await startNode('kadmium')
    await stranger.libp2p.stop()
    await expect(all(asker.dht.findPeer(stranger.peerId, LOCAL))).rejects.toThrow('not found')
    const multiaddrs = [multiaddr('/ip4/127.0.0.1/tcp/9')]
    await asker.libp2p.peerStore.merge(stranger.peerId, { multiaddrs })
    expect(found(await all(asker.dht.findPeer(stranger.peerId, LOCAL)))).toHaveLength(1)
  })

  test('a node that knows nobody does not wait for somebody', async () => {
    const lonely = await startNode('kadmium')
    const { key, value } = await publicKeyRecord(choose)
    await all(lonely.dht.put(key, value, LOCAL))
    expect(valueIn(await all(lonely.dht.get(key, LOCAL)))).toBe(hex(value))
    await lonely.libp2p.stop()
  })
})

describe('without what is known here', () => {
  test('our own record and our own announcement are no answer', async () => {
    const { key, value } = await publicKeyRecord(choose)
    await all(asker.dht.put(key, value, LOCAL))
    await expect(all(asker.dht.get(key, NETWORK))).rejects.toThrow('No record')
    const cid = await randomCid(choose)
    await all(asker.dht.provide(cid, LOCAL))
    const events = await all(asker.dht.findProviders(cid, NETWORK))
    expect(providersIn(events)).toEqual([])
    expect(asked(events)).toBeGreaterThan(0)
  })

  test('a peer that is connected is asked for', async () => {
    const [known] = others as [LiveNode]
    expect(asked(await all(asker.dht.findPeer(known.peerId)))).toBe(0)
    const events = await all(asker.dht.findPeer(known.peerId, NETWORK))
    expect(found(events)[0]?.id.toString()).toBe(`${known.peerId}`)
    expect(asked(events)).toBeGreaterThan(0)
  })

  test('and without the network nothing is found', async () => {
    const [known] = others as [LiveNode]
    const { key } = await publicKeyRecord(choose)
    await expect(all(asker.dht.get(key, NOTHING))).rejects.toThrow('No record')
    await expect(all(asker.dht.findPeer(known.peerId, NOTHING))).rejects.toThrow('not found')
    expect(await all(asker.dht.getClosestPeers(key, NOTHING))).toEqual([])
    expect(await all(asker.dht.findProviders(await randomCid(choose), NOTHING))).toEqual([])
  })
})

describe('how many are enough', () => {
  const routingOf = ({ dht }: LiveNode): Required<ContentRouting> =>
    Reflect.get(dht, contentRoutingSymbol)

  test('answers for a value: the newest of all that hold one, which corrects our own', async () => {
    const name = await ipnsName(choose)
    const [old, latest] = [await ipnsVersion(name, 1), await ipnsVersion(name, 2)]
    const { key } = old
    for (const node of [asker, ...others.slice(1)]) await all(node.dht.put(key, old.value, LOCAL))
    await all((others[0] as LiveNode).dht.put(key, latest.value, LOCAL))
    const options: GetOptions = { quorum: nodes.length }
    expect(hex(await routingOf(asker).get(key, options))).toBe(hex(latest.value))
    await vi.waitFor(
      async () => expect(await holdsValue(asker, key, latest.value)).toBe(true),
      10_000,
    )
    for (const quorum of [0, 0.5]) {
      await expect(routingOf(asker).get(key, { quorum } as GetOptions)).rejects.toThrow('quorum')
    }
  })

  test('providers: all, or as soon as three peers have named some', async () => {
    const cid = await randomCid(choose)
    for (const node of others) await all(node.dht.provide(cid, LOCAL))
    const search = async (limit: number): Promise<string[]> => {
      const options: FindProvidersOptions = { limit }
      return await providersOver(asker.libp2p, cid, options)
    }
    expect(await search(Number.POSITIVE_INFINITY)).toEqual(names(others.map((n) => n.peerId)))
    expect(await search(1)).toHaveLength(3)
  })
})

async function providersOver(node: Libp2p, cid: CID, options: RoutingOptions): Promise<string[]> {
  const providers: PeerId[] = []
  for await (const { id } of node.contentRouting.findProviders(cid, options)) providers.push(id)
  return names(providers)
}
