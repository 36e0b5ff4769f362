/** What the report draws: each chart as plain data, with a sentence that says what is to be seen, and the table behind it. */
import type { Curves, Distribution, Run, Slice } from '../measure/result.ts'
import { OPERATIONS } from '../scenario/scenario.ts'

export interface Series {
  name: string
  /** Index of its colour and dashes. */
  style: number
  points: [x: number, y: number][]
}

/** A stretch of time with a name. */
export interface Band {
  from: number
  to: number
  name: string
}

export interface Chart {
  id: string
  title: string
  /** For those who can't see it. */
  summary: string
  x: { label: string; scale: 'linear' | 'log' }
  y: { label: string; max?: number; percent: boolean }
  /** Steps, for what comes in whole numbers. */
  isStepped: boolean
  series: Series[]
  bands: Band[]
  table: { titles: string[]; rows: string[][] }
}

/** A part of the report: charts of one kind. */
export interface Section {
  title: string
  text: string
  charts: Chart[]
}

/** Points of a curve that are drawn at most. */
const POINTS_MAX = 200

/** The shares of a distribution that its table shows. */
const QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99]

const WORDS: Readonly<Record<string, string>> = {
  get: 'Get',
  put: 'Put',
  provide: 'Provide',
  findProviders: 'Find providers',
  findPeer: 'Find peer',
  ipns: 'IPNS',
  bulk: 'Bulk provide',
}

/** All charts of a run; those without data are left out. */
export function sections(run: Run): Section[] {
  const all = [
    {
      title: 'Latency',
      text: 'Share of the operations that were done within a time. A curve further to the left is faster; one that stays low has a long tail.',
      charts: distributions(run, 'latencyMs', 'latency', 'milliseconds', true),
    },
    {
      title: 'Hops',
      text: 'Share of the operations that needed at most so many hops. A peer of one’s own table is hop 1.',
      charts: distributions(run, 'hops', 'hops', 'hops', false),
    },
    {
      title: 'Requests',
      text: 'Share of the operations that sent at most so many requests.',
      charts: distributions(run, 'rpcs', 'requests', 'requests of one operation', false),
    },
    {
      title: 'Over time',
      text: 'What happened in each slice of simulated time, with the phases of the scenario.',
      charts: overTime(run),
    },
    {
      title: 'Scores',
      text: 'What nodes think of the peers in their tables, apart for those that are alive and those that are not. The further apart the two curves, the better the score tells them from each other.',
      charts: scores(run),
    },
  ]
  return all.filter(({ charts }) => charts.length > 0)
}

function curvesOf(run: Run): [name: string, curves: Curves, style: number][] {
  const names = Object.keys(run.result.strategies)
  return names.flatMap((name, style) => {
    const curves = run.curves[name]
    return curves === undefined ? [] : [[name, curves, style] as [string, Curves, number]]
  })
}

function distributions(
  run: Run,
  kind: 'latencyMs' | 'hops' | 'rpcs',
  what: string,
  label: string,
  isLog: boolean,
): Chart[] {
  return OPERATIONS.flatMap((operation) => {
    const found = curvesOf(run).flatMap(([name, curves, style]) => {
      const distribution = curves[kind][operation]
      return distribution === undefined || distribution.value.length === 0
        ? []
        : [{ name, style, distribution }]
    })
    if (found.length === 0) return []
    return [
      {
        ...shared,
        id: `${kind}-${operation}`,
        title: `${WORDS[operation]}: ${what}`,
        summary: `Median ${what}: ${found.map(({ name, distribution }) => `${name} ${figure(quantile(distribution, 0.5))}`).join(', ')}.`,
        x: { label, scale: isLog ? ('log' as const) : ('linear' as const) },
        y: { label: 'share of operations', max: 1, percent: true },
        isStepped: !isLog,
        series: found.map(({ name, style, distribution }) => ({
          name,
          style,
          points: isLog ? aboveZero(pointsOf(distribution)) : pointsOf(distribution),
        })),
        bands: [],
        table: quantileTable(found),
      },
    ]
  })
}

const shared = { isStepped: false, bands: [] as Band[] }

function quantileTable(
  found: readonly { name: string; distribution: Distribution }[],
): Chart['table'] {
  return {
    titles: ['share', ...found.map(({ name }) => name)],
    rows: QUANTILES.map((share) => [
      `${Math.round(share * 100)} %`,
      ...found.map(({ distribution }) => figure(quantile(distribution, share))),
    ]),
  }
}

/** The curve with as many points as can be told apart, its first and last among them. */
export function pointsOf({ value, share }: Distribution): [number, number][] {
  const step = Math.max(1, (value.length - 1) / (POINTS_MAX - 1))
  const count = Math.min(value.length, POINTS_MAX)
  const points = Array.from({ length: count }, (_, i): [number, number] => {
    const at = Math.round(i * step)
    return [value[at] ?? 0, share[at] ?? 0]
  })
  return [[value[0] ?? 0, 0], ...points]
}

/** The least value that this share of the samples does not exceed. */
export function quantile({ value, share }: Distribution, part: number): number | undefined {
  const at = share.findIndex((each) => each >= part - 1e-9)
  return value[at < 0 ? value.length - 1 : at]
}

