/**
 * All streams to one peer and the requests that wait for one. It decides which stream takes a request,
 * when another is opened, and what becomes of requests whose stream or whose dial failed.
 *
 * Bounded by: `STREAMS_MAX` streams and as many at their end, one being opened at a time, and `WAITING_MAX` requests.
 */
import type { FailureReason } from '@kadmium/core'
import type { PeerId, Stream } from '@libp2p/interface'
import { RequestError, requestError } from './errors.ts'
import type { EndCause, Ending, PooledStream } from './pooled-stream.ts'
import type { PendingRequest } from './request.ts'

/** Streams kept to one peer (host rules: a second one for when the first is busy, no more). */
const STREAMS_MAX = 2

/** Requests that wait for a stream to one peer. */
const WAITING_MAX = 256

/** What the pool does for a peer's streams. */
export interface PeerStreamsHost {
  now: () => number
  isSingleShot: () => boolean
  /** Opens a stream; `signal` ends the attempt, `onConnected` tells that the dial is over. */
  open: (request: PendingRequest, signal: AbortSignal, onConnected: () => void) => Promise<Stream>
  adopt: (stream: Stream, singleShot: boolean) => PooledStream
  onReuseFailed: () => void
  /** The peer reset a stream of which our half had ended. */
  onResetAtEnd: () => void
  /** Streams, waiting requests or deadlines changed. */
  onChange: () => void
}

interface Opening {
  controller: AbortController
  dueMs: number
  connected: boolean
}

export class PeerStreams {
  readonly id: PeerId
  private readonly host: PeerStreamsHost
  /** BOUNDED: by `STREAMS_MAX`, and as many at their end. */
  private readonly streams: PooledStream[] = []
  /** The oldest first. BOUNDED: by `WAITING_MAX`. */
  private readonly waiting: PendingRequest[] = []
  private opening: Opening | null = null

  constructor(id: PeerId, host: PeerStreamsHost) {
    this.id = id
    this.host = host
  }

  get isEmpty(): boolean {
    return this.streams.length === 0 && this.opening === null && this.waiting.length === 0
  }

  /** Whether a stream is kept that further requests can use. */
  get isPooled(): boolean {
    return this.usable.length > 0 && !this.host.isSingleShot()
  }

  /** Whether one of its streams may be ended to prove what was written on it; not all of them at once. */
  get mayFinish(): boolean {
    return this.streams.length - this.usable.length < STREAMS_MAX
  }

  /** Streams that are not at their end. */
  private get usable(): PooledStream[] {
    return this.streams.filter((stream) => !stream.isDead)
  }

  get openStreams(): readonly PooledStream[] {
    return this.streams
  }

  /** When an attempt to open a stream is given up; infinity when there is none. */
  get openingDueMs(): number {
    return this.opening?.dueMs ?? Number.POSITIVE_INFINITY
  }

  submit(request: PendingRequest): void {
    if (this.waiting.length >= WAITING_MAX) {
      request.reject(new RequestError('cancelled', 'too many requests wait for this peer'))
      return
    }
    this.waiting.push(request)
    this.pump()
  }

  /** Writes what waits on the streams that can take it, and opens one for what they can't. */
  pump(): void {
    const nowMs = this.host.now()
    for (let i = 0; i < this.waiting.length; ) {
      const request = this.waiting[i] as PendingRequest
      const stream = this.streamFor(request, nowMs)
      if (stream === null) {
        i++
        continue
      }
      this.waiting.splice(i, 1)
      stream.write(request)
    }
    const first = this.waiting[0]
    if (first !== undefined && this.opening === null && this.usable.length < STREAMS_MAX) {
      void this.open(first)
    }
    this.host.onChange()
  }

  /** Nobody waits for the request any more; `expired`: nor would its answer be of use to others. */
  abandon(request: PendingRequest, expired: boolean): void {
    const place = this.waiting.indexOf(request)
    if (place >= 0) this.waiting.splice(place, 1)
    else if (expired) this.streams.find((stream) => stream.carries(request))?.end('expired')
    // A dial for nobody is given up; a stream that is as good as open will serve the next request.
    if (this.waiting.length === 0 && place >= 0 && this.opening?.connected !== true) {
      this.cancelOpening()
    }
    this.host.onChange()
  }

