import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import type { Connection, Libp2p, ServiceMap, Stream } from '@libp2p/interface'
import type { ConnectionManager, Registrar } from '@libp2p/interface-internal'
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { decodeMessage, encodeMessage, type WireMessage } from '../wire/codec.ts'
import type { Clock } from './clock.ts'
import { frame } from './frames.ts'
import { InboundStreams, type InboundStreamsInit } from './inbound.ts'
import { type RequestError, StreamPool } from './outbound.ts'

const PROTOCOL = '/test/kad/1.0.0'

/** The time of this process, and timers that only a test lets run out. */
class TestClock implements Clock {
  private skippedMs = 0
  private readonly timers = new Map<() => void, number>()

  now = (): number => performance.now() + this.skippedMs

  setTimer = (delayMs: number, run: () => void): { clear: () => void } => {
    this.timers.set(run, this.now() + delayMs)
    return { clear: () => this.timers.delete(run) }
  }

  skip(ms: number): void {
    this.skippedMs += ms
    for (const [run, dueMs] of [...this.timers]) {
      if (dueMs > this.now()) continue
      this.timers.delete(run)
      run()
    }
  }
}

interface Components {
  connectionManager: ConnectionManager
  registrar: Registrar
}

type Client = { parts: Components }

const nodes: Libp2p<ServiceMap>[] = []

async function start<T extends ServiceMap>(
  services: { [K in keyof T]: (components: never) => T[K] },
  connectionManager: { maxConnections?: number } = {},
): Promise<Libp2p<T>> {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: { inboundConnectionThreshold: 1_000, ...connectionManager },
    services: { identify: identify(), ping: ping(), ...services } as never,
  })
  nodes.push(node)
  return node as unknown as Libp2p<T>
}

const startClient = (maxConnections?: number): Promise<Libp2p<Client>> =>
  start<Client>(
    { parts: ({ connectionManager, registrar }: Components) => ({ connectionManager, registrar }) },
    maxConnections === undefined ? {} : { maxConnections },
  )

const startKadServer = (): Promise<Libp2p> =>
  start({
    dht: kadDHT({
      protocol: PROTOCOL,
      clientMode: false,
      peerInfoMapper: passthroughMapper,
      initialQuerySelfInterval: 1_000_000,
    }),
  })

/** A node whose server side is ours. */
async function startOurServer(onRequest: InboundStreamsInit['onRequest']): Promise<Libp2p<Client>> {
  const node = await startClient()
  const inbound = new InboundStreams({ clock: new TestClock(), onRequest })
  await node.services.parts.registrar.handle(PROTOCOL, (stream, connection) =>
    inbound.onStream(stream, connection),
  )
  return node
}

afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.stop()))
})

function message(type: WireMessage['type'], parts: Partial<WireMessage> = {}): Uint8Array {
  const none = { keyBytes: new Uint8Array(0), record: null, closer: [], providers: [] }
  return encodeMessage({ ...none, type, ...parts })
}

const kadStreams = (connection: Connection | undefined): Stream[] =>
  (connection?.streams ?? []).filter(({ protocol }) => protocol === PROTOCOL)

const timed = (): { signal: AbortSignal; dialTimeoutMs: number } => ({
  signal: AbortSignal.timeout(5_000),
  dialTimeoutMs: 5_000,
})