/** A logarithm has no place for 0: what was there at once stands at 1. */
function aboveZero(points: readonly [number, number][]): [number, number][] {
  return points.map(([x, y]) => [Math.max(1, x), y])
}

interface TimeKind {
  id: string
  title: string
  label: string
  percent: boolean
  of: (slice: Slice) => number | undefined
}

/** `value` for each operation of the slice; none where there was none. */
const each = (value: number, { done }: Slice): number | undefined =>
  done > 0 ? value / done : undefined

const TIME_KINDS: readonly TimeKind[] = [
  {
    id: 'success',
    title: 'Success',
    label: 'share of operations',
    percent: true,
    of: (slice) => each(slice.ok, slice),
  },
  {
    id: 'timeouts',
    title: 'Time-outs',
    label: 'time-outs of one operation',
    percent: false,
    of: (slice) => each(slice.timeouts, slice),
  },
  {
    id: 'requests',
    title: 'Requests',
    label: 'requests of one operation',
    percent: false,
    of: (slice) => each(slice.rpcs, slice),
  },
  {
    id: 'load',
    title: 'Operations',
    label: 'operations in a slice',
    percent: false,
    of: ({ done }) => done,
  },
  { id: 'up', title: 'Servers that are up', label: 'servers', percent: false, of: ({ up }) => up },
]

function overTime(run: Run): Chart[] {
  const strategies = curvesOf(run)
  const longest = Math.max(
    0,
    ...strategies.flatMap(([, { slices }]) => slices.map(({ atSeconds }) => atSeconds)),
  )
  const [size, unit] =
    longest > 14_400 ? [3_600, 'hours'] : longest > 600 ? [60, 'minutes'] : [1, 'seconds']
  const bands = bandsOf(strategies[0]?.[1].slices ?? [], size)
  return TIME_KINDS.flatMap((kind) => {
    const series = strategies
      .map(([name, { slices }, style]) => ({ name, style, points: timePoints(slices, size, kind) }))
      .filter(({ points }) => points.length > 0)
    if (series.length === 0) return []
    const last = series.map(
      ({ name, points }) => `${name} ${shown(points.at(-1)?.[1], kind.percent)}`,
    )
    return [
      {
        ...shared,
        id: `time-${kind.id}`,
        title: `${kind.title} over time`,
        summary: `At the end: ${last.join(', ')}.`,
        x: { label: `${unit} of simulated time`, scale: 'linear' as const },
        y: { label: kind.label, percent: kind.percent, ...(kind.percent ? { max: 1 } : {}) },
        series,
        bands,
        table: timeTable(series, unit, kind.percent),
      },
    ]
  })
}

function timePoints(slices: readonly Slice[], size: number, kind: TimeKind): [number, number][] {
  return slices.flatMap((slice): [number, number][] => {
    const value = kind.of(slice)
    return value === undefined ? [] : [[slice.atSeconds / size, value]]
  })
}

/** The phases as they follow each other. */
function bandsOf(slices: readonly Slice[], size: number): Band[] {
  const bands: Band[] = []
  for (const { atSeconds, phase } of slices) {
    const last = bands.at(-1)
    if (last?.name === phase) last.to = atSeconds / size
    else bands.push({ from: last?.to ?? 0, to: atSeconds / size, name: phase })
  }
  return bands
}

function timeTable(series: readonly Series[], unit: string, isPercent: boolean): Chart['table'] {
  const times = [...new Set(series.flatMap(({ points }) => points.map(([x]) => x)))].sort(
    (a, b) => a - b,
  )
  return {
    titles: [unit, ...series.map(({ name }) => name)],
    rows: times.map((time) => [
      figure(time),
      ...series.map(({ points }) => shown(points.find(([x]) => x === time)?.[1], isPercent)),
    ]),
  }
}

function scores(run: Run): Chart[] {
  return curvesOf(run).flatMap(([name, curves]) => {
    if (curves.scores === undefined) return []
    const found = [
      { name: 'alive', style: 2, distribution: curves.scores.alive },
      { name: 'not alive', style: 5, distribution: curves.scores.dead },
    ].filter(({ distribution }) => distribution.value.length > 0)
    if (found.length === 0) return []
    return [
      {
        ...shared,
        id: `scores-${name}`,
        title: `${name}: scores of table entries`,
        summary: `Median score: ${found.map((entry) => `${entry.name} ${figure(quantile(entry.distribution, 0.5))}`).join(', ')}.`,
        x: { label: 'score', scale: 'linear' as const },
        y: { label: 'share of entries', max: 1, percent: true },
        series: found.map((entry) => ({
          name: entry.name,
          style: entry.style,
          points: pointsOf(entry.distribution),
        })),
        table: quantileTable(found),
      },
    ]
  })
}

function shown(value: number | undefined, isPercent: boolean): string {
  if (!isPercent || value === undefined) return figure(value)
  return `${figure(Math.floor(value * 1_000) / 10)} %`
}

/** A number to read, three figures of it at least; a dash for none. */
export function figure(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  const digits = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2
  return value.toLocaleString('en', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
}
