/**
 * Bad input and faults on a live server: whatever a peer sends, it gets an answer, silence or a reset,
 * nothing is stored that should not be, and others are answered meanwhile. An unhandled error fails the run.
 */
import fc from 'fast-check'
import { toString as bytesToString } from 'uint8arrays/to-string'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { hex } from './live/calls.ts'
import { type LiveNode, type RawPeer, startNode, startRawPeer } from './live/nodes.ts'
import type { RawStream } from './live/raw-stream.ts'
import {
  frame,
  type RawMessage,
  readMessage,
  TYPE,
  valueIn,
  writeMessage,
  writeRecord,
} from './live/wire.ts'
import { SeededChoice } from './random.ts'
import { ipnsName, ipnsVersion, publicKeyRecord } from './work/records.ts'

const choose = new SeededChoice(3)
const text = (from: string): Uint8Array => Buffer.from(from)
const multihash = (): Uint8Array => Buffer.concat([Uint8Array.of(0x12, 0x20), choose.bytes(32)])

/** Keys in a node's store under a prefix. */
async function stored(node: LiveNode, prefix: '/dht/record' | '/dht/provider'): Promise<string[]> {
  const keys: string[] = []
  for await (const key of node.datastore.queryKeys({ prefix })) keys.push(key.toString())
  return keys
}

