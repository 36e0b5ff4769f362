/**
 * Peers that dialled a server, speak the protocol and answer perfectly, but can't be dialled back: nobody is
 * told about them, except who asks for one by its very key (docs/decisions/0008). Beside them some that can.
 */
import type { ConnectionGater } from '@libp2p/interface'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { hex } from './live/calls.ts'
import {
  type LiveInit,
  type LiveNode,
  type RawPeer,
  startNode,
  startRawPeer,
} from './live/nodes.ts'
import { TYPE } from './live/wire.ts'
import { SeededChoice } from './random.ts'

const choose = new SeededChoice(11)

/** Addresses at which the server dialled somebody. */
const dialled = new Set<string>()
const watched: ConnectionGater = {
  denyDialMultiaddr: (address) => {
    dialled.add(address.toString())
    return false
  },
}

/** Why a peer can't be dialled, and how that is done. */
const WALLS: [string, LiveInit][] = [
  ['whose addresses lead nowhere', { listen: [], announce: ['/ip4/127.0.0.1/tcp/1'] }],
  ['that lets nobody in', { connectionGater: { denyInboundConnection: () => true } }],
]

let server: LiveNode
let asker: RawPeer
const open: LiveNode[] = []
const walled: LiveNode[] = []

/** Whom the server names, in each kind of answer that names peers. */
async function namedBy(
  keys: readonly Uint8Array[],
  types: readonly number[],
): Promise<Set<string>> {
  const stream = await asker.open(server.libp2p.getMultiaddrs())
  const named = new Set<string>()
  for (const type of types) {
    for (const key of keys) {
      const answer = await stream.ask({ type, key })
      for (const { id } of answer?.closer ?? []) named.add(hex(id))
    }
  }
  await stream.stream.close()
  return named
}

/** All that it names to who does not ask for one by its key. The table is small: any key would do. */
function named(): Promise<Set<string>> {
  const keys = [server.idBytes, ...Array.from({ length: 20 }, () => choose.bytes(32))]
  return namedBy(keys, [TYPE.findNode, TYPE.getProviders, TYPE.getValue])
}

beforeAll(async () => {
  server = await startNode('kadmium', { connectionGater: watched })
  asker = await startRawPeer()
})

afterAll(() => {
  const nodes = [server, asker, ...open, ...walled]
  return Promise.all(nodes.map(({ libp2p }) => libp2p.stop()))
})

describe.each(['kadmium', 'kad-dht'] as const)('a node of %s', (kind) => {
  test('that can be dialled gets into the table and is named', async () => {
    const node = await startNode(kind)
    open.push(node)
    await node.libp2p.dial(server.libp2p.getMultiaddrs())
    await vi.waitFor(() => expect(server.dht.routingTable.size).toBe(open.length), 10_000)
    expect(await named()).toContain(hex(node.idBytes))
  })

  test.each(WALLS)('%s does not and is not', async (_, wall) => {
    const node = await startNode(kind, wall)
    walled.push(node)
    await node.libp2p.dial(server.libp2p.getMultiaddrs())
    const [address] = node.libp2p.getMultiaddrs()
    await vi.waitFor(() => expect([...dialled]).toContain(String(address)), 10_000)
    expect(await named()).not.toContain(hex(node.idBytes))
    // By its key alone it is found, since it may have a way in that we do not know; if it still is there.
    const keys = [node.idBytes]
    expect(await namedBy(keys, [TYPE.getProviders, TYPE.getValue])).not.toContain(hex(node.idBytes))
    expect(await namedBy(keys, [TYPE.findNode])).toContain(hex(node.idBytes))
  })
})

test('in the end only those are named who can be dialled', async () => {
  expect(server.dht.routingTable.size).toBe(open.length)
  const expected = [server, ...open].map(({ idBytes }) => hex(idBytes))
  expect([...(await named())].sort()).toEqual(expected.sort())
  for (const node of walled) expect(node.libp2p.getConnections(server.peerId)).toHaveLength(1)
})
