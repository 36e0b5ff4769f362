/**
 * Operations as callers see them: an async generator of query events for each. What the core says of an
 * operation becomes events; when the caller stops reading or aborts, the operation is cancelled. One that
 * found nobody to ask before a first peer was met in this run begins once more when one is.
 *
 * Bounded by: the core's limit of operations; events that nobody reads by `UNREAD_MAX` and the results.
 */
import {
  type Message,
  NO_PEER,
  type OperationEvent,
  type OperationOutcome,
  type OperationType,
  type PeerRef,
} from '@kadmium/core'
import type { RoutingOptions } from '@libp2p/interface'
import { AbortError, NotFoundError, type PeerId, type PeerInfo } from '@libp2p/interface'
import { AsyncQueue } from './async-queue.ts'
import { keyOf } from './bridge.ts'
import type { Directory } from './directory.ts'
import type { Arrival } from './driver.ts'
import { QueryError } from './errors.ts'
import * as events from './events.ts'
import type { FirstPeer } from './first-peer.ts'
import type { DisjointPath, QueryEvent } from './types.ts'
import { MESSAGE_NAMES } from './wire/codec.ts'

/** Events without a result that wait for a reader; what comes above is not kept for it. */
const UNREAD_MAX = 1_024

/** What is known here comes on no path. */
const LOCAL: DisjointPath = { index: -1, queued: 0, running: 0, total: 0 }

export interface QueriesInit {
  directory: Directory
  self: PeerId
  dispatch: (arrival: Arrival) => void
  isConnected: (peer: PeerId) => boolean
  /** Left out, nobody is waited for. */
  firstPeer?: Pick<FirstPeer, 'isMet' | 'wait'> | undefined
}

/** What a caller asks for. */
export interface Ask {
  type: OperationType
  keyBytes: Uint8Array
  /** Of `putValue`. */
  value?: Uint8Array
  /** Of `findPeer`: whom. */
  sought?: PeerId
  /** Of `findProviders`: how many are enough; all without it. */
  countMax?: number
}

interface Query {
  readonly ask: Ask
  readonly options: RoutingOptions
  readonly queue: AsyncQueue<QueryEvent>
  readonly path: DisjointPath
  /** The core's id of it; 0 when there is none (any more). */
  operation: number
  isPathEnded: boolean
  /** Whether it may begin once more when a first peer is met. */
  isPatient: boolean
  /** Takes back what waits for a first peer. */
  unwait: () => void
}

export class Queries {
  private readonly init: QueriesInit
  private readonly live = new Map<number, Query>() // BOUNDED: by the core's operationsMax
  private readonly open = new Set<Query>() // BOUNDED: by live and the operations that wait for a peer
  private sequence = 0

  constructor(init: QueriesInit) {
    this.init = init
  }

  /**
   * Runs an operation. Breaking out of the generator or aborting the signal cancels what is in flight.
   * Both arrays of `ask` may be used otherwise as soon as the first event was asked for.
   */
  async *run(ask: Ask, options: RoutingOptions): AsyncGenerator<QueryEvent, void, undefined> {
    const { signal } = options
    signal?.throwIfAborted()
    const query = this.newQuery(ask, options)
    const onAbort = (): void => this.end(query, signal?.reason ?? new AbortError())
    signal?.addEventListener('abort', onAbort)
    try {
      this.open.add(query)
      this.begin(query)
      for await (const event of query.queue.read()) {
        signal?.throwIfAborted()
        yield event
      }
    } finally {
      signal?.removeEventListener('abort', onAbort)
      this.end(query)
    }
  }

  /** Looks for a peer on the network only, whatever is known of it here. */
  async *search(id: PeerId, options: RoutingOptions): AsyncGenerator<QueryEvent, void, undefined> {
    const ask: Ask = { type: 'getClosest', keyBytes: id.toMultihash().bytes }
    for await (const event of this.run(ask, options)) {
      if (event.name === 'FINAL_PEER') continue // the neighbours of the one that is sought
      yield event
      if (event.name !== 'PEER_RESPONSE') continue
      const { from, path } = event
      const named = from.equals(id)
        ? this.infoOf(id)
        : event.closer.find((peer) => peer.id.equals(id))
      if (named === undefined || named.multiaddrs.length === 0) continue
      yield events.finalPeerEvent({ from, peer: named, path }, options)
      return
    }
    throw new NotFoundError('Peer not found')
  }

