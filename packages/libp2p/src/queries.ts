/**
 * Operations as callers see them: an async generator of query events for each. What the core says of an
 * operation becomes events; when the caller stops reading or aborts, the operation is cancelled.
 *
 * Bounded by: the core's limit of operations; events wait in the query's queue while nobody reads, at
 * most one set for each peer that the operation asks.
 */
import {
  type FailureReason,
  type Input,
  type Message,
  NO_PEER,
  type OperationEvent,
  type OperationOutcome,
  type OperationType,
  type PeerRef,
  type Reach,
} from '@kadmium/core'
import {
  AbortError,
  type ComponentLogger,
  type Logger,
  type PeerId,
  type PeerInfo,
  type PeerStore,
  type RoutingOptions,
} from '@libp2p/interface'
import { AsyncQueue } from './async-queue.ts'
import { keyOf } from './bridge.ts'
import { reachOf } from './call-options.ts'
import type { Directory } from './directory.ts'
import { operationError, requestError } from './errors.ts'
import * as events from './events.ts'
import type { DisjointPath, QueryEvent } from './types.ts'
import { MESSAGE_NAMES } from './wire/codec.ts'

export interface QueriesInit {
  directory: Pick<Directory, 'find' | 'info' | 'internId' | 'peerId' | 'self'>
  self: PeerId
  logger: ComponentLogger
  logPrefix: string
  dispatch: (input: Input) => void
  peerStore: Pick<PeerStore, 'get'>
  isConnected: (peer: PeerId) => boolean
  /** Why a value does not belong to its key; null where it does. */
  faultOf: (keyBytes: Uint8Array, value: Uint8Array) => Promise<Error | null>
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
  /** How long the walk waits where nobody is there to ask, ms; by default not at all. */
  patienceMs?: number
}

interface Query {
  ask: Ask
  reach: Reach
  queue: AsyncQueue<QueryEvent>
  options: RoutingOptions
  /** Peers that were asked. BOUNDED: by the core, which asks each candidate and each holder once */
  asked: Set<PeerRef>
  /** Peers that answers named and that were not asked. BOUNDED: by the peers asked, each names 40 at most */
  waiting: Set<PeerRef>
  /** Requests that are neither answered nor failed. */
  running: number
  pathEnded: boolean
}

/** The path of what we had ourselves, and of results that belong to none. */
const LOCAL: Readonly<DisjointPath> = { index: -1, queued: 0, running: 0, total: 0 }
const NO_PATH: Readonly<DisjointPath> = { index: 0, queued: 0, running: 0, total: 0 }

/** Under which name an operation is logged, and by what word: those of `@libp2p/kad-dht`. */
const LOGS: Record<OperationType, readonly [component: string, word: string]> = {
  getValue: ['content-fetching', 'get'],
  putValue: ['content-fetching', 'put'],
  provide: ['content-routing', 'provide'],
  findProviders: ['content-routing', 'findProviders'],
  findPeer: ['peer-routing', 'findPeer'],
  getClosest: ['peer-routing', 'getClosestPeers'],
}

export class Queries {
  private readonly init: QueriesInit
  private readonly live = new Map<number, Query>() // BOUNDED: by the core's operationsMax and what is read no further
  private readonly logs: ReadonlyMap<string, Logger> // BOUNDED: by the components in LOGS
  private sequence = 0

  constructor(init: QueriesInit) {
    this.init = init
    const components = new Set(Object.values(LOGS).map(([component]) => component))
    this.logs = new Map(
      [...components].map((name) => [name, init.logger.forComponent(`${init.logPrefix}:${name}`)]),
    )
  }

  /** Runs an operation. Breaking out of the generator or aborting the signal cancels what is in flight. */
  async *run(ask: Ask, options: RoutingOptions): AsyncGenerator<QueryEvent, void, undefined> {
    const reach = reachOf(ask.type, options)
    if (reach === null) return failIf(operationError(ask.type, 'notFound'))
    const query: Query = {
      ask,
      reach,
      queue: new AsyncQueue(),
      options,
      asked: new Set(),
      waiting: new Set(),
      running: 0,
      pathEnded: false,
    }
    yield* this.read(++this.sequence, query)
  }

  /** The core tells of an operation. */
  handle(event: OperationEvent): void {
    const query = this.live.get(event.operation)
    if (query === undefined) return
    try {
      this.tell(query, event)
    } catch (error) {
      query.queue.end(error) // thrown by the caller's own onProgress
    }
  }

  /** The `trace` of the options that an operation was asked for with. */
  traceOf(operation: number): unknown {
    return this.live.get(operation)?.options.trace
  }

