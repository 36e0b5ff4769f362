/** What a node is asked for before it knows anybody waits for the first peer, and is not forgotten meanwhile. */
import { afterEach, expect, test } from 'vitest'
import { type LiveInit, type LiveNode, startNode } from './live/nodes.ts'

const TIMEOUT_MS = 20_000

const started: LiveNode[] = []

const start = async (init?: LiveInit): Promise<LiveNode> => {
  const node = await startNode('kadmium', init)
  started.push(node)
  return node
}

afterEach(async () => {
  await Promise.all(started.splice(0).map(({ libp2p }) => libp2p.stop()))
})

test('a peer is found by one that looked for it before it knew anybody', async () => {
  const door = await start()
  const sought = await start()
  await sought.libp2p.dial(door.libp2p.getMultiaddrs())
  const newcomer = await start({ dht: { clientMode: true } })

  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const events = newcomer.dht.findPeer(sought.peerId, { signal })[Symbol.asyncIterator]()
  const first = events.next()
  await newcomer.libp2p.dial(door.libp2p.getMultiaddrs())

  const found: string[] = []
  for (let next = await first; next.done !== true; next = await events.next()) {
    if (next.value.name === 'FINAL_PEER') found.push(next.value.peer.id.toString())
  }
  expect(found).toEqual([sought.peerId.toString()])
})