describe('a server', () => {
  let server: LiveNode
  let peer: RawPeer
  let other: RawPeer

  beforeAll(async () => {
    server = await startNode('kadmium')
    peer = await startRawPeer()
    other = await startRawPeer()
  })

  afterAll(() => Promise.all([server, peer, other].map(({ libp2p }) => libp2p.stop())))

  const open = (by: RawPeer = peer): Promise<RawStream> => by.open(server.libp2p.getMultiaddrs())

  async function ask(message: RawMessage, by: RawPeer = peer): ReturnType<RawStream['ask']> {
    const stream = await open(by)
    const answer = await stream.ask(message)
    stream.stream.abort(new Error('done'))
    return answer
  }

  /** It answers, and has nothing that was not given to it in order. */
  async function expectSound(): Promise<void> {
    expect((await ask({ type: TYPE.findNode, key: server.idBytes }, other))?.closer).toHaveLength(1)
    expect(await stored(server, '/dht/record')).toEqual([])
    expect(await stored(server, '/dht/provider')).toEqual([])
  }

  async function expectReset(bytes: Uint8Array): Promise<void> {
    const stream = await open()
    stream.write(bytes)
    expect(await stream.next()).toBeNull()
    await vi.waitFor(() => expect(stream.isReset).toBe(true), 10_000)
  }

  test.each([
    ['bytes that are no message', frame(Uint8Array.of(0xff, 0xff, 0xff))],
    ['a message that ends within a field', frame(Uint8Array.of(0x12, 0x7f, 1))],
    ['a message longer than a request may be', frame(new Uint8Array(128 * 1024 + 1))],
    ['the length of a message that is far too long', Uint8Array.of(0xff, 0xff, 0xff, 0x7f)],
    ['a length without an end', new Uint8Array(16).fill(0xff)],
    ['a type that nobody knows', frame(writeMessage({ type: 6, key: multihash() }))],
    ['a type that is no small number', frame(writeMessage({ type: 2 ** 31, key: multihash() }))],
    ...Object.entries(TYPE).map(([name, type]): [string, Uint8Array] => [
      `a key of 81 bytes in ${name}`,
      frame(writeMessage({ type, key: new Uint8Array(81).fill(7) })),
    ]),
  ])('resets the stream of %s', async (_, bytes) => {
    await expectReset(bytes)
    await expectSound()
  })

  test('resets half a request whose sender is done, and bears one who leaves', async () => {
    const whole = frame(writeMessage({ type: TYPE.findNode, key: multihash() }))
    const half = await open()
    half.write(whole.subarray(0, whole.length / 2))
    await half.stream.close()
    await vi.waitFor(() => expect(half.isReset).toBe(true), 10_000)
    const leaving = await open()
    leaving.write(whole.subarray(0, whole.length - 1))
    leaving.stream.abort(new Error('leaves'))
    const begun = await open()
    for (let i = 0; i < 100; i++) begun.write(whole)
    await begun.stream.close()
    begun.stream.abort(new Error('leaves amid the answers'))
    await peer.libp2p.hangUp(server.peerId)
    await expectSound()
  })

  test('stores no value that is not valid for its key', async () => {
    const { key, value } = await publicKeyRecord(choose)
    const another = await publicKeyRecord(choose)
    const name = await ipnsName(choose)
    const version = await ipnsVersion(name, 1)
    const forged = version.value.slice()
    forged[forged.length - 1] = (forged.at(-1) as number) ^ 1
    const foreign = await ipnsVersion(await ipnsName(choose), 1)
    const long = text('/pk/long')
    const put = (at: Uint8Array, record?: Uint8Array): RawMessage =>
      record === undefined
        ? { type: TYPE.putValue, key: at }
        : { type: TYPE.putValue, key: at, record }
    const refused: RawMessage[] = [
      put(key),
      put(key, new Uint8Array(0)),
      put(key, text('no record')),
      put(key, writeRecord(key, new Uint8Array(0))),
      put(key, writeRecord(key, another.value)),
      put(key, writeRecord(another.key, another.value)),
      put(another.key, writeRecord(key, value)),
      put(text('/none/of/ours'), writeRecord(text('/none/of/ours'), value)),
      put(text('/constructor/x'), writeRecord(text('/constructor/x'), value)),
      put(text('/pk/'), writeRecord(text('/pk/'), value)),
      put(long, writeRecord(long, new Uint8Array(65_537))),
      put(new Uint8Array(0), writeRecord(new Uint8Array(0), value)),
      put(name.key, writeRecord(name.key, forged)),
      put(name.key, writeRecord(name.key, foreign.value)),
    ]
    for (const message of refused) {
      expect(await ask(message)).toBeNull()
      const answer = await ask({ type: TYPE.getValue, key: message.key ?? text('') }, other)
      expect(answer?.record).toBeNull()
    }
    await expectSound()
  })

  test('takes a provider from nobody but itself', async () => {
    const key = multihash()
    const victim = await startRawPeer()
    const theirs = { id: victim.idBytes, addresses: victim.addresses }
    const self = { id: peer.idBytes, addresses: peer.addresses, connection: 99 }
    const nobody = { id: text('nobody'), addresses: [text('nowhere')] }
    const crowd = Array.from({ length: 2_000 }, () => ({ id: multihash() }))
    const ignored: RawMessage[] = [
      { type: TYPE.addProvider, key },
      { type: TYPE.addProvider, key, providers: [theirs] },
      { type: TYPE.addProvider, key, providers: [nobody] },
      { type: TYPE.addProvider, key, providers: crowd },
      { type: TYPE.addProvider, key, closer: [self] },
      { type: TYPE.addProvider, providers: [self] },
    ]
    for (const message of ignored) {
      const stream = await open()
      stream.send(message)
      expect(await stream.ask({ type: TYPE.getProviders, key })).toMatchObject({ providers: [] })
    }
    await expectSound()
    const stream = await open()
    stream.send({ type: TYPE.addProvider, key, providers: [theirs, nobody, self] })
    const answer = await stream.ask({ type: TYPE.ping })
    expect(answer?.type).toBe(TYPE.ping)
    const found = await ask({ type: TYPE.getProviders, key }, other)
    expect(found?.providers.map(({ id }) => hex(id))).toEqual([hex(peer.idBytes)])
    expect(found?.providers[0]?.addresses.length).toBeGreaterThan(0)
    expect(await stored(server, '/dht/provider')).toHaveLength(1)
    await victim.libp2p.stop()
  })
})

