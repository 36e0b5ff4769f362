/**
 * What a plain Kademlia node is between lookups: its table, its upkeep, and what it does for others. Whoever gives a sign is
 * refreshed or taken in; a full bucket asks its longest silent member whether it is still there.
 */
import {
  type Input,
  KEY_WORDS,
  type Message,
  NO_PEER,
  nextBelow,
  type PeerRef,
  RANDOM_WORDS,
  seedRandom,
} from '@kadmium/core'
import type { StrategyInit } from '../strategy.ts'
import type { Options } from './options.ts'
import { NONE, PlainLookups, PlainRequests } from './plain-slabs.ts'
import { Serving } from './serving.ts'
import { emptyStep, type Step } from './step.ts'
import { BucketTable, bucketsFor } from './table.ts'

export const PLAIN_OPTIONS = {
  /** Result and bucket size. */
  k: { default: 8, min: 1, max: 40 },
  /** Requests of one lookup in flight. */
  alpha: { default: 2, min: 1, max: 40 },
  /** A request is given up after so long, with its dial. */
  requestTimeoutMs: { default: 1_000, min: 1, max: 600_000 },
  /** A bucket is refreshed, and a contact questionable, after so long. */
  ageMs: { default: 900_000, min: 20_000, max: 86_400_000 },
  /** Whether buckets are refreshed. */
  refresh: { default: true },
  /** Whether those who ask are taken into the table. */
  senders: { default: true },
} as const

const STAMP_MS = 10_000

export class PlainNode {
  readonly count: number
  protected readonly init: StrategyInit
  protected readonly options: Options<typeof PLAIN_OPTIONS>
  protected readonly table: BucketTable
  protected readonly requests: PlainRequests
  protected readonly lookups: PlainLookups
  protected readonly serving: Serving
  protected readonly step: Step = emptyStep()
  protected readonly dueMs: Float64Array
  protected readonly refreshAtMs: Float64Array
  protected readonly walkedAt: Uint16Array
  protected readonly dice: Uint32Array = new Uint32Array(RANDOM_WORDS) // scratch
  protected readonly found: Int32Array // scratch

  constructor(init: StrategyInit, options: Options<typeof PLAIN_OPTIONS>) {
    const { book, first, count } = init
    this.init = init
    this.options = options
    this.count = options.k
    const buckets = bucketsFor(book.size, options.k)
    this.table = new BucketTable({ book, first, rows: count, buckets, seats: options.k })
    this.requests = new PlainRequests(count)
    this.lookups = new PlainLookups(count, book)
    this.serving = new Serving(this, true)
    this.dueMs = new Float64Array(count).fill(Number.POSITIVE_INFINITY)
    this.refreshAtMs = new Float64Array(count).fill(Number.POSITIVE_INFINITY)
    this.walkedAt = new Uint16Array(count * buckets)
    this.found = new Int32Array(options.k)
  }

  get bytes(): number {
    const { table, requests, lookups, dueMs, refreshAtMs, walkedAt } = this
    const own = dueMs.byteLength + refreshAtMs.byteLength + walkedAt.byteLength
    return table.bytes + requests.bytes + lookups.bytes + own
  }

  bucketSeats(bucket: number): number {
    return bucket < this.table.buckets ? this.options.k : 0
  }

  seat(row: number, _bucket: number, peers: Int32Array, count: number, nowMs: number): void {
    for (let i = 0; i < count; i++) this.table.add(row, peers[i] as PeerRef, nowMs)
  }

  members(row: number, out: Int32Array): number {
    return this.table.members(row, out)
  }

  seeds(row: number, key: Uint32Array, keyAt: number, _nowMs: number, out: Int32Array): number {
    return this.table.closest(row, key, keyAt, this.options.k, NO_PEER, out)
  }

  restart(row: number): void {
    this.table.clear(row)
  }

