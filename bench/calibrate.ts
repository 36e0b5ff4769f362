/**
 * The go baseline on `ipfs-2024` beside what was measured in the public network. `npm run calibrate` prints the tables of
 * docs/calibration.md; after `--`: `--seeds 1,2,3`, `--strategies go,js`, `--scenario NAME`, `--threads N`,
 * `--set KEY=VALUE` (repeat it), `--out FILE` for the results as JSON, `--from FILE` (repeat it) to print such results again.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import {
  type Distribution,
  loadScenario,
  type Run,
  runScenario,
  type StrategyFigures,
} from '@kadmium/sim'

/** What counts as reproduced. */
const TOLERANCE = 0.25
/** Least time between two lines of progress, ms. */
const PROGRESS_MS = 15_000
/** Seconds between which provides are counted: what waits for one, two, three dials of 5 s ends soon after. */
const STEPS = [0, 3, 5, 8, 10, 13, 15, 18, 20, 23, 25, Number.POSITIVE_INFINITY]

/** A figure of one run of `go`, beside its published range. */
interface Target {
  what: string
  least: number
  most: number
  /** Absent: shown, and not one of the figures that are to be reproduced. */
  isAim?: boolean
  of: (run: Run) => number | undefined
}

const go = (run: Run): StrategyFigures | undefined => run.result.strategies.go
const latency = (run: Run, operation: string): Distribution | undefined =>
  run.curves.go?.latencyMs[operation]
const walk = (share: number) => (run: Run) =>
  seconds(quantile(latency(run, 'findProviders'), share))
const store = (share: number) => (run: Run) => seconds(quantile(latency(run, 'provide'), share))

const TARGETS: readonly Target[] = [
  aim('hops to hear of the 20 closest, p50', 3, 3, (run) => go(run)?.provide?.hopsToAllP50),
  aim('the same, p95', 4, 4, (run) => go(run)?.provide?.hopsToAllP95),
  aim('GET walk, mean, s', 0.62, 0.62, (run) => seconds(mean(latency(run, 'findProviders')))),
  aim('GET walk, p50, s', 0.62, 0.62, walk(0.5)),
  aim('GET walk, p90, s', 1.37, 1.52, walk(0.9)),
  aim('classic PUT, p50, s', 8, 13, store(0.5)),
  aim('classic PUT, p90, s', 18, 49, store(0.9)),
  { what: 'classic PUT, p5, s', least: 2.97, most: 2.97, of: store(0.05) },
  { what: 'classic PUT, p25, s', least: 7.01, most: 7.01, of: store(0.25) },
  { what: 'classic PUT, p75, s', least: 23.33, most: 23.33, of: store(0.75) },
  {
    what: 'holders that acknowledged, p50',
    least: 18,
    most: 18,
    of: (run) => go(run)?.provide?.reached,
  },
]

function aim(what: string, least: number, most: number, of: Target['of']): Target {
  return { what, least, most, isAim: true, of }
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000
}

/** The smallest value that `share` of all are not above. */
function quantile(distribution: Distribution | undefined, share: number): number | undefined {
  const at = distribution?.share.findIndex((part) => part >= share - 1e-9) ?? -1
  return distribution?.value[at]
}

/** Of a curve of some 200 points, straight between them. */
function mean(distribution: Distribution | undefined): number | undefined {
  if (distribution === undefined) return undefined
  const { value, share } = distribution
  let sum = 0
  for (let i = 0; i < value.length; i++) {
    const before = i === 0 ? i : i - 1
    const weight = (share[i] as number) - (i === 0 ? 0 : (share[before] as number))
    sum += (weight * ((value[i] as number) + (value[before] as number))) / 2
  }
  return sum
}

/** Share of all that are at most so large. */
function below(distribution: Distribution, value: number): number {
  const above = distribution.value.findIndex((here) => here > value)
  if (above === 0) return 0
  return distribution.share[(above < 0 ? distribution.share.length : above) - 1] as number
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const high = sorted[middle] as number
  return sorted.length % 2 === 1 ? high : (high + (sorted[middle - 1] as number)) / 2
}

function short(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(3)
}

/** The median over the seeds, and from where to where they lie. */
function spread(values: readonly (number | undefined)[]): string {
  const known = values.filter((value) => value !== undefined && Number.isFinite(value)) as number[]
  if (known.length === 0) return ''
  const [least, most] = [Math.min(...known), Math.max(...known)]
  return least === most ? short(least) : `${short(median(known))} (${short(least)}-${short(most)})`
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): void {
  console.log(`\n| ${titles.join(' | ')} |\n|${'---|'.repeat(titles.length)}`)
  for (const row of rows) console.log(`| ${row.join(' | ')} |`)
}

function showTargets(runs: readonly Run[]): void {
  const rows = TARGETS.flatMap(({ what, least, most, isAim, of }) => {
    const values = runs.map(of).filter((value) => value !== undefined)
    if (values.length === 0) return []
    const out = median(values)
    const ratio = out < least ? out / least : out > most ? out / most : 1
    const holds = Math.abs(ratio - 1) <= TOLERANCE ? 'yes' : 'no'
    const there = least === most ? short(least) : `${short(least)}-${short(most)}`
    return [[what, there, spread(values), ratio.toFixed(2), isAim === true ? holds : `(${holds})`]]
  })
  table(['what', 'measured', 'came out', 'ratio', 'within 25 %'], rows)
}

