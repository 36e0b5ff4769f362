/**
 * One worker's share of a run: its nodes, the network as they see it, and the clock. `advance` lives through one window;
 * what it sends to other shards' nodes arrives in a later one.
 */
import { Checkers } from '../check/checkers.ts'
import { Violations } from '../check/violations.ts'
import { Host } from '../host/host.ts'
import {
  ARRIVES,
  CHANGES,
  DIAL_ENDS,
  EVALUATES,
  IDLES,
  LEAVES,
  Network,
  OPERATES,
  STARTS,
  WAKES,
  WALKS,
} from '../host/network.ts'
import { lookAtTables, MEMBERS_MAX } from '../measure/tables.ts'
import { Tally, type TallyData } from '../measure/tally.ts'
import type { Scenario, StrategyChoice } from '../scenario/scenario.ts'
import { strategyOf } from '../strategies/index.ts'
import type { Column, StrategyInit, Truth } from '../strategies/strategy.ts'
import { Trace } from '../trace/trace.ts'
import { Workload } from '../workload/workload.ts'
import { Churn } from '../world/churn.ts'
import { below, draw, share } from '../world/dice.ts'
import { Link } from '../world/link.ts'
import { Population, type PopulationShared } from '../world/population.ts'
import { fillTables } from '../world/tables.ts'
import { WorldTruth } from '../world/truth.ts'
import type { TellShare, TellTrace } from './control.ts'
import { ENTRY, LEAVE, START } from './draws.ts'
import { Mailbox, type MailboxShared } from './mailbox.ts'
import { Phases, startSpreadMs, warmUpMs } from './phases.ts'
import { PresentTruth } from './present.ts'
import { placements } from './seeding.ts'
import { Visits } from './visits.ts'
import { Watch } from './watch.ts'
import { Wheel } from './wheel.ts'

/** The clock when a run begins, ms: in the columns of the nodes second 0 stands for never. */
export const EPOCH_MS = 1_000

/** Slices of a run in which things are counted for the curves over time. */
export const SLICES = 60

/** Bootstrappers that somebody who knows nobody dials. */
const ENTRIES = 4

export interface ShardInit {
  scenario: Scenario
  choice: StrategyChoice
  population: PopulationShared
  worker: number
  workers: number
  /** `mailboxes[from][to]`. */
  mailboxes: readonly (readonly MailboxShared[])[]
}

export class Shard {
  readonly host: Host
  /** Width of a window, ms: nothing that is sent arrives sooner. */
  readonly windowMs: number
  readonly endMs: number
  nowMs: number = EPOCH_MS
  private readonly init: ShardInit
  private readonly first: number
  private readonly count: number
  private readonly population: Population
  private readonly churn: Churn
  private readonly column: Column
  private readonly network: Network
  private readonly wheel: Wheel
  private readonly workload: Workload
  private readonly tally: Tally
  private readonly watch: Watch
  private readonly incoming: Mailbox[]
  private readonly violations = new Violations()
  private readonly checkers: Checkers
  private readonly trace: Trace
  private readonly phases: Phases
  private readonly visits: Visits
  private window = 0
  private measuredWallMs = 0
  private wallMs = 0
  private up = 0

  constructor(init: ShardInit, trace: TellTrace | null, onShare: TellShare) {
    this.init = init
    const { scenario, choice, worker, workers } = init
    const { seed, world } = scenario
    this.windowMs = world.link.minOneWayMs
    this.population = Population.open(init.population)
    const { population } = this
    const each = Math.ceil(population.size / workers)
    this.first = Math.min(worker * each, population.size)
    this.count = Math.max(0, Math.min(each, population.size - this.first))
    this.trace = new Trace({
      choice,
      seed,
      population,
      nodes: trace === null ? [] : scenario.trace,
      first: this.first,
      count: this.count,
      write: (line) => trace?.(line),
    })
    const link = new Link(population, world.link, seed)
    this.churn = new Churn(population, world.churn, seed)
    this.wheel = new Wheel(EPOCH_MS)
    this.workload = new Workload(scenario, population, EPOCH_MS + warmUpMs(scenario))
    this.endMs = this.workload.endMs
    const sliceMs = Math.max(1, Math.ceil((this.endMs - EPOCH_MS) / SLICES))
    this.tally = new Tally(EPOCH_MS, sliceMs, SLICES)
    const outgoing = init.mailboxes.map((row, from) => (from === worker ? row : []))
    this.incoming = init.mailboxes.map((row) => new Mailbox(row[worker] as MailboxShared))
    const partition = { first: this.first, count: this.count, share: each, worker }
    this.network = new Network({
      partition,
      population,
      link,
      transports: world.transports,
      holePunchShare: world.reach.holePunchShare,
      wheel: this.wheel,
      seed,
      outgoing: (outgoing[worker] ?? []).map((shared, to) =>
        to === worker ? null : new Mailbox(shared),
      ),
    })
    const truth = new PresentTruth(new WorldTruth(population, link), () => this.nowMs)
    this.column = strategyOf(choice.name).create(this.strategyInit(truth))
    const { column, network, wheel } = this
    this.watch = this.watchOf(truth)
    this.host = this.hostOf(link)
    const { host, violations, count, first } = this
    const entries = (row: number, nowMs: number): number[] => this.entries(row, nowMs)
    this.visits = new Visits({ population, host, network, wheel, seed, first, count, entries })
    const checked = { column, population, network, host, violations, seed, first, count }
    this.checkers = new Checkers(checked, EPOCH_MS)
    this.phases = this.phasesOf()
    this.build(truth, onShare)
  }

