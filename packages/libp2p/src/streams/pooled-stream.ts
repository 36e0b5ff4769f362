/**
 * One stream to a peer, on which requests are written one behind the other and answered in the same
 * order. A request that nobody waits for any more keeps its place, and its answer is thrown away: the
 * ones behind it must not take it for theirs. Requests without an answer (ADD_PROVIDER) are done when
 * one behind them is answered, since servers work through a stream in order; when none follows at
 * once, a probe does. The stream ends once, whoever ends it, and hands back what was not answered.
 */
import type { Stream, StreamMessageEvent } from '@libp2p/interface'
import type { Clock } from './clock.ts'
import { RequestError } from './errors.ts'
import { type ByteBudget, FrameReader } from './frames.ts'
import type { PendingRequest } from './request.ts'

/** Most bytes that wait in libp2p for the network; one request always fits. */
export const WRITE_BUFFER_BYTES_MAX: number = 256 * 1024

/** Streams are never paused on this side, so nothing should ever wait to be read. */
const READ_BUFFER_BYTES_MAX = 256 * 1024

/** Requests under way on one stream at most. */
const PIPELINE_MAX = 16

/** A stream whose oldest request waits for longer than this is no place for a new one. */
const LATE_MS = 1_000

const NO_BYTES = new Uint8Array(0)

/**
 * Why a stream ended: `reset`, the peer or the network ended it, or there was no room for an answer;
 * `expired`, an answer did not come in time; `malformed`, what came is no answer; `released`, it was
 * idle; `stopped`, the pool was.
 */
export type EndCause = 'reset' | 'expired' | 'malformed' | 'released' | 'stopped'

/** What a stream leaves behind. */
export interface Ending {
  cause: EndCause
  /** Requests not answered, the oldest first. */
  unanswered: PendingRequest[]
  /** The one of them whose answer had begun. */
  begun: PendingRequest | null
  /** Our half had ended, to prove what was written on it. */
  finishing: boolean
}

export interface PooledStreamInit {
  clock: Clock
  /** Counts up with each stream opened; tells fresh streams from old ones. */
  number: number
  /** The stream is for one request, since the peer bears no second one. */
  singleShot: boolean
  answerBytesMax: number
  budget: ByteBudget
  /** A request with its length before it, whose answer proves that what was written before is done. */
  probe: Uint8Array
  /**
   * Whether the stream may be ended to prove it: the peer ends its half when it has worked through ours.
   * That costs no message, but the stream.
   */
  mayFinish: () => boolean
  /** It takes no more requests. */
  onFinishing: () => void
  /** An answer was complete. */
  onAnswer: (stream: PooledStream) => void
  /** It can be written to again. */
  onWritable: () => void
  onEnd: (stream: PooledStream, ending: Ending) => void
}

/** A place in the order: of a request, or of a probe of ours. */
interface Place {
  request: PendingRequest | null
  writtenAtMs: number
}

export class PooledStream {
  readonly number: number
  /** Answers that came on it. */
  answered = 0
  /** Since when nothing has been under way on it. */
  idleSinceMs: number
  private readonly stream: Stream
  private readonly init: PooledStreamInit
  private readonly reader: FrameReader
  private readonly capacity: number
  /** Written and not answered, the oldest first. BOUNDED: by `PIPELINE_MAX` and one probe. */
  private readonly places: Place[] = []
  /** The last place has no answer, so nothing would tell when it is done. */
  private unproven = false
  private blocked = false
  private finishing = false
  private ended = false

  constructor(stream: Stream, init: PooledStreamInit) {
    this.stream = stream
    this.init = init
    this.number = init.number
    this.capacity = init.singleShot ? 1 : PIPELINE_MAX
    this.idleSinceMs = init.clock.now()
    this.reader = new FrameReader(init.answerBytesMax, init.budget)
    stream.maxWriteBufferLength = WRITE_BUFFER_BYTES_MAX
    stream.maxReadBufferLength = READ_BUFFER_BYTES_MAX
    stream.addEventListener('message', this.onMessage)
    stream.addEventListener('drain', this.onDrain)
    stream.addEventListener('remoteCloseWrite', this.onRemoteEnd)
    stream.addEventListener('close', this.onClose)
  }

  /** Requests under way, with those that nobody waits for. */
  get pendingCount(): number {
    return this.places.length
  }

  /** When its oldest request was written; infinity when there is none. */
  get oldestWrittenAtMs(): number {
    return this.places[0]?.writtenAtMs ?? Number.POSITIVE_INFINITY
  }

