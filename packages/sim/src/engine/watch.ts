/**
 * Looks on at one worker's operations from outside: begins them, follows them by their events, and when a store is over
 * asks the closest live servers whether they hold the record.
 *
 * Bounded by: operations under way, each watched for `WATCHED_MS` at most.
 */
import { type Input, KEY_WORDS, type OperationEvent } from '@kadmium/core'
import { endingFault } from '../check/endings.ts'
import type { Violations } from '../check/violations.ts'
import * as flight from '../host/flights.ts'
import type { Host } from '../host/host.ts'
import type { Network } from '../host/network.ts'
import { EVALUATES } from '../host/network.ts'
import { firstHops, REPLICAS, Run, SETTLED_MS, WATCHED_MS } from '../measure/runs.ts'
import type { Tally } from '../measure/tally.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { Column, Truth } from '../strategies/strategy.ts'
import { keyBytesOf, kindOf, NAME, recordOf, versionOf, writeKey } from '../workload/subjects.ts'
import type { Task } from '../workload/workload.ts'
import { Bulks } from './bulk.ts'
import { LATEST } from './seeding.ts'
import { isWalk } from './visits.ts'
import type { Wheel } from './wheel.ts'

/** Operations of a run, about, that have their hops measured where there are more: it costs more than all else that is. */
const HOPS_MEASURED = 10_000

function hopsEvery({ phases }: Scenario): number {
  const operations = phases.reduce(
    (sum, { seconds, workload }) => sum + seconds * workload.perSecond,
    0,
  )
  return Math.max(1, Math.floor(operations / HOPS_MEASURED))
}

export interface WatchInit {
  scenario: Scenario
  column: Column
  network: Network
  wheel: Wheel
  truth: Truth
  tally: Tally
  first: number
  lookaheadMs: number
  violations: Violations
  /** A caller of that row waits no more. */
  ended: (row: number, nowMs: number) => void
}

export class Watch {
  /** Under way, by number. BOUNDED: by operations begun in the last `WATCHED_MS` */
  private readonly runs = new Map<number, Run>()
  /** Drawn and not begun yet. BOUNDED: by operations of one window */
  private readonly tasks = new Map<number, Task>()
  private readonly init: WatchInit
  private readonly key = new Uint32Array(KEY_WORDS)
  private readonly closest = new Int32Array(REPLICAS)
  private readonly bulks: Bulks
  /** One operation in so many has its hops measured. */
  private readonly hopsEvery: number

  constructor(init: WatchInit) {
    this.init = init
    this.bulks = new Bulks(init.scenario.seed, init.tally)
    this.hopsEvery = hopsEvery(init.scenario)
  }

  /** An operation that a node of ours will begin. */
  plan(task: Task): void {
    this.tasks.set(task.number, task)
  }

  /** Its time has come. */
  begin(host: Host, row: number, number: number, nowMs: number): void {
    const task = this.tasks.get(number)
    this.tasks.delete(number)
    if (task === undefined) return
    if (task.name === 'bulk') {
      this.beginBulk(host, row, task, nowMs)
      return
    }
    const { column, wheel } = this.init
    const key = this.keyOf(task).slice()
    const hops =
      number % this.hopsEvery === 0
        ? firstHops((out) => column.seeds(row, key, 0, nowMs, out))
        : null
    const run = new Run({ ...task, atMs: nowMs }, hops)
    this.runs.set(number, run)
    const { subject } = task
    const keyBytes = subject < 0 ? new Uint8Array(1) : keyBytesOf(subject)
    const record = run.type === 'putValue' ? recordOf(subject, 1) : null
    wheel.add(nowMs + WATCHED_MS, row, EVALUATES, 0, number, 0)
    host.give(row, nowMs, run.start(key, keyBytes, record))
  }

  /** An operation tells something. Returns what its node is to hear next. */
  operated(row: number, event: OperationEvent, nowMs: number): Input | null {
    if (isWalk(event.operation)) return null
    if (Bulks.owns(event.operation)) return this.bulks.heard(event)
    const run = this.runs.get(event.operation)
    if (run !== undefined) this.follow(row, run, event, nowMs)
    return null
  }

  private follow(row: number, run: Run, event: OperationEvent, nowMs: number): void {
    if (event.kind === 'asking' || event.kind === 'answered' || event.kind === 'peerFailed') {
      run.heard(event, nowMs, 0, versionOf) // none of these ends it
      return
    }
    const wanted = kindOf(run.task.subject) === NAME ? LATEST : 1
    const wasOver = this.isOver(run)
    run.heard(event, nowMs, wanted, versionOf)
    if (wasOver || !this.isOver(run)) return
    const { tally, wheel } = this.init
    // Its node has left: nobody waits for it any more.
    if (!run.cancelled) tally.ended(run, this.isMeasured(run.task), nowMs)
    this.init.ended(row, nowMs)
    if (!run.stores || run.cancelled) this.runs.delete(event.operation)
    else wheel.add(nowMs + SETTLED_MS, row, EVALUATES, 0, event.operation, 0)
  }

  /** A store has settled, or an operation's time is up. */
  evaluate(row: number, number: number, nowMs: number): void {
    const run = this.runs.get(number)
    if (run === undefined) return
    const { tally } = this.init
    if (!this.isOver(run)) {
      if (nowMs < run.task.atMs + WATCHED_MS) return
      tally.ended(run, this.isMeasured(run.task), nowMs)
      const fault = endingFault(run)
      if (fault !== null) this.init.violations.add('endings', nowMs, fault)
      this.init.ended(row, nowMs)
      this.runs.delete(number)
      return
    }
    if (run.asked === 0) this.ask(row, run, nowMs)
    else if (nowMs >= run.task.atMs + WATCHED_MS) this.runs.delete(number)
  }

  probed(number: number, version: number): void {
    const run = this.runs.get(number)
    if (run === undefined || run.probes === 0) return
    run.probes--
    if (version > 0) run.holding++
    if (run.probes > 0) return
    if (this.isMeasured(run.task)) this.init.tally.settled(run, run.holding / run.asked)
    this.runs.delete(number)
  }

  /** Operations that have not ended. */
  get underWay(): number {
    return this.runs.size
  }

  private ask(row: number, run: Run, nowMs: number): void {
    const { network, truth, lookaheadMs } = this.init
    const { subject, number } = run.task
    const count = truth.closestLive(this.keyOf(run.task), 0, REPLICAS, nowMs, this.closest)
    run.asked = count
    run.probes = count
    for (let i = 0; i < count; i++) {
      const peer = this.closest[i] as number
      network.probe(row, peer, flight.PROBE, number, subject, 0, nowMs + lookaheadMs)
    }
    if (count === 0) this.runs.delete(number)
  }

  private isOver(run: Run): boolean {
    return run.endedMs >= 0
  }

  private beginBulk(host: Host, row: number, task: Task, nowMs: number): void {
    const keys = this.init.scenario.phases[task.phase]?.workload.bulkKeys ?? 0
    const inputs = this.bulks.begin(task, keys, this.isMeasured(task))
    for (const input of inputs) host.give(row, nowMs, input)
  }

  private isMeasured(task: Task): boolean {
    return this.init.scenario.phases[task.phase]?.measured ?? false
  }

  private keyOf(task: Task): Uint32Array {
    const { key, init } = this
    if (task.subject >= 0) writeKey(init.scenario.seed, task.subject, key)
    else init.network.copyKey(task.peer, key)
    return key
  }
}
