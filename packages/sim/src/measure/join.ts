/** Joins what the workers measured into the figures and curves of a strategy. */
import { digestText } from '../host/digest.ts'
import type { OperationName, Scenario } from '../scenario/scenario.ts'
import { Sorted } from './recorder.ts'
import type {
  BulkFigures,
  Curves,
  FindFigures,
  Slice,
  StoreFigures,
  StrategyFigures,
  Violation,
} from './result.ts'
import type { OperationSamples, TallyData } from './tally.ts'

const FINDS = ['get', 'findProviders', 'findPeer', 'ipns'] as const
const STORES = ['put', 'provide'] as const

export function figuresOf(tallies: readonly TallyData[]): StrategyFigures {
  const sum = (of: (tally: TallyData) => number): number =>
    tallies.reduce((total, tally) => total + of(tally), 0)
  const wallSeconds = Math.max(...tallies.map(({ wallMs }) => wallMs)) / 1000
  const measuredSeconds = Math.max(...tallies.map(({ measuredWallMs }) => measuredWallMs)) / 1000
  const events = sum((tally) => tally.events)
  const requests = sum((tally) => tally.requests)
  const lookups = sum((tally) => tally.lookups)
  const figures: StrategyFigures = {
    digest: digestText(tallies.map(({ digest }) => digest)),
    events,
    eventsPerSecond: Math.round(events / wallSeconds),
    requests,
    requestsPerSecond: Math.round(requests / wallSeconds),
    lookups,
    lookupsPerSecond: round(lookups / measuredSeconds),
    bytesPerNode: Math.round(sum((tally) => tally.bytes) / sum((tally) => tally.rows)),
  }
  for (const name of FINDS) {
    const parts = partsOf(tallies, name)
    if (parts.length > 0) figures[name] = findFigures(parts)
  }
  for (const name of STORES) {
    const parts = partsOf(tallies, name)
    if (parts.length > 0) figures[name] = storeFigures(parts)
  }
  const bulk = bulkFigures(tallies)
  if (bulk !== null) figures.bulk = bulk
  const looked = sum((tally) => tally.table?.nodes ?? 0)
  const entries = sum((tally) => tally.table?.entries ?? 0)
  if (looked > 0) {
    const dead = sum((tally) => tally.table?.dead ?? 0)
    const benched = sum((tally) => tally.table?.benched ?? 0)
    const connected = sum((tally) => tally.table?.connected ?? 0)
    figures.table = {
      entries: round(entries / looked),
      benched: round(benched / looked),
      deadShare: round(dead / entries),
      connectedShare: round(connected / entries),
    }
  }
  return figures
}

export function curvesOf(
  scenario: Scenario,
  tallies: readonly TallyData[],
  sliceSeconds: number,
  warmUpSeconds: number,
): Curves {
  const curves: Curves = { latencyMs: {}, hops: {}, rpcs: {}, slices: [] }
  for (const name of [...FINDS, ...STORES]) {
    const parts = partsOf(tallies, name)
    if (parts.length === 0) continue
    curves.latencyMs[name] = joined(parts, ({ latencyMs }) => latencyMs).distribution()
    curves.hops[name] = joined(parts, ({ hops }) => hops).distribution()
    curves.rpcs[name] = joined(parts, ({ rpcs }) => rpcs).distribution()
  }
  const slices = Math.max(0, ...tallies.map((tally) => tally.slices.length))
  for (let i = 0; i < slices; i++) {
    curves.slices.push(sliceOf(scenario, tallies, i, i * sliceSeconds, warmUpSeconds))
  }
  if (tallies.some(({ scores }) => scores !== null)) {
    const of = (which: 'alive' | 'dead'): Float32Array[] =>
      tallies.flatMap(({ scores }) => (scores === null ? [] : [scores[which]]))
    curves.scores = {
      alive: new Sorted(of('alive')).distribution(),
      dead: new Sorted(of('dead')).distribution(),
    }
  }
  return curves
}

