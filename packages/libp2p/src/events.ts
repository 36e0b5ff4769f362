/**
 * What a query tells its caller on the way: nine kinds of events, the same as those of
 * `@libp2p/kad-dht` in name, number and shape. Each has a constructor, which also hands the event to
 * `onProgress` of the caller's options as `kad-dht:query:<name-in-kebab-case>`.
 */
import type { PeerId, PeerInfo } from '@libp2p/interface'
import type { ProgressEvent, ProgressOptions } from 'progress-events'
import { MessageType } from './wire/dht.ts'

export { MessageType }

/** The six RPCs of the protocol by name, the members of `MessageType`: `PUT_VALUE`, `GET_VALUE`, `ADD_PROVIDER`, `GET_PROVIDERS`, `FIND_NODE`, `PING`. */
export type MessageName = keyof typeof MessageType

/** The kinds of query events by name, and their names by number. */
export const EventTypes: {
  /** A request goes to a peer. */
  readonly SEND_QUERY: 0
  /** A peer answered. */
  readonly PEER_RESPONSE: 1
  /** A peer belongs to the result. */
  readonly FINAL_PEER: 2
  /** A peer failed. */
  readonly QUERY_ERROR: 3
  /** Providers were found. */
  readonly PROVIDER: 4
  /** The value was decided on. */
  readonly VALUE: 5
  /** A peer joins the candidates. */
  readonly ADD_PEER: 6
  /** A peer is dialled. */
  readonly DIAL_PEER: 7
  /** Nobody is left to ask on a path. */
  readonly PATH_ENDED: 8
  /** The name of a kind, by its number. */
  readonly [type: number]: string
} = Object.freeze({
  SEND_QUERY: 0,
  PEER_RESPONSE: 1,
  FINAL_PEER: 2,
  QUERY_ERROR: 3,
  PROVIDER: 4,
  VALUE: 5,
  ADD_PEER: 6,
  DIAL_PEER: 7,
  PATH_ENDED: 8,
  0: 'SEND_QUERY',
  1: 'PEER_RESPONSE',
  2: 'FINAL_PEER',
  3: 'QUERY_ERROR',
  4: 'PROVIDER',
  5: 'VALUE',
  6: 'ADD_PEER',
  7: 'DIAL_PEER',
  8: 'PATH_ENDED',
})

/** The numbers of the kinds of query events. */
export type EventTypes = QueryEvent['type']

/** `EventTypes.VALUE` can stand where a type is wanted, as a member of an enum can. */
export declare namespace EventTypes {
  /** A request goes to a peer. */
  export type SEND_QUERY = 0
  /** A peer answered. */
  export type PEER_RESPONSE = 1
  /** A peer belongs to the result. */
  export type FINAL_PEER = 2
  /** A peer failed. */
  export type QUERY_ERROR = 3
  /** Providers were found. */
  export type PROVIDER = 4
  /** The value was decided on. */
  export type VALUE = 5
  /** A peer joins the candidates. */
  export type ADD_PEER = 6
  /** A peer is dialled. */
  export type DIAL_PEER = 7
  /** Nobody is left to ask on a path. */
  export type PATH_ENDED = 8
}

/** A record as it came from a peer. */
export interface DHTRecord {
  /** The key, such as `/pk/…`. */
  key: Uint8Array
  /** The value under it. */
  value: Uint8Array
  /** When the peer got it, by its own clock. */
  timeReceived?: Date
}

/** Where in a query an event belongs. Kadmium walks one path: index 0 of 1; -1 is our own store. */
export interface DisjointPath {
  /** Which path, 0 or more; -1: our own store. */
  index: number
  /** Peers that were named and not asked: not yet, or never, if nearer ones answer. */
  queued: number
  /** Requests that are not answered yet. */
  running: number
  /** Both together. */
  total: number
}

/** A request goes to a peer. */
export interface SendQueryEvent {
  /** Who is asked. */
  to: PeerId
  /** Which kind of event, as a number: 0. */
  type: EventTypes.SEND_QUERY
  /** Which kind of event, by name. */
  name: 'SEND_QUERY'
  /** The RPC, by name. */
  messageName: MessageName
  /** The RPC, as the enum has it: the same text. */
  messageType: MessageType
  /** Where in the query it belongs. */
  path: DisjointPath
}

