/**
 * What the host's work looks like from outside: log lines under the names that `@libp2p/kad-dht` has for
 * the same, metrics where there is a component for them, and the event of self-queries. Nothing here
 * changes what the node does, and with neither logs nor metrics wanted it costs next to nothing.
 */
import type { MessageType, Nodes, OperationType, PeerRef } from '@kadmium/core'
import type { ComponentLogger, Logger, Metrics, PeerId, RoutingOptions } from '@libp2p/interface'
import { equals } from 'uint8arrays/equals'
import type { Directory } from './directory.ts'
import type { DriverClock } from './driver.ts'
import type { QueryEvent } from './events.ts'
import { DHTMetrics, type Outcome, type QueueLoad } from './metrics/metrics.ts'
import { OPERATION_NAMES } from './metrics/names.ts'
import { type TracedQuery, traceQuery, traceRequest } from './metrics/traces.ts'
import { SelfQuery } from './self-query.ts'
import type { Exchange } from './streams/inbound.ts'
import { type TableChange, TableWatch } from './table-watch.ts'
import { MESSAGE_NAMES } from './wire/codec.ts'

/** What the service lends. */
export interface MonitorSurroundings {
  metrics: Metrics | undefined
  metricsPrefix: string
  logger: ComponentLogger
  logPrefix: string
  /** Where `kad-dht:query:self` is told. */
  events: Pick<EventTarget, 'dispatchEvent'>
  /** Peers to whom a stream is kept open. */
  pooledPeers: () => number
  /** What the reprovider has to announce in this round. */
  reprovideLoad: () => QueueLoad
  /** The `trace` of the options that an operation was asked for with. */
  traceOf: (operation: number) => unknown
}

export interface MonitorInit extends MonitorSurroundings {
  nodes: Nodes
  directory: Directory
  clock: DriverClock
  selfBytes: Uint8Array
}

/** A request of ours. */
export interface RequestTrace {
  type: MessageType
  peer: PeerId
  startedMs: number
}

const nothing = (): void => {}

export class Monitor {
  private readonly init: MonitorInit
  private readonly metrics: DHTMetrics | null
  private readonly selfQuery: SelfQuery
  private readonly table: TableWatch
  private readonly network: Logger
  private readonly rpc: Logger
  private readonly routingTable: Logger
  private readonly refresh: Logger

  constructor(init: MonitorInit) {
    const { metrics, metricsPrefix: prefix, logger, logPrefix, clock, nodes, directory } = init
    const { events, pooledPeers, reprovideLoad } = init
    this.init = init
    this.metrics =
      metrics === undefined
        ? null
        : new DHTMetrics({ metrics, prefix, clock, nodes, pooledPeers, reprovideLoad })
    this.network = logger.forComponent(`${logPrefix}:network`)
    this.rpc = logger.forComponent(`${logPrefix}:rpc`)
    this.routingTable = logger.forComponent(`${logPrefix}:routing-table`)
    this.refresh = logger.forComponent(`${logPrefix}:routing-table:refresh`)
    const log = logger.forComponent(`${logPrefix}:query-self`)
    this.selfQuery = new SelfQuery({ events, now: clock.now, log, metrics: this.metrics })
    this.table = new TableWatch({
      nodes,
      directory,
      now: clock.now,
      isWanted: () => this.metrics !== null || this.routingTable.enabled,
      onChange: (change, peer) => this.tableChanged(change, peer),
    })
  }

  /** A caller's query, counted, timed and traced. */
  operation(
    type: OperationType,
    keyBytes: Uint8Array,
    options: RoutingOptions,
    query: TracedQuery,
  ): AsyncGenerator<QueryEvent, void, undefined> {
    const { metrics } = this.init
    if (metrics === undefined || this.metrics === null) return query(keyBytes, options)
    const traced = traceQuery(metrics, type, query)
    return this.metrics.operation(OPERATION_NAMES[type], traced(keyBytes, options))
  }

  /** An announcement of the reprovider begins; to be told how it ended. */
  announcementBegan(): (ok: boolean) => void {
    return this.metrics?.announcementBegan() ?? nothing
  }

  /** Sends a request of an operation; 0 for one of the node's own. */
  send<T>({ type, peer }: RequestTrace, operation: number, send: () => Promise<T>): Promise<T> {
    const name = MESSAGE_NAMES[type]
    this.network.trace('sending %s to %p', name, peer)
    const { metrics, traceOf } = this.init
    if (metrics === undefined) return send()
    this.metrics?.requestSent(type)
    return traceRequest(metrics, peer, name, traceOf(operation), send)
  }

  requestEnded(request: RequestTrace, outcome: Outcome, error?: unknown): void {
    const { type, peer, startedMs } = request
    this.metrics?.requestEnded(type, outcome, startedMs)
    if (outcome === 'answered' || outcome === 'cancelled') return
    this.network('could not send %s to %p: %s', MESSAGE_NAMES[type], peer, outcome)
    if (error !== undefined) this.network.trace('%p - %e', peer, error)
  }

  /** A peer asks; what is returned takes the place of the exchange. */
  requestArrived(type: MessageType, from: PeerId, exchange: Exchange): Exchange {
    this.rpc('incoming %s from %p', MESSAGE_NAMES[type], from)
    return this.metrics?.requestServed(type, exchange) ?? exchange
  }

  /** A peer's request makes no sense, or it is refused. */
  requestRefused(from: PeerId | null): void {
    this.rpc('refused a request of %p', from)
  }

  /** A peer is dialled to see whether it is there; to be told how it ended. */
  dialBegan(peer: PeerRef): (error?: unknown) => void {
    const { nodes, clock, directory } = this.init
    const { routing } = nodes
    const isKnown = routing.isMember(0, peer) || routing.state(0, peer, clock.now()) === 'benched'
    const end = this.metrics?.dialBegan(isKnown ? 'old' : 'new')
    const peerId = directory.peerId(peer)
    this.routingTable.trace('dialling %p to see whether it is there', peerId)
    return (error) => {
      end?.(error === undefined)
      if (error !== undefined) this.routingTable.trace('%p can not be dialled - %e', peerId, error)
    }
  }

  /** The core walks, to its own key or to one of a bucket's. */
  walkBegan(keyBytes: Uint8Array): void {
    if (this.isOwn(keyBytes)) this.selfQuery.started()
    else this.refresh.trace('looking up %b', keyBytes)
  }

  walkEnded(keyBytes: Uint8Array, peers: number): void {
    if (this.isOwn(keyBytes)) this.selfQuery.ended(peers)
    else this.refresh('found %d peers near %b', peers, keyBytes)
  }

  /** An input has been dealt with. */
  settled(): void {
    this.table.look()
  }

  stop(): void {
    this.selfQuery.stop()
  }

  private isOwn(keyBytes: Uint8Array): boolean {
    return equals(keyBytes, this.init.selfBytes)
  }

  private tableChanged(change: TableChange, peer: PeerId): void {
    this.metrics?.tableChanged(change)
    const { routing } = this.init.nodes
    if (change === 'benched') this.routingTable('benched %p, it failed too often', peer)
    else if (change === 'returned') this.routingTable('%p is back from the bench', peer)
    else this.routingTable('%s %p, %d peers now', change, peer, routing.size(0))
  }
}
