/**
 * Requests to peers over streams that are kept open: an answer costs one round trip on a stream of the
 * pool, three on a connection without one (two of them negotiation), six without a connection, and a
 * new stream for each request would cost seven to ten times the processor.
 *
 * Requests on a stream are pipelined and answered in order; the protocol has no ids. Whoever loses
 * interest (`signal`, any reason) leaves a place in the order whose answer is thrown away. Whoever has
 * waited too long (`signal` with a `TimeoutError`, or the pool's own limit) ends the stream, since its
 * late answer could not be told from the next; its neighbours move to a fresh stream, once. A request
 * whose reused stream fails before any byte of the answer came is tried once more as well.
 *
 * Bounded by: two streams a peer and 16 requests a stream, 256 waiting requests a peer, 32 MiB of answers that
 * have begun; idle streams by time, and by `releaseIdle`, so that none holds a connection that libp2p
 * wants to close.
 */
import type { PeerId, Stream } from '@libp2p/interface'
import { encodeMessage } from '../wire/codec.ts'
import { ANSWER_BYTES_MAX } from '../wire/limits.ts'
import { Alarm, type Clock } from './clock.ts'
import { RequestError } from './errors.ts'
import { ByteBudget, frame } from './frames.ts'
import { Habits } from './habits.ts'
import { type Connector, openStream } from './open.ts'
import { PeerStreams } from './peer-streams.ts'
import { PooledStream, WRITE_BUFFER_BYTES_MAX } from './pooled-stream.ts'
import { type Answer, PendingRequest, type RequestOptions } from './request.ts'

export type { Answer, RequestOptions }
export { RequestError }

/** The servers of js-libp2p reset a stream that was idle for 10 s, those of go for 60 s (measured). */
const IDLE_MS = 8_000
const IDLE_GO_MS = 50_000

/** Agents built on go-libp2p-kad-dht. */
const GO_AGENT = /^(kubo|go-ipfs|rainbow|someguy|ipfs-cluster|lotus|hydra-booster)\b|go-libp2p/

/** Agents that answer PING. The servers of rust close the stream instead, so others are asked for nodes. */
const PING_AGENT = /^(js-libp2p|helia)\b/

/** Bytes of answers that have begun and not ended, over all streams. */
const PARTIAL_BYTES_MAX: number = 32 * 1024 * 1024

export interface StreamPoolInit {
  connectionManager: Connector
  /** The protocol's name, as `/ipfs/kad/1.0.0`. */
  protocol: string
  clock: Clock
  /** Streams of the protocol on one connection, of the pool and of others. Default 64. */
  maxOutboundStreams?: number
  /** After this an answer is overdue and its stream is ended, ms after writing. Default 10 s. */
  replyTimeoutMs?: number
  /** What identify said of a peer's software, if anything. */
  agentOf?: (peer: PeerId) => string | undefined
  /** A stream is kept to the peer from now on, or no longer is. */
  onPooled?: (peer: PeerId, pooled: boolean) => void
}

export class StreamPool {
  private readonly init: StreamPoolInit
  private readonly clock: Clock
  private readonly replyTimeoutMs: number
  private readonly alarm: Alarm
  private readonly budget = new ByteBudget(PARTIAL_BYTES_MAX)
  private readonly habits: Habits
  /** By peer id. BOUNDED: by peers with a stream or with a request that waits for one. */
  private readonly peers = new Map<string, PeerStreams>()
  /** Peers told to have a stream. BOUNDED: by `peers`. */
  private readonly pooled = new Set<string>()
  private streamNumber = 0

  constructor(init: StreamPoolInit) {
    this.init = init
    this.clock = init.clock
    this.habits = new Habits(init.clock)
    this.replyTimeoutMs = init.replyTimeoutMs ?? 10_000
    this.alarm = new Alarm(init.clock, () => this.tick())
  }

  /**
   * Asks a peer.
   *
   * @param message - a request, encoded, of at most 256 KiB.
   * @throws RequestError with the reason why there is no answer.
   */
  request(to: PeerId, message: Uint8Array, options: RequestOptions): Promise<Answer> {
    return this.submit(to, message, options, false)
  }

  /**
   * Tells a peer what the protocol has no answer to (ADD_PROVIDER). Resolves to null when the peer has
   * done it: when it answered a request that was written behind it on the same stream, or ended its half
   * after we ended ours. Where nothing is written behind it at once the pool ends the stream, which would
   * have fallen idle; to a peer that is told many things (a bulk), or that is known to reset such
   * streams, it writes a small request instead.
   *
   * @throws RequestError as `request` does.
   */
  async announce(to: PeerId, message: Uint8Array, options: RequestOptions): Promise<null> {
    this.habits.announced(to.toString())
    await this.submit(to, message, options, true)
    return null
  }

  /**
   * Ends all streams on which nothing is under way, at once. To be called when libp2p prunes
   * connections or is about to: it spares those that have a stream.
   */
  releaseIdle(): void {
    for (const peer of this.peers.values()) {
      for (const stream of [...peer.openStreams]) {
        if (stream.pendingCount === 0) stream.end('released')
      }
    }
  }

  /** Ends all streams and requests. The pool can be used again afterwards. */
  stop(): void {
    for (const peer of this.peers.values()) peer.stop()
    this.alarm.clear()
  }