  /** It can carry nothing any more. */
  get isDead(): boolean {
    const { status, writeStatus, remoteWriteStatus } = this.stream
    const isOpen = status === 'open' && writeStatus === 'writable' && !this.finishing
    return this.ended || !isOpen || remoteWriteStatus !== 'writable'
  }

  /** Whether one more request may be written now and may hope for a quick answer. */
  canTake(nowMs: number): boolean {
    const isLate = nowMs - this.oldestWrittenAtMs >= LATE_MS
    return !this.blocked && !this.isDead && !isLate && this.places.length < this.capacity
  }

  carries(request: PendingRequest): boolean {
    return this.places.some((place) => place.request === request)
  }

  write(request: PendingRequest): void {
    request.writtenAtMs = this.init.clock.now()
    this.places.push({ request, writtenAtMs: request.writtenAtMs })
    this.unproven = request.silent
    if (request.silent) queueMicrotask(this.prove)
    this.sendNow(request.frames)
  }

  /** The oldest answer is overdue. Late as it may come, it would not be told from the next. */
  expire(): void {
    this.places[0]?.request?.reject(new RequestError('timeout'))
    this.end('expired')
  }

  /** Ends the stream for the peer as well. */
  end(cause: EndCause): void {
    if (this.ended) return
    this.ended = true
    const isBegun = this.reader.unreadBytes > 0
    if (isBegun) this.settleSilent(this.init.clock.now())
    this.reader.close()
    const begun = isBegun ? (this.places[0]?.request ?? null) : null
    const unanswered = this.places.splice(0).flatMap(({ request }) => request ?? [])
    // What is idle is reset like everything else: a closed half would wait for the peer's other half,
    // and for as long libp2p would not prune the connection. With both halves closed it is gone already.
    if (!this.finishing || cause !== 'released') {
      this.stream.abort(new RequestError('reset', `the pool ends a stream: ${cause}`))
    }
    this.init.onEnd(this, { cause, unanswered, begun, finishing: this.finishing })
  }

  private sendNow(frames: Uint8Array): void {
    try {
      this.blocked = !this.stream.send(frames)
    } catch {
      this.end('reset')
    }
  }

  /** Nothing follows what has no answer: something must, or the end. */
  private readonly prove = (): void => {
    if (!this.unproven || this.blocked || this.ended) return
    this.unproven = false
    if (this.init.mayFinish()) {
      this.finishing = true
      this.init.onFinishing()
      this.stream.close().catch(() => this.end('reset'))
      return
    }
    this.places.push({ request: null, writtenAtMs: this.init.clock.now() })
    this.sendNow(this.init.probe)
  }

  private readonly onMessage = (event: StreamMessageEvent): void => {
    if (this.ended) return
    const { reader } = this
    reader.push(event.data)
    for (let bytes = reader.next(); bytes !== null; bytes = reader.next()) this.handle(bytes)
    if (reader.fault !== null) this.end(reader.fault === 'oversized' ? 'malformed' : 'reset')
  }

  private handle(bytes: Uint8Array): void {
    const nowMs = this.init.clock.now()
    if (this.places.every(isSilent)) {
      this.end('malformed')
      return
    }
    this.settleSilent(nowMs)
    const place = this.places.shift()
    this.answered++
    if (this.places.length === 0) this.idleSinceMs = nowMs
    place?.request?.resolve(bytes, nowMs)
    if (this.init.singleShot) this.end('released')
    else this.init.onAnswer(this)
  }

  /** What comes before an answer is done. */
  private settleSilent(nowMs: number): void {
    for (
      let first = this.places[0];
      first !== undefined && isSilent(first);
      first = this.places[0]
    ) {
      first.request?.resolve(NO_BYTES, nowMs)
      this.places.shift()
    }
  }

  private readonly onDrain = (): void => {
    if (!this.blocked || this.ended) return
    this.blocked = false
    this.init.onWritable()
    this.prove()
  }

  /**
   * The peer says that it will write no more. If we said so before, it has worked through all that we
   * wrote. Some do so behind every request; if the first of a stream has no answer, it has been done then.
   */
  private readonly onRemoteEnd = (): void => {
    if (this.finishing) this.settleSilent(this.init.clock.now())
    if (this.finishing && this.places.length === 0) {
      this.end('released')
      return
    }
    const first = this.places[0]
    if (first !== undefined && isSilent(first) && this.answered === 0) {
      first.request?.resolve(NO_BYTES, this.init.clock.now())
      this.places.shift()
      this.answered++
    }
    this.end('reset')
  }

  private readonly onClose = (): void => this.end('reset')
}

function isSilent(place: Place): boolean {
  return place.request?.silent === true
}
