/**
 * The DHT of @libp2p/kad-dht 16.4 as peers.md §3.3 describes it: ten disjoint paths that share what they have seen, each of
 * which looks for 20 responders of its own; one adaptive deadline for all peers; a table that is a trie of the whole key space
 * and takes in whoever answers a ping, and every peer that is named anywhere is pinged for it.
 *
 * Where the description leaves room: the filter of seen peers is exact (its false positives are 0.1 %); the ping is that of
 * the DHT, so clients do not answer it; the refresh walks to common prefixes 0 and 1, all that it tracks (D1); the pings of
 * old members share the 16 slots of newcomers'; a get whose correction fails ends as not found, since it throws (D8).
 */
import { type FailureReason, KEY_BITS, type Message, NO_PEER, type PeerRef } from '@kadmium/core'
import type { Strategy, StrategyInit } from '../strategy.ts'
import { AdaptiveDeadline } from './adaptive.ts'
import { HEARD, QUERIED, SKIPPED } from './candidates.ts'
import { Dice } from './dice.ts'
import { JsPaths } from './js-paths.ts'
import { faultOf, type Options, optionsOf } from './options.ts'
import { PingQueues } from './ping-queues.ts'
import type { Purpose, Request } from './requests.ts'
import { Rival } from './rival.ts'
import { emptyStep, type Step } from './step.ts'
import { LEAF_BITS, TrieTable } from './trie-table.ts'
import type { Walk } from './walk.ts'

const JS_OPTIONS = {
  /** Result and leaf size. */
  k: { default: 20, min: 1, max: 40 },
  /** Requests of one path in flight. */
  alpha: { default: 10, min: 1, max: 128 },
  /** Disjoint paths. */
  paths: { default: 10, min: 1, max: 64 },
  /** Whether the node looks up itself and refreshes its table. */
  refresh: { default: true },
  /** Whether peers that are named somewhere are pinged for the table. */
  discover: { default: true },
  /** Time between two self-lookups. */
  refreshIntervalMs: { default: 300_000, min: 1_000, max: 86_400_000 },
} as const

const WALK_LIMIT_MS = 180_000
const SENDS_AT_ONCE = 10
/** A search for providers ends with so many, unless its caller has enough before. */
const PROVIDERS_ENOUGH = 20
const FIRST_SELF_LOOKUP_MS = 1_000
const SELF_LOOKUP_LIMIT_MS = 5_000
const REFRESH_LIMIT_MS = 30_000
/** Leading common bits that the refresh walks to. */
const REFRESHED = 2
const PINGS_AT_ONCE = 16
const OLD_CONTACTS = 3
const OLD_MS = 600_000
const IDLE = 0xff

class Js extends Rival {
  private readonly options: Options<typeof JS_OPTIONS>
  private readonly table: TrieTable
  private readonly dice: Dice
  private readonly adaptive: AdaptiveDeadline
  private readonly refreshAtMs: Float64Array
  private readonly turns: Uint8Array
  /** The first self-lookup is over: callers may ask. */
  private readonly ready: Uint8Array
  private readonly queues: PingQueues
  private readonly old = new Int32Array(OLD_CONTACTS) // scratch
  private readonly dealt: Int32Array // scratch

  constructor(init: StrategyInit, options: Options<typeof JS_OPTIONS>) {
    const manners = {
      k: options.k,
      sendsAtOnce: SENDS_AT_ONCE,
      sendLimitMs: WALK_LIMIT_MS,
      walkLimitMs: WALK_LIMIT_MS,
      tries: 1,
      oneAtATime: false,
      backsOff: false,
      quorum: 0,
      selects: false,
    }
    super(init, manners, emptyStep())
    this.options = options
    const { book, count } = init
    this.table = new TrieTable(book, count, options.k)
    this.adaptive = new AdaptiveDeadline(count)
    this.refreshAtMs = new Float64Array(count).fill(Number.POSITIVE_INFINITY)
    this.turns = new Uint8Array(count).fill(IDLE)
    this.ready = new Uint8Array(count)
    this.queues = new PingQueues(count)
    this.dealt = new Int32Array(options.k)
    this.dice = new Dice(init)
  }

