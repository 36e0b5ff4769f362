/**
 * The node's lookups of its own key, which the core starts by itself: times them, and tells of them as
 * `@libp2p/kad-dht` does, with the event `kad-dht:query:self` on the events of the libp2p node.
 *
 * Bounded by: the core, which answers each key picked with one end, and has `operationsMax` under way.
 */
import type { Logger } from '@libp2p/interface'
import type { DHTMetrics } from './metrics/metrics.ts'

/** Detail of the event `kad-dht:query:self`. */
export interface SelfQueryDetail {
  /** Nearest peers that were confirmed. */
  peers: number
  /** Milliseconds from beginning to end. */
  duration: number
}

export interface SelfQueryInit {
  events: Pick<EventTarget, 'dispatchEvent'>
  /** Milliseconds. */
  now: () => number
  log: Logger
  metrics: Pick<DHTMetrics, 'beginOperation'> | null
}

interface Running {
  startedMs: number
  end: ((ok: boolean) => void) | undefined
}

export class SelfQuery {
  private readonly init: SelfQueryInit
  private readonly running: Running[] = [] // BOUNDED: by the core's operationsMax

  constructor(init: SelfQueryInit) {
    this.init = init
  }

  started(): void {
    const { log, metrics, now } = this.init
    log('run self-query')
    this.running.push({ startedMs: now(), end: metrics?.beginOperation('SELF_QUERY') })
  }

  /** The oldest has ended, `peers` nearest peers were confirmed. */
  ended(peers: number): void {
    const { events, log, now } = this.init
    const running = this.running.shift()
    if (running === undefined) return
    const duration = now() - running.startedMs
    running.end?.(true)
    log('self-query found %d peers in %dms', peers, duration)
    const detail: SelfQueryDetail = { peers, duration }
    events.dispatchEvent(new CustomEvent('kad-dht:query:self', { detail }))
  }

  /** The node stops: what is under way ends without result. */
  stop(): void {
    for (const { end } of this.running.splice(0)) end?.(true)
  }
}