function showPlateaus(runs: readonly Run[]): void {
  const all = runs.flatMap((run) => latency(run, 'provide') ?? [])
  if (all.length === 0) return
  const rows = STEPS.slice(1).map((end, i) => {
    const from = STEPS[i] as number
    const shares = all.map((each) => below(each, end * 1000) - below(each, from * 1000))
    const percent = Math.round(100 * median(shares))
    return [Number.isFinite(end) ? `${from}-${end}` : `${from} and more`, `${percent} %`]
  })
  table(['classic PUT ends after, s', 'share'], rows)
}

/** Every strategy beside the others: finds, then stores. */
function showStrategies(runs: readonly Run[]): void {
  const labels = Object.keys(runs[0]?.result.strategies ?? {})
  const of = (label: string, figure: (figures: StrategyFigures) => number | undefined): string =>
    spread(
      runs.map((run) => {
        const figures = run.result.strategies[label]
        return figures === undefined ? undefined : figure(figures)
      }),
    )
  const show = (name: string, columns: Columns): void =>
    table(
      [name, ...Object.keys(columns)],
      labels.map((label) => [label, ...Object.values(columns).map((figure) => of(label, figure))]),
    )
  for (const name of ['findProviders', 'get', 'findPeer'] as const)
    show(name, {
      ...operationColumns(name),
      'time-outs': ({ [name]: each }) => each?.timeouts,
      'hops p50': ({ [name]: each }) => each?.hopsP50,
      'hops p95': ({ [name]: each }) => each?.hopsP95,
    })
  for (const name of ['provide', 'put'] as const)
    show(name, {
      ...operationColumns(name),
      'hops to all p50': ({ [name]: each }) => each?.hopsToAllP50,
      p95: ({ [name]: each }) => each?.hopsToAllP95,
      reached: ({ [name]: each }) => each?.reached,
      recall: ({ [name]: each }) => each?.recall,
    })
  show('tables', {
    entries: ({ table: each }) => each?.entries,
    dead: ({ table: each }) => each?.deadShare,
    connected: ({ table: each }) => each?.connectedShare,
  })
}

/** Figures of a strategy by their titles. */
type Columns = Record<string, (figures: StrategyFigures) => number | undefined>

/** What finds and stores have in common. */
function operationColumns(name: 'findProviders' | 'get' | 'findPeer' | 'provide' | 'put'): Columns {
  return {
    ok: ({ [name]: each }) => each && each.ok / each.done,
    'p50 ms': ({ [name]: each }) => each?.p50Ms,
    'p90 ms': ({ [name]: each }) => each?.p90Ms,
    'p99 ms': ({ [name]: each }) => each?.p99Ms,
    RPCs: ({ [name]: each }) => each?.rpcs,
  }
}

const { values: given } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1,2,3' },
    scenario: { type: 'string', default: 'ipfs-2024' },
    strategies: { type: 'string', default: 'go' },
    threads: { type: 'string' },
    nodes: { type: 'string' },
    set: { type: 'string', multiple: true, default: [] },
    out: { type: 'string' },
    from: { type: 'string', multiple: true, default: [] },
  },
})

async function runSeed(seed: number): Promise<Run> {
  const scenario = await loadScenario(given.scenario, {
    seed,
    set: given.set,
    strategies: given.strategies.split(','),
    ...(given.nodes === undefined ? {} : { nodes: Number(given.nodes) }),
    ...(given.threads === undefined ? {} : { threads: Number(given.threads) }),
  })
  let toldMs = performance.now()
  return runScenario(scenario, {
    onProgress: ({ strategy, phase, share, events, eventsPerSecond }) => {
      if (performance.now() - toldMs < PROGRESS_MS) return
      toldMs = performance.now()
      const done = `${Math.floor(share * 100)} %, ${events} events, ${eventsPerSecond} a second`
      console.error(`seed ${seed}: ${strategy} ${phase} ${done}`)
    },
  })
}

const runs: Run[] = [] // BOUNDED: by the seeds
for (const file of given.from) runs.push(...(JSON.parse(await readFile(file, 'utf8')) as Run[]))
if (runs.length === 0)
  for (const seed of given.seeds.split(',')) runs.push(await runSeed(Number(seed)))
showTargets(runs)
showPlateaus(runs)
showStrategies(runs)
const wall = runs.reduce((sum, { result }) => sum + result.wallSeconds, 0)
console.log(`\n${runs.length} seeds, ${Math.round(wall)} s`)
for (const [i, { assertions, violations, result }] of runs.entries()) {
  for (const { text, holds, found } of assertions)
    console.log(`seed ${result.seed}: ${holds ? 'holds' : 'FAILS'}: ${text} (${found})`)
  for (const [label, list] of Object.entries(violations))
    if (list.length > 0)
      console.log(`seed ${i}: ${label}: ${list.length} violations, ${list[0]?.text}`)
}
if (given.out !== undefined) await writeFile(given.out, `${JSON.stringify(runs)}\n`)
