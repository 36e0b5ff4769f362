/**
 * What a network sends, counted on the wire and the same way for every implementation: each connection's
 * `newStream` is wrapped, and on each stream opened for Kademlia the frames written are counted and the frames
 * read (to know what is under way). Neither side's own counters are used.
 *
 * An RPC is a request that an implementation sets out to make: those written (`sent`) and those in vain
 * (`inVain`), for which no stream could be opened, most often because the peer is unreachable. This is how the
 * literature counts a request to a dead peer. Both parts are kept apart. Pings and streams of other protocols
 * are counted too, so nothing that an implementation might use instead hides.
 */
import type { Connection, Libp2p, NewStreamOptions, Stream } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import { KAD_PROTOCOL } from '../implementations.ts'
import { FrameCounter, MESSAGE_TYPES } from './frame-counter.ts'

const PING_PROTOCOL = '/ipfs/ping/1.0.0'
const PING_BYTES = 32
const IDENTIFY = /^\/ipfs\/id\//
const ADD_PROVIDER = MESSAGE_TYPES.indexOf('ADD_PROVIDER')

/** What the meter knows of a node: an unreachable one's attempts to reach others are nobody's cost. */
export interface MeteredHost {
  readonly dark: boolean
}

/** Totals since the meter was made. */
export interface Counts {
  /** Kademlia requests written, by message type. Bounded by the types seen on the wire (a byte). */
  requests: Map<number, number>
  /** Kademlia requests written, of all types. */
  sent: number
  /** Requests for which no connection or no stream came about, those that still hang included. */
  inVain: number
  /** Pings of libp2p's ping protocol. */
  pings: number
  /** Streams opened for any protocol but Kademlia, ping and identify. */
  otherStreams: number
  /** Streams opened for Kademlia. */
  kadStreams: number
  /** Connections opened, each counted by its dialler. */
  connections: number
}

export class Meter {
  private readonly counts: Counts = {
    requests: new Map(),
    sent: 0,
    inVain: 0,
    pings: 0,
    otherStreams: 0,
    kadStreams: 0,
    connections: 0,
  }
  /** Failures counted; weak, so bounded by who still holds them. */
  private readonly failures = new WeakSet<Error>()
  /** Kademlia requests that wait for their reply. */
  requestsInFlight = 0
  /** When each attempt to get a stream for a request began. Bounded by the nodes' requests. */
  private readonly openings = new Set<{ readonly atMs: number }>()

  /** Counts what this node opens and sends from now on. */
  watch(node: Libp2p, host: MeteredHost): void {
    node.addEventListener('connection:open', (event) => this.wrap(event.detail, host))
  }

  /**
   * The components of a node as its DHT shall see them: the same, but the connection manager's `openStream` and
   * `openConnection` report what came to nothing.
   */
  componentsFor<T extends object>(components: T, host: MeteredHost): T {
    return new Proxy(components, {
      get: (target, name, receiver) => {
        const component: unknown = Reflect.get(target, name, receiver)
        return name === 'connectionManager'
          ? this.watched(component as ConnectionManager, host)
          : component
      },
    })
  }

  snapshot(): Counts {
    const inVain = this.counts.inVain + this.openings.size
    return { ...this.counts, inVain, requests: new Map(this.counts.requests) }
  }

  /**
   * No request is under way: none waits for its reply, and none that set out at a time or before (by default: ever)
   * still waits for a stream, be it through a dial that hangs.
   */
  isQuiet(begunByMs: number = Number.POSITIVE_INFINITY): boolean {
    if (this.requestsInFlight > 0) return false
    for (const { atMs } of this.openings) if (atMs <= begunByMs) return false
    return true
  }

  private watched(manager: ConnectionManager, host: MeteredHost): ConnectionManager {
    const outer = Object.create(manager) as ConnectionManager
    outer.openStream = (peer, protocol, options) =>
      this.orInVain(manager.openStream(peer, protocol, options), host)
    outer.openConnection = (peer, options) => {
      const opening = manager.openConnection(peer, options)
      // A forced dial asks nothing: it looks whether a peer can be reached, and counts among the dials, like
      // those of libp2p's reconnection.
      return options?.force === true ? opening : this.orInVain(opening, host)
    }
    return outer
  }