  get bytes(): number {
    const { table, adaptive, queues, refreshAtMs, turns, ready, dice } = this
    const own = refreshAtMs.byteLength + turns.byteLength + ready.byteLength + dice.bytes
    return this.rivalBytes + table.bytes + adaptive.bytes + queues.bytes + own
  }

  /** Bucket b covers 2^(5 - b) leaves; all that share six bits or more with the node are in one. */
  bucketSeats(bucket: number): number {
    if (bucket > LEAF_BITS) return 0
    return this.options.k * (bucket === LEAF_BITS ? 1 : 1 << (LEAF_BITS - 1 - bucket))
  }

  seat(row: number, _bucket: number, peers: Int32Array, count: number, nowMs: number): void {
    for (let i = 0; i < count; i++) this.table.add(row, peers[i] as PeerRef, nowMs)
  }

  members(row: number, out: Int32Array): number {
    return this.table.members(row, out)
  }

  /** The table is kept in the peer store. */
  restart(row: number): void {
    this.ready[row] = 0
  }

  closest(
    row: number,
    key: Uint32Array,
    keyAt: number,
    except: PeerRef,
    _nowMs: number,
    out: Int32Array,
  ): number {
    return this.table.closest(row, key, keyAt, out.length, except, out)
  }

  /** One deadline covers dial, request and answer. */
  protected patienceMs(step: Step, request: Request): number {
    const isRunning = request.deadlineMs !== Number.POSITIVE_INFINITY
    return isRunning ? request.deadlineMs - step.nowMs : this.adaptive.deadlineMs(step.row)
  }

  protected dialTimeoutMs(step: Step): number {
    return this.adaptive.deadlineMs(step.row)
  }

  protected ownWalkLimitMs(step: Step): number {
    if (this.turns[step.row] !== 0) return REFRESH_LIMIT_MS
    return this.ready[step.row] === 1 ? SELF_LOOKUP_LIMIT_MS : Number.POSITIVE_INFINITY
  }

  /** The nearest members are shuffled and dealt to the paths. */
  protected override seedFromTable(step: Step, walk: Walk): void {
    const { row } = step
    const isOpen = this.ready[row] === 1 || !this.isOnline(row) || !this.options.refresh
    if (walk.id !== 0 && !isOpen) {
      walk.phase = 'gated'
      return
    }
    const { dealt } = this
    const count = this.closest(row, walk.key, 0, step.self, step.nowMs, dealt)
    if (count === 0) {
      this.alone(step, walk)
      return
    }
    this.dice.shuffle(row, dealt, count)
    const paths = this.pathsOf(walk)
    paths.begin()
    for (let i = 0; i < count; i++) {
      const path = i % this.options.paths
      if (walk.candidates.add(dealt[i] as PeerRef, path)) paths.queue(path)
    }
    walk.phase = 'walking'
    this.advance(step, walk)
  }

  protected advance(step: Step, walk: Walk): void {
    const paths = this.pathsOf(walk)
    const { candidates } = walk
    for (let path = 0; path < this.options.paths; path++) {
      while (paths.mayStart(path)) {
        const at = candidates.nearestTagged(HEARD, path)
        const peer = candidates.peers[at] as PeerRef
        paths.start(path)
        if (paths.wants(path, candidates.distances[at] as number)) {
          this.askFrom(step, walk, peer)
        } else {
          candidates.setStateAt(at, SKIPPED)
          paths.ended(path)
        }
      }
    }
    if (!paths.isIdle || walk.phase !== 'walking') return
    this.freeze(walk, (state) => state === QUERIED)
    this.complete(step, walk)
  }

