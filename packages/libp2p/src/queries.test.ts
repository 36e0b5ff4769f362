import {
  type FailureReason,
  type Input,
  Message,
  type MessageType,
  NO_PEER,
  type OperationEvent,
  type OperationOutcome,
  type PeerRef,
  type StartOperation,
} from '@kadmium/core'
import { Notes } from '@kadmium/testkit'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Logger, Peer, PeerId, RoutingOptions } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, test, vi } from 'vitest'
import type { QueryEvent } from './events.ts'
import { type Ask, Queries } from './queries.ts'

const id = async (): Promise<PeerId> => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
const SELF = 0
const [self, alice, bob, carol] = [await id(), await id(), await id(), await id()]
const PEERS = [self, alice, bob, carol]
const [ALICE, BOB, CAROL] = [1, 2, 3]
/** Has no peer id any more. */
const GONE = 9
const ADDRESS = multiaddr('/ip4/8.8.8.8/tcp/4001')
const KEY = Uint8Array.of(7)
const VALUE = Uint8Array.of(1, 2, 3)

const GET: Ask = { type: 'getValue', keyBytes: KEY }
const CLOSEST: Ask = { type: 'getClosest', keyBytes: KEY }
const PROVIDERS: Ask = { type: 'findProviders', keyBytes: KEY, countMax: 20 }

/** An event without its peers' details, as text: name, path, and what is special to it. */
function textOf(event: QueryEvent): string {
  const { index, queued, running, total } = event.path
  return `${event.name} ${index} ${queued}/${running}/${total}`
}

/** Queries whose core is the test. */
class Rig {
  readonly given: Input[] = []
  /** Name of the log, format and arguments of each line. */
  readonly lines: unknown[][] = []
  isWriting = true
  readonly connected = new Set<PeerId>()
  /** Libp2p's peer store. */
  readPeer: () => Promise<Peer> = () => Promise.reject(new Error('not there'))
  readonly queries: Queries

  constructor() {
    const peerId = (ref: PeerRef): PeerId | null => PEERS[ref] ?? null
    this.queries = new Queries({
      directory: {
        self: SELF,
        peerId,
        find: (sought) => PEERS.findIndex((peer) => peer.equals(sought)),
        internId: (sought) => PEERS.findIndex((peer) => peer.equals(sought)),
        info: (ref) => {
          const peer = peerId(ref)
          return peer === null ? null : { id: peer, multiaddrs: [ADDRESS] }
        },
      },
      self,
      peerStore: { get: () => this.readPeer() },
      logger: { forComponent: (name) => this.loggerOf(name) },
      logPrefix: 'test',
      dispatch: (input) => this.given.push(input),
      isConnected: (peer) => this.connected.has(peer),
      faultOf: async () => new Error('no greeting'),
    })
  }

  /** Begins a query, which the core gets to hear of once it is read. */
  run(ask: Ask, options: RoutingOptions = {}): Running {
    return new Running(this, this.queries.run(ask, options))
  }

  private loggerOf(name: string): Logger {
    const log = new Notes().forComponent(name)
    const write = (...line: unknown[]): number => this.lines.push([name, ...line])
    const rest = { error: log.error, trace: log.trace, newScope: () => log, enabled: false }
    return Object.defineProperty(Object.assign(write, rest), 'enabled', {
      get: () => this.isWriting,
    })
  }

  get started(): StartOperation[] {
    return this.given.filter((input) => input.kind === 'startOperation')
  }

  get cancelled(): number[] {
    return this.given.flatMap((input) =>
      input.kind === 'cancelOperation' ? [input.operation] : [],
    )
  }
}

/** A query that is being read, for the test to tell what happens. */
class Running {
  readonly events: QueryEvent[] = []
  readonly operation: number
  /** Resolves to the error that ended it, if one did. */
  readonly ended: Promise<unknown>
  private readonly rig: Rig

  constructor(rig: Rig, source: AsyncGenerator<QueryEvent, void, undefined>) {
    this.rig = rig
    this.ended = this.read(source).then(
      () => undefined,
      (error: unknown) => error,
    )
    this.operation = rig.started.at(-1)?.operation ?? -1
  }