  /** Follows an opening; counts a failure once, though it may pass here as a stream's and as a connection's. */
  private async orInVain<T>(opening: Promise<T>, host: MeteredHost): Promise<T> {
    const start = { atMs: performance.now() }
    if (!host.dark) this.openings.add(start)
    try {
      return await opening
    } catch (error) {
      const counted = error instanceof Error && this.failures.has(error)
      if (!counted && !host.dark) this.counts.inVain++
      if (error instanceof Error) this.failures.add(error)
      throw error
    } finally {
      this.openings.delete(start)
    }
  }

  private wrap(connection: Connection, host: MeteredHost): void {
    if (connection.direction === 'outbound') this.counts.connections++
    const open = connection.newStream.bind(connection)
    connection.newStream = async (
      protocols: string | string[],
      options?: NewStreamOptions,
    ): Promise<Stream> => {
      const opening = open(protocols, options)
      const isKad = protocols.includes(KAD_PROTOCOL)
      const stream = await (isKad ? this.orInVain(opening, host) : opening)
      this.watchStream(stream)
      return stream
    }
  }

  private watchStream(stream: Stream): void {
    if (stream.protocol === KAD_PROTOCOL) this.watchKad(stream)
    else if (stream.protocol === PING_PROTOCOL) this.watchPing(stream)
    else if (!IDENTIFY.test(stream.protocol)) this.counts.otherStreams++
  }

  private watchKad(stream: Stream): void {
    this.counts.kadStreams++
    let waiting = 0
    let closed = false
    const settle = (count: number): void => {
      waiting -= count
      this.requestsInFlight -= count
    }
    const sent = new FrameCounter((type) => {
      this.counts.sent++
      this.counts.requests.set(type, (this.counts.requests.get(type) ?? 0) + 1)
      // ADD_PROVIDER has no reply; on a closed stream nothing will come.
      if (type === ADD_PROVIDER || closed) return
      waiting++
      this.requestsInFlight++
    })
    const received = new FrameCounter(() => {
      if (waiting > 0) settle(1)
    })
    onSend(stream, (bytes) => sent.push(bytes))
    onMessage(stream, (bytes) => received.push(bytes))
    stream.addEventListener('close', () => {
      closed = true
      settle(waiting)
    })
  }

  private watchPing(stream: Stream): void {
    let bytesSent = 0
    onSend(stream, (bytes) => {
      const before = Math.floor(bytesSent / PING_BYTES)
      bytesSent += bytes.length
      this.counts.pings += Math.floor(bytesSent / PING_BYTES) - before
    })
  }
}

/** A byte list as libp2p's streams take it: iterating gives its pieces. */
type Bytes = Parameters<Stream['send']>[0]

function eachPiece(data: Bytes, take: (piece: Uint8Array) => void): void {
  if (data instanceof Uint8Array) take(data)
  else for (const piece of data) take(piece)
}

/** Sees what is written, once the stream has taken it. */
function onSend(stream: Stream, see: (piece: Uint8Array) => void): void {
  const send = stream.send.bind(stream)
  stream.send = (data) => {
    // The stream may consume the list, so its pieces are seen first; a throw means that it was closed.
    if (stream.writeStatus === 'writable') eachPiece(data, see)
    return send(data)
  }
}

/** Sees what is read. No listener is added: a `message` listener would start the flow before the reader is there. */
function onMessage(stream: Stream, see: (piece: Uint8Array) => void): void {
  const dispatch = stream.dispatchEvent.bind(stream)
  stream.dispatchEvent = (event) => {
    if (event.type === 'message') eachPiece((event as unknown as { data: Bytes }).data, see)
    return dispatch(event)
  }
}

/** Requests set out to be made: written and in vain. */
export function rpcsOf(counts: Counts): number {
  return counts.sent + counts.inVain
}

/** What happened between two snapshots. */
export function countsBetween(before: Counts, after: Counts): Counts {
  const requests = new Map<number, number>()
  for (const [type, count] of after.requests) {
    const difference = count - (before.requests.get(type) ?? 0)
    if (difference > 0) requests.set(type, difference)
  }
  return {
    requests,
    sent: after.sent - before.sent,
    // One that hung before may have come about after all.
    inVain: Math.max(0, after.inVain - before.inVain),
    pings: after.pings - before.pings,
    otherStreams: after.otherStreams - before.otherStreams,
    kadStreams: after.kadStreams - before.kadStreams,
    connections: after.connections - before.connections,
  }
}
