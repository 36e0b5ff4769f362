/**
 * What a node does for its own table without being asked: walks to its own key and to each of its
 * buckets in turn (quickly in the first round, then one round in `refreshIntervalMs`), looks again at
 * benched peers when their back-off has run out, and dials back peers that dialled us before anybody is
 * told about them. Exploration happens here, off the way of every caller.
 *
 * Bounded by: one upkeep walk at a time, `probesMax` dials back, `RETRIES_MAX` checks a wake.
 */
import type { Config } from './config.ts'
import { commonPrefixLength, KEY_BITS, KEY_WORDS } from './key.ts'
import type { StartOperation } from './messages.ts'
import { type NodeRows, ONLINE, PROBING, REFRESH_DUE, ROUND, TURN } from './node-rows.ts'
import type { Step } from './operation/port.ts'
import { NO_PEER, type PeerBook, type PeerRef } from './peers.ts'
import type { Routing } from './routing/routing.ts'
import type { NetworkSize } from './size.ts'

/** Share of the estimated network that a table must hold to need no walks but the one to the own key. */
const KNOWN_SHARE = 0.9

/** Benched peers checked at one wake. */
const RETRIES_MAX = 8

export class Upkeep {
  private readonly book: PeerBook
  private readonly config: Config
  private readonly routing: Routing
  private readonly selves: Int32Array
  private readonly sizes: NetworkSize
  /** `TURN` of the round: 0 walks to the own key, i to bucket i - 1. */
  private readonly rows: NodeRows
  private readonly retried = new Int32Array(RETRIES_MAX) // scratch

  constructor(
    rows: NodeRows,
    book: PeerBook,
    config: Config,
    routing: Routing,
    selves: Int32Array,
    sizes: NetworkSize,
  ) {
    this.book = book
    this.config = config
    this.routing = routing
    this.selves = selves
    this.sizes = sizes
    this.rows = rows
  }

  /** When there is something to do; may be early, never late. */
  deadlineMs(node: number): number {
    if (!this.isOnline(node)) return Number.POSITIVE_INFINITY
    const routingAt = this.room(node) > 0 ? this.routing.deadlineMs(node) : Number.POSITIVE_INFINITY
    return Math.min(this.rows.due(node, REFRESH_DUE), routingAt)
  }

  /** Whether the node looks after its table: between `start` and `stop`. */
  isOnline(node: number): boolean {
    return this.rows.octet(node, ONLINE) === 1
  }

  start(node: number, nowMs: number): void {
    this.rows.setOctet(node, ONLINE, 1)
    this.rows.setHalf(node, TURN, 0)
    this.rows.setDue(node, REFRESH_DUE, nowMs)
  }

  /** Somebody to ask is known: the first round begins, unless it has begun. */
  peerMet(node: number, nowMs: number): void {
    if (this.isOnline(node) && this.rows.due(node, REFRESH_DUE) === Number.POSITIVE_INFINITY) {
      this.rows.setDue(node, REFRESH_DUE, nowMs + this.config.joinIntervalMs)
    }
  }

  stop(node: number): void {
    this.rows.setOctet(node, ONLINE, 0)
    this.rows.setDue(node, REFRESH_DUE, Number.POSITIVE_INFINITY)
    this.rows.setHalf(node, TURN, 0)
    this.rows.setOctet(node, ROUND, 0)
    this.rows.setOctet(node, PROBING, 0)
  }