  get texts(): string[] {
    return this.events.map(textOf)
  }

  tell(event: { kind: OperationEvent['kind'] } & Record<string, unknown>): void {
    const { operation } = this
    this.rig.queries.handle({ operation, ...event } as unknown as OperationEvent)
  }

  asking(peer: PeerRef, type: MessageType = 'getValue'): void {
    this.tell({ kind: 'asking', peer, message: new Message().clear(type) })
  }

  answered(peer: PeerRef, ...closer: PeerRef[]): void {
    const message = new Message().clear('getValue')
    for (const ref of closer) message.addCloser(ref)
    this.tell({ kind: 'answered', peer, message })
  }

  failed(peer: PeerRef, reason: FailureReason): void {
    this.tell({ kind: 'peerFailed', peer, reason })
  }

  found(kind: 'closestFound' | 'providersFound', peer: PeerRef, ...refs: PeerRef[]): void {
    const message = new Message().clear('getProviders')
    for (const ref of refs) {
      if (kind === 'closestFound') message.addCloser(ref)
      else message.addProvider(ref)
    }
    this.tell({ kind, peer, message })
  }

  end(outcome: OperationOutcome): Promise<unknown> {
    this.tell({ kind: 'operationEnded', outcome, stored: 0, wanted: 0 })
    return this.ended
  }

  private async read(source: AsyncIterable<QueryEvent>): Promise<void> {
    for await (const event of source) this.events.push(event)
  }
}

