/**
 * Whoever leaves the loop over a query, or aborts its signal, ends it: what is in flight is taken back and nobody
 * else is asked. Seen from the peers, for each operation.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { peerIdFromMultihash } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import * as Digest from 'multiformats/hashes/digest'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { DhtService } from '../implementations.ts'
import { closest, comesAbout, ended, Gate, hex, stopAll } from '../live/calls.ts'
import { type LiveNode, startNode } from '../live/nodes.ts'
import type { RawMessage, RawPeer } from '../live/wire.ts'
import { SeededChoice } from '../random.ts'
import { publicKeyRecord } from '../work/records.ts'
import {
  type Asked,
  knowsNothing,
  meet,
  type Script,
  type ScriptedPeer,
  startScripted,
} from './scripted.ts'

const choose = new SeededChoice(47)
const running: (LiveNode | ScriptedPeer | Abyss)[] = []
const answerTo = ({ request: { type, key } }: Asked): RawMessage => ({ type, key })

afterEach(() => stopAll(running.splice(0)))

type Options = { signal: AbortSignal }
type Query = (dht: DhtService, options: Options) => ReturnType<DhtService['get']>

const multihash = (): ReturnType<typeof Digest.decode> => Digest.create(0x12, choose.bytes(32))

/** A query, and the key that peers are asked for by it. */
const QUERIES: Record<string, () => Promise<{ key: Uint8Array; query: Query }>> = {
  get: async () => {
    const { key } = await publicKeyRecord(choose)
    return { key, query: (dht, options) => dht.get(key, options) }
  },
  put: async () => {
    const { key, value } = await publicKeyRecord(choose)
    return { key, query: (dht, options) => dht.put(key, value, options) }
  },
  provide: async () => {
    const cid = CID.createV1(raw.code, multihash())
    return { key: cid.multihash.bytes, query: (dht, options) => dht.provide(cid, options) }
  },
  findProviders: async () => {
    const cid = CID.createV1(raw.code, multihash())
    return { key: cid.multihash.bytes, query: (dht, options) => dht.findProviders(cid, options) }
  },
  findPeer: async () => {
    const id = peerIdFromMultihash(multihash())
    const key = id.toMultihash().bytes
    return { key, query: (dht, options) => dht.findPeer(id, options) }
  },
  getClosestPeers: async () => {
    const key = choose.bytes(34)
    return { key, query: (dht, options) => dht.getClosestPeers(key, options) }
  },
}

/** An address where connections are taken and nothing is ever said, and what it sees. */
class Abyss {
  readonly server: Server = createServer((socket) => {
    this.opened++
    socket.on('error', () => {})
    socket.on('close', () => this.closed++)
    socket.resume()
  })
  opened = 0
  closed = 0

  async listen(): Promise<Uint8Array> {
    this.server.listen(0, '127.0.0.1')
    await once(this.server, 'listening')
    const { port } = this.server.address() as AddressInfo
    return multiaddr(`/ip4/127.0.0.1/tcp/${port}`).bytes
  }

  async stop(): Promise<void> {
    this.server.close()
    await Promise.resolve()
  }
}

describe.each(Object.entries(QUERIES))('%s', (_, make) => {
  /**
   * A client asks one peer, which names one that takes ages to dial, and one that answers late. Then the query is
   * ended: the dial is given up, and what the late one names is of no interest any more.
   */
  async function expectTakenBack(how: 'left' | 'aborted'): Promise<void> {
    const { key, query } = await make()
    const abyss = new Abyss()
    const far = peerIdFromMultihash(multihash())
    const named = { id: far.toMultihash().bytes, addresses: [await abyss.listen()] }
    const isOurs = ({ request }: Asked): boolean => hex(request.key) === hex(key)
    const names = (whom: RawPeer): Script => {
      return (asked) => ({ ...answerTo(asked), closer: isOurs(asked) ? [whom] : [] })
    }
    const third = await startScripted(knowsNothing)
    const gate = new Gate()
    const prompt = await startScripted(names(named))
    const late = await startScripted(async (asked) => {
      if (isOurs(asked)) await gate.isOpen
      return await names(third.named)(asked)
    })
    const node = await startNode('kadmium', { dht: { clientMode: true } })
    running.push(node, third, prompt, late, abyss)
    await meet(node, [prompt, late])
    await vi.waitFor(() => expect(node.dht.routingTable.size).toBe(2), 10_000)
    const controller = new AbortController()
    const reading = async (): Promise<void> => {
      for await (const event of query(node.dht, controller)) {
        if (event.name !== 'DIAL_PEER' || !event.peer.equals(far)) continue
        await vi.waitFor(() => expect(abyss.opened).toBeGreaterThan(0), 10_000)
        await vi.waitFor(() => expect(late.asked.some(isOurs)).toBe(true), 10_000)
        if (how === 'left') break
        controller.abort(new Error('enough'))
      }
    }
    expect(await ended(reading())).toEqual(how === 'left' ? undefined : new Error('enough'))
    await vi.waitFor(() => expect(abyss.closed).toBe(abyss.opened), 8_000)
    gate.open()
    const isGoneOn = await comesAbout(() => third.asked.some(isOurs), 500)
    expect(isGoneOn).toBe(false)
  }

  test('that is left takes back what it asked', () => expectTakenBack('left'))

  test('whose signal is aborted does too, and throws the reason', () => expectTakenBack('aborted'))
})

test('where a query is not ended it goes on as is seen here', async () => {
  const key = choose.bytes(34)
  const third = await startScripted(knowsNothing)
  const late = await startScripted((asked) => ({ ...answerTo(asked), closer: [third.named] }))
  const node = await startNode('kadmium', { dht: { clientMode: true } })
  running.push(node, third, late)
  await meet(node, [late])
  await vi.waitFor(() => expect(node.dht.routingTable.size).toBe(1), 10_000)
  await closest(node.dht, key)
  expect(third.asked.some(({ request }) => hex(request.key) === hex(key))).toBe(true)
})
