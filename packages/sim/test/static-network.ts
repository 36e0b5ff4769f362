/**
 * A network that stands still, to hold strategies to published counts: N nodes with random keys, a share of them dead, tables
 * filled with random members of each sibling subtree, dead ones too, round trips of 20 to 180 ms, and dials of dead peers
 * that fail after eight mean round trips. One column asks, one answers; both may be the same.
 */
import {
  type FailureReason,
  type Input,
  KEY_WORDS,
  Message,
  NO_PEER,
  type OperationOutcome,
  type OperationType,
  Outbox,
  type Output,
  type PeerRef,
  Random,
} from '@kadmium/core'
import type { Column } from '../src/strategies/strategy.ts'
import { type StaticNetworkInit, StaticWorld } from './static-world.ts'

/** What one operation did. */
export interface Told {
  rpcs: number
  failures: number
  /** Of `closestFound`. */
  closest: PeerRef[]
  providers: PeerRef[]
  value: Uint8Array | null
  found: PeerRef
  outcome: OperationOutcome | null
  stored: number
  /** Who acknowledged a record. */
  holders: PeerRef[]
  wanted: number
  startedAtMs: number
  endedAtMs: number
}

interface Event {
  atMs: number
  order: number
  column: Column
  row: number
  input: Input
}

interface Exchange {
  asker: Column
  row: number
  request: number
  to: PeerRef
  rttMs: number
}

const KEY = new Uint8Array([1])

export class StaticNetwork extends StaticWorld {
  nowMs = 0
  /** Requests that came to nodes. */
  served = 0
  private readonly rttMeanMs: number
  private readonly places: boolean
  private readonly dialFailsMs: number
  private readonly events: Event[] = [] // BOUNDED: by what is under way
  private readonly exchanges = new Map<number, Exchange>() // BOUNDED: by what is under way
  private readonly told = new Map<number, Told>() // BOUNDED: by operations of a test
  private readonly cancelled = new WeakMap<Column, Set<string>>() // BOUNDED: by requests of a test
  private readonly outbox = new Outbox()
  private servers: Column | null = null
  private orders = 0
  private operations = 0

  constructor(init: StaticNetworkInit) {
    super(init)
    this.rttMeanMs = init.rttMs ?? 100
    this.places = init.places ?? false
    this.dialFailsMs = init.dialFailsMs ?? this.rttMeanMs * 8
  }

  serveBy(column: Column): this {
    this.servers = column
    for (let row = 0; row < this.size; row++) this.fill(column, row)
    return this
  }

  /** Runs one operation to the end of all that it causes. */
  run(
    column: Column,
    row: number,
    type: OperationType,
    key: Uint32Array,
    changes: Partial<{
      record: Uint8Array
      peer: PeerRef
      quorum: number
      countMax: number
      keyBytes: Uint8Array
    }> = {},
  ): Told {
    const operation = ++this.operations
    const told: Told = {
      rpcs: 0,
      failures: 0,
      closest: [],
      providers: [],
      value: null,
      found: NO_PEER,
      outcome: null,
      stored: 0,
      holders: [],
      wanted: 0,
      startedAtMs: this.nowMs,
      endedAtMs: Number.NaN,
    }
    this.told.set(operation, told)
    this.give(column, row, {
      kind: 'startOperation',
      operation,
      type,
      key,
      keyBytes: changes.keyBytes ?? KEY,
      record: changes.record ?? null,
      peer: changes.peer ?? (type === 'provide' ? row : NO_PEER),
      quorum: changes.quorum ?? 0,
      countMax: changes.countMax ?? 0,
      reach: 'all',
      patienceMs: 0,
    })
    this.settle(column, row)
    this.told.delete(operation)
    return told
  }

  /** Gives one input, and what the store and the judge say to it at once. */
  give(column: Column, row: number, input: Input): void {
    const soon: Input[] = [input]
    for (let next = soon.shift(); next !== undefined; next = soon.shift()) {
      this.outbox.clear()
      column.handle(row, this.nowMs, next, this.outbox)
      for (let i = 0; i < this.outbox.count; i++)
        this.carryOut(column, row, this.outbox.at(i), soon)
    }
  }