  /** The core tells of an operation. */
  handle(event: OperationEvent): void {
    const query = this.live.get(event.operation)
    if (query === undefined) return
    try {
      this.tell(query, event)
    } catch (error) {
      this.end(query, error) // thrown by the caller's own `onProgress`
    }
  }

  /** The service stops: readers get what is there and an error. */
  stop(): void {
    for (const query of [...this.open]) this.end(query, new AbortError('The DHT was stopped'))
  }

  private newQuery(ask: Ask, options: RoutingOptions): Query {
    // Copies, since the work behind a put goes on when the caller has it back.
    const keyBytes = Uint8Array.from(ask.keyBytes)
    const value = ask.value && { value: Uint8Array.from(ask.value) }
    return {
      ask: { ...ask, keyBytes, ...value },
      options,
      queue: new AsyncQueue(),
      path: { index: 0, queued: 0, running: 0, total: 0 },
      operation: 0,
      isPathEnded: false,
      isPatient: this.init.firstPeer?.isMet === false,
      unwait: () => {},
    }
  }

  private begin(query: Query): void {
    const operation = ++this.sequence
    query.operation = operation
    this.live.set(operation, query)
    const { type, keyBytes, value = null, countMax = 0, sought } = query.ask
    const key = keyOf(keyBytes)
    const { directory, dispatch } = this.init
    dispatch(() => {
      const found = sought === undefined ? NO_PEER : directory.internId(sought)
      const peer = type === 'provide' ? directory.self : found
      const quorum = 0 // the default for the kind of record
      return {
        kind: 'startOperation',
        operation,
        type,
        key,
        keyBytes,
        record: value,
        peer,
        quorum,
        countMax,
      }
    })
  }

  /** No more events; what is in flight is cancelled. */
  private end(query: Query, error?: unknown): void {
    this.open.delete(query)
    query.unwait()
    query.queue.end(error)
    const { operation } = query
    query.operation = 0
    if (this.live.delete(operation)) this.init.dispatch({ kind: 'cancelOperation', operation })
  }

  private tell(query: Query, event: OperationEvent): void {
    switch (event.kind) {
      case 'asking':
        this.asking(query, event.peer, event.message)
        break
      case 'answered':
        this.answered(query, event.peer, event.message)
        break
      case 'peerFailed':
        this.peerFailed(query, event.peer, event.reason)
        break
      case 'valueFound':
        this.valueFound(query, event.peer, event.record)
        break
      case 'providersFound':
        this.providersFound(query, event.peer, event.message)
        break
      case 'peerFound':
        this.peerFound(query, event.from, event.peer)
        break
      case 'closestFound':
        this.closestFound(query, event.message)
        break
      case 'operationEnded':
        this.live.delete(event.operation)
        this.operationEnded(query, event.outcome)
    }
  }

  private operationEnded(query: Query, outcome: OperationOutcome): void {
    query.operation = 0
    if (outcome === 'noPeers' && query.isPatient) {
      query.isPatient = false
      query.unwait = this.init.firstPeer?.wait(() => this.begin(query)) ?? query.unwait
      return
    }
    this.pathEnded(query)
    this.end(query, errorOf(query.ask, outcome))
  }

  private asking(query: Query, ref: PeerRef, message: Message): void {
    const peer = this.init.directory.peerId(ref)
    if (peer === null) return
    query.path.running++
    query.path.total++
    const path = pathOf(query)
    if (!this.init.isConnected(peer)) {
      push(query, events.dialPeerEvent({ peer, path }, query.options))
    }
    const type = MESSAGE_NAMES[message.type]
    push(query, events.sendQueryEvent({ to: peer, type, path }, query.options))
  }

  private answered(query: Query, ref: PeerRef, message: Message): void {
    const from = this.init.directory.peerId(ref)
    if (from === null) return
    query.path.running = Math.max(0, query.path.running - 1)
    const { record } = message
    const response = events.peerResponseEvent(
      {
        from,
        messageType: MESSAGE_NAMES[message.type],
        closer: this.infos(message.closer, message.closerCount),
        providers: this.infos(message.providers, message.providerCount),
        ...(record !== null && { record: { key: query.ask.keyBytes, value: record } }),
        path: pathOf(query),
      },
      query.options,
    )
    push(query, response)
  }