/** A peer answered. What the answer amounts to may follow as an event of its own. */
export interface PeerResponseEvent {
  /** Who answered. */
  from: PeerId
  /** Which kind of event, as a number: 1. */
  type: EventTypes.PEER_RESPONSE
  /** Which kind of event, by name. */
  name: 'PEER_RESPONSE'
  /** The RPC, by name. */
  messageName: MessageName
  /** The RPC, as the enum has it: the same text. */
  messageType: MessageType
  /** Peers that it named as nearer to the key, with their addresses; at most 40. */
  closer: PeerInfo[]
  /** Providers that it named, with their addresses; at most 128. */
  providers: PeerInfo[]
  /** The record, where it had one. Not judged yet. */
  record?: DHTRecord
  /** Where in the query it belongs. */
  path: DisjointPath
}

/** A peer that belongs to the result of `findPeer` or `getClosestPeers`. */
export interface FinalPeerEvent {
  /** The last that told of it. */
  from: PeerId
  /** The peer and its addresses. */
  peer: PeerInfo
  /** Which kind of event, as a number: 2. */
  type: EventTypes.FINAL_PEER
  /** Which kind of event, by name. */
  name: 'FINAL_PEER'
  /** Where in the query it belongs. */
  path: DisjointPath
}

/** One peer failed; the query goes on. */
export interface QueryErrorEvent {
  /** Who failed. */
  from: PeerId
  /** Which kind of event, as a number: 3. */
  type: EventTypes.QUERY_ERROR
  /** Which kind of event, by name. */
  name: 'QUERY_ERROR'
  /** What went wrong. */
  error: Error
  /** Where in the query it belongs. */
  path: DisjointPath
}

/** Providers that this query had not found before. */
export interface ProviderEvent {
  /** Who told of them; ourselves where they were in our own store. */
  from: PeerId
  /** Which kind of event, as a number: 4. */
  type: EventTypes.PROVIDER
  /** Which kind of event, by name. */
  name: 'PROVIDER'
  /** The providers, with the addresses that are known. */
  providers: PeerInfo[]
  /** Where in the query it belongs. */
  path: DisjointPath
}

/** The value that was decided on. */
export interface ValueEvent {
  /** Who had it; ourselves where it was in our own store. */
  from: PeerId
  /** Which kind of event, as a number: 5. */
  type: EventTypes.VALUE
  /** Which kind of event, by name. */
  name: 'VALUE'
  /** The value itself, out of its record; it passed the validator. */
  value: Uint8Array
  /** Where in the query it belongs. */
  path: DisjointPath
}

/**
 * A peer joins the candidates of the query. `@libp2p/kad-dht` 16 has the event and never makes one, and so
 * it is here: whom an answer names is in its `closer`.
 */
export interface AddPeerEvent {
  /** Which kind of event, as a number: 6. */
  type: EventTypes.ADD_PEER
  /** Which kind of event, by name. */
  name: 'ADD_PEER'
  /** Who joins. */
  peer: PeerId
  /** Where in the query it belongs. */
  path: DisjointPath
}

/** A peer that we have no connection to is dialled. */
export interface DialPeerEvent {
  /** Who is dialled. */
  peer: PeerId
  /** Which kind of event, as a number: 7. */
  type: EventTypes.DIAL_PEER
  /** Which kind of event, by name. */
  name: 'DIAL_PEER'
  /** Where in the query it belongs. */
  path: DisjointPath
}

/** Nobody is left to ask on a path. Comes once, before the value or the nearest peers, and not where nobody was asked. */
export interface PathEndedEvent {
  /** Which kind of event, as a number: 8. */
  type: EventTypes.PATH_ENDED
  /** Which kind of event, by name. */
  name: 'PATH_ENDED'
  /** Where in the query it belongs. */
  path: DisjointPath
}

/** Whatever a query tells its caller; `type` or `name` says which. */
export type QueryEvent =
  | SendQueryEvent
  | PeerResponseEvent
  | FinalPeerEvent
  | QueryErrorEvent
  | ProviderEvent
  | ValueEvent
  | AddPeerEvent
  | DialPeerEvent
  | PathEndedEvent