  /** Lives on until nothing is under way any more. */
  private settle(column: Column, row: number): void {
    for (let steps = 0; ; steps++) {
      if (steps > 1_000_000) throw new Error('a lookup without end')
      const event = this.events[0]
      const due = column.deadline(row)
      if (event === undefined && (due === Number.POSITIVE_INFINITY || this.isQuiet())) return
      if (event === undefined || due < event.atMs) {
        this.nowMs = Math.max(this.nowMs, due)
        this.give(column, row, { kind: 'wake' })
        if (column.deadline(row) <= this.nowMs && column.deadline(row) === due && steps > 1e5) {
          throw new Error('a wake that changes nothing')
        }
        continue
      }
      this.take()
      this.nowMs = Math.max(this.nowMs, event.atMs)
      this.happen(event)
    }
  }

  /** Whether every operation has ended; what a node does by itself is not waited for. */
  private isQuiet(): boolean {
    for (const told of this.told.values()) if (told.outcome === null) return false
    return true
  }

  private happen(event: Event): void {
    const { column, row, input } = event
    if (input.kind === 'answerArrived' || input.kind === 'requestFailed') {
      if (this.cancelledOf(column).has(`${row} ${input.request}`)) return
    }
    if (input.kind === 'requestArrived') this.served++
    this.give(column, row, input)
  }

  private carryOut(column: Column, row: number, output: Output, soon: Input[]): void {
    switch (output.kind) {
      case 'send':
        this.send(column, row, output.to, output.request, output.message)
        break
      case 'cancelRequest':
        this.cancelledOf(column).add(`${row} ${output.request}`)
        break
      case 'respond':
      case 'accept':
        this.reply(output.exchange, output.kind === 'respond' ? output.message : null)
        break
      case 'refuse':
        this.refuse(output.exchange)
        break
      case 'validate':
        soon.push({
          kind: 'validated',
          job: output.job,
          verdict: output.against === null ? 'better' : verdictOf(output.record, output.against),
        })
        break
      case 'persistRecord':
        if (output.job !== 0) soon.push({ kind: 'persisted', job: output.job, ok: true })
        break
      case 'dial':
        soon.push({
          kind: 'dialEnded',
          peer: output.peer,
          ok: !this.isDead(output.peer),
          ipGroup: 0,
        })
        break
      default:
        this.note(output)
    }
  }

  private cancelledOf(column: Column): Set<string> {
    let cancelled = this.cancelled.get(column)
    if (cancelled === undefined) {
      cancelled = new Set()
      this.cancelled.set(column, cancelled)
    }
    return cancelled
  }

  private note(output: Output): void {
    if (!('operation' in output)) return
    const told = this.told.get(output.operation)
    if (told === undefined) return
    if (output.kind === 'asking') told.rpcs++
    if (output.kind === 'peerFailed') told.failures++
    const isAnswer = output.kind === 'answered'
    if (isAnswer && isStore(output.message.type)) told.holders.push(output.peer)
    if (output.kind === 'closestFound') {
      told.closest = [...output.message.closer.subarray(0, output.message.closerCount)]
    }
    if (output.kind === 'providersFound') {
      told.providers.push(...output.message.providers.subarray(0, output.message.providerCount))
    }
    if (output.kind === 'valueFound') told.value = output.record
    if (output.kind === 'peerFound') told.found = output.peer
    if (output.kind === 'operationEnded') {
      if (told.outcome !== null) throw new Error('an operation ended twice')
      told.outcome = output.outcome
      told.stored = output.stored
      told.wanted = output.wanted
      told.endedAtMs = this.nowMs
    }
  }