  private peerFailed(query: Query, ref: PeerRef, reason: string): void {
    const from = this.init.directory.peerId(ref)
    if (from === null) return
    query.path.running = Math.max(0, query.path.running - 1)
    const error = new QueryError(`${from.toString()} did not answer: ${reason}`)
    push(query, events.queryErrorEvent({ from, error, path: pathOf(query) }, query.options))
  }

  private valueFound(query: Query, ref: PeerRef, value: Uint8Array): void {
    this.pathEnded(query) // the decided value is the last event
    const path = ref === NO_PEER ? LOCAL : pathOf(query)
    const from = this.nameOf(ref)
    pushResult(query, events.valueEvent({ from, value, path }, query.options))
  }

  private providersFound(query: Query, ref: PeerRef, message: Message): void {
    const { options } = query
    const path = ref === NO_PEER ? LOCAL : pathOf(query)
    const from = this.nameOf(ref)
    const providers = this.infos(message.providers, message.providerCount)
    if (ref === NO_PEER) {
      const messageType = MESSAGE_NAMES.getProviders
      const fields = { from, messageType, providers, path: LOCAL }
      pushResult(query, events.peerResponseEvent(fields, options))
    }
    pushResult(query, events.providerEvent({ from, providers, path }, options))
  }

  private peerFound(query: Query, from: PeerRef, ref: PeerRef): void {
    this.finalPeer(query, from, ref, from === NO_PEER ? LOCAL : pathOf(query))
  }

  private closestFound(query: Query, message: Message): void {
    this.pathEnded(query)
    for (let i = 0; i < message.closerCount; i++) {
      this.finalPeer(query, NO_PEER, message.closer[i] as PeerRef, { ...LOCAL, index: 0 })
    }
  }

  private finalPeer(query: Query, from: PeerRef, ref: PeerRef, path: DisjointPath): void {
    const peer = this.init.directory.info(ref)
    if (peer === null) return
    const fields = { from: this.nameOf(from), peer, path }
    pushResult(query, events.finalPeerEvent(fields, query.options))
  }

  /** Told once, and only of a path on which somebody was asked. */
  private pathEnded(query: Query): void {
    if (query.isPathEnded || query.path.total === 0) return
    query.isPathEnded = true
    query.path.running = 0
    pushResult(query, events.pathEndedEvent({ path: pathOf(query) }, query.options))
  }

  private nameOf(ref: PeerRef): PeerId {
    return (ref === NO_PEER ? null : this.init.directory.peerId(ref)) ?? this.init.self
  }

  private infoOf(id: PeerId): PeerInfo | undefined {
    const { directory } = this.init
    return directory.info(directory.find(id)) ?? undefined
  }

  private infos(refs: Int32Array, count: number): PeerInfo[] {
    const infos: PeerInfo[] = []
    for (let i = 0; i < count; i++) {
      const info = this.init.directory.info(refs[i] as PeerRef)
      if (info !== null) infos.push(info)
    }
    return infos
  }
}

/** For a reader that keeps up. */
function push(query: Query, event: QueryEvent): void {
  if (query.queue.unread < UNREAD_MAX) query.queue.push(event)
}

/** Also for one that does not. */
function pushResult(query: Query, event: QueryEvent): void {
  query.queue.push(event)
}

function pathOf(query: Query): DisjointPath {
  return { ...query.path }
}

/** What a caller is thrown at the end; nothing where the operation did what it could. */
function errorOf(ask: Ask, outcome: OperationOutcome): Error | undefined {
  switch (outcome) {
    case 'ok':
    case 'partial':
      return undefined
    case 'cancelled':
      return new AbortError('The operation was cancelled')
    case 'invalid':
      return new QueryError('The record is not valid for its key, or older than the one known here')
    case 'busy':
      return new QueryError('Too many operations at once')
    case 'noPeers':
      if (ask.type === 'getClosest' || ask.type === 'findProviders') return undefined
      return new QueryError('No peer of the DHT could be reached')
    case 'notFound':
      // A search without a result is one all the same; who looks for one peer finds it or not.
      return ask.type === 'findPeer' ? new NotFoundError('Peer not found') : undefined
  }
}
