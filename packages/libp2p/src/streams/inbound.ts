/**
 * The server's side: streams on which peers ask. Each request is handed on whole, in order, and its
 * answer written in order.
 *
 * Bounded by: `STREAMS_MAX` streams over all peers (libp2p bounds those of one connection), 128 KiB a request
 * before anything is allocated, 32 MiB of requests that wait or have begun, `requestTimeoutMs` for each request, and
 * 60 s for a stream without one.
 */
import type { Connection, Stream } from '@libp2p/interface'
import { REQUEST_BYTES_MAX } from '../wire/limits.ts'
import { Alarm, type Clock } from './clock.ts'
import { ByteBudget } from './frames.ts'
import { type Exchange, ServerStream, type ServerStreamInit } from './server-stream.ts'

export type { Exchange }

/** Streams of all peers together. */
const STREAMS_MAX = 2_048

/** As go; the streams of js clients end with their one request. */
const IDLE_MS = 60_000

/** As `@libp2p/kad-dht` says it does. */
const REQUEST_TIMEOUT_MS = 10_000

/** Bytes of requests that wait or have begun, over all streams. */
const REQUESTS_BYTES_MAX: number = 32 * 1024 * 1024

export interface InboundStreamsInit {
  clock: Clock
  /**
   * Gets each request, not decoded. The next of the same stream comes after the exchange has ended,
   * which must happen within `requestTimeoutMs`.
   */
  onRequest: ServerStreamInit['onRequest']
  /** A request that is not here, handled and answered after this ends its stream, ms. Default 10 s. */
  requestTimeoutMs?: number
  /** Longest request, bytes. Default 128 KiB. */
  requestBytesMax?: number
}

export class InboundStreams {
  private readonly init: InboundStreamsInit
  private readonly alarm: Alarm
  private readonly budget = new ByteBudget(REQUESTS_BYTES_MAX)
  /** BOUNDED: by `STREAMS_MAX`. */
  private readonly streams = new Set<ServerStream>()

  constructor(init: InboundStreamsInit) {
    this.init = init
    this.alarm = new Alarm(init.clock, () => this.tick())
  }

  /** The handler of the protocol. */
  onStream(stream: Stream, connection: Pick<Connection, 'remotePeer'>): void {
    if (this.streams.size >= STREAMS_MAX) {
      stream.abort(new Error('too many streams'))
      return
    }
    const { clock, onRequest, requestBytesMax = REQUEST_BYTES_MAX } = this.init
    const { requestTimeoutMs = REQUEST_TIMEOUT_MS } = this.init
    const server = new ServerStream(stream, connection.remotePeer, {
      clock,
      requestBytesMax,
      requestTimeoutMs,
      idleTimeoutMs: IDLE_MS,
      budget: this.budget,
      onRequest,
      onBusy: ({ dueMs }) => this.alarm.set(dueMs),
      onEnd: (ended) => this.streams.delete(ended),
    })
    if (stream.status !== 'open') return
    this.streams.add(server)
    this.alarm.set(server.dueMs)
  }

  /** Ends all streams at once. */
  stop(): void {
    for (const stream of [...this.streams]) stream.reset('the server stops')
    this.alarm.clear()
  }

  private tick(): void {
    const nowMs = this.init.clock.now()
    let nextMs = Number.POSITIVE_INFINITY
    for (const stream of [...this.streams]) {
      const { dueMs } = stream
      if (dueMs <= nowMs) stream.reset('its time is up')
      else nextMs = Math.min(nextMs, dueMs)
    }
    this.alarm.set(nextMs)
  }
}
