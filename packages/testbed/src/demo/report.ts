/** The printed result: how the networks formed, the work side by side, what it sent, the floors, the notes. */
import { IMPLEMENTATION_IDS, type ImplementationId } from '../implementations.ts'
import { type Cost, KINDS, type RunFigures } from '../work/figures.ts'
import * as settings from './settings.ts'
import { number, percent, renderTable, times } from './table.ts'

/** The result as it is printed with `--json`. */
export type DemoResult = {
  nodes: number
  unreachable: number
  seed: number
} & Partial<Record<ImplementationId, RunFigures>>

const LABELS: Readonly<Record<string, string>> = {
  findProviders: 'find-providers',
  findPeer: 'find-peer',
  ipns: 'ipns publish+resolve',
}

function formationLine({ implementation, formation }: RunFigures): string {
  const { min, median, max } = formation.tables
  return [
    `${implementation}: formed in ${number(formation.seconds)} s`,
    `${number(formation.cpuSeconds)} CPU s`,
    `${formation.dials} dials`,
    `${formation.rpcs} RPCs`,
    `${formation.pings} pings`,
    `tables of ${min} / ${median} / ${max} (min / median / max)`,
  ].join(', ')
}

/** Everything after the work, as text. */
export function renderResult(result: DemoResult): string {
  const runs = IMPLEMENTATION_IDS.flatMap((id) => result[id] ?? [])
  const { nodes, unreachable, seed } = result
  return [
    `${nodes} nodes in each network, seed ${seed}; after forming ${unreachable} became unreachable`,
    ...runs.map(formationLine),
    '',
    workTable(runs),
    '',
    'Sent for each operation (RPCs = written + in vain)',
    sentTable(runs),
    '',
    ...runs.flatMap(floorLines),
    '',
    ...notes(runs).map((note) => `- ${note}`),
  ].join('\n')
}

/** One line of the table for one implementation: counts, times, cost. */
interface Line extends Cost {
  done: string
  ok: number
  p50Ms: number | null
  slowMs: number | null
  slow: string
}

function lineOf(run: RunFigures, kind: (typeof KINDS)[number] | 'bulk'): Line {
  if (kind === 'bulk') {
    const { bulk } = run
    const each = bulk.done === 0 ? null : (bulk.seconds * 1_000) / bulk.done
    return { ...bulk, done: `${bulk.done}/${bulk.keys}`, p50Ms: each, slowMs: null, slow: '-' }
  }
  const figures = run[kind]
  const few = figures.done < 20
  const slowMs = few ? figures.maxMs : figures.p95Ms
  return {
    ...figures,
    done: `${figures.done}/${figures.planned}`,
    slowMs,
    slow: slowMs !== null && few ? `max ${number(slowMs)}` : number(slowMs),
  }
}

function workTable(runs: readonly RunFigures[]): string {
  const both = runs.length === 2
  const head = ['', ...runs.flatMap((run) => [run.implementation, '', '', '', '', ''])]
  const columns = ['done', 'ok', 'p50 ms', 'p95 ms', 'RPCs', 'CPU ms']
  const titles = ['operation', ...runs.flatMap(() => columns)]
  const rows = [...KINDS, 'bulk' as const].map((kind) => {
    const lines = runs.map((run) => lineOf(run, kind))
    const cells = lines.flatMap((line) => [
      line.done,
      percent(line.ok),
      number(line.p50Ms),
      line.slow,
      number(line.rpcs),
      number(line.cpuMs),
    ])
    const name = kind === 'bulk' ? 'bulk, each key' : (LABELS[kind] ?? kind)
    return [name, ...cells, ...(both ? ratios(lines) : [])]
  })
  const ratioTitles = both ? ['faster', 'RPCs', 'CPU'] : []
  const ratioHead = both ? ['times', 'fewer', 'less'] : []
  return renderTable([[...head, ...ratioHead], [...titles, ...ratioTitles], [], ...rows])
}

function ratios([ours, theirs]: readonly Line[]): string[] {
  return [
    times(ours?.p50Ms, theirs?.p50Ms),
    times(ours?.rpcs, theirs?.rpcs),
    times(ours?.cpuMs, theirs?.cpuMs),
  ]
}

