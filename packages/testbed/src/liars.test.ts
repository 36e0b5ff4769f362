/**
 * Servers that answer wrongly, late or never, beside two that are honest: an operation ends with a
 * result or a clear error, within its time, and believes nobody's lies. All of them answered well first, so
 * that they stand in the table of whoever asks. An unhandled error fails the run.
 */
import type { PeerInfo } from '@libp2p/interface'
import { peerIdFromMultihash } from '@libp2p/peer-id'
import { CODE_P2P, multiaddr } from '@multiformats/multiaddr'
import * as Digest from 'multiformats/hashes/digest'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { drain, hex } from './live/calls.ts'
import { type LiveNode, type RawPeer, startNode, startRawPeer } from './live/nodes.ts'
import { RawStream } from './live/raw-stream.ts'
import {
  frame,
  type ReadMessage,
  readMessage,
  TYPE,
  writeMessage,
  writeRecord,
} from './live/wire.ts'
import { SeededChoice } from './random.ts'
import { publicKeyRecord, randomCid, type ValueRecord } from './work/records.ts'

const LIARS = 3

const choose = new SeededChoice(5)
const text = (from: string): Uint8Array => Buffer.from(from)
const someId = (): Uint8Array => Buffer.concat([Uint8Array.of(0x12, 0x20), choose.bytes(32)])
/** Nobody listens there. */
const NOWHERE = multiaddr('/ip4/127.0.0.1/tcp/1').bytes
const timeout = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(30_000) })

/** What a liar is asked, and all that it needs to answer. */
interface Question {
  request: ReadMessage
  stream: RawStream
  asker: Uint8Array
  liar: RawPeer
}

/** What is written in place of an answer; nothing where the lie is in what is done. */
type Lie = (question: Question) => Uint8Array | undefined

const honestly: Lie = ({ request }) => frame(writeMessage({ type: request.type, key: request.key }))

const aCrowd = (count: number): { id: Uint8Array; addresses: Uint8Array[] }[] =>
  Array.from({ length: count }, () => ({ id: someId(), addresses: [NOWHERE] }))

const LIES: Record<string, Lie> = {
  rubbish: () => frame(choose.bytes(100)),
  'rubbish without a frame': () => new Uint8Array(100).fill(0xff),
  'a frame of 5 MiB': () => frame(new Uint8Array(5 * 1024 * 1024)),
  'half an answer, and leaves': ({ request, stream }) => {
    const whole = frame(writeMessage({ type: request.type, closer: aCrowd(20) }))
    stream.write(whole.subarray(0, whole.length / 2))
    stream.stream.abort(new Error('leaves'))
    return undefined
  },
  'half an answer, and is done': ({ request, stream }) => {
    const whole = frame(writeMessage({ type: request.type, closer: aCrowd(20) }))
    stream.write(whole.subarray(0, whole.length / 2))
    stream.stream.close().catch(() => {})
    return undefined
  },
  'nothing, and is done': ({ stream }) => {
    stream.stream.close().catch(() => {})
    return undefined
  },
  'nothing, and hangs up': ({ liar, stream }) => {
    stream.stream.abort(new Error('leaves'))
    for (const connection of liar.libp2p.getConnections()) connection.abort(new Error('leaves'))
    return undefined
  },
  'nothing, ever': () => undefined,
  'an answer of another type': ({ request }) =>
    frame(writeMessage({ type: (request.type + 1) % 6, key: request.key })),
  'a type that nobody knows': () => frame(writeMessage({ type: 99 })),
  'more than one answer': (question) => Buffer.concat(Array(5).fill(honestly(question))),
  'itself, us and thousands of nobodies': ({ request, liar, asker }) => {
    const known = [liar.idBytes, asker].map((id) => ({ id, addresses: [NOWHERE] }))
    const nobodies = [...aCrowd(3_000), { id: text('nobody') }, { id: new Uint8Array(0) }]
    return frame(
      writeMessage({
        type: request.type,
        closer: [...known, ...nobodies],
        providers: request.type === TYPE.getProviders ? aCrowd(3_000) : [],
      }),
    )
  },
  'a record that is none': ({ request }) =>
    frame(writeMessage({ type: request.type, key: request.key, record: text('no record') })),
  'the record of another key': ({ request }) =>
    frame(
      writeMessage({
        type: request.type,
        key: request.key,
        record: writeRecord(someId(), text('x')),
      }),
    ),
  'a value that is not valid': ({ request }) =>
    frame(
      writeMessage({
        type: request.type,
        key: request.key,
        record: writeRecord(request.key, text('a lie')),
      }),
    ),
}

interface World {
  reader: LiveNode
  honest: LiveNode
  /** Whom the honest one knows. */
  friend: LiveNode
  liars: RawPeer[]
}

const worlds: World[] = []

afterEach(async () => {
  const nodes = worlds
    .splice(0)
    .flatMap((made) => [made.reader, made.honest, made.friend, ...made.liars])
  await Promise.all(nodes.map(({ libp2p }) => libp2p.stop()))
})