/** What `onProgress` of a query is called with; `detail` is the query event. */
export type DHTProgressEvents =
  | ProgressEvent<'kad-dht:query:send-query', SendQueryEvent>
  | ProgressEvent<'kad-dht:query:peer-response', PeerResponseEvent>
  | ProgressEvent<'kad-dht:query:final-peer', FinalPeerEvent>
  | ProgressEvent<'kad-dht:query:query-error', QueryErrorEvent>
  | ProgressEvent<'kad-dht:query:provider', ProviderEvent>
  | ProgressEvent<'kad-dht:query:value', ValueEvent>
  | ProgressEvent<'kad-dht:query:add-peer', AddPeerEvent>
  | ProgressEvent<'kad-dht:query:dial-peer', DialPeerEvent>

export function sendQueryEvent(
  fields: { to: PeerId; type: MessageType; path: DisjointPath },
  options: ProgressOptions = {},
): SendQueryEvent {
  const { to, type: messageType, path } = fields
  return report('send-query', options, {
    to,
    type: EventTypes.SEND_QUERY,
    name: 'SEND_QUERY',
    messageName: messageType,
    messageType,
    path,
  })
}

export function peerResponseEvent(
  fields: Pick<PeerResponseEvent, 'from' | 'messageType' | 'path'> &
    Partial<Pick<PeerResponseEvent, 'closer' | 'providers' | 'record'>>,
  options: ProgressOptions = {},
): PeerResponseEvent {
  const { closer = [], providers = [], ...rest } = fields
  return report('peer-response', options, {
    ...rest,
    type: EventTypes.PEER_RESPONSE,
    name: 'PEER_RESPONSE',
    messageName: fields.messageType,
    closer,
    providers,
  })
}

export function finalPeerEvent(
  fields: Pick<FinalPeerEvent, 'from' | 'peer' | 'path'>,
  options: ProgressOptions = {},
): FinalPeerEvent {
  return report('final-peer', options, {
    ...fields,
    type: EventTypes.FINAL_PEER,
    name: 'FINAL_PEER',
  })
}

export function queryErrorEvent(
  fields: Pick<QueryErrorEvent, 'from' | 'error' | 'path'>,
  options: ProgressOptions = {},
): QueryErrorEvent {
  return report('query-error', options, {
    ...fields,
    type: EventTypes.QUERY_ERROR,
    name: 'QUERY_ERROR',
  })
}

export function providerEvent(
  fields: Pick<ProviderEvent, 'from' | 'providers' | 'path'>,
  options: ProgressOptions = {},
): ProviderEvent {
  return report('provider', options, { ...fields, type: EventTypes.PROVIDER, name: 'PROVIDER' })
}

export function valueEvent(
  fields: Pick<ValueEvent, 'from' | 'value' | 'path'>,
  options: ProgressOptions = {},
): ValueEvent {
  return report('value', options, { ...fields, type: EventTypes.VALUE, name: 'VALUE' })
}

export function addPeerEvent(
  fields: Pick<AddPeerEvent, 'peer' | 'path'>,
  options: ProgressOptions = {},
): AddPeerEvent {
  return report('add-peer', options, { ...fields, type: EventTypes.ADD_PEER, name: 'ADD_PEER' })
}

export function dialPeerEvent(
  fields: Pick<DialPeerEvent, 'peer' | 'path'>,
  options: ProgressOptions = {},
): DialPeerEvent {
  return report('dial-peer', options, { ...fields, type: EventTypes.DIAL_PEER, name: 'DIAL_PEER' })
}

export function pathEndedEvent(
  fields: Pick<PathEndedEvent, 'path'>,
  options: ProgressOptions = {},
): PathEndedEvent {
  return report('path-ended', options, {
    ...fields,
    type: EventTypes.PATH_ENDED,
    name: 'PATH_ENDED',
  })
}

function report<E extends QueryEvent>(name: string, options: ProgressOptions, event: E): E {
  options.onProgress?.(new CustomEvent(`kad-dht:query:${name}`, { detail: event }))
  return event
}
