/**
 * Connections between the nodes of a world, and streams on them, with what each costs: a dial 3 round
 * trips, a stream 1; then a request costs 1. So an answer takes 5 round trips cold, 2 connected, 1 on a
 * stream that is kept (measured over TCP; streams are kept as long as their connection).
 */
import type { Link } from '@kadmium/core'
import type { Timeline } from './timeline.ts'

const DIAL_ROUND_TRIPS = 3
const STREAM_ROUND_TRIPS = 1

/** What one end of a connection has. */
interface End {
  /** It opened the connection, or one like it. */
  dialled: boolean
  /** When its stream is open; Infinity when it has none. */
  streamAtMs: number
}

/** What the wires tell of one end of a connection. */
export interface LinkNews {
  node: number
  peer: number
  link: Link
  dialled: boolean
}

export interface WiresInit {
  timeline: Timeline
  /** Nodes, the base of the numbers of pairs. */
  nodes: number
  delayMs: (a: number, b: number) => number
  isAlive: (node: number) => boolean
  /** Whether a dial to the node gets through. */
  isDialable: (node: number) => boolean
  linkChanged: (news: LinkNews) => void
  /** Both ends have told one another what they speak. */
  identified: (a: number, b: number) => void
}

export class Wires {
  private readonly init: WiresInit
  /** Ends of connections, by (node, peer). BOUNDED: by pairs of nodes. */
  private readonly ends = new Map<number, End>()
  /** Who waits for a dial under way, by (dialler, peer). BOUNDED: by pairs of nodes. */
  private readonly dials = new Map<number, ((ok: boolean) => void)[]>()

  constructor(init: WiresInit) {
    this.init = init
  }

  isOpen(a: number, b: number): boolean {
    return this.ends.has(this.pair(a, b))
  }

  /** Calls back once the node has a stream to the peer, with false when it can't be had. */
  reach(node: number, peer: number, dialTimeoutMs: number, done: (ok: boolean) => void): void {
    if (this.isOpen(node, peer)) this.openStream(node, peer, done)
    else {
      this.dial(node, peer, dialTimeoutMs, (ok) => {
        // The other side may have dialled us meanwhile.
        if (ok || this.isOpen(node, peer)) this.openStream(node, peer, done)
        else done(false)
      })
    }
  }

  /** Opens a fresh connection, whether there is one or not. Dials of one peer that are under way together are one. */
  dial(node: number, peer: number, timeoutMs: number, done: (ok: boolean) => void): void {
    const { timeline, isAlive, isDialable } = this.init
    const pair = this.pair(node, peer)
    const waiting = this.dials.get(pair)
    if (waiting !== undefined) {
      waiting.push(done)
      return
    }
    this.dials.set(pair, [done])
    const takesMs = DIAL_ROUND_TRIPS * this.roundTripMs(node, peer)
    const gets = isDialable(peer) && takesMs <= timeoutMs
    timeline.later(gets ? takesMs : timeoutMs, () => {
      const ok = gets && isDialable(peer) && isAlive(node)
      if (ok) this.connect(node, peer)
      const callers = this.dials.get(pair) ?? []
      this.dials.delete(pair)
      for (const caller of callers) caller(ok)
    })
  }

  /** The streams of one end break; its connection stays. */
  breakStream(node: number, peer: number): void {
    const end = this.ends.get(this.pair(node, peer))
    if (end === undefined || end.streamAtMs === Number.POSITIVE_INFINITY) return
    end.streamAtMs = Number.POSITIVE_INFINITY
    this.tell(node, peer, 'connected', end)
  }

  /** All connections of a node end: in order (`cold`), or because they broke (`lost`). Returns the other ends. */
  disconnect(node: number, how: 'cold' | 'lost'): number[] {
    const peers: number[] = []
    for (let peer = 0; peer < this.init.nodes; peer++) {
      const end = this.ends.get(this.pair(node, peer))
      const other = this.ends.get(this.pair(peer, node))
      if (end === undefined || other === undefined) continue
      this.ends.delete(this.pair(node, peer))
      this.ends.delete(this.pair(peer, node))
      this.tell(node, peer, how, end)
      this.tell(peer, node, how, other)
      peers.push(peer)
    }
    return peers
  }

  private connect(node: number, peer: number): void {
    const { timeline, identified } = this.init
    const known = this.ends.get(this.pair(node, peer))
    const end = known ?? this.newEnd(node, peer)
    end.dialled = true
    this.tell(node, peer, linkOf(end, timeline.nowMs), end)
    if (known !== undefined) return
    const other = this.newEnd(peer, node)
    this.tell(peer, node, 'connected', other)
    timeline.later(this.roundTripMs(node, peer), () => {
      if (this.ends.get(this.pair(node, peer)) === end) identified(node, peer)
    })
  }

  private openStream(node: number, peer: number, done: (ok: boolean) => void): void {
    const { timeline } = this.init
    const end = this.ends.get(this.pair(node, peer)) as End
    const isNew = end.streamAtMs === Number.POSITIVE_INFINITY
    const waitMs = STREAM_ROUND_TRIPS * this.roundTripMs(node, peer)
    if (isNew) end.streamAtMs = timeline.nowMs + waitMs
    if (end.streamAtMs <= timeline.nowMs) {
      done(true)
      return
    }
    timeline.at(end.streamAtMs, () => {
      const isThere =
        this.ends.get(this.pair(node, peer)) === end && end.streamAtMs <= timeline.nowMs
      if (isThere && isNew) this.tell(node, peer, 'pooled', end)
      done(isThere)
    })
  }

  private newEnd(node: number, peer: number): End {
    const end = { dialled: false, streamAtMs: Number.POSITIVE_INFINITY }
    this.ends.set(this.pair(node, peer), end)
    return end
  }

  private tell(node: number, peer: number, link: Link, end: End): void {
    this.init.linkChanged({ node, peer, link, dialled: end.dialled })
  }

  private roundTripMs(a: number, b: number): number {
    return 2 * this.init.delayMs(a, b)
  }

  private pair(node: number, peer: number): number {
    return node * this.init.nodes + peer
  }
}

function linkOf(end: End, nowMs: number): Link {
  return end.streamAtMs <= nowMs ? 'pooled' : 'connected'
}