  /** A walk waits for the first entry of the table. */
  protected alone(_step: Step, walk: Walk): void {
    walk.phase = 'gated'
  }

  /** Older records are replaced, one at a time; only then has the caller its value. */
  protected deliver(step: Step, walk: Walk): void {
    walk.phase = 'correcting'
    walk.nextTarget = 0
    this.correctOn(step, walk)
  }

  protected override sent(step: Step, walk: Walk, ok: boolean): void {
    if (walk.phase !== 'correcting') super.sent(step, walk, ok)
    else if (ok) this.correctOn(step, walk)
    else this.end(step, walk, 'notFound')
  }

  protected override hasQuorum(): boolean {
    return false
  }

  protected override providersWanted(walk: Walk): number {
    return walk.countMax > 0 ? walk.countMax : PROVIDERS_ENOUGH
  }

  protected hear(step: Step, walk: Walk, peer: PeerRef, message: Message): void {
    const { candidates } = walk
    const at = candidates.find(peer)
    if (at < 0) return
    const path = candidates.tags[at] as number
    const namerDistance = candidates.distances[at] as number
    const paths = this.pathsOf(walk)
    paths.ended(path)
    paths.answered(path, namerDistance)
    for (let i = 0; i < message.closerCount; i++) {
      const named = message.closer[i] as PeerRef
      if (!this.isPeer(named) || named === step.self) continue
      this.discover(step, named)
      const distance = candidates.distanceOf(named)
      if (distance >= namerDistance || !paths.wants(path, distance)) continue
      if (candidates.add(named, path)) paths.queue(path)
    }
  }

  protected override walkFailed(step: Step, walk: Walk, purpose: Purpose, peer: PeerRef): void {
    const at = purpose === 'ask' ? walk.candidates.find(peer) : -1
    if (at >= 0) this.pathsOf(walk).ended(walk.candidates.tags[at] as number)
    super.walkFailed(step, walk, purpose, peer)
  }

  /** Who breaks out of a query cancels all of it. */
  protected outlives(): boolean {
    return false
  }

  protected isFoundBy(_step: Step, walk: Walk, peer: PeerRef, message: Message): boolean {
    const { closer, closerCount } = message
    return peer === walk.subject || closer.subarray(0, closerCount).includes(walk.subject)
  }

  protected connected(): void {}

  protected protocolTold(step: Step, peer: PeerRef, speaks: boolean): void {
    if (speaks) this.discover(step, peer)
  }

  protected learnSuccess(step: Step, request: Request, _message: Message, _rttMs: number): void {
    const { peer, purpose, note } = request
    this.adaptive.note(step.row, step.nowMs, step.nowMs - request.sentAtMs, true)
    if (purpose !== 'ping') {
      this.discover(step, peer)
      return
    }
    if (note === 0) this.enter(step, peer)
    else this.table.add(step.row, peer, step.nowMs) // an old member that is still there
  }

  protected learnFailure(step: Step, request: Request, _reason: FailureReason): void {
    this.adaptive.note(step.row, step.nowMs, step.nowMs - request.sentAtMs, false)
    const { purpose, note, peer } = request
    if (purpose !== 'ping' || note === 0) return
    this.table.remove(step.row, peer)
    this.discover(step, note - 1)
  }

  protected strayAnswered(step: Step, request: Request): void {
    this.strayFailed(step, request)
  }

  /** A ping ended: its slot is for the next. */
  protected strayFailed(step: Step, request: Request): void {
    request.purpose = 'correct' // no longer one of those at work
    this.pingOn(step)
  }

  protected started(step: Step): void {
    const { row } = step
    this.turns[row] = IDLE
    this.ready[row] = 0
    if (!this.options.refresh) return
    this.refreshAtMs[row] = step.nowMs + FIRST_SELF_LOOKUP_MS
    this.wakeAt(row, this.upkeepDueMs(row))
  }

