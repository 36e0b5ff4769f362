import { type Input, Message, NO_PEER, type PeerRef } from '@kadmium/core'
import { HandClock, Notes } from '@kadmium/testkit'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection, PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { MemoryDatastore } from 'datastore-core'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { keyOf } from './bridge.ts'
import { Host } from './host.ts'
import { ipGroup } from './ip-group.ts'
import { passthroughMapper } from './mappers.ts'
import { RecordJudge } from './records/judge.ts'
import { encodeRecord } from './records/record.ts'
import { Storage } from './storage.ts'
import { RequestError } from './streams/errors.ts'
import type { Answer, RequestOptions } from './streams/request.ts'
import { decodeMessage, encodeMessage, type WireMessage } from './wire/codec.ts'

const id = async (): Promise<PeerId> => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
const [self, alice, bob] = [await id(), await id(), await id()]
const ADDRESS = multiaddr('/ip4/8.8.8.8/tcp/4001')
const RELAYED = multiaddr(`/ip4/9.9.9.9/tcp/1/p2p/${bob}/p2p-circuit`)
const KEY = new TextEncoder().encode('/x/key')
const VALUE = Uint8Array.of(1, 2, 3)

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A promise for the test to settle. */
function pending<T>(): {
  promise: Promise<T>
  resolve: (value: T) => void
  reject: (error: unknown) => void
} {
  let resolve: (value: T) => void = () => {}
  let reject: (error: unknown) => void = () => {}
  const promise = new Promise<T>((...settle) => {
    ;[resolve, reject] = settle
  })
  return { promise, resolve, reject }
}

/** A request that the pool was given, for the test to end. */
interface Sent {
  how: 'request' | 'announce'
  to: PeerId
  bytes: Uint8Array
  options: RequestOptions
  answer: (wire: Partial<WireMessage>, rttMs?: number) => Promise<void>
  bytesArrive: (bytes: Uint8Array) => Promise<void>
  done: () => Promise<void>
  fail: (error: unknown) => Promise<void>
}

class StubConnection {
  status = 'open'
  direct = true
  limits: object | undefined = undefined
  streams: unknown[] = []
  closed = 0
  readonly remoteAddr: Multiaddr
  readonly remotePeer: PeerId

  constructor(remotePeer: PeerId, remoteAddr = ADDRESS) {
    this.remotePeer = remotePeer
    this.remoteAddr = remoteAddr
  }

  async close(): Promise<void> {
    this.closed++
    this.status = 'closed'
  }

  abort(): void {}
}

interface Dial {
  target: string[]
  force: boolean
  signal: AbortSignal
  succeed: (connection: StubConnection) => Promise<void>
  fail: () => Promise<void>
}

/** A host whose surroundings are the test. */
class Rig {
  readonly clock = new HandClock()
  readonly notes = new Notes()
  readonly heard: Input[] = []
  readonly sent: Sent[] = []
  readonly dials: Dial[] = []
  readonly connections: StubConnection[] = []
  readonly datastore = new MemoryDatastore()
  readonly storage: Storage
  readonly host: Host
  readonly pool = {
    request: (to: PeerId, bytes: Uint8Array, options: RequestOptions) =>
      this.submit('request', to, bytes, options) as Promise<Answer>,
    announce: (to: PeerId, bytes: Uint8Array, options: RequestOptions) =>
      this.submit('announce', to, bytes, options) as Promise<null>,
  }

  constructor() {
    const { clock, notes, datastore } = this
    const place = { logPrefix: 'test', prefix: '/dht', validityMs: 1_000_000 }
    this.storage = new Storage({ datastore, logger: notes, ...place })
    const judge = new RecordJudge({ validators: { x: () => {} }, selectors: { x: () => 0 } })
    this.host = new Host({
      peerId: self,
      config: {},
      clock,
      mapper: passthroughMapper,
      judge,
      storage: this.storage,
      connectionManager: {
        getConnections: (peer) =>
          this.connections.filter(
            ({ remotePeer, status }) => status !== 'closed' && peer?.equals(remotePeer) === true,
          ) as unknown as Connection[],
        openConnection: (target, options) => this.dial(target as Multiaddr[], options),
      },
      metrics: undefined,
      metricsPrefix: 'test',
      logger: notes,
      logPrefix: 'test',
      events: new EventTarget(),
      pooledPeers: () => 0,
      reprovideLoad: () => ({ running: 0, queued: 0 }),
      traceOf: () => undefined,
      ownAddresses: () => [],
      onEvent: () => {},
    })
    const { nodes } = this.host
    const handle = nodes.handle.bind(nodes)
    vi.spyOn(nodes, 'handle').mockImplementation((node, nowMs, input, outbox) => {
      const copy =
        'message' in input ? { ...input, message: new Message().copy(input.message) } : input
      this.heard.push(copy)
      handle(node, nowMs, input, outbox)
    })
    this.host.connect(this.pool)
  }

