/**
 * The DHT of go-libp2p-kad-dht as peers.md §3.1 describes it: self-centred buckets of 20, one path with ten requests in
 * flight that ends when the three nearest have answered, RPCs under way that are waited for, a follow-up to those of the 20
 * nearest that have not answered, and a result that keeps those that fail then.
 *
 * Where the description leaves room: a dial is cancelled as long as no connection was reported; `unsupported` and `reset`
 * count as failed RPCs; a table of ten or fewer is refreshed every two minutes (its repair also asks bootstrappers, which
 * are the world's); a node with a full table begins its refreshes somewhere in the first ten minutes, so that a network
 * does not refresh in step; a restart loses the table, which go does not keep. A peer whose dial failed is left alone for a while, as the
 * dialler of go-libp2p does (measurements.md §1.4): the record that follows a failed follow-up fails at once.
 */
import { type FailureReason, KEY_BITS, type Message, NO_PEER, type PeerRef } from '@kadmium/core'
import type { StrategyInit } from '../strategy.ts'
import type { Manners } from './asking.ts'
import { HEARD, QUERIED, UNREACHABLE, WAITING } from './candidates.ts'
import { Dice } from './dice.ts'
import { Groups } from './groups.ts'
import type { Options } from './options.ts'
import type { Request } from './requests.ts'
import { Rival } from './rival.ts'
import { emptyStep, type Step } from './step.ts'
import { BucketTable, bucketsFor } from './table.ts'
import type { Walk } from './walk.ts'

export const GO_OPTIONS = {
  /** Result and bucket size. */
  k: { default: 20, min: 1, max: 40 },
  /** Requests of one walk in flight. */
  alpha: { default: 10, min: 1, max: 128 },
  /** Nearest peers that must have answered. */
  beta: { default: 3, min: 1, max: 40 },
  /** Valid records that end a get; the get ends with one more. */
  quorum: { default: 16, min: 0, max: 40 },
  /** Whether tables are refreshed. */
  refresh: { default: true },
  /** Time between two refreshes. */
  refreshIntervalMs: { default: 600_000, min: 1_000, max: 86_400_000 },
  /** A peer that was reached may take so long to answer. */
  readTimeoutMs: { default: 10_000, min: 1, max: 600_000 },
  /** The whole of a dial; the world's own limit is usually shorter. */
  dialTimeoutMs: { default: 15_000, min: 1, max: 600_000 },
} as const

const SEND_LIMIT_MS = 30_000
const OWN_WALK_LIMIT_MS = 10_000
/** Checks of newcomers at once. */
const PROBES_MAX = 256
/** Table size from which on a newcomer must name somebody. */
const LARGE_TABLE = 20
/** Table size up to which it counts as in need of repair, and how soon that is tried. */
const SMALL_TABLE = 10
const REPAIR_MS = 120_000
/** Peers not heard of for so long are pinged at a refresh: ln(1/20) / ln(1 - 10/20) times ten minutes. */
const SILENCE_MS = 43.2 * 60_000
/** Refreshed buckets. */
const REFRESHED_MAX = 16
const STAMP_MS = 10_000
const IDLE = 0xff

function goManners(options: Options<typeof GO_OPTIONS>): Manners {
  return {
    k: options.k,
    sendsAtOnce: options.k,
    sendLimitMs: SEND_LIMIT_MS,
    walkLimitMs: Number.POSITIVE_INFINITY,
    tries: 2,
    oneAtATime: true,
    backsOff: true,
    quorum: options.quorum,
    selects: true,
  }
}

export class Go extends Rival {
  protected readonly options: Options<typeof GO_OPTIONS>
  protected readonly table: BucketTable
  protected readonly groups: Groups
  protected readonly dice: Dice
  private readonly refreshAtMs: Float64Array
  /** What the refresh under way did last: 0 the own key, c + 1 bucket c. */
  private readonly turns: Uint8Array
  /** When a walk last went to each bucket, in steps of ten seconds. */
  private readonly walkedAt: Uint16Array

  constructor(init: StrategyInit, options: Options<typeof GO_OPTIONS>, keepsRtt = false) {
    super(init, goManners(options), emptyStep())
    this.options = options
    const { book, first, count } = init
    const buckets = bucketsFor(book.size, options.k)
    this.table = new BucketTable({ book, first, rows: count, buckets, seats: options.k, keepsRtt })
    this.groups = new Groups(init, this.table)
    this.refreshAtMs = new Float64Array(count).fill(Number.POSITIVE_INFINITY)
    this.turns = new Uint8Array(count).fill(IDLE)
    this.walkedAt = new Uint16Array(count * REFRESHED_MAX)
    this.dice = new Dice(init)
  }

  get bytes(): number {
    const { table, refreshAtMs, turns, walkedAt, dice } = this
    const own = refreshAtMs.byteLength + turns.byteLength + walkedAt.byteLength + dice.bytes
    return this.rivalBytes + table.bytes + own
  }

  bucketSeats(bucket: number): number {
    return bucket < this.table.buckets ? this.options.k : 0
  }