  protected upkeepDueMs(row: number): number {
    return this.refreshAtMs[row] as number
  }

  protected upkeep(step: Step): void {
    const { row, nowMs } = step
    this.refreshAtMs[row] = nowMs + this.options.refreshIntervalMs
    if (this.table.isEmpty(row)) {
      this.refreshAtMs[row] = Number.POSITIVE_INFINITY // until somebody is met
      return
    }
    this.turns[row] = 0
    step.outbox.pickKey(KEY_BITS)
  }

  /** After the own key come the two prefixes that the refresh knows of. */
  protected ownWalkEnded(step: Step): void {
    const { row } = step
    const turn = this.turns[row] as number
    if (turn === IDLE) return
    if (this.ready[row] === 0) {
      this.ready[row] = 1
      this.openGates(step)
    }
    this.turns[row] = turn < REFRESHED ? turn + 1 : IDLE
    if (turn < REFRESHED && this.isOnline(row)) step.outbox.pickKey(turn)
  }

  private correctOn(step: Step, walk: Walk): void {
    const peer = walk.stale[walk.nextTarget++]
    if (peer === undefined) this.endWithValue(step, walk)
    else this.ask(step, peer, 'correct', walk)
  }

  /** A peer was met or named: it is queued to be pinged for the table. */
  private discover(step: Step, peer: PeerRef): void {
    const { row } = step
    if (!this.options.discover || peer === step.self || this.table.has(row, peer)) return
    this.queues.add(row, peer)
    this.pingOn(step)
  }

  private pingOn(step: Step): void {
    const { row } = step
    let slots = PINGS_AT_ONCE
    for (let other = this.requests.first(row); other !== null; other = other.next) {
      if (other.purpose === 'ping') slots--
    }
    while (slots > 0) {
      const peer = this.queues.take(row)
      if (peer === NO_PEER) return
      slots -= this.check(step, peer)
    }
  }

  /** Pings a newcomer, or where its leaf is full the oldest members of that. Returns how many pings that takes. */
  private check(step: Step, peer: PeerRef): number {
    const { row, nowMs } = step
    if (this.table.has(row, peer)) return 0
    if (!this.table.isFull(row, peer)) {
      this.askAlone(step, peer, 'ping')
      return 1
    }
    const count = this.table.stalest(row, peer, nowMs - OLD_MS, this.old)
    for (let i = 0; i < count; i++) {
      this.askAlone(step, this.old[i] as PeerRef, 'ping', (request) => {
        request.note = peer + 1
      })
    }
    return count
  }

  /** A newcomer has answered its ping. */
  private enter(step: Step, peer: PeerRef): void {
    const { row, nowMs } = step
    const wasEmpty = this.table.isEmpty(row)
    if (!this.table.add(row, peer, nowMs) || !wasEmpty) return
    const isDue = this.isOnline(row) && this.options.refresh
    if (isDue && this.refreshAtMs[row] === Number.POSITIVE_INFINITY) {
      this.refreshAtMs[row] = nowMs
      this.wakeAt(row, nowMs)
    }
    this.openGates(step)
  }

  private openGates(step: Step): void {
    for (let walk = this.walks.first(step.row); walk !== null; ) {
      const { next } = walk
      if (walk.phase === 'gated') this.seedFromTable(step, walk)
      walk = next
    }
  }

  private pathsOf(walk: Walk): JsPaths {
    if (walk.extra instanceof JsPaths) return walk.extra
    const paths = new JsPaths(this.options.paths, this.options.alpha, this.options.k)
    walk.extra = paths
    return paths
  }
}

export const js: Strategy = {
  name: 'js',
  summary:
    '@libp2p/kad-dht: ten disjoint paths, each until its own 20 responders are nearer than what is left',
  optionsFault: (options) => faultOf(JS_OPTIONS, options),
  create: (init) => new Js(init, optionsOf(JS_OPTIONS, init.options)),
}