describe('what a query yields', () => {
  test('a walk: dialled, asked, answered, failed, its end, then the value', async () => {
    const rig = new Rig()
    rig.connected.add(bob)
    const query = rig.run(GET)
    expect(rig.started).toMatchObject([{ type: 'getValue', keyBytes: KEY, peer: NO_PEER }])
    query.asking(ALICE)
    query.asking(BOB)
    query.answered(ALICE, BOB, CAROL, SELF)
    query.failed(BOB, 'timeout')
    query.tell({ kind: 'valueFound', peer: ALICE, record: VALUE })
    expect(await query.end('ok')).toBeUndefined()
    expect(query.texts).toEqual([
      'DIAL_PEER 0 0/1/1',
      'SEND_QUERY 0 0/1/1',
      'SEND_QUERY 0 0/2/2',
      'PEER_RESPONSE 0 1/1/2',
      'QUERY_ERROR 0 1/0/1',
      'PATH_ENDED 0 0/0/0',
      'VALUE 0 0/0/0',
    ])
    expect(query.events.at(3)).toMatchObject({ from: alice, messageName: 'GET_VALUE' })
    expect(query.events.at(-1)).toMatchObject({ from: alice, value: VALUE })
    expect(rig.cancelled).toEqual([])
  })

  test('the nearest peers, with addresses, after the end of the walk', async () => {
    const query = new Rig().run(CLOSEST)
    query.asking(BOB, 'findNode')
    query.answered(BOB)
    query.found('closestFound', NO_PEER, BOB, CAROL, GONE)
    await query.end('ok')
    expect(query.texts.slice(3)).toEqual([
      'PATH_ENDED 0 0/0/0',
      'FINAL_PEER 0 0/0/0',
      'FINAL_PEER 0 0/0/0',
    ])
    expect(query.events.slice(4)).toMatchObject([
      { from: self, peer: { id: bob, multiaddrs: [ADDRESS] } },
      { from: self, peer: { id: carol, multiaddrs: [ADDRESS] } },
    ])
  })

  test('what we have ourselves, with the path of nobody and without an end of a walk', async () => {
    const rig = new Rig()
    const get = rig.run(GET)
    get.tell({ kind: 'valueFound', peer: NO_PEER, record: VALUE })
    await get.end('ok')
    expect(get.texts).toEqual(['VALUE -1 0/0/0'])
    expect(get.events).toMatchObject([{ from: self }])
    const find = rig.run({ type: 'findPeer', keyBytes: KEY, sought: carol })
    expect(rig.started.at(-1)).toMatchObject({ type: 'findPeer', peer: CAROL })
    find.tell({ kind: 'peerFound', from: NO_PEER, peer: CAROL })
    await find.end('ok')
    expect(find.texts).toEqual(['FINAL_PEER -1 0/0/0'])
    const providers = rig.run(PROVIDERS)
    providers.found('providersFound', NO_PEER, BOB)
    await providers.end('ok')
    expect(providers.texts).toEqual(['PEER_RESPONSE -1 0/0/0', 'PROVIDER -1 0/0/0'])
    for (const event of providers.events) {
      expect(event).toMatchObject({ from: self, providers: [{ id: bob }] })
    }
  })

  test('providers that a peer named, and the peer that was looked for, within the walk', async () => {
    const rig = new Rig()
    const query = rig.run(PROVIDERS)
    query.asking(ALICE, 'getProviders')
    query.found('providersFound', ALICE, BOB, CAROL)
    await query.end('ok')
    expect(query.texts.slice(2)).toEqual(['PROVIDER 0 0/1/1', 'PATH_ENDED 0 0/0/0'])
    const find = rig.run({ type: 'findPeer', keyBytes: KEY, peer: CAROL })
    find.asking(ALICE, 'findNode')
    find.tell({ kind: 'peerFound', from: ALICE, peer: CAROL })
    await find.end('ok')
    expect(find.events.slice(2)).toMatchObject([
      { name: 'FINAL_PEER', from: alice, peer: { id: carol } },
      { name: 'PATH_ENDED' },
    ])
  })

  test('goes to onProgress as well, each once and in that order', async () => {
    const progress: { type: string; detail: QueryEvent }[] = []
    const onProgress = (event: { type: string; detail?: unknown }): void => {
      progress.push({ type: event.type, detail: event.detail as QueryEvent })
    }
    const rig = new Rig()
    const query = rig.run(PROVIDERS, { onProgress })
    query.asking(ALICE)
    query.answered(ALICE, BOB)
    query.failed(BOB, 'dial')
    query.found('providersFound', ALICE, BOB)
    query.tell({ kind: 'peerFound', from: ALICE, peer: BOB })
    query.tell({ kind: 'valueFound', peer: ALICE, record: VALUE })
    await query.end('ok')
    expect(progress.map(({ detail }) => detail)).toEqual(query.events)
    expect(progress.map(({ type }) => type)).toEqual(
      ['dial-peer', 'send-query', 'peer-response', 'query-error', 'provider', 'final-peer']
        .concat('path-ended', 'value')
        .map((name) => `kad-dht:query:${name}`),
    )
  })

  test('an onProgress that throws ends its own query, with that error', async () => {
    const rig = new Rig()
    const error = new Error('of the caller')
    const other = rig.run(GET)
    const query = rig.run(GET, {
      onProgress: () => {
        throw error
      },
    })
    query.asking(ALICE)
    expect(await query.ended).toBe(error)
    expect(rig.cancelled).toEqual([query.operation])
    await other.end('ok')
    expect(await other.ended).toBeUndefined()
  })
})

describe('errors', () => {
  test.each([
    ['dial', 'DialError'],
    ['timeout', 'TimeoutError'],
    ['reset', 'StreamResetError'],
    ['unsupported', 'UnsupportedProtocolError'],
    ['malformed', 'InvalidMessageError'],
    ['cancelled', 'AbortError'],
  ] as const)('a peer that fails by %s is a %s', async (reason, name) => {
    const query = new Rig().run(GET)
    query.asking(ALICE)
    query.failed(ALICE, reason)
    await query.end('ok')
    const failed = query.events.find((event) => event.name === 'QUERY_ERROR')
    expect(failed?.error).toMatchObject({ name, message: expect.stringContaining(`${alice}`) })
  })

  test.each<[Ask['type'], OperationOutcome, string | undefined]>([
    ['getValue', 'ok', undefined],
    ['getValue', 'notFound', 'NotFoundError'],
    ['getValue', 'noPeers', 'QueryError'],
    ['findPeer', 'notFound', 'NotFoundError'],
    ['findProviders', 'notFound', undefined],
    ['findProviders', 'noPeers', undefined],
    ['getClosest', 'noPeers', undefined],
    ['putValue', 'partial', undefined],
    ['putValue', 'invalid', 'QueryError'],
    ['putValue', 'older', 'QueryError'],
    ['putValue', 'size', 'QueryError'],
    ['putValue', 'unwritten', 'QueryError'],
    ['provide', 'busy', 'QueryError'],
    ['provide', 'cancelled', 'AbortError'],
  ])('%s that ends as %s throws %s', async (type, outcome, name) => {
    const error = await new Rig().run({ type, keyBytes: KEY }).end(outcome)
    expect(error instanceof Error ? error.name : error).toBe(name)
  })
})