  private send(column: Column, row: number, to: PeerRef, request: number, message: Message): void {
    if (this.isDead(to)) {
      this.failLater(column, row, request, 'dial', this.dialFailsMs)
      return
    }
    const { servers } = this
    if (servers === null) throw new Error('nobody answers')
    const rttMs = this.places
      ? this.distanceMs(row, to)
      : (this.rttMeanMs / 100) * (20 + this.random.below(161))
    const exchange = ++this.orders
    this.exchanges.set(exchange, { asker: column, row, request, to, rttMs })
    const copy = new Message().copy(message)
    const input: Input = { kind: 'requestArrived', exchange, from: row, message: copy }
    this.enter({ atMs: this.nowMs + rttMs / 2, order: exchange, column: servers, row: to, input })
  }

  private reply(exchange: number, message: Message | null): void {
    const { asker, row, request, rttMs, to } = this.takeExchange(exchange)
    const copy = message === null ? new Message().clear('addProvider') : new Message().copy(message)
    const atMs = this.nowMs + rttMs / 2
    const link: Input = { kind: 'linkChanged', peer: to, link: 'pooled', dialled: true, ipGroup: 0 }
    this.enter({ atMs, order: ++this.orders, column: asker, row, input: link })
    const input: Input = { kind: 'answerArrived', request, message: copy, rttMs }
    this.enter({ atMs, order: ++this.orders, column: asker, row, input })
  }

  private refuse(exchange: number): void {
    const { asker, row, request, rttMs } = this.takeExchange(exchange)
    this.failLater(asker, row, request, 'reset', rttMs / 2)
  }

  private takeExchange(exchange: number): Exchange {
    const found = this.exchanges.get(exchange)
    if (found === undefined) throw new Error('an exchange is ended twice')
    this.exchanges.delete(exchange)
    return found
  }

  private failLater(
    column: Column,
    row: number,
    request: number,
    reason: FailureReason,
    afterMs: number,
  ): void {
    const input: Input = { kind: 'requestFailed', request, reason }
    this.enter({ atMs: this.nowMs + afterMs, order: ++this.orders, column, row, input })
  }

  /** A binary heap by time, then by order. */
  private enter(event: Event): void {
    const { events } = this
    let at = events.length
    events.push(event)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (isBefore(events[parent] as Event, event)) break
      events[at] = events[parent] as Event
      at = parent
    }
    events[at] = event
  }

  private take(): void {
    const { events } = this
    const last = events.pop()
    if (last === undefined || events.length === 0) return
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= events.length) break
      const right = events[child + 1]
      if (right !== undefined && isBefore(right, events[child] as Event)) child++
      if (isBefore(last, events[child] as Event)) break
      events[at] = events[child] as Event
      at = child
    }
    events[at] = last
  }
}

/** Means over lookups of random keys by random live nodes. */
export function lookupMeans(
  network: StaticNetwork,
  column: Column,
  lookups: number,
  prepare: (row: number) => void = () => {},
): { rpcs: number; recall: number; ms: number } {
  const draws = new Random(7)
  const truth = new Int32Array(20)
  const means = { rpcs: 0, recall: 0, ms: 0 }
  for (let i = 0; i < lookups; i++) {
    const asker = network.liveNode(draws)
    prepare(asker)
    const target = Uint32Array.from({ length: KEY_WORDS }, () => draws.word())
    const told = network.run(column, asker, 'getClosest', target)
    const count = network.closestLive(target, 0, 20, truth, asker)
    const hits = told.closest.filter((peer) => truth.subarray(0, count).includes(peer))
    means.rpcs += told.rpcs / lookups
    means.recall += hits.length / lookups
    means.ms += (told.endedAtMs - told.startedAtMs) / lookups
  }
  return means
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

/** The first byte of a record is its version. */
function verdictOf(record: Uint8Array, against: Uint8Array): 'better' | 'same' | 'worse' {
  const difference = (record[0] as number) - (against[0] as number)
  return difference > 0 ? 'better' : difference < 0 ? 'worse' : 'same'
}

function isStore(type: string): boolean {
  return type === 'putValue' || type === 'addProvider'
}