  /** The attempt to open a stream takes too long. */
  expireOpening(): void {
    const connected = this.opening?.connected === true
    this.cancelOpening()
    this.openFailed(
      connected
        ? new RequestError('timeout', 'no stream in time')
        : new RequestError('dial', 'no connection in time'),
    )
  }

  /** A stream ended. What others on it are to blame for gets one more try, on a stream opened later. */
  streamEnded(stream: PooledStream, ending: Ending): void {
    const { cause, unanswered, begun, finishing } = ending
    const place = this.streams.indexOf(stream)
    if (place >= 0) this.streams.splice(place, 1)
    const isFailure = cause === 'reset' || cause === 'expired'
    if (isFailure && begun === null && unanswered.length > 0) {
      if (finishing && cause === 'reset') this.host.onResetAtEnd()
      else if (stream.answered > 0) this.host.onReuseFailed()
    }
    const again: PendingRequest[] = []
    for (const request of unanswered) {
      const isReused = stream.answered > 0 || request !== unanswered[0] || finishing
      if (!request.isLive) continue
      if (isFailure && isReused && request !== begun && request.failedOn === 0) again.push(request)
      else request.reject(new RequestError(reasonOf(cause)))
    }
    for (const request of again) request.failedOn = stream.number
    this.waiting.unshift(...again)
    this.pump()
  }

  /** Ends everything; what waits is cancelled. */
  stop(): void {
    this.cancelOpening()
    for (const request of this.waiting.splice(0)) {
      request.reject(new RequestError('cancelled'))
    }
    for (const stream of [...this.streams]) stream.end('stopped')
    this.host.onChange()
  }

  /** The stream with the least under way that is fresh enough. */
  private streamFor(request: PendingRequest, nowMs: number): PooledStream | null {
    let best: PooledStream | null = null
    for (const stream of this.streams) {
      if (stream.number <= request.failedOn) continue
      if (!stream.canTake(nowMs)) continue
      if (best === null || stream.pendingCount < best.pendingCount) best = stream
    }
    return best
  }

  private async open(request: PendingRequest): Promise<void> {
    const controller = new AbortController()
    const dueMs = this.host.now() + request.options.dialTimeoutMs
    const opening: Opening = { controller, dueMs, connected: false }
    this.opening = opening
    const onConnected = (): void => {
      opening.connected = true
    }
    let stream: Stream
    try {
      stream = await this.host.open(request, controller.signal, onConnected)
    } catch (error) {
      if (this.opening !== opening) return
      this.opening = null
      this.openFailed(requestError(error, 'reset'))
      return
    }
    if (this.opening !== opening) {
      stream.abort(new RequestError('cancelled'))
      return
    }
    this.opening = null
    this.opened(stream)
  }

  private opened(stream: Stream): void {
    const pooled = this.host.adopt(stream, this.host.isSingleShot())
    if (pooled.isDead) {
      pooled.end('reset')
      this.openFailed(new RequestError('reset', 'the stream ended at once'))
      return
    }
    this.streams.push(pooled)
    this.pump()
  }

  /** No new stream: what can still be written on an open one waits for it, the rest has failed. */
  private openFailed(error: RequestError): void {
    const failed = this.waiting.filter(
      (request) => this.streams.length === 0 || request.failedOn > 0,
    )
    for (const request of failed) this.waiting.splice(this.waiting.indexOf(request), 1)
    for (const request of failed) request.reject(error)
    this.host.onChange()
  }

  private cancelOpening(): void {
    const { opening } = this
    this.opening = null
    opening?.controller.abort()
  }
}

function reasonOf(cause: EndCause): FailureReason {
  if (cause === 'malformed') return 'malformed'
  return cause === 'stopped' || cause === 'released' ? 'cancelled' : 'reset'
}
