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
  type Outbox,
  type PeerRef,
  RANDOM_WORDS,
  seedRandom,
} from '@kadmium/core'
import type { StrategyInit } from '../strategy.ts'
import type { Options } from './options.ts'
import {
  DUE,
  NEVER_MS,
  NODE_WORDS,
  NONE,
  ONLINE,
  PlainLookups,
  PlainRequests,
  plainNodes,
  REFRESH,
} from './plain-slabs.ts'
import { PlainTable } from './plain-table.ts'
import { Serving } from './serving.ts'
import { emptyStep, type Step } from './step.ts'
import { bucketsFor } from './table.ts'

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

export class PlainNode {
  readonly count: number
  protected readonly init: StrategyInit
  protected readonly options: Options<typeof PLAIN_OPTIONS>
  protected readonly table: PlainTable
  /** What each node is in the midst of. */
  protected readonly nodes: Int32Array
  protected readonly requests: PlainRequests
  protected readonly lookups: PlainLookups
  protected readonly serving: Serving
  protected readonly step: Step = emptyStep()
  protected readonly dice: Uint32Array = new Uint32Array(RANDOM_WORDS) // scratch
  protected readonly found: Int32Array // scratch

  constructor(init: StrategyInit, options: Options<typeof PLAIN_OPTIONS>) {
    const { book, first, count } = init
    this.init = init
    this.options = options
    this.count = options.k
    this.table = new PlainTable(book, first, count, bucketsFor(book.size, options.k), options.k)
    this.nodes = plainNodes(count)
    this.requests = new PlainRequests(this.nodes)
    this.lookups = new PlainLookups(this.nodes, book)
    this.serving = new Serving(this, true)
    this.found = new Int32Array(options.k)
  }

  get bytes(): number {
    const { table, nodes, requests, lookups } = this
    return table.bytes + nodes.byteLength + requests.bytes + lookups.bytes
  }

  bucketSeats(bucket: number): number {
    return bucket < this.table.buckets ? this.options.k : 0
  }

  seat(row: number, bucket: number, peers: Int32Array, count: number, nowMs: number): void {
    this.table.seat(row, bucket, peers, count, nowMs)
  }

  members(row: number, out: Int32Array): number {
    return this.table.members(row, out)
  }

  seeds(row: number, key: Uint32Array, keyAt: number, _nowMs: number, out: Int32Array): number {
    return this.table.closest(row, key, keyAt, this.options.k, NO_PEER, out, 0)
  }

  restart(row: number): void {
    this.table.clear(row)
  }

  deadline(row: number): number {
    const dueMs = this.nodes[row * NODE_WORDS + DUE] as number
    return dueMs === NEVER_MS ? Number.POSITIVE_INFINITY : dueMs
  }

  answerRead(
    row: number,
    nowMs: number,
    from: PeerRef,
    words: Int32Array,
    keyAt: number,
    closerAt: number,
    outbox: Outbox,
  ): number {
    const { step, table, init, options } = this
    const self = init.first + row
    if (!this.serving.records.isEmpty || !init.isServer(self)) return -1
    const count = table.closest(row, words, keyAt, options.k, from, words, closerAt)
    if (options.senders && init.isServer(from)) {
      step.row = row
      step.self = self
      step.nowMs = nowMs
      step.outbox = outbox
      this.meet(step, from)
    }
    return count
  }

  closest(
    row: number,
    key: Uint32Array,
    keyAt: number,
    except: PeerRef,
    _nowMs: number,
    out: Int32Array,
  ): number {
    return this.table.closest(row, key, keyAt, out.length, except, out, 0)
  }

  /** Only members are known. */
  known(): PeerRef {
    return NO_PEER
  }

  nextId(row: number): number {
    return this.requests.nextId(row)
  }

  protected isOnline(row: number): boolean {
    return this.nodes[row * NODE_WORDS + ONLINE] === 1
  }

  protected isPeer(peer: PeerRef): boolean {
    return peer >= 0 && peer < this.init.book.size
  }