  private submit(
    to: PeerId,
    message: Uint8Array,
    options: RequestOptions,
    silent: boolean,
  ): Promise<Answer> {
    const frames = frame(message)
    return new Promise<Answer>((resolve, reject) => {
      if (options.signal.aborted) {
        reject(abortError(options.signal))
      } else if (frames.length > WRITE_BUFFER_BYTES_MAX) {
        reject(new RequestError('cancelled', `a request of ${frames.length} bytes is too long`))
      } else {
        const onAbort = this.abandon
        const init = { to, frames, silent, options, onAbort, resolve, reject }
        this.streamsTo(to).submit(new PendingRequest(init))
      }
    })
  }

  private readonly abandon = (request: PendingRequest): void => {
    const error = abortError(request.options.signal)
    request.reject(error)
    this.peers.get(request.to.toString())?.abandon(request, error.reason === 'timeout')
  }

  private streamsTo(id: PeerId): PeerStreams {
    const name = id.toString()
    const known = this.peers.get(name)
    if (known !== undefined) return known
    const peer: PeerStreams = new PeerStreams(id, {
      now: this.clock.now,
      isSingleShot: () => this.habits.isSingleShot(name),
      open: (request, signal, onConnected) => this.open(request, signal, onConnected),
      adopt: (stream, singleShot) => this.adopt(peer, stream, singleShot),
      onReuseFailed: () => this.habits.reuseFailed(name),
      onResetAtEnd: () => this.habits.resetAtEnd(name),
      onChange: () => this.changed(name, peer),
    })
    this.peers.set(name, peer)
    return peer
  }

  private open(
    request: PendingRequest,
    signal: AbortSignal,
    onConnected: () => void,
  ): Promise<Stream> {
    const { connectionManager, protocol, maxOutboundStreams = 64 } = this.init
    const { addresses, dialPriority = 50 } = request.options
    return openStream(request.to, {
      connector: connectionManager,
      protocol,
      maxOutboundStreams,
      addresses,
      priority: dialPriority,
      signal,
      onConnected,
    })
  }

  private adopt(peer: PeerStreams, stream: Stream, singleShot: boolean): PooledStream {
    const { habits } = this
    const name = peer.id.toString()
    return new PooledStream(stream, {
      clock: this.clock,
      number: ++this.streamNumber,
      singleShot,
      answerBytesMax: ANSWER_BYTES_MAX,
      budget: this.budget,
      probe: frame(this.probeOf(peer.id)),
      mayFinish: () => peer.mayFinish && !habits.isToldMuch(name) && !habits.resetsAtEnd(name),
      onFinishing: () => this.changed(name, peer),
      onAnswer: (answered) => {
        if (answered.answered > 1) habits.reuseWorked(name)
        peer.pump()
      },
      onWritable: () => peer.pump(),
      onEnd: (ended, ending) => peer.streamEnded(ended, ending),
    })
  }

  /** The cheapest request that the peer is known to answer. */
  private probeOf(peer: PeerId): Uint8Array {
    const agent = this.init.agentOf?.(peer) ?? ''
    const nothing = { record: null, closer: [], providers: [] }
    return PING_AGENT.test(agent) || GO_AGENT.test(agent)
      ? encodeMessage({ ...nothing, type: 'ping', keyBytes: new Uint8Array(0) })
      : encodeMessage({ ...nothing, type: 'findNode', keyBytes: peer.toMultihash().bytes })
  }

  private changed(name: string, peer: PeerStreams): void {
    const { isPooled } = peer
    if (isPooled !== this.pooled.has(name)) {
      if (isPooled) this.pooled.add(name)
      else this.pooled.delete(name)
      this.init.onPooled?.(peer.id, isPooled)
    }
    if (!peer.isEmpty) this.alarm.set(this.dueMs(peer))
    else if (this.peers.get(name) === peer) this.peers.delete(name)
  }

  /** When something of the peer's runs out unless something happens before. */
  private dueMs(peer: PeerStreams): number {
    let dueMs = peer.openingDueMs
    for (const stream of peer.openStreams) dueMs = Math.min(dueMs, this.streamDueMs(peer, stream))
    return dueMs
  }

  private streamDueMs(peer: PeerStreams, stream: PooledStream): number {
    if (stream.pendingCount > 0) return stream.oldestWrittenAtMs + this.replyTimeoutMs
    const isGo = GO_AGENT.test(this.init.agentOf?.(peer.id) ?? '')
    return stream.idleSinceMs + (isGo ? IDLE_GO_MS : IDLE_MS)
  }

  /** Ends what has run out. */
  private tick(): void {
    const nowMs = this.clock.now()
    let nextMs = Number.POSITIVE_INFINITY
    for (const peer of this.peers.values()) {
      if (peer.openingDueMs <= nowMs) peer.expireOpening()
      for (const stream of [...peer.openStreams]) {
        if (this.streamDueMs(peer, stream) > nowMs) continue
        if (stream.pendingCount > 0) stream.expire()
        else stream.end('released')
      }
      nextMs = Math.min(nextMs, this.dueMs(peer))
    }
    this.alarm.set(nextMs)
  }
}

function abortError(signal: AbortSignal): RequestError {
  const { reason } = signal
  if (reason instanceof RequestError) return reason
  const isExpired = reason instanceof Error && reason.name === 'TimeoutError'
  return new RequestError(isExpired ? 'timeout' : 'cancelled', undefined, { cause: reason })
}
