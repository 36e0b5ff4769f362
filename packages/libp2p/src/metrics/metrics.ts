/**
 * What the service counts and measures, through the libp2p component `metrics`: the metrics of
 * `@libp2p/kad-dht` by their names, and some of our own (docs/metrics.md). Without that component none of
 * this exists, and nothing is counted. What can be read off the node is worked out when somebody looks.
 *
 * Bounded by: labels are taken from closed lists; nothing grows with peers, keys or time.
 */
import type { MessageType, Nodes } from '@kadmium/core'
import type { CounterGroup, MetricGroup, Metrics } from '@libp2p/interface'
import type { DriverClock } from '../driver.ts'
import type { Exchange } from '../streams/inbound.ts'
import type { TableChange } from '../table-watch.ts'
import { MESSAGE_NAMES } from '../wire/codec.ts'
import { Durations } from './durations.ts'
import type { OperationName } from './names.ts'
import { Register } from './register.ts'

/** How a request to a peer ended; the values of the label `outcome`. */
export type Outcome =
  | 'answered'
  | 'dial'
  | 'timeout'
  | 'reset'
  | 'unsupported'
  | 'malformed'
  | 'cancelled'

/** Whom a dial checks: somebody new, or one that we know and that fell silent. */
export type Contact = 'new' | 'old'

/** Jobs of a queue. */
export interface QueueLoad {
  running: number
  queued: number
}

export interface DHTMetricsInit {
  metrics: Metrics
  prefix: string
  clock: DriverClock
  nodes: Pick<Nodes, 'config' | 'inFlight' | 'networkSize' | 'routing'>
  /** Peers to whom a stream is kept open. */
  pooledPeers: () => number
  reprovideLoad: () => QueueLoad
}

/** Dials of one kind, or announcements. */
class Jobs {
  running = 0
  private readonly durations: Durations
  private readonly clock: DriverClock

  constructor(clock: DriverClock, durations: Durations) {
    this.clock = clock
    this.durations = durations
  }

  /** Counts a job that begins; to be told how it ended. */
  begin(): (ok: boolean) => void {
    const startedMs = this.clock.now()
    this.running++
    return (ok) => {
      this.running--
      this.durations.ended(ok, startedMs, this.clock.now())
    }
  }
}

export class DHTMetrics {
  private readonly clock: DriverClock
  private readonly operations: MetricGroup
  private readonly operationErrors: CounterGroup
  private readonly operationTime: MetricGroup
  private readonly operationErrorTime: MetricGroup
  private readonly requests: CounterGroup
  private readonly requestErrors: CounterGroup
  private readonly requestOutcomes: CounterGroup
  private readonly requestTimes: Durations
  private readonly served: CounterGroup
  private readonly servedErrors: CounterGroup
  private readonly servedTime: MetricGroup
  private readonly bucketEvents: CounterGroup
  private readonly standing: CounterGroup
  private readonly dials: Record<Contact, Jobs>
  private readonly announcements: Jobs

  constructor(init: DHTMetricsInit) {
    const register = new Register(init.metrics, init.prefix)
    const durations = (...[name]: Parameters<Register['group']>): Durations =>
      new Durations(register.group(name))
    const { clock } = init
    this.clock = clock
    this.operations = register.group('operations_total')
    this.operationErrors = register.counters('operation_errors_total')
    this.operationTime = register.group('operation_time_seconds')
    this.operationErrorTime = register.group('operation_error_time_seconds')
    this.requests = register.counters('outbound_rpc_requests_total')
    this.requestErrors = register.counters('outbound_rpc_errors_total')
    this.requestOutcomes = register.counters('outbound_rpc_outcomes_total')
    this.requestTimes = durations('network_message_send_times_milliseconds')
    this.served = register.counters('inbound_rpc_requests_total')
    this.servedErrors = register.counters('inbound_rpc_errors_total')
    this.servedTime = register.group('inbound_rpc_time_seconds')
    this.bucketEvents = register.counters('kad_bucket_events_total')
    this.standing = register.counters('routing_table_standing_total')
    this.dials = {
      new: new Jobs(clock, durations('routing_table_ping_new_contact_time_milliseconds')),
      old: new Jobs(clock, durations('routing_table_ping_old_contact_time_milliseconds')),
    }
    this.announcements = new Jobs(clock, durations('reprovide_timeout_milliseconds'))
    register.gauges('ping_new_contact_queue', () =>
      asQueue({ running: this.dials.new.running, queued: 0 }),
    )
    register.gauges('ping_old_contact_queue', () =>
      asQueue({ running: this.dials.old.running, queued: 0 }),
    )
    register.gauges('reprovide_queue', () => asQueue(init.reprovideLoad()))
    registerState(register, init)
  }