  protected started(step: Step): void {
    const { row, nowMs } = step
    const at = row * NODE_WORDS
    this.nodes[at + ONLINE] = 1
    const { buckets } = this.table
    for (let bucket = 0; bucket < buckets; bucket++) this.table.walked(row, bucket, nowMs)
    if (!this.options.refresh) return
    // Buckets of a network that is filled at once would all be refreshed at once.
    seedRandom(this.dice, 0, this.init.seed, this.init.book.keys[step.self * KEY_WORDS] as number)
    const refreshAtMs = nowMs + nextBelow(this.dice, 0, this.options.ageMs)
    this.nodes[at + REFRESH] = refreshAtMs
    this.wakeAt(row, refreshAtMs)
  }

  protected wakeAt(row: number, atMs: number): void {
    const at = row * NODE_WORDS + DUE
    if (atMs < (this.nodes[at] as number)) this.nodes[at] = atMs
  }

  /** Buckets to which no lookup went for long are walked to. */
  protected refresh(step: Step): void {
    const { row, nowMs } = step
    const { ageMs } = this.options
    this.nodes[row * NODE_WORDS + REFRESH] = nowMs + ageMs
    const deepest = this.table.deepest(row)
    for (let bucket = 0; bucket <= deepest; bucket++) {
      if (nowMs - this.table.walkedAtMs(row, bucket) >= ageMs) step.outbox.pickKey(bucket)
    }
  }

  protected requested(step: Step, exchange: number, from: PeerRef, message: Message): void {
    if (!this.init.isServer(step.self)) {
      step.outbox.refuse(exchange)
      return
    }
    const { type } = message
    if (type === 'putValue' || type === 'addProvider') {
      this.serving.serve(step, exchange, from, message)
    } else {
      this.answer(step, exchange, from, message)
    }
    if (this.options.senders && this.init.isServer(from)) this.meet(step, from)
  }

  /** Answers what only reads. */
  private answer(step: Step, exchange: number, from: PeerRef, request: Message): void {
    const { row, nowMs, outbox } = step
    const { records } = this.serving
    const answer = outbox.message(request.type)
    for (let i = 0; i < KEY_WORDS; i++) answer.key[i] = request.key[i] as number
    answer.keyBytes = request.keyBytes
    if (request.type !== 'ping') {
      const { k } = this.options
      answer.closerCount = this.table.closest(row, request.key, 0, k, from, answer.closer, 0)
    }
    if (request.type === 'getValue') answer.record = records.value(row, request.key, nowMs)
    else if (request.type === 'getProviders') {
      records.nameProviders(row, request.key, nowMs, answer)
    }
    outbox.respond(exchange, answer)
  }

  protected noteWalk(row: number, at: number, nowMs: number): void {
    const { lookups, table } = this
    if (!this.isOnline(row)) return
    const head = lookups.keys[lookups.keyAt(at)] as number
    table.walked(row, table.bucketOfKey(row, head), nowMs)
  }

  /** There is a sign of a peer: it is refreshed or taken in, or the longest silent of its bucket is asked for its seat. */
  protected meet(step: Step, peer: PeerRef): void {
    if (peer === step.self) return
    const silent = this.table.meet(step.row, peer, step.nowMs, this.options.ageMs)
    if (silent !== NO_PEER) this.ping(step, silent, peer)
  }

  protected ping(step: Step, peer: PeerRef, newcomer: PeerRef): void {
    const { row, nowMs, outbox } = step
    const { requests } = this
    for (let other = requests.first(row); other !== NONE; other = requests.after(other)) {
      if (requests.peer(other) === peer) return // it is being asked already
    }
    const { requestTimeoutMs } = this.options
    const request = requests.open(row, peer, NONE, newcomer, nowMs + requestTimeoutMs)
    this.wakeAt(row, nowMs + requestTimeoutMs)
    outbox.send(requests.id(request), peer, outbox.message('ping'), requestTimeoutMs)
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