  /** A peer with an address. */
  meet(peer: PeerId, ...addresses: Multiaddr[]): PeerRef {
    const ref = this.host.directory.internId(peer)
    this.host.nodes.book.pin(ref)
    this.host.directory.setAddresses(ref, addresses)
    return ref
  }

  last<K extends Input['kind']>(kind: K): Extract<Input, { kind: K }> | undefined {
    return this.heard.findLast((input) => input.kind === kind) as Extract<Input, { kind: K }>
  }

  private submit(
    how: Sent['how'],
    to: PeerId,
    bytes: Uint8Array,
    options: RequestOptions,
  ): Promise<Answer | null> {
    const { promise, resolve, reject } = pending<Answer | null>()
    const arrive = (answer: Uint8Array | null, rttMs = 5): Promise<void> => {
      resolve(answer === null ? null : { bytes: answer, rttMs })
      return tick()
    }
    this.sent.push({
      how,
      to,
      bytes,
      options,
      answer: (wire, rttMs) => arrive(encoded(wire), rttMs),
      bytesArrive: (answer) => arrive(answer),
      done: () => arrive(null),
      fail: (error) => {
        reject(error)
        return tick()
      },
    })
    return promise
  }

  private dial(
    target: Multiaddr[],
    options: { force?: boolean; signal?: AbortSignal } = {},
  ): Promise<Connection> {
    const { promise, resolve, reject } = pending<Connection>()
    const { force = false, signal = new AbortController().signal } = options
    signal.addEventListener('abort', () => reject(signal.reason))
    this.dials.push({
      target: target.map(String),
      force,
      signal,
      succeed: (connection) => {
        this.connections.push(connection)
        resolve(connection as unknown as Connection)
        return tick()
      },
      fail: () => {
        reject(new Error('no'))
        return tick()
      },
    })
    return promise
  }
}

function encoded(parts: Partial<WireMessage>): Uint8Array {
  const none = { keyBytes: KEY, record: null, closer: [], providers: [] }
  return encodeMessage({ type: 'getValue', ...none, ...parts })
}

let rig: Rig
let host: Host

beforeEach(() => {
  rig = new Rig()
  host = rig.host
})

/** Has the host send a request of this type; returns what the pool got. */
function send(type: Message['type'], to = rig.meet(alice, ADDRESS), request = 7): Sent {
  const message = new Message().clear(type)
  message.keyBytes = KEY
  message.key.set(keyOf(KEY))
  if (type === 'putValue') message.record = VALUE
  host.send({ kind: 'send', request, to, message, dialTimeoutMs: 4_000 })
  return rig.sent.at(-1) as Sent
}