describe('against a server of @libp2p/kad-dht', () => {
  let server: Libp2p
  let client: Libp2p<Client>
  let clock: TestClock
  let pool: StreamPool

  beforeEach(async () => {
    ;[server, client] = await Promise.all([startKadServer(), startClient()])
    clock = new TestClock()
    pool = new StreamPool({
      connectionManager: client.services.parts.connectionManager,
      protocol: PROTOCOL,
      clock,
    })
  })

  const ask = (bytes: Uint8Array): Promise<WireMessage> =>
    pool
      .request(server.peerId, bytes, { ...timed(), addresses: server.getMultiaddrs() })
      .then((answer) => decodeMessage(answer.bytes))

  const findServer = (): Promise<WireMessage> =>
    ask(message('findNode', { keyBytes: server.peerId.toMultihash().bytes }))

  const findClient = (): Promise<WireMessage> =>
    ask(message('findNode', { keyBytes: client.peerId.toMultihash().bytes }))

  test('three requests after one another and three at once go over one stream', async () => {
    for (let i = 0; i < 3; i++) expect((await findClient()).type).toBe('findNode')
    const answers = await Promise.all([findServer(), findClient(), ask(message('ping'))])
    expect(answers.map(({ type }) => type)).toEqual(['findNode', 'findNode', 'ping'])
    const [own] = answers
    expect(
      own?.closer.some(({ id }) => String(id) === String(server.peerId.toMultihash().bytes)),
    ).toBe(true)
    const connections = client.getConnections(server.peerId)
    expect(connections.map((connection) => kadStreams(connection).length)).toEqual([1])
  })

  test('a provider announced ahead of a request is stored when the answer is there', async () => {
    const keyBytes = Uint8Array.from([0x12, 0x20, ...new Array(32).fill(7)])
    const self = {
      id: client.peerId.toMultihash().bytes,
      multiaddrs: client.getMultiaddrs().map(({ bytes }) => bytes),
      connection: 0 as const,
    }
    const announce = message('addProvider', { keyBytes, providers: [self] })
    const told = pool.announce(server.peerId, announce, {
      ...timed(),
      addresses: server.getMultiaddrs(),
    })
    await findClient()
    await told
    const { providers } = await ask(message('getProviders', { keyBytes }))
    expect(providers.map(({ id }) => String(id))).toEqual([String(self.id)])
  })

  test('an announcement alone is told to be done, though it resets a stream at its end', async () => {
    const keyBytes = Uint8Array.from([0x12, 0x20, ...new Array(32).fill(8)])
    const id = client.peerId.toMultihash().bytes
    const self = {
      id,
      multiaddrs: [multiaddr('/ip4/127.0.0.1/tcp/1').bytes],
      connection: 0 as const,
    }
    const options = { ...timed(), addresses: server.getMultiaddrs() }
    const announce = message('addProvider', { keyBytes, providers: [self] })
    expect(await pool.announce(server.peerId, announce, options)).toBeNull()
    expect((await ask(message('getProviders', { keyBytes }))).providers).toHaveLength(1)
  })

  test('what it can not bear fails, and the next request goes well', async () => {
    await findClient()
    const rubbish = ask(Uint8Array.of(0x12, 0x7f))
    await expect(rubbish).rejects.toMatchObject({ reason: 'reset' })
    expect((await findClient()).type).toBe('findNode')
  })

  test('idle streams are closed before it would reset them', async () => {
    await findClient()
    const [connection] = client.getConnections(server.peerId)
    clock.skip(7_000)
    expect(kadStreams(connection)).toHaveLength(1)
    clock.skip(1_100)
    expect(kadStreams(connection)).toEqual([])
    const [theirs] = server.getConnections(client.peerId)
    await vi.waitFor(() => expect(kadStreams(theirs)).toEqual([]), 10_000)
    expect(connection?.status).toBe('open')
  })

  test('a protocol that it does not speak, and an address where nobody is', async () => {
    const { connectionManager } = client.services.parts
    const other = new StreamPool({ connectionManager, protocol: '/other/kad', clock })
    const bytes = message('ping')
    const here = { ...timed(), addresses: server.getMultiaddrs() }
    const unsupported = other.request(server.peerId, bytes, here)
    await expect(unsupported).rejects.toMatchObject({ reason: 'unsupported' })
    await client.hangUp(server.peerId)
    const nowhere = { ...timed(), addresses: [multiaddr('/ip4/127.0.0.1/tcp/1')] }
    const failed = pool
      .request(server.peerId, bytes, nowhere)
      .catch((error: RequestError) => error.reason)
    expect(await failed).toBe('dial')
  })
})