describe('a server under a flood of one peer', () => {
  let server: LiveNode
  let peer: RawPeer
  let other: RawPeer

  beforeEach(async () => {
    const dht = { validators: { v: () => {} }, selectors: { v: () => 0 } }
    server = await startNode('kadmium', { dht })
    peer = await startRawPeer()
    other = await startRawPeer()
  })

  afterEach(() => Promise.all([server, peer, other].map(({ libp2p }) => libp2p.stop())))

  const open = (by: RawPeer): Promise<RawStream> => by.open(server.libp2p.getMultiaddrs())
  const put = (key: Uint8Array, value: Uint8Array): RawMessage => ({
    type: TYPE.putValue,
    key,
    record: writeRecord(key, value),
  })

  /** Runs the flood; another peer asks all the while and must be answered each time. */
  async function flood(run: () => Promise<void>): Promise<void> {
    const stream = await open(other)
    let isOver = false
    const flooding = run().finally(() => {
      isOver = true
    })
    let asked = 0
    while (!isOver) {
      const answer = await stream.ask({ type: TYPE.findNode, key: server.idBytes })
      expect(answer?.type).toBe(TYPE.findNode)
      asked++
    }
    await flooding
    expect(asked).toBeGreaterThan(10)
  }

  /** Sends requests on several streams, a window at a time, and reads all answers. */
  async function pour(messages: Iterator<RawMessage>, streams: number): Promise<void> {
    const pourOne = async (): Promise<void> => {
      const stream = await open(peer)
      for (;;) {
        const window = Array.from({ length: 32 }, () => messages.next())
        const frames = window.flatMap(({ done, value }) =>
          done === true ? [] : [frame(writeMessage(value))],
        )
        if (frames.length === 0) break
        stream.write(Buffer.concat(frames))
        for (const _ of frames) expect(await stream.next()).not.toBeNull()
      }
      await stream.stream.close()
    }
    await Promise.all(Array.from({ length: streams }, pourOne))
  }

  test('of small values keeps so many and no more', async () => {
    const keys = Array.from({ length: 17_000 }, (_, i) => text(`/v/${i}`))
    await flood(() => pour(keys.map((key) => put(key, text('x'))).values(), 8))
    expect(await stored(server, '/dht/record')).toHaveLength(16_384)
    const stream = await open(other)
    const first = await stream.ask({ type: TYPE.getValue, key: keys[0] as Uint8Array })
    const last = await stream.ask({ type: TYPE.getValue, key: keys.at(-1) as Uint8Array })
    expect([first?.record === null, last?.record === null]).toEqual([true, false])
  })

  test('of long values keeps so many bytes and no more', async () => {
    const value = choose.bytes(60_000)
    const keys = Array.from({ length: 1_300 }, (_, i) => text(`/v/${i}`))
    const messages = (function* () {
      for (const key of keys) yield put(key, value)
    })()
    await flood(() => pour(messages, 4))
    const kept = Math.floor((64 * 1024 * 1024) / value.length)
    expect(await stored(server, '/dht/record')).toHaveLength(kept)
  })

  test('of announcements keeps so many and no more', async () => {
    const self = { id: peer.idBytes, addresses: peer.addresses }
    const announce = (i: number): RawMessage => {
      const key = new Uint8Array(34)
      new DataView(key.buffer).setUint32(2, i)
      return { type: TYPE.addProvider, key, providers: [self] }
    }
    await flood(async () => {
      const stream = await open(peer)
      for (let i = 0; i < 66_000; i += 500) {
        const batch = Array.from({ length: 500 }, (_, j) => frame(writeMessage(announce(i + j))))
        stream.write(Buffer.concat(batch))
        expect((await stream.ask({ type: TYPE.ping }))?.type).toBe(TYPE.ping)
      }
    })
    expect(await stored(server, '/dht/provider')).toHaveLength(65_536)
  })

  test('of questions whose answers it does not read holds few of them', async () => {
    const key = text('/v/long')
    const stream = await open(peer)
    expect((await stream.ask(put(key, choose.bytes(60_000))))?.type).toBe(TYPE.putValue)
    const question = frame(writeMessage({ type: TYPE.getValue, key }))
    const before = process.memoryUsage().arrayBuffers
    let most = 0
    await flood(async () => {
      for (let i = 0; i < 16; i++) {
        const deaf = await open(peer)
        deaf.stream.pause()
        deaf.write(Buffer.concat(Array.from({ length: 1_000 }, () => question)))
        const answer = await (await open(other)).ask({ type: TYPE.getValue, key })
        expect(answer?.record).not.toBeNull()
        most = Math.max(most, process.memoryUsage().arrayBuffers - before)
      }
    })
    expect(most).toBeLessThan(200 * 1024 * 1024)
  })
})