/** A reader that knows liars, and an honest server unless it is to be alone with them. */
async function world(lie: Lie, alone = false): Promise<World> {
  const reader = await startNode('kadmium', { dht: { clientMode: true } })
  const honest = await startNode('kadmium')
  const friend = await startNode('kadmium')
  await honest.libp2p.dial(friend.libp2p.getMultiaddrs())
  let isLying = false
  const liars: RawPeer[] = []
  for (let i = 0; i < LIARS; i++) {
    const liar = await startRawPeer(async (incoming, connection) => {
      const stream = new RawStream(incoming)
      const asker = connection.remotePeer.toMultihash().bytes
      for (;;) {
        const bytes = await stream.nextRequest()
        if (bytes === null) return
        const question = { request: readMessage(bytes), stream, asker, liar }
        const answer = (isLying ? lie : honestly)(question)
        if (answer !== undefined) stream.write(answer)
      }
    })
    liars.push(liar)
  }
  const made = { reader, honest, friend, liars }
  worlds.push(made)
  const known = [...liars, ...(alone ? [] : [honest, friend])]
  for (const { libp2p } of known) await reader.libp2p.dial(libp2p.getMultiaddrs())
  await vi.waitFor(() => {
    expect(reader.dht.routingTable.size).toBe(known.length)
    expect(honest.dht.routingTable.size).toBeGreaterThan(0)
  }, 10_000)
  isLying = true
  return made
}

async function expectHonest(peers: readonly PeerInfo[], { honest }: World): Promise<void> {
  expect(peers.map(({ id }) => id.toString())).toContain(honest.peerId.toString())
  const found = peers.find(({ id }) => id.equals(honest.peerId))
  const addresses = honest.libp2p
    .getMultiaddrs()
    .map((at) => at.decapsulateCode(CODE_P2P).toString())
  expect(found?.multiaddrs.map(String)).toEqual(addresses)
}

describe.each(Object.entries(LIES))('servers that answer with %s', (_, lie) => {
  test('keep nobody from what an honest one has', async () => {
    const made = await world(lie)
    const { reader, honest } = made
    const held = await publicKeyRecord(choose)
    const cid = await randomCid(choose)
    await drain(honest.dht.put(held.key, held.value, timeout()))
    await drain(honest.dht.provide(cid, timeout()))
    expect(hex(await reader.libp2p.contentRouting.get(held.key, timeout()))).toBe(hex(held.value))
    const providers: PeerInfo[] = []
    // All that there are: three who lie quickly are as many as a search with a limit must hear.
    const everybody = { ...timeout(), limit: Number.POSITIVE_INFINITY }
    for await (const event of reader.dht.findProviders(cid, everybody)) {
      if (event.name === 'PROVIDER') providers.push(...event.providers)
      if (providers.some(({ id }) => id.equals(honest.peerId))) break
    }
    await expectHonest(providers, made)
    const closest: PeerInfo[] = []
    for await (const event of reader.dht.getClosestPeers(held.key, timeout())) {
      if (event.name === 'FINAL_PEER') closest.push(event.peer)
    }
    await expectHonest(closest, made)
    const known = [honest, made.friend, ...made.liars].map(({ libp2p }) => libp2p.peerId.toString())
    expect(known).toEqual(expect.arrayContaining(closest.map(({ id }) => id.toString())))
    expect(closest.every(({ multiaddrs }) => multiaddrs.length > 0)).toBe(true)
    const own: ValueRecord = await publicKeyRecord(choose)
    await drain(reader.dht.put(own.key, own.value, timeout()))
    await drain(reader.dht.provide(await randomCid(choose), timeout()))
    expect(hex(await honest.libp2p.contentRouting.get(own.key, timeout()))).toBe(hex(own.value))
  })

  test('and nobody else end an operation with a clear error, or with what may be true', async () => {
    const { reader } = await world(lie, true)
    const { key, value } = await publicKeyRecord(choose)
    const cid = await randomCid(choose)
    const [got, ...rest] = await Promise.allSettled([
      drain(reader.dht.get((await publicKeyRecord(choose)).key, timeout())),
      drain(reader.dht.put(key, value, timeout())),
      drain(reader.dht.provide(cid, timeout())),
      drain(reader.dht.findProviders(await randomCid(choose), timeout())),
      drain(reader.dht.getClosestPeers(key, timeout())),
      drain(reader.dht.findPeer(peerIdFromMultihash(Digest.decode(someId())), timeout())),
    ])
    expect(got.status).toBe('rejected')
    for (const result of [got, ...rest]) {
      if (result.status === 'fulfilled') continue
      expect(['QueryError', 'NotFoundError']).toContain(result.reason.name)
      expect(result.reason.message).toMatch(/^(No peer of the DHT could|No record|Peer not found)/)
    }
  })
})

test('answers that come when nobody waits for them are not taken for others', async () => {
  const waiting: (() => void)[] = []
  const { reader, honest } = await world(({ request, stream }) => {
    const { type, key } = request
    const record = type === TYPE.getValue ? { record: writeRecord(key, text('too late')) } : {}
    waiting.push(() => stream.write(frame(writeMessage({ type, key, ...record }))))
    return undefined
  })
  const records = [await publicKeyRecord(choose), await publicKeyRecord(choose)]
  for (const { key, value } of records) await drain(honest.dht.put(key, value, timeout()))
  for (const { key, value } of records) {
    expect(hex(await reader.libp2p.contentRouting.get(key, timeout()))).toBe(hex(value))
  }
  expect(waiting.length).toBeGreaterThan(0)
  for (const answer of waiting.splice(0)) answer()
  for (const { key, value } of records) {
    expect(hex(await reader.libp2p.contentRouting.get(key, timeout()))).toBe(hex(value))
  }
  for (const answer of waiting.splice(0)) answer()
})
