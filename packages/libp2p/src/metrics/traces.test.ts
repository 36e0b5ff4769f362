import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Metrics, RoutingOptions, TraceAttributes } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { describe, expect, test } from 'vitest'
import { MessageType, peerResponseEvent, providerEvent, type QueryEvent } from '../events.ts'
import { traceQuery, traceRequest } from './traces.ts'

const peer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
const path = { index: 0, queued: 0, running: 0, total: 0 }
const KEY = Uint8Array.of(1)

interface Span {
  name: string
  parent: unknown
  attributes: TraceAttributes
}

interface SpanOptions {
  optionsIndex: number
  getAttributesFromArgs?: (args: unknown[], attributes: TraceAttributes) => TraceAttributes
  getAttributesFromYieldedValue?: (event: unknown, attributes: TraceAttributes) => TraceAttributes
}

/** The part of `metrics` that traces: the span that a function runs in is the `trace` of its options. */
function tracer(): { spans: Span[]; metrics: Metrics } {
  const spans: Span[] = []
  const traceFunction =
    (name: string, run: (...args: unknown[]) => unknown, options: SpanOptions) =>
    (...args: unknown[]): unknown => {
      const own = args[options.optionsIndex] as RoutingOptions
      const span: Span = { name, parent: own.trace, attributes: {} }
      spans.push(span)
      span.attributes = options.getAttributesFromArgs?.(args, {}) ?? {}
      const within = args.with(options.optionsIndex, { ...own, trace: span })
      const result = run(...within)
      return Symbol.asyncIterator in Object(result)
        ? noting(result as AsyncIterable<unknown>, (event) => {
            options.getAttributesFromYieldedValue?.(event, span.attributes)
          })
        : result
    }
  return { spans, metrics: { traceFunction } as unknown as Metrics }
}

async function* noting<T>(source: AsyncIterable<T>, note: (value: T) => void): AsyncGenerator<T> {
  for await (const value of source) {
    note(value)
    yield value
  }
}

async function read(source: AsyncIterable<QueryEvent>): Promise<QueryEvent[]> {
  const events: QueryEvent[] = []
  for await (const event of source) events.push(event)
  return events
}

describe('an operation', () => {
  const PROVIDERS = [
    providerEvent({ from: peer, providers: [{ id: peer, multiaddrs: [] }], path }),
    providerEvent({ from: peer, providers: [{ id: peer, multiaddrs: [] }], path }),
  ]
  const STORED = [peerResponseEvent({ from: peer, messageType: MessageType.ADD_PROVIDER, path })]

  test.each([
    ['getValue', 'get', [], {}],
    ['putValue', 'put', [], {}],
    ['findPeer', 'findPeer', [], {}],
    ['getClosest', 'getClosestPeers', STORED, {}],
    ['findProviders', 'findProviders', PROVIDERS, { providers: [`${peer}`, `${peer}`] }],
    ['provide', 'provide', STORED, { providers: [`${peer}`] }],
  ] as const)('%s is a span libp2p.kadDHT.%s', async (type, name, events, attributes) => {
    const { spans, metrics } = tracer()
    let within: RoutingOptions = {}
    const query = traceQuery(metrics, type, async function* (_, options) {
      within = options
      yield* events
    })
    const onProgress = (): void => {}
    expect(await read(query(KEY, { trace: 'of the caller', onProgress }))).toEqual(events)
    expect(spans).toEqual([{ name: `libp2p.kadDHT.${name}`, parent: 'of the caller', attributes }])
    expect(within.trace).toBe(spans[0])
    expect(within.onProgress).toBe(onProgress)
  })
})

test.each([
  ['FIND_NODE', 'sendRequest'],
  ['ADD_PROVIDER', 'sendMessage'],
])('a request %s is a span libp2p.kadDHT.%s of its operation', async (type, name) => {
  const { spans, metrics } = tracer()
  expect(await traceRequest(metrics, peer, type, 'of the operation', async () => 7)).toBe(7)
  const attributes = { to: `${peer}`, 'message type': type }
  expect(spans).toEqual([{ name: `libp2p.kadDHT.${name}`, parent: 'of the operation', attributes }])
})