describe('a server that is sent anything', () => {
  let server: LiveNode
  let peer: RawPeer

  beforeAll(async () => {
    server = await startNode('kadmium')
    peer = await startRawPeer()
  })

  afterAll(() => Promise.all([server, peer].map(({ libp2p }) => libp2p.stop())))

  test('answers or resets, stores what is valid, and goes on', async () => {
    const { key, value } = await publicKeyRecord(choose)
    const self = { id: peer.idBytes, addresses: peer.addresses }
    const valid: RawMessage[] = [
      { type: TYPE.putValue, key, record: writeRecord(key, value) },
      { type: TYPE.getValue, key },
      { type: TYPE.addProvider, key: multihash(), providers: [self] },
      { type: TYPE.getProviders, key: multihash() },
      { type: TYPE.findNode, key: peer.idBytes, closer: [self] },
      { type: TYPE.ping },
    ]
    const mutated = fc
      .tuple(
        fc.constantFrom(...valid.map(writeMessage)),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }),
        fc.oneof(
          { arbitrary: fc.constant(undefined), weight: 3 },
          { arbitrary: fc.nat(), weight: 1 },
        ),
      )
      .map(([message, changes, cut]) => {
        const bytes = Uint8Array.from(message)
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte
        return cut === undefined ? bytes : bytes.subarray(0, cut % (bytes.length + 1))
      })
    const anything = fc.oneof(
      {
        arbitrary: fc.record({ bytes: mutated.map(frame), isFramed: fc.constant(true) }),
        weight: 4,
      },
      fc.record({
        bytes: fc.uint8Array({ maxLength: 300 }).map(frame),
        isFramed: fc.constant(true),
      }),
      fc.record({ bytes: fc.uint8Array({ maxLength: 300 }), isFramed: fc.constant(false) }),
    )
    const marker = frame(writeMessage({ type: TYPE.ping, key: text('marker') }))
    let stream = await peer.open(server.libp2p.getMultiaddrs())
    let kept = 0
    const property = fc.asyncProperty(anything, async ({ bytes, isFramed }) => {
      if (stream.isEnded) stream = await peer.open(server.libp2p.getMultiaddrs())
      stream.write(bytes)
      if (isFramed) stream.write(marker)
      else await stream.stream.close()
      for (;;) {
        const answer = await stream.next()
        if (answer === null) return
        if (Buffer.from(answer).equals(marker.subarray(1))) {
          kept++
          return
        }
        readMessage(answer)
      }
    })
    await fc.assert(property, { numRuns: 1_500 })
    expect(kept).toBeGreaterThan(100)
    const after = await peer.open(server.libp2p.getMultiaddrs())
    expect((await after.ask({ type: TYPE.ping }))?.type).toBe(TYPE.ping)
    for (const name of await stored(server, '/dht/record')) {
      expect(name).toBe(`/dht/record/${bytesToString(key, 'base32')}`)
      const held = await after.ask({ type: TYPE.getValue, key })
      expect(hex(valueIn(held?.record as Uint8Array))).toBe(hex(value))
    }
    for (const name of await stored(server, '/dht/provider')) {
      expect(name.endsWith(`/${peer.libp2p.peerId.toString()}`)).toBe(true)
    }
  })
})