describe('a request', () => {
  test('goes to the pool, encoded, with the addresses known', () => {
    const sent = send('findNode')
    expect(sent).toMatchObject({ how: 'request', to: alice })
    expect(sent.options).toMatchObject({ dialTimeoutMs: 4_000, addresses: [ADDRESS] })
    expect(decodeMessage(sent.bytes)).toMatchObject({ type: 'findNode', keyBytes: KEY })
  })

  test('is answered with what came, in how long it took', async () => {
    const closer = [{ id: bob.toMultihash().bytes, multiaddrs: [], connection: 0 as const }]
    await send('getValue').answer({ record: encodeRecord(KEY, VALUE, new Date()), closer }, 33)
    const input = rig.last('answerArrived')
    expect(input).toMatchObject({ request: 7, rttMs: 33 })
    expect(input?.message).toMatchObject({ type: 'getValue', record: VALUE, closerCount: 1 })
  })

  test('that has no answer is announced, and done when the pool says so', async () => {
    const sent = send('addProvider')
    expect(sent.how).toBe('announce')
    await sent.done()
    const input = rig.last('answerArrived')
    expect(input).toMatchObject({ request: 7, rttMs: -1, message: { type: 'addProvider' } })
  })

  test.each<[string, Message['type'], (sent: Sent) => Promise<void>]>([
    ['no message', 'findNode', (sent) => sent.bytesArrive(Uint8Array.of(255))],
    ['another type', 'findNode', (sent) => sent.answer({ type: 'ping' })],
    [
      'a record of another key',
      'getValue',
      (sent) => sent.answer({ record: encodeRecord(Uint8Array.of(1), VALUE, new Date()) }),
    ],
    ['a put without the value', 'putValue', (sent) => sent.answer({ type: 'putValue' })],
    [
      'a put with another value',
      'putValue',
      (sent) =>
        sent.answer({
          type: 'putValue',
          record: encodeRecord(KEY, Uint8Array.of(9), new Date()),
        }),
    ],
  ])('answered by %s has failed as malformed', async (_, type, answer) => {
    await answer(send(type))
    expect(rig.last('requestFailed')).toMatchObject({ request: 7, reason: 'malformed' })
    expect(rig.last('answerArrived')).toBeUndefined()
  })

  test('of a put is answered by the value sent back', async () => {
    const record = encodeRecord(KEY, VALUE, new Date(0))
    await send('putValue').answer({ type: 'putValue', record })
    expect(rig.last('answerArrived')?.message.record).toEqual(VALUE)
  })

  test('fails for the reason that the pool gives, or else as reset', async () => {
    await send('findNode').fail(new RequestError('unsupported'))
    expect(rig.last('requestFailed')?.reason).toBe('unsupported')
    await send('findNode').fail(new Error('what?'))
    expect(rig.last('requestFailed')?.reason).toBe('reset')
  })

  test('to an id that is none has failed at once', () => {
    const bytes = Uint8Array.from([0, 37, 8, 2, 0x12, 33, ...new Uint8Array(33)])
    const ref = host.directory.intern(bytes)
    send('findNode', ref)
    expect(rig.sent).toEqual([])
    expect(rig.last('requestFailed')).toMatchObject({ request: 7, reason: 'malformed' })
  })

  test('without a pool says nothing about the peer', () => {
    const ref = rig.meet(alice, ADDRESS)
    host.close()
    send('findNode', ref)
    expect(rig.last('requestFailed')).toMatchObject({ request: 7, reason: 'cancelled' })
  })

  test('that is cancelled is aborted, and its answer is not heard', async () => {
    const sent = send('findNode')
    host.cancelRequest(7, false)
    expect(sent.options.signal.reason).toMatchObject({ name: 'AbortError' })
    await sent.answer({ type: 'findNode' })
    expect(rig.heard).toEqual([])
  })

  test('whose time is up is aborted as such', async () => {
    const sent = send('findNode')
    host.cancelRequest(7, true)
    host.cancelRequest(7, true)
    expect(sent.options.signal.reason).toMatchObject({ name: 'TimeoutError' })
    await sent.fail(new RequestError('timeout'))
    expect(rig.heard).toEqual([])
  })
})

