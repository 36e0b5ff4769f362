/** From the results of a kind to its figures: what was stored is looked for, times become percentiles. */
import { nearest } from '../distance.ts'
import { floorRatio } from '../floor.ts'
import type { TestNode } from '../network.ts'
import { median, percentile } from '../stats.ts'
import type { BulkFigures, OperationFigures } from './figures.ts'
import { holdersAmong } from './holders.ts'
import type { Outcome } from './operations.ts'
import type { KindRun, Measured } from './run-kind.ts'

/** Something that a node stored in the network. */
export interface Stored {
  readonly writer: TestNode
  /** Its place in the key space. */
  readonly key: Uint8Array
  readonly held: (node: TestNode) => Promise<boolean>
}

/** Nodes that should hold a record: k of Kademlia. */
const REPLICATION = 20

/** Different errors that are told of each kind. */
const ERRORS_MAX = 3

/** A write that no live node but the writer holds was none, whatever it returned. */
export async function checkHolders<T extends Stored>(
  run: KindRun<T, Outcome>,
  live: readonly TestNode[],
): Promise<{ run: KindRun<T, Outcome>; stored: T[]; holdersP50: number | null }> {
  const results: Measured<T, Outcome>[] = []
  const stored: T[] = []
  const counts: number[] = []
  for (const { task, outcome } of run.results) {
    const holders = await holdersAmong(live, task.held)
    const near = nearest(live, task.key, REPLICATION)
    counts.push(near.filter((node) => holders.includes(node)).length)
    const kept = holders.some((node) => node !== task.writer)
    if (outcome.ok && kept) stored.push(task)
    results.push(
      outcome.ok && !kept
        ? { task, outcome: { ...outcome, ok: false, error: 'no live node holds it' } }
        : { task, outcome },
    )
  }
  return { run: { ...run, results }, stored, holdersP50: median(counts) ?? null }
}

/** What the outcomes of any kind may carry beyond an `Outcome`. */
interface AnyOutcome extends Outcome {
  readonly floorMs?: number
  readonly publishMs?: number
  readonly resolveMs?: number
}

export function operationFigures(
  run: KindRun<unknown, AnyOutcome>,
  holdersP50?: number | null,
): OperationFigures {
  const outcomes = run.results.map(({ outcome }) => outcome)
  const successes = outcomes.filter(({ ok }) => ok)
  const times = successes.map(({ ms }) => ms)
  return {
    planned: run.planned,
    done: outcomes.length,
    ok: share(successes.length, outcomes.length),
    p50Ms: median(times) ?? null,
    p95Ms: percentile(times, 95) ?? null,
    maxMs: percentile(times, 100) ?? null,
    ...run.cost,
    ...floorFigures(successes),
    ...ipnsFigures(successes),
    ...(holdersP50 === undefined ? {} : { holdersP50 }),
    errors: errorsOf(outcomes),
  }
}

export function bulkFigures(
  run: KindRun<unknown, Outcome>,
  holdersP50: number | null,
): BulkFigures {
  const outcomes = run.results.map(({ outcome }) => outcome)
  const successes = outcomes.filter(({ ok }) => ok)
  return {
    keys: run.planned,
    done: outcomes.length,
    ok: share(successes.length, outcomes.length),
    seconds: run.seconds,
    ...run.cost,
    holdersP50,
    errors: errorsOf(outcomes),
  }
}

function floorFigures(
  outcomes: readonly AnyOutcome[],
): Pick<OperationFigures, 'floorRatioP50' | 'floorRatioRawP50'> {
  const overFloor = outcomes.flatMap(({ ms, floorMs }) =>
    floorMs === undefined || !Number.isFinite(floorMs) || floorMs === 0 ? [] : [{ ms, floorMs }],
  )
  if (outcomes.every(({ floorMs }) => floorMs === undefined)) return {}
  return {
    floorRatioP50: median(overFloor.map(({ ms, floorMs }) => floorRatio(ms, floorMs))) ?? null,
    floorRatioRawP50: median(overFloor.map(({ ms, floorMs }) => ms / floorMs)) ?? null,
  }
}

function ipnsFigures(
  outcomes: readonly AnyOutcome[],
): Pick<OperationFigures, 'publishP50Ms' | 'resolveP50Ms'> {
  const publish = outcomes.flatMap(({ publishMs }) => publishMs ?? [])
  if (publish.length === 0) return {}
  return {
    publishP50Ms: median(publish) ?? null,
    resolveP50Ms: median(outcomes.flatMap(({ resolveMs }) => resolveMs ?? [])) ?? null,
  }
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}

function errorsOf(outcomes: readonly Outcome[]): string[] {
  return [...new Set(outcomes.flatMap(({ error }) => error ?? []))].slice(0, ERRORS_MAX)
}