  /** The service stops: readers get what is there and an error. */
  stop(): void {
    for (const query of this.live.values()) query.queue.end(new AbortError('The DHT was stopped'))
    this.live.clear()
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
        this.log(query.ask, 'ended: %s', event.outcome)
        if (event.outcome !== 'cancelled') this.endPath(query)
        this.end(query, event.outcome)
    }
  }

  private end({ ask, queue }: Query, outcome: OperationOutcome): void {
    if (outcome !== 'invalid' || ask.value === undefined) {
      queue.end(operationError(ask.type, outcome))
      return
    }
    // The core knows only that it is not valid; the validator says why.
    void this.init
      .faultOf(ask.keyBytes, ask.value)
      .then((fault) => queue.end(operationError(ask.type, outcome, fault)))
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
    this.log(query.ask, 'begins')
    this.start(operation, query)
    yield* query.queue.read(() => {
      signal?.removeEventListener('abort', onAbort)
      // Nobody listens any more; ended operations are gone already.
      if (this.live.delete(operation)) this.init.dispatch({ kind: 'cancelOperation', operation })
    })
  }

  private start(operation: number, query: Query): void {
    const { ask, reach } = query
    const { sought } = ask
    const isConnected = sought !== undefined && this.init.isConnected(sought)
    if (sought !== undefined && (reach === 'local' || (reach === 'all' && isConnected))) {
      void this.findHere(operation, query, sought)
    } else {
      this.ask(operation, query)
    }
  }

  private ask(operation: number, { ask, reach }: Query): void {
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
      reach,
      patienceMs: ask.patienceMs ?? 0,
    })
  }

  /** Before the core is asked, or in its place: libp2p may know who the core does not. */
  private async findHere(operation: number, query: Query, sought: PeerId): Promise<void> {
    const peer = await this.peerHere(sought)
    if (this.live.get(operation) !== query) return // nobody waits for it any more
    try {
      const { self: from } = this.init
      const path = { ...LOCAL }
      if (peer !== null)
        query.queue.push(events.finalPeerEvent({ from, peer, path }, query.options))
    } catch (error) {
      query.queue.end(error) // thrown by the caller's own onProgress
      return
    }
    if (peer === null && query.reach !== 'local') {
      this.ask(operation, query)
      return
    }
    const outcome = peer === null ? 'notFound' : 'ok'
    this.handle({ kind: 'operationEnded', operation, outcome, stored: 0, wanted: 0 })
  }

  /** A peer and where it is reached, as far as that is known here: by us, else by libp2p. */
  private async peerHere(id: PeerId): Promise<PeerInfo | null> {
    const { directory, peerStore } = this.init
    const info = directory.info(directory.find(id))
    if (info !== null && info.multiaddrs.length > 0) return info
    const stored = await peerStore.get(id).catch(() => null)
    const multiaddrs = stored?.addresses.map(({ multiaddr }) => multiaddr) ?? []
    return multiaddrs.length > 0 ? { id, multiaddrs } : null
  }

  private asking(query: Query, ref: PeerRef, message: Message): void {
    const peer = this.init.directory.peerId(ref)
    if (peer === null) return
    query.running++
    query.asked.add(ref)
    query.waiting.delete(ref)
    const path = pathOf(query)
    if (!this.init.isConnected(peer)) {
      query.queue.push(events.dialPeerEvent({ peer, path }, query.options))
    }
    const type = MESSAGE_NAMES[message.type]
    query.queue.push(events.sendQueryEvent({ to: peer, type, path }, query.options))
  }

  private answered(query: Query, ref: PeerRef, message: Message): void {
    const from = this.init.directory.peerId(ref)
    if (from === null) return
    query.running--
    for (const named of message.closer.subarray(0, message.closerCount)) {
      if (!query.asked.has(named) && named !== this.init.directory.self) query.waiting.add(named)
    }
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
          path: pathOf(query),
        },
        query.options,
      ),
    )
  }

  private peerFailed(query: Query, ref: PeerRef, reason: FailureReason): void {
    const from = this.init.directory.peerId(ref)
    if (from === null) return
    query.running--
    const error = requestError(from.toString(), reason)
    query.queue.push(events.queryErrorEvent({ from, error, path: pathOf(query) }, query.options))
  }

  private valueFound(query: Query, ref: PeerRef, value: Uint8Array): void {
    this.endPath(query) // the value is the last that a get tells
    const from = this.nameOf(ref)
    const path = { ...(ref === NO_PEER ? LOCAL : NO_PATH) }
    query.queue.push(events.valueEvent({ from, value, path }, query.options))
  }

  private providersFound(query: Query, ref: PeerRef, message: Message): void {
    const from = this.nameOf(ref)
    const providers = this.infos(message.providers, message.providerCount)
    const path = ref === NO_PEER ? { ...LOCAL } : pathOf(query)
    if (ref === NO_PEER) {
      const messageType = MESSAGE_NAMES.getProviders
      const own = events.peerResponseEvent({ from, messageType, providers, path }, query.options)
      query.queue.push(own)
    }
    query.queue.push(events.providerEvent({ from, providers, path }, query.options))
  }

  private peerFound(query: Query, from: PeerRef, ref: PeerRef): void {
    this.finalPeer(query, from, ref, from === NO_PEER ? { ...LOCAL } : pathOf(query))
  }

  private closestFound(query: Query, message: Message): void {
    this.endPath(query)
    for (const peer of message.closer.subarray(0, message.closerCount)) {
      this.finalPeer(query, NO_PEER, peer, { ...(query.reach === 'local' ? LOCAL : NO_PATH) })
    }
  }

  private finalPeer(query: Query, from: PeerRef, ref: PeerRef, path: DisjointPath): void {
    const peer = this.init.directory.info(ref)
    if (peer === null) return
    query.queue.push(events.finalPeerEvent({ from: this.nameOf(from), peer, path }, query.options))
  }

  /** Once, and not where nobody was asked. */
  private endPath(query: Query): void {
    if (query.pathEnded || query.asked.size === 0) return
    query.pathEnded = true
    query.queue.push(events.pathEndedEvent({ path: { ...NO_PATH } }, query.options))
  }

  private log({ type, keyBytes }: Ask, what: string, ...args: string[]): void {
    const [component, word] = LOGS[type]
    const log = this.logs.get(component)
    if (log?.enabled === true) log(`%s %b ${what}`, word, keyBytes, ...args)
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
}

/** Where the walk is. */
function pathOf({ waiting, running }: Query): DisjointPath {
  const queued = waiting.size
  return { index: 0, queued, running, total: queued + running }
}

function failIf(error: Error | undefined): void {
  if (error !== undefined) throw error
}