export function violationsOf(tallies: readonly TallyData[]): Violation[] {
  return tallies.flatMap(({ violations }) => violations).sort((a, b) => a.atMs - b.atMs)
}

function sliceOf(
  scenario: Scenario,
  tallies: readonly TallyData[],
  index: number,
  atSeconds: number,
  warmUpSeconds: number,
): Slice {
  const slice: Slice = {
    atSeconds: round(atSeconds),
    phase: phaseAt(scenario, atSeconds - warmUpSeconds),
    done: 0,
    ok: 0,
    rpcs: 0,
    timeouts: 0,
    up: 0,
  }
  for (const tally of tallies) {
    const counts = tally.slices[index]
    if (counts === undefined) continue
    slice.done += counts.done
    slice.ok += counts.ok
    slice.rpcs += counts.rpcs
    slice.timeouts += counts.timeouts
    slice.up += counts.up
  }
  return slice
}

/** The phase that so many seconds after the first began lie in. */
export function phaseAt(scenario: Scenario, seconds: number): string {
  if (seconds < 0) return 'growing'
  let endsAt = 0
  for (const phase of scenario.phases) {
    endsAt += phase.seconds
    if (seconds < endsAt) return phase.name
  }
  return scenario.phases.at(-1)?.name ?? ''
}

function partsOf(tallies: readonly TallyData[], name: OperationName): OperationSamples[] {
  return tallies.flatMap(({ operations }) => operations[name] ?? [])
}

function joined(
  parts: readonly OperationSamples[],
  of: (part: OperationSamples) => Float32Array,
): Sorted {
  return new Sorted(parts.map(of))
}

/** What finds and stores have in common. */
function commonFigures(
  parts: readonly OperationSamples[],
): Pick<FindFigures, 'done' | 'ok' | 'p50Ms' | 'p90Ms' | 'p99Ms' | 'rpcs'> {
  const latency = joined(parts, ({ latencyMs }) => latencyMs)
  return {
    done: parts.reduce((sum, { done }) => sum + done, 0),
    ok: parts.reduce((sum, { ok }) => sum + ok, 0),
    p50Ms: latency.quantile(0.5),
    p90Ms: latency.quantile(0.9),
    p99Ms: latency.quantile(0.99),
    rpcs: round(joined(parts, ({ rpcs }) => rpcs).mean()),
  }
}

function findFigures(parts: readonly OperationSamples[]): FindFigures {
  const hops = joined(parts, (part) => part.hops)
  return {
    ...commonFigures(parts),
    timeouts: round(joined(parts, ({ timeouts }) => timeouts).mean()),
    hopsP50: hops.quantile(0.5),
    hopsP95: hops.quantile(0.95),
  }
}

function storeFigures(parts: readonly OperationSamples[]): StoreFigures {
  const hops = joined(parts, (part) => part.hops)
  return {
    ...commonFigures(parts),
    hopsToAllP50: hops.quantile(0.5),
    hopsToAllP95: hops.quantile(0.95),
    reached: joined(parts, ({ reached }) => reached).quantile(0.5),
    recall: round(joined(parts, ({ recall }) => recall).mean()),
  }
}

function bulkFigures(tallies: readonly TallyData[]): BulkFigures | null {
  const parts = tallies.flatMap(({ bulk }) => bulk ?? [])
  if (parts.length === 0) return null
  const keys = parts.reduce((sum, part) => sum + part.keys, 0)
  return {
    keys,
    lookups: parts.reduce((sum, part) => sum + part.lookups, 0),
    // Whom two workers' nodes reached is one all the same.
    contacts: new Set(parts.flatMap(({ contacts }) => [...contacts])).size,
    messagesPerKey: round(parts.reduce((sum, part) => sum + part.messages, 0) / keys),
  }
}

/** Three digits behind the point are more than any of this is worth. */
function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
