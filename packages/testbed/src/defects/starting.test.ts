/**
 * Queries right after the start: they wait for a first peer, but neither for ever nor for anything else (D9).
 */
import type { RoutingOptions } from '@libp2p/interface'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { dhtKeyOfPeer, nearest } from '../distance.ts'
import { closest, comesAbout, drain, ended, hex, inTime, stopAll, values } from '../live/calls.ts'
import { type Kind, type LiveNode, type RawPeer, startNode, startRawPeer } from '../live/nodes.ts'
import { TYPE } from '../live/wire.ts'
import { SeededChoice } from '../random.ts'
import { holdsProvider, holdsValue } from '../work/holders.ts'
import { publicKeyRecord, randomCid } from '../work/records.ts'
import { BOTH, expectMended, patienceMs } from './both.ts'
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
const running: (LiveNode | RawPeer | ScriptedPeer)[] = []

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
    const record = await publicKeyRecord(choose)
    const ends: string[] = []
    // Nothing is in flight, so that a minute may pass at once; the timers of the start have to pass too.
    vi.useFakeTimers({ shouldAdvanceTime: true })
    try {
      const node = await client(kind)
      const queries: Promise<unknown>[] = [
        values(node.dht, record.key, {}),
        closest(node.dht, choose.bytes(34), {}),
        drain(node.dht.put(record.key, record.value)),
      ]
      const calls = queries.map(async (query, i) => {
        const outcome = await ended(query)
        ends[i] = outcome instanceof Error ? outcome.name : 'ended'
      })
      // Whatever the calls do before they wait takes real time.
      for (let seconds = 0; seconds < 60; seconds++) {
        await vi.advanceTimersByTimeAsync(1_000)
        await comesAbout(() => ends.filter(Boolean).length === queries.length, 20)
      }
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
    const isAsked = await comesAbout(
      () => server.askedFor(TYPE.getValue).length > 0,
      patienceMs(kind, 'kadmium'),
    )
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

/** What a node does by itself waits for nobody. */
describe('a node that is alone', () => {
  /** Sooner than a search for a first peer ends. */
  const soon = (): RoutingOptions => ({ signal: AbortSignal.timeout(8_000) })

  /** Begins what can't end where there is nobody; when the fact has come about it is given up. */
  async function giveUpAfter(
    begin: (options: RoutingOptions) => AsyncIterable<unknown>,
    fact: () => Promise<boolean>,
  ): Promise<void> {
    const controller = new AbortController()
    const ending = ended(drain(begin({ signal: controller.signal })))
    await vi.waitFor(async () => expect(await fact()).toBe(true), 8_000)
    controller.abort(new Error('enough'))
    expect(await ending).toEqual(new Error('enough'))
  }

  test.each(BOTH)('puts a value into its store, and gets it: $kind', async ({ kind }) => {
    const node = await client(kind)
    const { key, value } = await publicKeyRecord(choose)
    await giveUpAfter(
      (options) => node.dht.put(key, value, options),
      () => holdsValue(node, key, value),
    )
    const soon = AbortSignal.timeout(patienceMs(kind, 'kadmium'))
    const got = await ended(values(node.dht, key, { signal: soon }))
    const defect = 'a get waits for peers though the value is here'
    expectMended(kind, defect, () => expect(got, defect).toMatchObject([value]))
  })

  test.each(BOTH)('provides, and finds itself at once: $kind', async ({ kind }) => {
    const node = await client(kind)
    const cid = await randomCid(choose)
    await giveUpAfter(
      (options) => node.dht.provide(cid, options),
      () => holdsProvider(node, cid, node.peerId),
    )
    for await (const event of node.dht.findProviders(cid, soon())) {
      if (event.name !== 'PROVIDER') continue
      expect(event.providers.map(({ id }) => `${id}`)).toEqual([`${node.peerId}`])
      return
    }
    throw new Error('no provider')
  })

  test.each(BOTH)('finds a peer that is connected: $kind', async ({ kind }) => {
    const node = await client(kind)
    const peer = await startRawPeer()
    running.push(peer)
    await node.libp2p.dial(peer.libp2p.getMultiaddrs())
    for await (const event of node.dht.findPeer(peer.libp2p.peerId, soon())) {
      if (event.name !== 'FINAL_PEER') continue
      expect(`${event.peer.id}`).toBe(`${peer.libp2p.peerId}`)
      expect(event.peer.multiaddrs.length).toBeGreaterThan(0)
      return
    }
    throw new Error('no peer')
  })

  test('waits for a peer also where it has lost all it knew', async () => {
    const record = await publicKeyRecord(choose)
    const node = await client('kadmium')
    const lost = await startScripted(knowsNothing)
    await meet(node, [lost])
    await vi.waitFor(() => expect(node.dht.routingTable.size).toBe(1), 10_000)
    await lost.stop()
    await vi.waitFor(() => expect(node.libp2p.getConnections()).toEqual([]), 10_000)
    let isOver = false
    const getting = ended(values(node.dht, record.key, inTime())).finally(() => {
      isOver = true
    })
    expect(await comesAbout(() => isOver, 1_000)).toBe(false)
    await meet(node, [await scripted(holds(record))])
    expect(await getting).toMatchObject([record.value])
  })
})