describe('a request of a peer', () => {
  const exchange = () => ({ reply: vi.fn<(bytes: Uint8Array) => void>(), conclude: vi.fn() })

  test('is answered on its exchange', () => {
    const waiting = exchange()
    host.requestArrived(alice, encoded({ type: 'ping', keyBytes: new Uint8Array(0) }), waiting)
    const [answer] = waiting.reply.mock.calls[0] as [Uint8Array]
    expect(decodeMessage(answer).type).toBe('ping')
    expect(waiting.conclude).not.toHaveBeenCalled()
  })

  test('that is no message is reset, and the core hears nothing of it', () => {
    for (const bytes of [
      Uint8Array.of(255),
      encoded({ type: 'putValue', record: Uint8Array.of(1) }),
    ]) {
      const waiting = exchange()
      host.requestArrived(alice, bytes, waiting)
      expect(waiting.conclude.mock.calls).toEqual([[true]])
    }
    expect(rig.heard).toEqual([])
    expect(host.directory.find(alice)).toBe(NO_PEER)
  })

  const providerOf = (peer: PeerId) => ({
    id: peer.toMultihash().bytes,
    multiaddrs: [ADDRESS.bytes],
    connection: 0 as const,
  })

  test('without an answer ends without one, once it is stored', async () => {
    const waiting = exchange()
    const announcement = encoded({ type: 'addProvider', providers: [providerOf(alice)] })
    host.requestArrived(alice, announcement, waiting)
    expect(waiting.conclude).not.toHaveBeenCalled()
    await vi.waitFor(() => expect(waiting.conclude.mock.calls).toEqual([[false]]), 10_000)
    const records = rig.storage.providers()
    expect((await records.next()).value).toMatchObject({ provider: alice.toString() })
  })

  test('that can not be stored is reset, and the next has another chance', async () => {
    const announce = async (announcement: Uint8Array): Promise<boolean> => {
      const waiting = exchange()
      host.requestArrived(alice, announcement, waiting)
      await vi.waitFor(() => expect(waiting.conclude).toHaveBeenCalledTimes(1), 10_000)
      return waiting.conclude.mock.calls[0]?.[0] as boolean
    }
    const { put } = rig.datastore
    rig.datastore.put = () => {
      throw new Error('full')
    }
    const announcement = encoded({ type: 'addProvider', providers: [providerOf(alice)] })
    expect(await announce(announcement)).toBe(true)
    rig.datastore.put = put
    expect(await announce(encoded({ type: 'addProvider' }))).toBe(false)
  })

  test('that is refused is reset, and one that is stored is echoed', async () => {
    const put = (record: Uint8Array) => {
      const waiting = exchange()
      host.requestArrived(alice, encoded({ type: 'putValue', record }), waiting)
      return waiting
    }
    const refused = put(encodeRecord(KEY, new Uint8Array(0), new Date()))
    expect(refused.conclude.mock.calls).toEqual([[true]])
    const stored = put(encodeRecord(KEY, VALUE, new Date()))
    await vi.waitFor(() => expect(stored.reply).toHaveBeenCalledTimes(1), 10_000)
    const [answer] = stored.reply.mock.calls[0] as [Uint8Array]
    expect(decodeMessage(answer).type).toBe('putValue')
  })

  test('that comes with the answer to another keeps its peers until its turn', async () => {
    const second = exchange()
    const first = {
      conclude: () => {},
      reply: () => {
        // Both wait now, and the first of them lets go of all that nothing holds.
        host.dispatch({ kind: 'wake' })
        const announcement = encoded({ type: 'addProvider', providers: [providerOf(bob)] })
        host.requestArrived(bob, announcement, second)
      },
    }
    host.requestArrived(alice, encoded({ type: 'ping', keyBytes: new Uint8Array(0) }), first)
    await vi.waitFor(() => expect(second.conclude.mock.calls).toEqual([[false]]), 10_000)
    const third = exchange()
    host.requestArrived(alice, encoded({ type: 'getProviders' }), third)
    const [answer] = third.reply.mock.calls[0] as [Uint8Array]
    const { providers } = decodeMessage(answer)
    expect(providers.map(({ id }) => [...id])).toEqual([[...bob.toMultihash().bytes]])
  })
})

describe('a dial', () => {
  test('opens a fresh connection to the named addresses that are no relays', async () => {
    const ref = rig.meet(alice, RELAYED, ADDRESS)
    host.dial(ref, 5_000)
    expect(rig.dials).toMatchObject([{ target: [`${ADDRESS}/p2p/${alice}`], force: true }])
    await rig.dials[0]?.succeed(new StubConnection(alice))
    const input = rig.last('dialEnded')
    expect(input).toEqual({ kind: 'dialEnded', peer: ref, ok: true, ipGroup: ipGroup(ADDRESS) })
  })

  test.each([
    ['without an address', []],
    ['with a relay only', [RELAYED]],
  ])('to a peer %s has failed', async (_, addresses) => {
    host.dial(rig.meet(alice, ...addresses), 5_000)
    await tick()
    expect(rig.dials).toEqual([])
    expect(rig.last('dialEnded')).toMatchObject({ ok: false, ipGroup: 0 })
  })

  test('that fails is told', async () => {
    host.dial(rig.meet(alice, ADDRESS), 5_000)
    await rig.dials[0]?.fail()
    expect(rig.last('dialEnded')).toMatchObject({ ok: false })
  })

  test('leaves its connection where it is the only one', async () => {
    const connection = new StubConnection(alice)
    host.dial(rig.meet(alice, ADDRESS), 5_000)
    await rig.dials[0]?.succeed(connection)
    rig.clock.advance(60_000)
    expect(connection.closed).toBe(0)
  })

  test('closes its connection after a while where there is another', async () => {
    const [older, fresh] = [new StubConnection(alice), new StubConnection(alice)]
    rig.connections.push(older)
    host.dial(rig.meet(alice, ADDRESS), 5_000)
    await rig.dials[0]?.succeed(fresh)
    rig.clock.advance(1_999)
    expect(fresh.closed).toBe(0)
    rig.clock.advance(1)
    expect([older.closed, fresh.closed]).toEqual([0, 1])
  })

  test('leaves its connection where a request uses it by then', async () => {
    const fresh = new StubConnection(alice)
    rig.connections.push(new StubConnection(alice))
    host.dial(rig.meet(alice, ADDRESS), 5_000)
    await rig.dials[0]?.succeed(fresh)
    fresh.streams.push({})
    rig.clock.advance(60_000)
    expect(fresh.closed).toBe(0)
  })

  test.each([
    ['closing', { status: 'closing' }],
    ['through a relay', { limits: {} }],
  ])('does not count a connection that is %s as another', async (_, how) => {
    const [older, fresh] = [new StubConnection(alice), new StubConnection(alice)]
    Object.assign(older, how)
    rig.connections.push(older)
    host.dial(rig.meet(alice, ADDRESS), 5_000)
    await rig.dials[0]?.succeed(fresh)
    rig.clock.advance(60_000)
    expect(fresh.closed).toBe(0)
  })
})

