/** One request of the pool, from the call to its end. */
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { RequestError } from './errors.ts'

export interface Answer {
  /** The answer, still encoded, in an array of its own; empty for what has no answer. */
  bytes: Uint8Array
  /**
   * From just before the request was written on an open stream until the answer was complete: one
   * round trip and the peer's work, with the work on what was ahead on the same stream. Dial and
   * negotiation are not part of it.
   */
  rttMs: number
}

export interface RequestOptions {
  /**
   * Ends the wait. With a reason named `TimeoutError` (as of `AbortSignal.timeout`), or a RequestError
   * of `timeout`, the answer is overdue and the stream is ended; with any other reason the answer is
   * merely of no interest.
   */
  signal: AbortSignal
  /** A connection and a stream must be there after this, ms. */
  dialTimeoutMs: number
  /** Where to dial the peer. Without this the peer store knows; with an empty list it is not dialled. */
  addresses?: readonly Multiaddr[]
  /** Of the dial, where one is needed, among all that libp2p has to do. Default 50, which is libp2p's. */
  dialPriority?: number
}

export interface RequestInit {
  to: PeerId
  /** What is written: the request with its length before it. */
  frames: Uint8Array
  /** The protocol has no answer to it. */
  silent: boolean
  options: RequestOptions
  onAbort: (request: PendingRequest) => void
  resolve: (answer: Answer) => void
  reject: (error: RequestError) => void
}

export class PendingRequest {
  readonly to: PeerId
  readonly frames: Uint8Array
  readonly silent: boolean
  readonly options: RequestOptions
  writtenAtMs = 0
  /**
   * The stream on which it failed, by its number: it gets one more try, on a later one. 0 before that.
   */
  failedOn = 0
  private live = true
  private readonly init: RequestInit

  constructor(init: RequestInit) {
    this.to = init.to
    this.frames = init.frames
    this.silent = init.silent
    this.options = init.options
    this.init = init
    this.options.signal.addEventListener('abort', this.abort)
  }

  /** Whether somebody still waits. A request that nobody waits for keeps its place on the stream. */
  get isLive(): boolean {
    return this.live
  }

  resolve(bytes: Uint8Array, nowMs: number): void {
    if (this.settle()) this.init.resolve({ bytes, rttMs: nowMs - this.writtenAtMs })
  }

  reject(error: RequestError): void {
    if (this.settle()) this.init.reject(error)
  }

  private settle(): boolean {
    if (!this.live) return false
    this.live = false
    this.options.signal.removeEventListener('abort', this.abort)
    return true
  }

  private readonly abort = (): void => this.init.onAbort(this)
}