  private watchOf(truth: Truth): Watch {
    const { column, network, wheel, tally } = this
    const { scenario } = this.init
    return new Watch({
      scenario,
      column,
      network,
      wheel,
      truth,
      tally,
      first: this.first,
      lookaheadMs: this.windowMs,
      violations: this.violations,
      ended: (row, nowMs) => this.visits.ended(row, nowMs),
    })
  }

  private hostOf(link: Link): Host {
    const { column, population, network, wheel } = this
    const { seed } = this.init.scenario
    return new Host({
      column,
      population,
      link,
      network,
      wheel,
      seed,
      first: this.first,
      count: this.count,
      lookaheadMs: this.windowMs,
      observer: {
        operated: (row, event, nowMs) => this.watch.operated(row, event, nowMs),
        probed: (_row, probe, version) => this.watch.probed(probe, version),
        traces: (row) => this.trace.has(row),
        heard: (row, nowMs, input) => this.trace.heard(row, nowMs, input),
        said: (row, nowMs, output) => this.trace.said(row, nowMs, output),
      },
    })
  }

  private phasesOf(): Phases {
    const { population, network, host, first, count } = this
    const { scenario } = this.init
    const { seed } = scenario
    return new Phases({
      phases: scenario.phases,
      seed,
      population,
      first,
      count,
      startMs: EPOCH_MS + warmUpMs(scenario),
      begins: (phase, index, nowMs) => {
        network.faults = phase.faults
        if (phase.workload.selfLookups) this.visits.arrangeWalks(phase, index, nowMs)
      },
      falls: (row, nowMs) => {
        this.up--
        host.stop(row, nowMs, false)
      },
      rises: (row, nowMs) => this.rise(row, nowMs),
    })
  }

  /** Lives through the window that begins now. Returns false when the run is over. */
  advance(): boolean {
    const startedMs = performance.now()
    const { network, wheel, windowMs } = this
    const untilMs = this.nowMs + windowMs
    network.window = this.window
    for (const mailbox of this.incoming) mailbox.take(this.window - 1, network.receive)
    this.phases.turn(this.nowMs)
    const slice = this.tally.slice(this.nowMs)
    if (slice !== undefined) slice.up = this.up
    this.checkers.look(this.nowMs)
    const { first, count } = this
    this.workload.until(untilMs, this.nowMs - 1, (task) => {
      if (task.asker < first || task.asker >= first + count) return
      this.watch.plan(task)
      wheel.add(Math.max(task.atMs, this.nowMs), task.asker - first, OPERATES, 0, task.number, 0)
    })
    while (wheel.nowMs < untilMs) this.millisecond(wheel.nowMs)
    this.nowMs = untilMs
    this.window++
    const tookMs = performance.now() - startedMs
    this.wallMs += tookMs
    if (this.phases.current?.measured) this.measuredWallMs += tookMs
    return this.nowMs < this.endMs
  }

  /** Events so far. */
  get events(): number {
    return this.host.events
  }

  /** What was measured. */
  finish(): TallyData {
    const { column, population, network, first, count, nowMs } = this
    const isConnected = (row: number, peer: number): boolean => network.isOpen(row, peer)
    const { table, scores } = lookAtTables(column, population, { first, count }, nowMs, isConnected)
    return {
      ...this.tally.data,
      digest: this.host.digest.sum(),
      events: this.host.events,
      requests: this.host.requests,
      bytes: this.column.bytes,
      rows: this.count,
      measuredWallMs: this.measuredWallMs,
      wallMs: this.wallMs,
      table,
      scores,
      violations: this.violations.all,
    }
  }

  private millisecond(nowMs: number): void {
    const count = this.wheel.advance()
    for (let i = 0; i < count; i++) this.happen(i, nowMs)
  }