describe('a host that is closed', () => {
  test('has ended all requests and dials, and hears of none of them', async () => {
    const sent = send('findNode')
    host.dial(rig.meet(bob, ADDRESS), 5_000)
    const fresh = new StubConnection(alice)
    rig.connections.push(new StubConnection(alice))
    host.dial(rig.meet(alice, ADDRESS), 5_000)
    await rig.dials[1]?.succeed(fresh)
    rig.heard.length = 0
    host.close()
    expect(sent.options.signal.aborted).toBe(true)
    expect(rig.dials[0]?.signal.aborted).toBe(true)
    await sent.answer({ type: 'findNode' })
    expect(rig.heard).toEqual([])
    expect(rig.clock.timerCount).toBe(0)
    rig.clock.advance(60_000)
    expect(fresh.closed).toBe(0)
  })

  test('answers nobody who asked before', async () => {
    const waiting = { reply: vi.fn(), conclude: vi.fn() }
    const record = encodeRecord(KEY, VALUE, new Date())
    host.requestArrived(alice, encoded({ type: 'putValue', record }), waiting)
    host.close()
    await vi.waitFor(() => expect(rig.last('persisted')).toBeDefined(), 10_000)
    expect(waiting.reply).not.toHaveBeenCalled()
    expect(rig.clock.timerCount).toBe(0)
  })

  test('begins anew with the next pool', async () => {
    host.close()
    host.connect(rig.pool)
    await send('findNode').answer({ type: 'findNode' })
    expect(rig.last('answerArrived')).toMatchObject({ request: 7 })
    host.dial(rig.meet(bob, ADDRESS), 5_000)
    await rig.dials[0]?.fail()
    expect(rig.last('dialEnded')).toMatchObject({ ok: false })
  })
})

describe('keys to walk to', () => {
  test('are our own, and random ones in a bucket with bytes that hash to them', () => {
    host.pickKey(256)
    expect(rig.last('keyPicked')?.keyBytes).toEqual(self.toMultihash().bytes)
    host.pickKey(0)
    const { key, keyBytes } = rig.last('keyPicked') ?? {}
    expect(key).toEqual(keyOf(keyBytes as Uint8Array))
    expect(keyBytes).not.toEqual(self.toMultihash().bytes)
  })

  test('that would take too long to find are left', () => {
    host.pickKey(200)
    expect(rig.heard).toEqual([])
  })
})

test('a record is judged, and the verdict told', async () => {
  host.validate({ kind: 'validate', job: 3, keyBytes: KEY, record: VALUE, against: null })
  await vi.waitFor(
    () => expect(rig.last('validated')).toMatchObject({ job: 3, verdict: 'better' }),
    10_000,
  )
  const nameless = Uint8Array.of(1)
  host.validate({ kind: 'validate', job: 4, keyBytes: nameless, record: VALUE, against: null })
  await vi.waitFor(
    () => expect(rig.last('validated')).toMatchObject({ verdict: 'invalid' }),
    10_000,
  )
})