test('a put of a value that is not valid says what the validator said', async () => {
  const put = new Rig().run({ type: 'putValue', keyBytes: KEY, value: KEY })
  expect(await put.end('invalid')).toMatchObject({
    name: 'QueryError',
    message: 'The record is not valid for its key: no greeting',
    cause: { message: 'no greeting' },
  })
})

describe('the end of reading', () => {
  test('by a break cancels the operation once', async () => {
    const rig = new Rig()
    const source = rig.queries.run(GET, {})
    const read = (async () => {
      for await (const _ of source) break
    })()
    const { operation } = rig.started[0] as StartOperation
    const told = new Message().clear('getValue')
    rig.queries.handle({ kind: 'asking', operation, peer: ALICE, message: told })
    await read
    await source.return()
    expect(rig.cancelled).toEqual([operation])
    // What comes late is of no interest.
    rig.queries.handle({ kind: 'operationEnded', operation, outcome: 'ok', stored: 0, wanted: 0 })
    expect(rig.cancelled).toEqual([operation])
  })

  test('by a signal throws its reason and cancels the operation once', async () => {
    const rig = new Rig()
    const controller = new AbortController()
    const query = rig.run(GET, { signal: controller.signal })
    const reason = new Error('enough')
    controller.abort(reason)
    expect(await query.ended).toBe(reason)
    expect(rig.cancelled).toEqual([query.operation])
    expect(query.events).toEqual([])
  })

  test('a signal aborted before begins nothing, one aborted after changes nothing', async () => {
    const rig = new Rig()
    expect(await rig.run(GET, { signal: AbortSignal.abort() }).ended).toMatchObject({
      name: 'AbortError',
    })
    expect(rig.given).toEqual([])
    const controller = new AbortController()
    const query = rig.run(GET, { signal: controller.signal })
    expect(await query.end('ok')).toBeUndefined()
    controller.abort()
    expect(rig.cancelled).toEqual([])
  })

  test('by a stop of the service throws, and tells the core nothing', async () => {
    const rig = new Rig()
    const queries = [rig.run(GET), rig.run(CLOSEST)]
    queries[0]?.asking(ALICE)
    rig.queries.stop()
    for (const { ended } of queries) expect(await ended).toMatchObject({ name: 'AbortError' })
    expect(queries[0]?.texts).toEqual(['DIAL_PEER 0 0/1/1', 'SEND_QUERY 0 0/1/1'])
    expect(rig.cancelled).toEqual([])
  })

  test('a query that is never read is never begun', async () => {
    const rig = new Rig()
    await rig.queries.run(GET, {}).return()
    expect(rig.given).toEqual([])
  })
})

test('events of operations that are over or unknown, and of peers that are gone, are no-ops', async () => {
  const rig = new Rig()
  const query = rig.run(GET)
  query.asking(GONE)
  query.answered(GONE, ALICE)
  query.failed(GONE, 'reset')
  expect(await query.end('notFound')).toMatchObject({ name: 'NotFoundError' })
  expect(query.events).toEqual([])
  query.asking(ALICE)
  await query.end('ok')
  query.tell({ kind: 'asking', operation: 99, peer: ALICE, message: new Message() })
  expect(query.events).toEqual([])
  expect(rig.queries.traceOf(99)).toBeUndefined()
})

