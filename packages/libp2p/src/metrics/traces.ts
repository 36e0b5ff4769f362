/**
 * Spans, through `traceFunction` of the libp2p component `metrics`: one for each operation and one for each
 * request to a peer, by the names of `@libp2p/kad-dht`. The `trace` of a caller's options is the parent of
 * its operation, the operation that of its requests.
 */
import type { OperationType } from '@kadmium/core'
import type { Metrics, PeerId, RoutingOptions, TraceAttributes } from '@libp2p/interface'
import type { QueryEvent } from '../events.ts'

/** An operation in the form that can be traced: the options last. */
export type TracedQuery = (
  keyBytes: Uint8Array,
  options: RoutingOptions,
) => AsyncGenerator<QueryEvent, void, undefined>

const SPANS: Record<OperationType, string> = {
  getClosest: 'libp2p.kadDHT.getClosestPeers',
  findPeer: 'libp2p.kadDHT.findPeer',
  getValue: 'libp2p.kadDHT.get',
  putValue: 'libp2p.kadDHT.put',
  findProviders: 'libp2p.kadDHT.findProviders',
  provide: 'libp2p.kadDHT.provide',
}

export function traceQuery(metrics: Metrics, type: OperationType, query: TracedQuery): TracedQuery {
  return metrics.traceFunction(SPANS[type], query, {
    optionsIndex: 1,
    getAttributesFromYieldedValue: (event, attributes) => {
      if (type === 'findProviders' && event.name === 'PROVIDER') {
        addPeers(attributes, ...event.providers.map(({ id }) => id))
      } else if (
        type === 'provide' &&
        event.name === 'PEER_RESPONSE' &&
        event.messageType === 'ADD_PROVIDER'
      ) {
        addPeers(attributes, event.from)
      }
      return attributes
    },
  })
}

/** Sends a request within a span. ADD_PROVIDER, which has no answer, has a name of its own as with theirs. */
export function traceRequest<T>(
  metrics: Metrics,
  to: PeerId,
  type: string,
  trace: unknown,
  send: () => Promise<T>,
): Promise<T> {
  const name = type === 'ADD_PROVIDER' ? 'sendMessage' : 'sendRequest'
  const traced = metrics.traceFunction(
    `libp2p.kadDHT.${name}`,
    (_to: PeerId, _type: string, _options: { trace?: unknown }): Promise<T> => send(),
    {
      optionsIndex: 2,
      getAttributesFromArgs: ([peer, message], attributes) => ({
        ...attributes,
        to: peer.toString(),
        'message type': message,
      }),
    },
  )
  return traced(to, type, { trace })
}

/** Under the name that theirs has, in both cases. */
function addPeers(attributes: TraceAttributes, ...peers: PeerId[]): void {
  const { providers } = attributes
  const known = Array.isArray(providers) ? providers.map(String) : []
  attributes.providers = [...known, ...peers.map(String)]
}