  deadline(row: number): number {
    return this.dueMs[row] as number
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

  /** Only members are known. */
  known(): PeerRef {
    return NO_PEER
  }

  nextId(row: number): number {
    return this.requests.nextId(row)
  }

  protected isOnline(row: number): boolean {
    return this.walkedAt[row * this.table.buckets] !== 0
  }

  protected isPeer(peer: PeerRef): boolean {
    return peer >= 0 && peer < this.init.book.size
  }

  protected started(step: Step): void {
    const { row, nowMs } = step
    const { buckets } = this.table
    this.walkedAt.fill(stampOf(nowMs), row * buckets, (row + 1) * buckets)
    if (!this.options.refresh) return
    // Buckets of a network that is filled at once would all be refreshed at once.
    seedRandom(this.dice, 0, this.init.seed, this.init.book.keys[step.self * KEY_WORDS] as number)
    this.refreshAtMs[row] = nowMs + nextBelow(this.dice, 0, this.options.ageMs)
    this.wakeAt(row, this.refreshAtMs[row] as number)
  }

  protected wakeAt(row: number, atMs: number): void {
    if (atMs < (this.dueMs[row] as number)) this.dueMs[row] = atMs
  }

  /** Buckets to which no lookup went for long are walked to. */
  protected refresh(step: Step): void {
    const { row, nowMs } = step
    const { buckets } = this.table
    this.refreshAtMs[row] = nowMs + this.options.ageMs
    const deepest = this.table.deepest(row)
    for (let bucket = 0; bucket <= deepest; bucket++) {
      const walkedAtMs = (this.walkedAt[row * buckets + bucket] as number) * STAMP_MS
      if (nowMs - walkedAtMs >= this.options.ageMs) step.outbox.pickKey(bucket)
    }
  }

  protected requested(step: Step, exchange: number, from: PeerRef, message: Message): void {
    if (!this.init.isServer(step.self)) {
      step.outbox.refuse(exchange)
      return
    }
    this.serving.serve(step, exchange, from, message)
    if (this.options.senders && this.init.isServer(from)) this.meet(step, from)
  }

  protected noteWalk(row: number, at: number, nowMs: number): void {
    const { buckets } = this.table
    if (!this.isOnline(row)) return
    const bucket = this.table.bucketOfKey(row, this.lookups.keys, at * KEY_WORDS)
    this.walkedAt[row * buckets + bucket] = stampOf(nowMs)
  }

  /** There is a sign of a peer: it is refreshed or taken in, or the longest silent of its bucket is asked for its seat. */
  protected meet(step: Step, peer: PeerRef): void {
    const { row, nowMs } = step
    const { table } = this
    if (peer === step.self) return
    const seat = table.find(row, peer)
    if (seat >= 0) {
      table.touch(seat, nowMs, -1)
      return
    }
    if (table.add(row, peer, nowMs)) return
    const begin = table.begin(row, table.bucketOf(row, peer))
    let oldest = begin
    for (let other = begin; other < begin + table.seatsPerBucket; other++) {
      if (table.answeredAtMs(other) < table.answeredAtMs(oldest)) oldest = other
    }
    const isQuestionable = nowMs - table.answeredAtMs(oldest) >= this.options.ageMs
    if (isQuestionable) this.ping(step, table.peerAt(oldest), peer)
  }

  protected ping(step: Step, peer: PeerRef, newcomer: PeerRef): void {
    const { row, nowMs, outbox } = step
    const { requests } = this
    for (let other = requests.heads[row] as number; other !== NONE; ) {
      if (requests.peers[other] === peer) return // it is being asked already
      other = requests.next[other] as number
    }
    const { requestTimeoutMs } = this.options
    const request = requests.open(row, peer, NONE, newcomer, nowMs + requestTimeoutMs)
    this.wakeAt(row, nowMs + requestTimeoutMs)
    const id = requests.ids[request] as number
    outbox.send(id, peer, outbox.message('ping'), requestTimeoutMs)
  }

  protected handleStored(step: Step, input: Input): void {
    const { records } = this.serving
    const { row } = step
    if (input.kind === 'validated') this.serving.validated(step, input.job, input.verdict)
    else if (input.kind === 'persisted') this.serving.persisted(step, input.job, input.ok)
    else if (input.kind === 'recordLoaded') {
      records.setValue(row, input.key, input.keyBytes, input.record, input.expiresAtMs)
    } else if (input.kind === 'providerLoaded' && this.isPeer(input.provider)) {
      records.addProvider(row, input.key, input.keyBytes, input.provider, input.expiresAtMs)
    } else if (input.kind === 'withdrawProvider') {
      records.dropProvider(row, input.key, input.provider)
    }
  }
}

function stampOf(nowMs: number): number {
  return Math.min(0xffff, Math.max(1, Math.floor(nowMs / STAMP_MS)))
}