  seat(row: number, _bucket: number, peers: Int32Array, count: number, nowMs: number): void {
    for (let i = 0; i < count; i++) this.admit(row, peers[i] as PeerRef, nowMs, -1)
  }

  members(row: number, out: Int32Array): number {
    return this.table.members(row, out)
  }

  restart(row: number): void {
    this.table.clear(row)
    this.groups.left(row)
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

  protected patienceMs(_step: Step, request: Request): number {
    const { readTimeoutMs, dialTimeoutMs } = this.options
    return request.connected ? readTimeoutMs : dialTimeoutMs + readTimeoutMs
  }

  protected dialTimeoutMs(): number {
    return this.options.dialTimeoutMs
  }

  protected ownWalkLimitMs(): number {
    return OWN_WALK_LIMIT_MS
  }

  protected advance(step: Step, walk: Walk): void {
    const { candidates } = walk
    const isStarved = candidates.count(HEARD) + candidates.count(WAITING) === 0
    if (isStarved || candidates.allQueried(this.options.beta)) {
      this.terminate(step, walk)
      return
    }
    while (candidates.count(WAITING) < this.options.alpha) {
      const peer = this.pick(step, walk)
      if (peer === NO_PEER) return
      this.askFrom(step, walk, peer)
    }
  }

  /** Whom a walk asks next, of those heard of. */
  protected pick(_step: Step, walk: Walk): PeerRef {
    return walk.candidates.nearest(HEARD)
  }

  /** The result is frozen, dials are cancelled, RPCs under way are waited for. */
  protected terminate(step: Step, walk: Walk, followsUp = true): void {
    this.freeze(walk, (state) => state !== UNREACHABLE)
    for (let i = 0; followsUp && i < walk.resultCount; i++) {
      const peer = walk.result[i] as PeerRef
      const at = walk.candidates.find(peer)
      if (walk.candidates.stateAt(at) !== QUERIED) walk.open.push(peer)
    }
    this.noteWalk(step, walk)
    this.drop(step, walk, (request) => request.purpose === 'ask' && !request.connected)
    walk.phase = 'lingering'
    this.goOn(step, walk)
  }

  protected override goOn(step: Step, walk: Walk): void {
    if (walk.phase !== 'lingering') super.goOn(step, walk)
    else if (walk.inFlight === 0) this.followUp(step, walk)
  }

  protected alone(step: Step, walk: Walk): void {
    this.end(step, walk, 'noPeers')
  }

  /** The caller has the value at once; those of the result that lack it get it behind its back. */
  protected deliver(step: Step, walk: Walk): void {
    const { best, key, keyBytes, result, resultCount } = walk
    const lacking = result.subarray(0, resultCount).filter((peer) => !walk.current.includes(peer))
    this.endWithValue(step, walk)
    for (const peer of lacking) {
      this.askAlone(step, peer, 'correct', (request) => {
        request.key = key.slice()
        request.keyBytes = keyBytes
        request.record = best
        request.limitMs = step.nowMs + SEND_LIMIT_MS
      })
    }
  }

  protected hear(step: Step, walk: Walk, _peer: PeerRef, message: Message): void {
    const count = Math.min(message.closerCount, 2 * this.options.k)
    for (let i = 0; i < count; i++) {
      const named = message.closer[i] as PeerRef
      if (!this.isPeer(named) || named === step.self) continue
      if (!this.groups.crowds(message, named)) walk.candidates.add(named)
    }
  }

  /** An RPC that is under way goes on; a dial does not. */
  protected outlives(request: Request): boolean {
    return request.connected && (request.purpose === 'ask' || request.purpose === 'follow')
  }

  protected isFoundBy(_step: Step, walk: Walk, peer: PeerRef, message: Message): boolean {
    const { closer, closerCount } = message
    const isNamed = closer.subarray(0, closerCount).includes(walk.subject)
    if (isNamed && walk.namer === NO_PEER) walk.namer = peer
    return peer === walk.subject
  }

  protected connected(step: Step, peer: PeerRef): void {
    for (let walk = this.walks.first(step.row); walk !== null; ) {
      const { next } = walk
      const isFound = walk.type === 'findPeer' && walk.subject === peer && walk.id !== 0
      if (isFound) this.foundPeer(step, walk, walk.namer)
      walk = next
    }
  }

  protected protocolTold(step: Step, peer: PeerRef, speaks: boolean): void {
    const { row } = step
    if (!speaks) this.dismiss(row, peer)
    else if (this.isOnline(row) && this.isUseful(row, peer) && this.mayProbe(row, peer)) {
      this.askAlone(step, peer, 'probe')
    }
  }

  protected learnSuccess(step: Step, request: Request, message: Message, rttMs: number): void {
    const { row, nowMs } = step
    const { peer, purpose } = request
    const isLarge = purpose === 'probe' && this.table.size(row) >= LARGE_TABLE
    if (isLarge && message.closerCount === 0) return
    if (purpose === 'ask' || purpose === 'probe' || purpose === 'ping') {
      this.admit(row, peer, nowMs, rttMs)
      this.membersChanged(step)
    }
  }

  protected learnFailure(step: Step, request: Request, _reason: FailureReason): void {
    const { purpose, peer } = request
    if (purpose === 'ask' || purpose === 'ping') this.dismiss(step.row, peer)
  }

  protected strayAnswered(_step: Step, _request: Request, _message: Message): void {}

  protected strayFailed(_step: Step, _request: Request): void {}

  /** Adds or refreshes a peer that answered. */
  protected admit(row: number, peer: PeerRef, nowMs: number, rttMs: number): void {
    if (peer === this.init.first + row) return
    const seat = this.table.find(row, peer)
    if (seat >= 0) {
      this.table.touch(seat, nowMs, rttMs)
      return
    }
    if (!this.groups.admits(row, peer)) return
    if (this.enter(row, peer, nowMs, rttMs)) this.groups.entered(row, peer)
  }

  /** Seats a newcomer, if its bucket has room. */
  protected enter(row: number, peer: PeerRef, nowMs: number, rttMs: number): boolean {
    return this.table.add(row, peer, nowMs, Math.max(rttMs, 0))
  }

  /** Whether a newcomer could enter the table. */
  protected isUseful(row: number, peer: PeerRef): boolean {
    const { table } = this
    if (!this.init.isServer(peer) || table.has(row, peer)) return false
    const hasRoom = table.count(row, table.bucketOf(row, peer)) < table.seatsPerBucket
    return hasRoom && this.groups.admits(row, peer)
  }

  /** A walk came to its own end: its bucket is fresh. */
  protected noteWalk(step: Step, walk: Walk): void {
    const shared = Math.min(this.table.bucketOfKey(step.row, walk.key, 0), REFRESHED_MAX - 1)
    this.walkedAt[step.row * REFRESHED_MAX + shared] = stampOf(step.nowMs)
  }

  protected started(step: Step): void {
    const { row, nowMs } = step
    if (!this.options.refresh) return
    const isEmpty = this.table.deepest(row) < 0
    const spreadMs = this.dice.below(row, this.options.refreshIntervalMs)
    this.refreshAtMs[row] = isEmpty ? Number.POSITIVE_INFINITY : nowMs + spreadMs
    this.turns[row] = IDLE
    this.wakeAt(row, this.upkeepDueMs(row))
  }

  protected upkeepDueMs(row: number): number {
    return this.refreshAtMs[row] as number
  }

  /** A refresh begins: who has been silent is pinged, and a walk goes to the own key. */
  protected upkeep(step: Step): void {
    const { row, nowMs } = step
    const { table } = this
    const size = table.size(row)
    const { refreshIntervalMs } = this.options
    this.refreshAtMs[row] =
      nowMs + (size <= SMALL_TABLE ? Math.min(REPAIR_MS, refreshIntervalMs) : refreshIntervalMs)
    for (let bucket = 0; bucket < table.buckets; bucket++) {
      const begin = table.begin(row, bucket)
      for (let seat = begin; seat < begin + table.count(row, bucket); seat++) {
        const isSilent = nowMs - table.answeredAtMs(seat) > SILENCE_MS
        if (isSilent) this.askAlone(step, table.peerAt(seat), 'ping')
      }
    }
    this.turns[row] = 0
    step.outbox.pickKey(KEY_BITS)
  }

  /** After the own key come the buckets to which no walk went lately, up to the deepest. */
  protected ownWalkEnded(step: Step): void {
    const { row } = step
    if (this.turns[row] === IDLE || !this.isOnline(row)) return
    const deepest = Math.min(this.table.deepest(row), REFRESHED_MAX - 1)
    const { refreshIntervalMs } = this.options
    for (let bucket = this.turns[row] as number; bucket <= deepest; bucket++) {
      const walkedAtMs = (this.walkedAt[row * REFRESHED_MAX + bucket] as number) * STAMP_MS
      const isFresh = walkedAtMs > 0 && step.nowMs - walkedAtMs < refreshIntervalMs
      if (isFresh) continue
      this.turns[row] = bucket + 1
      step.outbox.pickKey(bucket)
      return
    }
    this.turns[row] = IDLE
  }

  private membersChanged(step: Step): void {
    const { row, nowMs } = step
    if (!this.options.refresh || !this.isOnline(row)) return
    if (this.refreshAtMs[row] !== Number.POSITIVE_INFINITY) return
    this.refreshAtMs[row] = nowMs
    this.wakeAt(row, nowMs)
  }

  protected dismiss(row: number, peer: PeerRef): void {
    if (this.table.remove(row, peer)) this.groups.left(row)
  }

  private mayProbe(row: number, peer: PeerRef): boolean {
    let probes = 0
    for (let request = this.requests.first(row); request !== null; request = request.next) {
      if (request.purpose !== 'probe') continue
      if (request.peer === peer) return false
      probes++
    }
    return probes < PROBES_MAX
  }

  private followUp(step: Step, walk: Walk): void {
    walk.phase = 'following'
    for (const peer of walk.open) this.ask(step, peer, 'follow', walk)
    this.goOn(step, walk)
  }
}

function stampOf(nowMs: number): number {
  return Math.min(0xffff, Math.max(1, Math.ceil(nowMs / STAMP_MS)))
}