  /** Event `i` of those that the wheel took out. */
  private happen(i: number, nowMs: number): void {
    const { wheel, host } = this
    const row = wheel.node(i)
    switch (wheel.kind(i)) {
      case CHANGES:
        this.change(row, nowMs)
        break
      case ARRIVES:
        host.arrive(row, wheel.payload(i), nowMs)
        break
      case DIAL_ENDS:
        host.dialEnded(row, wheel.source(i), wheel.sequence(i), nowMs)
        break
      case IDLES:
        host.idled(row, wheel.source(i), nowMs)
        break
      case WAKES:
        host.wake(row, nowMs)
        break
      case OPERATES:
        this.visits.comes(row, nowMs)
        if (this.isUp(row, nowMs)) this.watch.begin(host, row, wheel.sequence(i), nowMs)
        break
      case LEAVES:
        this.visits.leaves(row, nowMs)
        break
      case WALKS:
        this.visits.walk(row, wheel.sequence(i), nowMs)
        break
      case EVALUATES:
        this.watch.evaluate(row, wheel.sequence(i), nowMs)
        break
      case STARTS:
        if (this.isUp(row, nowMs)) host.start(row, nowMs, this.entries(row, nowMs))
        break
    }
  }

  private isUp(row: number, nowMs: number): boolean {
    return this.population.isUp(this.first + row, nowMs)
  }

  private strategyInit(truth: Truth): StrategyInit {
    const { population, first, count, init } = this
    return {
      book: population.book,
      first,
      count,
      seed: init.scenario.seed,
      isServer: (peer) => population.isServer(peer),
      ipGroup: (peer) => population.ipGroup(peer),
      truth,
      options: init.choice.options,
    }
  }

  /** Tables, stores, who comes and goes: the world as it is when the clock starts. */
  private build(truth: Truth, onShare: TellShare): void {
    const { scenario } = this.init
    const { seed, world } = scenario
    const { population, first, count, column, wheel, host } = this
    if (world.tables.origin === 'oracle') {
      const filled = this.trace.filling(column)
      fillTables(filled, population, first, count, world.tables, seed, onShare)
    }
    placements(scenario, population, truth, EPOCH_MS, { first, count }, (placement) => {
      const { holder, from, message } = placement
      const row = holder - first
      host.give(row, EPOCH_MS, { kind: 'requestArrived', exchange: -1, from, message })
    })
    const spreadMs = startSpreadMs(scenario)
    const { warmShare } = world.transports
    const isWarm = warmShare > 0 && warmShare < 1
    for (let row = 0; row < count; row++) {
      const peer = first + row
      const changesMs = this.churn.firstChangeMs(peer)
      if (Number.isFinite(changesMs)) wheel.add(changesMs, row, CHANGES, 0, 0, 0)
      if (!population.isUp(peer, EPOCH_MS)) continue
      this.up++
      if (isWarm) this.connect(row)
      const startsMs = EPOCH_MS + below(draw(seed, peer, 0, START), Math.max(1, spreadMs))
      wheel.add(startsMs, row, STARTS, 0, 0, 0)
    }
  }

  /** The connections that a node has had since before the run. */
  private connect(row: number): void {
    const { host, column, scratch, population } = this
    const members = scratch.slice(0, column.members(row, scratch))
    const isThere = (peer: number): boolean =>
      population.isUp(peer, EPOCH_MS) && population.isDialable(peer)
    host.connect(row, members.filter(isThere), EPOCH_MS)
  }

  /** Somebody comes or goes. */
  private change(row: number, nowMs: number): void {
    const peer = this.first + row
    const { population, churn, wheel, host, init } = this
    const wasUp = population.isUp(peer, nowMs - 1)
    const nextMs = churn.change(peer, nowMs)
    if (Number.isFinite(nextMs)) wheel.add(nextMs, row, CHANGES, 0, 0, 0)
    const isUp = population.isUp(peer, nowMs)
    if (isUp === wasUp) return
    this.up += isUp ? 1 : -1
    if (isUp) host.start(row, nowMs, this.entries(row, nowMs))
    else {
      const { seed, world } = init.scenario
      const word = draw(seed, peer, nowMs, LEAVE)
      host.stop(row, nowMs, share(word) < world.churn.politeShare)
    }
  }

  /** Whom a node dials that knows nobody. */
  private entries(row: number, nowMs: number): number[] {
    const { population, column, init, first } = this
    if (column.members(row, this.scratch) > 0) return []
    const found: number[] = [] // BOUNDED: by ENTRIES
    for (let i = 0; i < ENTRIES * 8 && found.length < ENTRIES; i++) {
      const word = draw(init.scenario.seed, first + row, nowMs + i, ENTRY)
      const peer = below(word, population.size)
      const isFit = population.isUp(peer, this.nowMs - 1) && population.isDialable(peer)
      if (isFit && population.isServer(peer) && peer !== first + row) found.push(peer)
    }
    return found
  }

  private readonly scratch = new Int32Array(MEMBERS_MAX)

  private rise(row: number, nowMs: number): void {
    this.up++
    this.host.start(row, nowMs, this.entries(row, nowMs))
  }
}
