/**
 * Queries right after the start: they wait for a first peer, but neither for ever nor for anything else (D9).
 */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { dhtKeyOfPeer, nearest } from '../distance.ts'
import { type Kind, type LiveNode, startNode } from '../live/nodes.ts'
import { TYPE } from '../live/wire.ts'
import { SeededChoice } from '../random.ts'
import { publicKeyRecord } from '../work/records.ts'
import { BOTH, expectMended } from './both.ts'
import { closest, comesAbout, drain, ended, hex, inTime, stopAll, values } from './calls.ts'
import {
  holds,
  isSilent,
  knowsNothing,
  meet,
  type Script,
  type ScriptedPeer,
  startScripted,
} from './scripted.ts'

const choose = new SeededChoice(46)
const running: (LiveNode | ScriptedPeer)[] = []

afterEach(() => stopAll(running.splice(0)))

async function client(kind: Kind): Promise<LiveNode> {
  const node = await startNode(kind, { dht: { clientMode: true } })
  running.push(node)
  return node
}

async function scripted(script: Script): Promise<ScriptedPeer> {
  const peer = await startScripted(script)
  running.push(peer)
  return peer
}

describe('D9: a query right after the start', () => {
  test.each(BOTH)('ends within a minute where there is nobody: $node', async ({ kind }) => {
    const node = await client(kind)
    const record = await publicKeyRecord(choose)
    const ends: string[] = []
    // Nothing is in flight, so that a minute may pass at once.
    vi.useFakeTimers()
    try {
      const queries: Promise<unknown>[] = [
        values(node.dht, record.key, {}),
        closest(node.dht, choose.bytes(34), {}),
        drain(node.dht.put(record.key, record.value)),
      ]
      const calls = queries.map(async (query, i) => {
        const outcome = await ended(query)
        ends[i] = outcome instanceof Error ? outcome.name : 'ended'
      })
      await vi.advanceTimersByTimeAsync(60_000)
      const inTheMinute = [...ends]
      const defect = 'a query waits for ever'
      expectMended(kind, defect, () =>
        expect(inTheMinute, defect).toEqual(['QueryError', 'ended', 'QueryError']),
      )
      await node.libp2p.stop()
      if (kind === 'kadmium') await Promise.all(calls)
    } finally {
      vi.useRealTimers()
    }
  })

  test.each(BOTH)('does not wait for a first lookup that hangs: $node', async ({ kind }) => {
    const node = await client(kind)
    const both = [await scripted(knowsNothing), await scripted(knowsNothing)]
    // Only who is nearer than who names it is asked by the other implementation.
    const [mute, server] = nearest(both, await dhtKeyOfPeer(node.peerId), 2) as [
      ScriptedPeer,
      ScriptedPeer,
    ]
    mute.script = isSilent
    server.script = ({ request: { type, key } }) => {
      const closer = hex(key) === hex(node.idBytes) ? [mute.named] : []
      return { type, key, closer }
    }
    await meet(node, [server])
    await vi.waitFor(() => expect(node.dht.routingTable.size).toBeGreaterThan(0), 10_000)
    // The node looks itself up, and is sent to one who does not answer.
    const isOwn = ({ request }: { request: { key: Uint8Array } }): boolean =>
      hex(request.key) === hex(node.idBytes)
    await vi.waitFor(() => expect(mute.askedFor(TYPE.findNode).some(isOwn)).toBe(true), 10_000)
    const key = choose.bytes(34)
    const getting = ended(values(node.dht, key))
    const isAsked = await comesAbout(() => server.askedFor(TYPE.getValue).length > 0, 2_000)
    const defect = 'a query waits for the first lookup'
    expectMended(kind, defect, () => expect(isAsked, defect).toBe(true))
    await node.libp2p.stop()
    await getting
  })
})

describe('a query right after the start', () => {
  test.each(BOTH)('waits for the first peer: $kind', async ({ kind }) => {
    const record = await publicKeyRecord(choose)
    const server = await scripted(holds(record))
    const node = await client(kind)
    const getting = values(node.dht, record.key, inTime())
    await meet(node, [server])
    expect((await getting).map(hex)).toEqual([hex(record.value)])
  })
})