test('idle streams never keep a connection that libp2p wants to prune', async () => {
  const servers = await Promise.all(
    Array.from({ length: 4 }, () => startOurServer((_, bytes, exchange) => exchange.reply(bytes))),
  )
  const client = await startClient(2)
  const { connectionManager } = client.services.parts
  const pool = new StreamPool({ connectionManager, protocol: PROTOCOL, clock: new TestClock() })
  client.addEventListener('connection:open', () => pool.releaseIdle())
  for (const server of servers)
    await pool.request(server.peerId, Uint8Array.of(1), {
      ...timed(),
      addresses: server.getMultiaddrs(),
    })
  await vi.waitFor(() => expect(client.getConnections()).toHaveLength(2), 10_000)
})

describe('our server', () => {
  test('answers a client of @libp2p/kad-dht', async () => {
    const asked: string[] = []
    const server = await startOurServer((_, bytes, exchange) => {
      const { type, keyBytes } = decodeMessage(bytes)
      asked.push(type)
      exchange.reply(message(type, { keyBytes }))
    })
    const client = await start({
      dht: kadDHT({
        protocol: PROTOCOL,
        allowQueryWithZeroPeers: true,
        peerInfoMapper: passthroughMapper,
      }),
    })
    await client.dial(server.getMultiaddrs())
    const { routingTable } = client.services.dht as unknown as { routingTable: { size: number } }
    await vi.waitFor(() => expect(routingTable.size).toBe(1), 10_000)
    const found: string[] = []
    const events = client.services.dht.getClosestPeers(Uint8Array.of(1), {
      signal: AbortSignal.timeout(5_000),
    })
    for await (const event of events) {
      if (event.name === 'PEER_RESPONSE') found.push(event.messageName)
    }
    expect(found).toEqual(['FIND_NODE'])
    expect(asked).toContain('findNode')
  })

  test('gives long answers to many requests at once, to the last byte and in order', async () => {
    const server = await startOurServer((_, bytes, exchange) => {
      exchange.reply(new Uint8Array(60_000).fill(bytes[0] as number))
    })
    const client = await startClient()
    const { connectionManager } = client.services.parts
    const pool = new StreamPool({ connectionManager, protocol: PROTOCOL, clock: new TestClock() })
    const options = { ...timed(), addresses: server.getMultiaddrs() }
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, n) => pool.request(server.peerId, Uint8Array.of(n), options)),
    )
    answers.forEach(({ bytes }, n) => {
      expect(bytes).toHaveLength(60_000)
      expect(bytes.every((byte) => byte === n)).toBe(true)
    })
  })

  test('outlives a peer that sends half a request and one that leaves in an answer', async () => {
    const waiting: (() => void)[] = []
    const server = await startOurServer((_, bytes, exchange) => {
      if (bytes[0] === 1) waiting.push(() => exchange.reply(new Uint8Array(1_000_000)))
      else exchange.reply(bytes)
    })
    const client = await startClient()
    const connection = await client.dial(server.getMultiaddrs())
    const half = await connection.newStream(PROTOCOL)
    half.send(Uint8Array.of(100, 1, 2))
    await half.close()
    await vi.waitFor(() => expect(half.status).toBe('reset'), 10_000)
    const leaving = await connection.newStream(PROTOCOL)
    leaving.send(frame(Uint8Array.of(1)))
    await vi.waitFor(() => expect(waiting).toHaveLength(1), 10_000)
    waiting[0]?.()
    leaving.abort(new Error('leaves'))
    const { connectionManager } = client.services.parts
    const pool = new StreamPool({ connectionManager, protocol: PROTOCOL, clock: new TestClock() })
    const answer = await pool.request(server.peerId, Uint8Array.of(7), timed())
    expect(answer.bytes).toEqual(Uint8Array.of(7))
  })
})