test('logs tell what begins and how it ends, under the names of kad-dht, where they are on', async () => {
  const rig = new Rig()
  await rig.run(GET).end('ok')
  await rig.run(PROVIDERS).end('notFound')
  await rig.run(CLOSEST).end('ok')
  expect(rig.lines).toEqual([
    ['test:content-fetching', '%s %b begins', 'get', KEY],
    ['test:content-fetching', '%s %b ended: %s', 'get', KEY, 'ok'],
    ['test:content-routing', '%s %b begins', 'findProviders', KEY],
    ['test:content-routing', '%s %b ended: %s', 'findProviders', KEY, 'notFound'],
    ['test:peer-routing', '%s %b begins', 'getClosestPeers', KEY],
    ['test:peer-routing', '%s %b ended: %s', 'getClosestPeers', KEY, 'ok'],
  ])
  rig.isWriting = false
  await rig.run(GET).end('ok')
  expect(rig.lines).toHaveLength(6)
})

test('operations have ids of their own, and the trace that they were asked for with', async () => {
  const rig = new Rig()
  const first = rig.run(GET, { trace: 'a span' })
  const second = rig.run(GET)
  expect(first.operation).toBeGreaterThan(0)
  expect(second.operation).not.toBe(first.operation)
  expect(rig.queries.traceOf(first.operation)).toBe('a span')
  await Promise.all([first.end('ok'), second.end('ok')])
  expect(rig.queries.traceOf(first.operation)).toBeUndefined()
})

describe('a search for a peer here', () => {
  const find = (sought: PeerId): Ask => ({ type: 'findPeer', keyBytes: KEY, sought })
  const here: RoutingOptions = { useNetwork: false }

  test('asks no core, is logged, and ends', async () => {
    const rig = new Rig()
    const query = rig.run(find(carol), here)
    expect(await query.ended).toBeUndefined()
    expect(query.texts).toEqual(['FINAL_PEER -1 0/0/0'])
    expect(rig.given).toEqual([])
    const words = rig.lines.map(([name, format]) => [name, format])
    expect(words).toEqual([
      ['test:peer-routing', '%s %b begins'],
      ['test:peer-routing', '%s %b ended: %s'],
    ])
  })

  test('of one whom nobody knows ends so', async () => {
    const query = new Rig().run(find(await id()), here)
    expect(await query.ended).toMatchObject({ name: 'NotFoundError' })
  })

  test('does not begin with a signal that is aborted, and ends with one', async () => {
    const rig = new Rig()
    rig.readPeer = () => new Promise(() => {})
    const signal = AbortSignal.abort(new Error('enough'))
    expect(await rig.run(find(carol), { ...here, signal }).ended).toMatchObject({
      message: 'enough',
    })
    const controller = new AbortController()
    const query = rig.run(find(await id()), { ...here, signal: controller.signal })
    controller.abort(new Error('no more'))
    expect(await query.ended).toMatchObject({ message: 'no more' })
  })

  test('ends when the service stops', async () => {
    const rig = new Rig()
    rig.readPeer = () => new Promise(() => {})
    const query = rig.run(find(await id()), here)
    rig.queries.stop()
    expect(await query.ended).toMatchObject({ name: 'AbortError' })
  })

  test('throws what the caller throws', async () => {
    const onProgress = (): void => {
      throw new Error('mine')
    }
    const query = new Rig().run(find(carol), { ...here, onProgress })
    expect(await query.ended).toMatchObject({ message: 'mine' })
  })
})

test('a peer that is connected is found without the core, unless nobody knows its addresses', async () => {
  const rig = new Rig()
  const stranger = await id()
  for (const peer of [carol, stranger]) rig.connected.add(peer)
  const query = rig.run({ type: 'findPeer', keyBytes: KEY, sought: carol })
  expect(await query.ended).toBeUndefined()
  expect(query.texts).toEqual(['FINAL_PEER -1 0/0/0'])
  expect(rig.given).toEqual([])
  const other = rig.run({ type: 'findPeer', keyBytes: KEY, sought: stranger })
  await vi.waitFor(() => expect(rig.started).toHaveLength(1), 10_000)
  rig.queries.stop()
  expect(await other.ended).toMatchObject({ name: 'AbortError' })
})
