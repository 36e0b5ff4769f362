/**
 * Operations as callers see them: an async generator of query events for each. What the core says of an
 * operation becomes events; when the caller stops reading or aborts, the operation is cancelled.
 *
 * Bounded by: the core's limit of operations; events wait in the query's queue while nobody reads, at
 * most one set for each peer that the operation asks.
 */
import {
  type Input,
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
import { QueryError } from './errors.ts'
import * as events from './events.ts'
import type { DisjointPath, QueryEvent } from './types.ts'
import { MESSAGE_NAMES } from './wire/codec.ts'

export interface QueriesInit {
  directory: Directory
  self: PeerId
  dispatch: (input: Input) => void
  isConnected: (peer: PeerId) => boolean
}

/** What a caller asks for. */
export interface Ask {
  type: OperationType
  keyBytes: Uint8Array
  value?: Uint8Array
  peer?: PeerRef
  /** In the place of `peer`: it gets its ref when the operation begins, since one that nothing holds is forgotten while the query waits. */
  sought?: PeerId
  quorum?: number
  countMax?: number
}

interface Query {
  ask: Ask
  queue: AsyncQueue<QueryEvent>
  path: DisjointPath
  options: RoutingOptions
}

export class Queries {
  private readonly init: QueriesInit
  private readonly live = new Map<number, Query>() // BOUNDED: by the core's operationsMax and what is read no further
  private sequence = 0

  constructor(init: QueriesInit) {
    this.init = init
  }

  /** Runs an operation. Breaking out of the generator or aborting the signal cancels what is in flight. */
  run(ask: Ask, options: RoutingOptions): AsyncGenerator<QueryEvent, void, undefined> {
    const operation = ++this.sequence
    const query: Query = {
      ask,
      queue: new AsyncQueue(),
      path: { index: 0, queued: 0, running: 0, total: 0 },
      options,
    }
    return this.read(operation, query)
  }

  /** The core tells of an operation. */
  handle(event: OperationEvent): void {
    const query = this.live.get(event.operation)
    if (query === undefined) return
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
        this.finalPeer(query, event.from, event.peer)
        break
      case 'closestFound':
        for (let i = 0; i < event.message.closerCount; i++) {
          this.finalPeer(query, NO_PEER, event.message.closer[i] as PeerRef)
        }
        break
      case 'operationEnded':
        this.live.delete(event.operation)
        query.queue.push(events.pathEndedEvent({ path: this.path(query) }, query.options))
        query.queue.end(errorOf(query.ask, event.outcome))
    }
  }

  /** The service stops: readers get what is there and an error. */
  stop(): void {
    for (const query of this.live.values()) query.queue.end(new AbortError('The DHT was stopped'))
    this.live.clear()
  }

  private async *read(
    operation: number,
    query: Query,
  ): AsyncGenerator<QueryEvent, void, undefined> {
    const { signal } = query.options
    signal?.throwIfAborted()
    const onAbort = (): void => query.queue.end(signal?.reason ?? new AbortError())
    signal?.addEventListener('abort', onAbort)
    this.live.set(operation, query)
    this.start(operation, query.ask)
    yield* query.queue.read(() => {
      signal?.removeEventListener('abort', onAbort)
      // Nobody listens any more; ended operations are gone already.
      if (this.live.delete(operation)) this.init.dispatch({ kind: 'cancelOperation', operation })
    })
  }

  private start(operation: number, ask: Ask): void {
    const { sought, peer = NO_PEER } = ask
    this.init.dispatch({
      kind: 'startOperation',
      operation,
      type: ask.type,
      key: keyOf(ask.keyBytes),
      keyBytes: ask.keyBytes,
      record: ask.value ?? null,
      peer: sought === undefined ? peer : this.init.directory.internId(sought),
      quorum: ask.quorum ?? 0,
      countMax: ask.countMax ?? 0,
    })
  }

  private asking(query: Query, ref: PeerRef, message: Message): void {
    const peer = this.init.directory.peerId(ref)
    if (peer === null) return
    query.path.running++
    query.path.total++
    const path = this.path(query)
    if (!this.init.isConnected(peer)) {
      query.queue.push(events.dialPeerEvent({ peer, path }, query.options))
    }
    const type = MESSAGE_NAMES[message.type]
    query.queue.push(events.sendQueryEvent({ to: peer, type, path }, query.options))
  }

  private answered(query: Query, ref: PeerRef, message: Message): void {
    const from = this.init.directory.peerId(ref)
    if (from === null) return
    query.path.running = Math.max(0, query.path.running - 1)
    query.queue.push(
      events.peerResponseEvent(
        {
          from,
          messageType: MESSAGE_NAMES[message.type],
          closer: this.infos(message.closer, message.closerCount),
          providers: this.infos(message.providers, message.providerCount),
          ...(message.record !== null && {
            record: { key: query.ask.keyBytes, value: message.record, timeReceived: new Date() },
          }),
          path: this.path(query),
        },
        query.options,
      ),
    )
  }

  private peerFailed(query: Query, ref: PeerRef, reason: string): void {
    const from = this.init.directory.peerId(ref)
    if (from === null) return
    query.path.running = Math.max(0, query.path.running - 1)
    const error = new QueryError(`${from.toString()} did not answer: ${reason}`)
    query.queue.push(events.queryErrorEvent({ from, error, path: this.path(query) }, query.options))
  }

  private valueFound(query: Query, ref: PeerRef, value: Uint8Array): void {
    const from = this.nameOf(ref)
    const path = this.path(query)
    query.queue.push(events.valueEvent({ from, value, path }, query.options))
  }

  private providersFound(query: Query, ref: PeerRef, message: Message): void {
    const from = this.nameOf(ref)
    const providers = this.infos(message.providers, message.providerCount)
    const path = this.path(query)
    query.queue.push(events.providerEvent({ from, providers, path }, query.options))
  }

  private finalPeer(query: Query, from: PeerRef, ref: PeerRef): void {
    const peer = this.init.directory.info(ref)
    if (peer === null) return
    const path = this.path(query)
    query.queue.push(events.finalPeerEvent({ from: this.nameOf(from), peer, path }, query.options))
  }

  private nameOf(ref: PeerRef): PeerId {
    return (ref === NO_PEER ? null : this.init.directory.peerId(ref)) ?? this.init.self
  }

  private infos(refs: Int32Array, count: number): PeerInfo[] {
    const infos: PeerInfo[] = []
    for (let i = 0; i < count; i++) {
      const info = this.init.directory.info(refs[i] as PeerRef)
      if (info !== null) infos.push(info)
    }
    return infos
  }

  private path(query: Query): DisjointPath {
    return { ...query.path }
  }
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
      if (ask.type === 'findProviders') return undefined
      return new NotFoundError(ask.type === 'findPeer' ? 'Peer not found' : 'No record found')
  }
}
