/**
 * One stream on which a peer asks. Its requests are handed on one at a time and answered in their
 * order: a client may pipeline, and what it writes behind an ADD_PROVIDER sees the provider. What the
 * peer writes ahead of that waits in bytes, not in messages: an honest client writes thousands of
 * ADD_PROVIDERs in a row, a hostile one fills a chunk with empty messages.
 */
import type { PeerId, Stream, StreamMessageEvent } from '@libp2p/interface'
import type { Clock } from './clock.ts'
import { type ByteBudget, FrameReader, frame } from './frames.ts'

/** Bytes that may wait behind a request; above that the stream is read no further. */
const UNREAD_BYTES_MAX = 64 * 1024

/**
 * What libp2p keeps of a stream that is not read further. A muxer lets a peer write on for a window,
 * 256 KiB or, where it is fast, some times that; whoever writes more is reset.
 */
const READ_BUFFER_BYTES_MAX = 1024 * 1024

/** What libp2p keeps unsent. The next request waits for the answer to go, so this bounds one answer. */
const WRITE_BUFFER_BYTES_MAX = 2 * 1024 * 1024

/** Where the answer to one request goes. Only the first call counts, and only while the stream lives. */
export interface Exchange {
  /** @param answer - encoded, at most 2 MiB. */
  reply: (answer: Uint8Array) => void
  /** There is no answer: `reset` because something was wrong, else because none is due. */
  conclude: (reset: boolean) => void
}

export interface ServerStreamInit {
  clock: Clock
  requestBytesMax: number
  /** A request must be here, handled and answered within so long, ms. */
  requestTimeoutMs: number
  /** A stream without a request is kept so long, ms. */
  idleTimeoutMs: number
  budget: ByteBudget
  onRequest: (from: PeerId, bytes: Uint8Array, exchange: Exchange) => void
  /** A request began to arrive: `dueMs` may be nearer than before. */
  onBusy: (stream: ServerStream) => void
  onEnd: (stream: ServerStream) => void
}

export class ServerStream {
  /** When a request last began to arrive, was handed on, or ended. */
  private movedAtMs: number
  private readonly stream: Stream
  private readonly from: PeerId
  private readonly init: ServerStreamInit
  private readonly reader: FrameReader
  private pumping = false
  private handling = false
  private blocked = false
  private paused = false
  private ended = false

  constructor(stream: Stream, from: PeerId, init: ServerStreamInit) {
    this.stream = stream
    this.from = from
    this.init = init
    this.movedAtMs = init.clock.now()
    this.reader = new FrameReader(init.requestBytesMax, init.budget)
    stream.maxReadBufferLength = READ_BUFFER_BYTES_MAX
    stream.maxWriteBufferLength = WRITE_BUFFER_BYTES_MAX
    stream.addEventListener('message', this.onMessage)
    stream.addEventListener('drain', this.onDrain)
    stream.addEventListener('remoteCloseWrite', this.pump)
    stream.addEventListener('close', this.finish)
  }

  /** When its time is up, unless something moves. */
  get dueMs(): number {
    const isBusy = this.handling || this.blocked || this.reader.unreadBytes > 0
    return this.movedAtMs + (isBusy ? this.init.requestTimeoutMs : this.init.idleTimeoutMs)
  }

  /** Ends the stream, at once and for the peer as well. */
  reset(why: string): void {
    if (this.ended) return
    this.finish()
    this.stream.abort(new Error(why))
  }

  private readonly onMessage = (event: StreamMessageEvent): void => {
    const isFirst = !this.handling && this.reader.unreadBytes === 0
    if (isFirst) this.movedAtMs = this.init.clock.now()
    this.reader.push(event.data)
    this.pump()
    if (isFirst && !this.ended) this.init.onBusy(this)
  }

  private readonly onDrain = (): void => {
    this.blocked = false
    this.pump()
  }

  /** Hands on what came, as far as it goes: one at a time, and none while an answer can't leave. */
  private readonly pump = (): void => {
    if (this.pumping || this.ended) return
    this.pumping = true
    while (!this.handling && !this.blocked && !this.ended) {
      const bytes = this.reader.next()
      if (bytes === null) break
      this.handling = true
      this.movedAtMs = this.init.clock.now()
      this.init.onRequest(this.from, bytes, this.exchange())
    }
    this.pumping = false
    if (!this.ended && this.reader.fault !== null) this.reset(`request: ${this.reader.fault}`)
    if (!this.ended) this.throttle()
    if (!this.ended) this.closeIfDone()
  }

  private exchange(): Exchange {
    let open = true
    const end = (act: () => void): void => {
      if (!open || this.ended) return
      open = false
      this.handling = false
      this.movedAtMs = this.init.clock.now()
      act()
      this.pump()
    }
    return {
      reply: (answer) => end(() => this.send(answer)),
      conclude: (reset) => end(() => reset && this.reset('request refused')),
    }
  }

  private send(answer: Uint8Array): void {
    try {
      this.blocked = !this.stream.send(frame(answer))
    } catch {
      this.reset('could not answer')
    }
  }

  /** Reads on unless enough waits already behind what can't go on now. */
  private throttle(): void {
    const isBusy = this.handling || this.blocked
    const isFull = isBusy && this.reader.unreadBytes >= UNREAD_BYTES_MAX
    if (isFull === this.paused || this.stream.readStatus === 'closed') return
    this.paused = isFull
    if (isFull) this.stream.pause()
    else this.stream.resume()
  }

  /** The peer writes no more and has all its answers. Half a request left: then something went wrong. */
  private closeIfDone(): void {
    const { stream } = this
    if (stream.remoteWriteStatus !== 'closed' || stream.readBufferLength > 0) return
    if (this.handling || this.blocked || stream.writeStatus !== 'writable') return
    if (this.reader.unreadBytes > 0) this.reset('half a request')
    else stream.close().catch((error: Error) => stream.abort(error))
  }

  private readonly finish = (): void => {
    if (this.ended) return
    this.ended = true
    this.reader.close()
    this.init.onEnd(this)
  }
}
