/**
 * What a query tells its caller on the way: nine kinds of events, the same as those of
 * `@libp2p/kad-dht` in name, number and shape. Each has a constructor, which also hands the event to
 * `onProgress` of the caller's options as `kad-dht:query:<name-in-kebab-case>`.
 */
import type { PeerId, PeerInfo } from '@libp2p/interface'
import type { ProgressEvent, ProgressOptions } from 'progress-events'
import { MessageType } from './wire/dht.ts'

export { MessageType }

export type MessageName = keyof typeof MessageType

/** The kinds of query events by name, and their names by number. */
export const EventTypes: {
  readonly SEND_QUERY: 0
  readonly PEER_RESPONSE: 1
  readonly FINAL_PEER: 2
  readonly QUERY_ERROR: 3
  readonly PROVIDER: 4
  readonly VALUE: 5
  readonly ADD_PEER: 6
  readonly DIAL_PEER: 7
  readonly PATH_ENDED: 8
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

export type EventTypes = QueryEvent['type']

/** `EventTypes.VALUE` can stand where a type is wanted, as a member of an enum can. */
export declare namespace EventTypes {
  export type SEND_QUERY = 0
  export type PEER_RESPONSE = 1
  export type FINAL_PEER = 2
  export type QUERY_ERROR = 3
  export type PROVIDER = 4
  export type VALUE = 5
  export type ADD_PEER = 6
  export type DIAL_PEER = 7
  export type PATH_ENDED = 8
}

/** A record as it came from a peer. */
export interface DHTRecord {
  key: Uint8Array
  value: Uint8Array
  /** When the peer got it, by its own clock. */
  timeReceived?: Date
}

/** Where in a query an event belongs. Kadmium walks one path: index 0 of 1; -1 is our own store. */
export interface DisjointPath {
  index: number
  /** Peers waiting to be asked. */
  queued: number
  /** Peers being asked. */
  running: number
  /** Peers asked so far and those waiting. */
  total: number
}

/** A request goes to a peer. */
export interface SendQueryEvent {
  to: PeerId
  type: EventTypes.SEND_QUERY
  name: 'SEND_QUERY'
  messageName: MessageName
  messageType: MessageType
  path: DisjointPath
}

/** A peer answered. What the answer amounts to may follow as an event of its own. */
export interface PeerResponseEvent {
  from: PeerId
  type: EventTypes.PEER_RESPONSE
  name: 'PEER_RESPONSE'
  messageName: MessageName
  messageType: MessageType
  closer: PeerInfo[]
  providers: PeerInfo[]
  record?: DHTRecord
  path: DisjointPath
}

/** A peer that belongs to the result of `findPeer` or `getClosestPeers`. */
export interface FinalPeerEvent {
  from: PeerId
  peer: PeerInfo
  type: EventTypes.FINAL_PEER
  name: 'FINAL_PEER'
  path: DisjointPath
}

/** One peer failed; the query goes on. */
export interface QueryErrorEvent {
  from: PeerId
  type: EventTypes.QUERY_ERROR
  name: 'QUERY_ERROR'
  error: Error
  path: DisjointPath
}

/** Providers that this query had not found before. */
export interface ProviderEvent {
  from: PeerId
  type: EventTypes.PROVIDER
  name: 'PROVIDER'
  providers: PeerInfo[]
  path: DisjointPath
}

/** The value that was decided on. */
export interface ValueEvent {
  from: PeerId
  type: EventTypes.VALUE
  name: 'VALUE'
  value: Uint8Array
  path: DisjointPath
}

/** A peer joins the candidates of the query. */
export interface AddPeerEvent {
  type: EventTypes.ADD_PEER
  name: 'ADD_PEER'
  peer: PeerId
  path: DisjointPath
}

/** A peer that we have no connection to is dialled. */
export interface DialPeerEvent {
  peer: PeerId
  type: EventTypes.DIAL_PEER
  name: 'DIAL_PEER'
  path: DisjointPath
}

/** Nobody is left to ask on a path. */
export interface PathEndedEvent {
  type: EventTypes.PATH_ENDED
  name: 'PATH_ENDED'
  path: DisjointPath
}

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