  /** Counts and times a query from its first `next` to its end, however it ends. */
  async *operation<T>(
    name: OperationName,
    query: AsyncGenerator<T, void, undefined>,
  ): AsyncGenerator<T, void, undefined> {
    const end = this.beginOperation(name)
    let ok = true // also for who stops reading: it has what it wanted
    try {
      yield* query
    } catch (error) {
      ok = false
      throw error
    } finally {
      end(ok)
    }
  }

  /** Counts an operation that begins; to be told how it ended. */
  beginOperation(name: OperationName): (ok: boolean) => void {
    this.operations.increment({ [name]: true })
    const stopTimer = this.operationTime.timer(name)
    const stopErrorTimer = this.operationErrorTime.timer(name)
    return (ok) => {
      this.operations.decrement({ [name]: true })
      if (ok) return stopTimer()
      stopErrorTimer()
      this.operationErrors.increment({ [name]: true })
    }
  }

  /** A request goes to a peer. */
  requestSent(type: MessageType): void {
    this.requests.increment({ [MESSAGE_NAMES[type]]: true })
  }

  /** A request to a peer, sent at `startedMs`, ended. One that nobody needs any more is no error. */
  requestEnded(type: MessageType, outcome: Outcome, startedMs: number): void {
    this.requestOutcomes.increment({ [outcome]: true })
    if (outcome === 'cancelled') return
    const ok = outcome === 'answered'
    if (!ok) this.requestErrors.increment({ [MESSAGE_NAMES[type]]: true })
    this.requestTimes.ended(ok, startedMs, this.clock.now())
  }

  /** A peer asks: counts it, and its end through the exchange that is returned. */
  requestServed(type: MessageType, exchange: Exchange): Exchange {
    const name = MESSAGE_NAMES[type]
    this.served.increment({ [name]: true })
    const stopTimer = this.servedTime.timer(name)
    return {
      reply: (bytes) => {
        stopTimer()
        exchange.reply(bytes)
      },
      conclude: (reset) => {
        stopTimer()
        if (reset) this.servedErrors.increment({ [name]: true })
        exchange.conclude(reset)
      },
    }
  }

  /** A peer is dialled to see whether it is there; to be told how it ended. */
  dialBegan(contact: Contact): (ok: boolean) => void {
    this.bucketEvents.increment({ [`ping_${contact}_contact`]: true })
    const end = this.dials[contact].begin()
    return (ok) => {
      end(ok)
      if (!ok) this.bucketEvents.increment({ [`ping_${contact}_contact_error`]: true })
    }
  }

  /** What we provide is announced anew; to be told how it ended. */
  announcementBegan(): (ok: boolean) => void {
    return this.announcements.begin()
  }

  /** A peer came into the table or left it, was benched there or returned from the bench. */
  tableChanged(change: TableChange): void {
    if (change === 'benched' || change === 'returned') this.standing.increment({ [change]: true })
    else this.bucketEvents.increment({ [`peer_${change}`]: true })
  }
}

/** With the keys of a queue of `@libp2p/utils`. */
function asQueue({ running, queued }: QueueLoad): Record<string, number> {
  return { size: running + queued, running, queued }
}

/** What is read off the node when somebody looks. */
function registerState(register: Register, init: DHTMetricsInit): void {
  const { nodes, pooledPeers } = init
  const { routing, config } = nodes
  register.gauge('outbound_rpc_in_flight', () => nodes.inFlight(0))
  register.gauge('network_size_estimate', () => nodes.networkSize(0))
  register.gauge('pooled_streams_peers', pooledPeers)
  register.gauge('routing_table_size', () => routing.size(0))
  /** Peers in each bucket that has some. */
  const occupied = (): { bucket: number; count: number }[] =>
    Array.from({ length: config.buckets }, (_, bucket) => ({
      bucket,
      count: routing.bucketSize(0, bucket),
    })).filter(({ count }) => count > 0)
  const counts = (): number[] => occupied().map(({ count }) => count)
  register.gauge('routing_table_kad_bucket_total', () => occupied().length)
  register.gauge('routing_table_kad_bucket_average_occupancy', () =>
    Math.round(routing.size(0) / Math.max(1, occupied().length)),
  )
  register.gauge('routing_table_kad_bucket_min_occupancy', () =>
    occupied().length === 0 ? 0 : Math.min(...counts()),
  )
  register.gauge('routing_table_kad_bucket_max_occupancy', () => Math.max(0, ...counts()))
  register.gauge('routing_table_kad_bucket_max_depth', () => occupied().at(-1)?.bucket ?? 0)
  register.gauges('routing_table_peers', () => {
    const states = { good: 0, neutral: 0, benched: 0 }
    const nowMs = init.clock.now()
    for (const { bucket } of occupied()) {
      for (const { state } of routing.bucketStack(0, bucket, nowMs)) states[state]++
    }
    return states
  })
}