function sentTable(runs: readonly RunFigures[]): string {
  const columns = ['written', 'in vain', 'pings', 'dials', 'idle CPU ms', 'after s', 'holders']
  const rows = [...KINDS, 'bulk' as const].map((kind) => [
    LABELS[kind] ?? kind,
    ...runs.flatMap((run) => {
      const figures = run[kind]
      return [
        number(figures.sent),
        number(figures.inVain),
        number(figures.pings),
        `${number(figures.dials)}${figures.backgroundEnded ? '' : '*'}`,
        number(figures.idleCpuMs),
        number(figures.backgroundSeconds),
        number(figures.holdersP50),
      ]
    }),
  ])
  return renderTable([
    ['', ...runs.flatMap((run) => [run.implementation, ...columns.slice(1).map(() => '')])],
    ['operation', ...runs.flatMap(() => columns)],
    [],
    ...rows,
  ])
}

function floorLines(run: RunFigures): string[] {
  const read = (name: string, kind: 'get' | 'findProviders'): string =>
    `${name} ${number(run[kind].floorRatioP50)} (raw ${number(run[kind].floorRatioRawP50)})`
  return [
    `${run.implementation}: time over floor, median: ${read('get', 'get')}, ${read('find-providers', 'findProviders')};` +
      ` ipns publish ${number(run.ipns.publishP50Ms)} ms, resolve ${number(run.ipns.resolveP50Ms)} ms`,
    ...failures(run),
  ]
}

function failures(run: RunFigures): string[] {
  const lines = [...KINDS, 'bulk' as const].flatMap((kind) => {
    const { errors, ok } = run[kind]
    const failed = percent(1 - ok)
    return errors.length === 0
      ? []
      : [`  ${LABELS[kind] ?? kind}: ${failed} failed: ${errors.join('; ')}`]
  })
  const stray = run.unhandled.map((message) => `  failed with nobody listening: ${message}`)
  return [...lines, ...stray]
}

function notes(runs: readonly RunFigures[]): string[] {
  const common = [
    'A floor is the least, over the live holders when a read starts, of the round trip times 1 if a stream is pooled, 2 if connected, 5 if cold; 10 ms are allowed for work.',
    'A get ends with its value, find-providers with the first provider (the search is then left), ipns is a publish and a resolve elsewhere; p95 is the maximum below 20 operations; times are of successes.',
    'RPCs are requests that an implementation set out to make: written on the wire, counted there for both alike, and in vain (no connection or stream came about). Pings of /ipfs/ping are apart.',
    `CPU is of the whole process with the nodes that answer, until what the operations left behind had ended (for reads at most 3 s more, else 6 s; * where something still ran). The idle network's share of it stands under "idle CPU ms" (${runs
      .map((run) => `${run.implementation}: ${number(run.idleCpuMsPerSecond)} ms each second`)
      .join(', ')}).`,
    'Holders: of the 20 live nodes nearest to the key, how many hold the record afterwards (median).',
    `The event loops ran late by at most ${runs.map((run) => number(run.loopDelayP99Ms)).join(' and ')} ms in 99 % of samples.`,
  ]
  return [...common, ...departures()]
}

/** All that differs from the defaults of libp2p and of the implementations, and from one run to the other. */
function departures(): string[] {
  const seconds = settings.OPERATION_TIMEOUT_MS / 1_000
  return [
    'Departures from defaults, for both: clientMode false (fixed servers), passthroughMapper (loopback addresses count), validator and selector for ipns; in libp2p no limit of new connections for each address (all nodes share one) and no connection monitor (its pings would drown those of the DHTs).',
    `Departures for both: an operation ends after ${seconds} s; the first versions of the ipns names are published before the nodes go dark.`,
    'Regions are shared out as the DHT servers of 2024 (49 % NA, 29 % EUW, 5 % EAS, 4 % each EUN, SEA, CN, ...), round trips are the medians of measured country pairs; half a trip is added in each direction, a TCP connect costs one.',
    `Up to ${settings.OVERLAP} operations of a kind overlap, from different nodes, so that five of all kinds of @libp2p/kad-dht fit in the time (its times do not change by it); find-providers, find-peer and Kadmium's get go one by one. A kind ends when its time budget is spent, after at least 5 operations.`,
    'The networks form side by side in two processes and work one after the other; a bulk is 200 provides from one node, ten at a time.',
  ]
}