  /** Asks the host for the key to walk to, if a walk is due. */
  pickWalk(step: Step): void {
    const { node, nowMs } = step
    if (!this.isOnline(node) || this.rows.due(node, REFRESH_DUE) > nowMs) return
    const depth = this.depth(step)
    if (depth === 0) {
      this.rows.setDue(node, REFRESH_DUE, Number.POSITIVE_INFINITY) // until somebody is met
      return
    }
    const turn = this.rows.half(node, TURN)
    step.outbox.pickKey(turn === 0 ? KEY_BITS : turn - 1)
    // Where the table holds nearly everybody, walks to its buckets would find nobody else.
    const size = this.sizes.estimate(node)
    const knowsAll = size > 0 && this.routing.size(node) >= KNOWN_SHARE * size
    const turns = knowsAll ? 1 : 1 + depth
    const first = this.rows.octet(node, ROUND) === 0
    if (turn + 1 < turns) {
      this.rows.setHalf(node, TURN, turn + 1)
    } else {
      this.rows.setHalf(node, TURN, 0)
      this.rows.setOctet(node, ROUND, 1)
    }
    const { joinIntervalMs, refreshIntervalMs } = this.config
    this.rows.setDue(
      node,
      REFRESH_DUE,
      nowMs + (first ? joinIntervalMs : Math.ceil(refreshIntervalMs / turns)),
    )
  }

  /** Asks the host to dial back peers that dialled us, as many as may be checked at once. */
  dialBack(step: Step): void {
    const { node } = step
    while (this.isOnline(node) && this.room(node) > 0) {
      if (this.routing.deadlineMs(node) > step.nowMs) return
      const peer = this.routing.nextProbe(node, step.nowMs)
      if (peer === NO_PEER) return
      this.dial(step, peer)
    }
  }

  /** The connection to a peer broke. A member is looked for at once, or found out about when it is asked. */
  lost(step: Step, peer: PeerRef): void {
    const { node, nowMs } = step
    if (!this.routing.isMember(node, peer)) return
    if (this.room(node) > 0) this.dial(step, peer)
    else this.routing.setLink(node, peer, 'cold', false, 0, nowMs)
  }

  /** Benched peers that are due are dialled; those that are connected all the same are returned to be asked. */
  retry(step: Step): Int32Array {
    const { node, nowMs } = step
    const room = this.isOnline(node) ? Math.min(this.room(node), RETRIES_MAX) : 0
    const due = this.retried.subarray(0, room)
    const count = this.routing.retries(node, nowMs, due)
    let connected = 0
    for (let i = 0; i < count; i++) {
      const peer = due[i] as PeerRef
      if (this.routing.roundTrips(node, peer) <= 2) due[connected++] = peer
      else this.dial(step, peer)
    }
    return due.subarray(0, connected)
  }

  dialEnded(node: number): void {
    if (this.rows.octet(node, PROBING) > 0)
      this.rows.setOctet(node, PROBING, this.rows.octet(node, PROBING) - 1)
  }

  /** Dials that may be begun now. */
  private room(node: number): number {
    return this.config.probesMax - this.rows.octet(node, PROBING)
  }

  private dial(step: Step, peer: PeerRef): void {
    this.rows.setOctet(step.node, PROBING, this.rows.octet(step.node, PROBING) + 1)
    step.outbox.dial(peer, this.config.probeTimeoutMs)
  }

  /** Buckets up to the one in which our nearest neighbour lies. */
  private depth(step: Step): number {
    const { node } = step
    const selfAt = this.book.at(this.selves[node] as PeerRef)
    const nearest = this.retried
    const count = this.routing.seeds(node, this.book.keys, selfAt, 1, step.nowMs, nearest)
    if (count === 0) return 0
    const { keys } = this.book
    const shared = commonPrefixLength(keys, selfAt, keys, this.book.at(nearest[0] as PeerRef))
    return Math.min(shared + 1, this.config.buckets)
  }
}

/** A walk of the node's own, to be given a key: it reports its end only. */
export function upkeepWalk(): StartOperation {
  return {
    kind: 'startOperation',
    operation: 0,
    type: 'getClosest',
    key: new Uint32Array(KEY_WORDS),
    keyBytes: new Uint8Array(0),
    record: null,
    peer: NO_PEER,
    quorum: 0,
    countMax: 0,
    reach: 'all',
    patienceMs: 0,
  }
}
