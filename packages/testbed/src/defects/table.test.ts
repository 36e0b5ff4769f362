/**
 * What is in the routing table: a refresh looks into each of its buckets (D1), who does not speak the DHT's
 * protocol never gets in (D4), and a server knows the true neighbours of keys near itself (D14).
 */
import type { PrivateKey } from '@libp2p/interface'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import * as Digest from 'multiformats/hashes/digest'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { dhtKey, nearest } from '../distance.ts'
import { comesAbout, hex, inTime, providers, stopAll } from '../live/calls.ts'
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
import { BOTH, expectMended, patienceMs } from './both.ts'
import { identitiesNear, keyOfIdentity, sharedBits, someIdentity } from './identities.ts'
import { knowsNothing, meet, type ScriptedPeer, startMany, startScripted } from './scripted.ts'

const choose = new SeededChoice(44)
const running: (LiveNode | RawPeer | ScriptedPeer)[] = []
let identity: PrivateKey
/** Where the nodes under test lie. */
let place: Uint8Array

beforeAll(async () => {
  identity = await someIdentity(choose)
  place = await keyOfIdentity(identity)
})

afterEach(() => stopAll(running.splice(0)))

async function start(kind: Kind, dht: LiveInit['dht'] = {}): Promise<LiveNode> {
  // What the other implementation does a second after its start it does at once here.
  const soon = kind === 'kad-dht' ? { initialQuerySelfInterval: 0 } : {}
  const node = await startNode(kind, { privateKey: identity, dht: { ...soon, ...dht } })
  running.push(node)
  return node
}

test.each(BOTH)('D1: a refresh looks into each bucket: $node', async ({ kind }) => {
  const depths = [0, 1, 2, 3, 4, 5, 6]
  const identities: PrivateKey[] = []
  for (const depth of depths) {
    identities.push(...(await identitiesNear(choose, place, 1, (shared) => shared === depth)))
  }
  const peers = await startMany(identities, knowsNothing)
  running.push(...peers)
  const node = await start(kind)
  await meet(node, peers)
  await vi.waitFor(() => expect(node.dht.routingTable.size).toBe(depths.length), 10_000)
  const before = peers.map(({ asked }) => asked.length)
  const lookedInto = async (): Promise<number[]> => {
    const asked = peers.flatMap((peer, i) => peer.asked.slice(before[i]))
    const keys = await Promise.all(asked.map(({ request }) => dhtKey(request.key)))
    const bits = new Set(keys.map((key) => sharedBits(place, key)))
    return [...bits].filter((shared) => shared < 256).sort((a, b) => a - b)
  }
  await node.dht.refreshRoutingTable(inTime())
  // Nobody but the other implementation is still at it then.
  await comesAbout(async () => (await lookedInto()).length === depths.length, 2_000)
  const found = await lookedInto()
  expect(found.length).toBeGreaterThan(0)
  const defect = 'not every bucket is looked into'
  expectMended(kind, defect, () => expect(found, defect).toEqual(depths))
})

test.each(BOTH)(
  'D4: who does not speak the protocol is never in the table: $node',
  async (each) => {
    const stranger = await startRawPeer()
    running.push(stranger)
    const cid = CID.createV1(raw.code, Digest.create(0x12, choose.bytes(32)))
    const server = await startScripted(({ request }) => ({
      type: request.type,
      key: request.key,
      ...(request.type === TYPE.getProviders && {
        providers: [{ id: stranger.idBytes, addresses: stranger.addresses }],
      }),
    }))
    running.push(server)
    const node = await start(each.kind)
    await meet(node, [server])
    await vi.waitFor(() => expect(node.dht.routingTable.size).toBe(1), 10_000)
    const found = await providers(node.dht, cid)
    expect(found.map(({ id }) => id.toString())).toEqual([stranger.libp2p.peerId.toString()])
    // It can be reached and answers pings: whoever wants it in the table has what it takes.
    await node.libp2p.dial(stranger.libp2p.getMultiaddrs())
    const isIn = await comesAbout(
      () => node.dht.routingTable.size > 1,
      patienceMs(each.kind, 'kad-dht'),
    )
    const defect = 'who does not speak the protocol is in the table'
    expectMended(each.kind, defect, () => expect(isIn, defect).toBe(false))
  },
)

/** Peers in the server's own 64th of the key space, and of those the nearest that it shall name. */
const NEIGHBOURS = 32
const NAMED = 20

describe('D14: a server', () => {
  /** Those that come later are nearer. */
  let peers: ScriptedPeer[]

  beforeAll(async () => {
    const identities = await identitiesNear(choose, place, NEIGHBOURS, (shared) => shared >= 6)
    const keyed = await Promise.all(
      identities.map(async (each) => ({ each, key: await keyOfIdentity(each) })),
    )
    const inOrder = nearest(keyed, place, NEIGHBOURS).reverse()
    peers = await startMany(
      inOrder.map(({ each }) => each),
      knowsNothing,
    )
  })

  afterAll(() => stopAll(peers))

  test.each(BOTH)('names the neighbours of keys near itself: $node', async ({ kind }) => {
    const server = await start(kind)
    const asker = await startRawPeer()
    running.push(asker)
    await meet(server, peers.slice(0, NAMED))
    const { routingTable } = server.dht
    await vi.waitFor(() => expect(routingTable.size).toBe(NAMED), 10_000)
    await meet(server, peers.slice(NAMED))
    await comesAbout(() => routingTable.size === NEIGHBOURS, patienceMs(kind, 'kadmium'))
    const stream = await asker.open(server.libp2p.getMultiaddrs())
    const answer = await stream.ask({ type: TYPE.findNode, key: server.idBytes })
    const named = (answer?.closer ?? []).map(({ id }) => hex(id))
    // One of them may be the server itself, which is asked for by its own key.
    expect(named.length).toBeGreaterThanOrEqual(NAMED)
    const neighbours = nearest(peers, place, NAMED - 1).map(({ idBytes }) => hex(idBytes))
    const missing = neighbours.filter((id) => !named.includes(id))
    const defect = 'near neighbours are not named'
    expectMended(kind, defect, () => expect(missing, defect).toEqual([]))
  })
})
