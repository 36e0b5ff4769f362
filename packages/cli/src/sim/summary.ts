/** What a run came to, as lines for people. */
import {
  type FindFigures,
  OPERATIONS,
  type Result,
  type Run,
  type StoreFigures,
} from '@kadmium/sim'
import { counted } from '../output.ts'
import { type Column, duration, number, percent, ratio, short, table, withRatio } from './table.ts'

/** The strategy that knows all: what the others are measured by. */
const LIMIT = 'oracle'

/** Findings of checkers that are shown for a strategy. */
const VIOLATIONS_SHOWN = 5

type Operation = Exclude<(typeof OPERATIONS)[number], 'bulk'>
type Figures = FindFigures | StoreFigures

const TIMED = OPERATIONS.filter((name): name is Operation => name !== 'bulk')

/** The figures of one operation by title; an empty text for what it does not have. */
function cells(figures: Figures, base: Figures | undefined): Record<string, string> {
  const isStore = 'recall' in figures
  const [half, most] = isStore
    ? [figures.hopsToAllP50, figures.hopsToAllP95]
    : [figures.hopsP50, figures.hopsP95]
  return {
    done: number(figures.done),
    'ok %': percent(figures.ok, figures.done),
    'p50 ms': withRatio(figures.p50Ms, base?.p50Ms),
    'p90 ms': withRatio(figures.p90Ms, base?.p90Ms),
    'p99 ms': withRatio(figures.p99Ms, base?.p99Ms),
    RPCs: withRatio(figures.rpcs, base?.rpcs),
    'time-outs': isStore ? '' : number(figures.timeouts),
    hops: figures.done > 0 ? `${number(half)} / ${number(most)}` : '',
    reached: isStore ? number(figures.reached) : '',
    recall: isStore ? number(figures.recall) : '',
  }
}

const COLUMNS: readonly Column[] = [
  { title: 'strategy', spare: 0, side: 'left' },
  { title: 'operation', spare: 0, side: 'left' },
  { title: 'done', spare: 0, side: 'right' },
  { title: 'ok %', spare: 0, side: 'right' },
  { title: 'p50 ms', spare: 0, side: 'right' },
  { title: 'p90 ms', spare: 2, side: 'right' },
  { title: 'p99 ms', spare: 5, side: 'right' },
  { title: 'RPCs', spare: 0, side: 'right' },
  { title: 'time-outs', spare: 3, side: 'right' },
  { title: 'hops', spare: 4, side: 'right' },
  { title: 'reached', spare: 6, side: 'right' },
  { title: 'recall', spare: 1, side: 'right' },
]

/** A row for each operation of each strategy; `lead`: cells before those of each strategy. */
export function operationRows(result: Result, lead: readonly string[] = []): string[][] {
  const limit = result.strategies[LIMIT]
  return Object.entries(result.strategies).flatMap(([name, strategy]) =>
    TIMED.flatMap((operation) => {
      const figures = strategy[operation]
      if (figures === undefined) return []
      const found = cells(figures, name === LIMIT ? undefined : limit?.[operation])
      return [
        [...lead, name, operation, ...COLUMNS.slice(2).map(({ title }) => found[title] ?? '')],
      ]
    }),
  )
}

/** The columns of `operationRows`, behind those of `lead`. */
export function operationColumns(lead: readonly string[] = []): Column[] {
  return [...lead.map((title) => ({ title, spare: 0, side: 'left' as const })), ...COLUMNS]
}

/** The whole of a run. */
export function summary(run: Run, width: number): string[] {
  const { result } = run
  const note =
    LIMIT in result.strategies ? [`(…x): times the ${LIMIT}’s, which knows every live node`] : []
  return [
    headline(result),
    '',
    ...grouped(table(operationColumns(), operationRows(result), width)),
    ...note,
    ...bulkLines(result, width),
    '',
    ...strategyLines(result, width),
    ...verdicts(run),
  ]
}

/** With a line between the operations of one strategy and those of the next. */
function grouped(lines: readonly string[]): string[] {
  const [head = '', ...rows] = lines
  const name = (row: string): string => row.split(' ', 1)[0] ?? ''
  return [
    head,
    ...rows.flatMap((row, i) =>
      i > 0 && name(row) !== name(rows[i - 1] ?? '') ? ['', row] : [row],
    ),
  ]
}

function headline({ scenario, nodes, seed, threads, wallSeconds, peakRssBytes }: Result): string {
  const cost = `${number(wallSeconds)} s, ${short(peakRssBytes)}B at most`
  return `${scenario}: ${counted(nodes, 'node').replace(String(nodes), number(nodes))}, seed ${seed}, ${counted(threads, 'thread')}, ${cost}`
}

function bulkLines({ strategies }: Result, width: number): string[] {
  const limit = strategies[LIMIT]?.bulk
  const rows = Object.entries(strategies).flatMap(([name, { bulk }]) =>
    bulk === undefined
      ? []
      : [
          [
            name,
            number(bulk.keys),
            withRatio(bulk.lookups, name === LIMIT ? undefined : limit?.lookups),
            number(bulk.contacts),
            withRatio(bulk.messagesPerKey, name === LIMIT ? undefined : limit?.messagesPerKey),
          ],
        ],
  )
  const titles = ['keys', 'lookups', 'contacts', 'messages/key']
  return rows.length === 0
    ? []
    : ['', ...table([left('bulk'), ...titles.map((title) => right(title))], rows, width)]
}

function strategyLines({ strategies }: Result, width: number): string[] {
  const rows = Object.entries(strategies).map(([name, figures]) => [
    name,
    short(figures.events),
    short(figures.eventsPerSecond),
    short(figures.lookupsPerSecond),
    number(figures.bytesPerNode),
    number(figures.table?.entries),
    figures.table === undefined ? '' : percent(figures.table.deadShare, 1),
    figures.digest,
  ])
  const columns = [
    left('strategy'),
    ...['events', 'events/s', 'lookups/s', 'bytes/node'].map((title) => right(title)),
    right('table', 1),
    right('dead %', 1),
    { title: 'digest', spare: 2, side: 'left' as const },
  ]
  return table(columns, rows, width)
}

/** What did not hold, and what checkers found; one line where all is well. */
function verdicts({ assertions, violations }: Run): string[] {
  const held = assertions.filter(({ holds }) => holds).length
  const lines = assertions.map(
    ({ text, holds, found }) => `  ${holds ? 'holds ' : 'FAILED'}  ${text}   (${found})`,
  )
  const head =
    assertions.length === 0
      ? []
      : ['', `assertions: ${held} of ${assertions.length} hold`, ...lines]
  const found = Object.entries(violations).filter(([, list]) => list.length > 0)
  return [
    ...head,
    ...found.flatMap(([strategy, list]) => [
      '',
      `VIOLATIONS of ${strategy}: ${list.length}`,
      ...list
        .slice(0, VIOLATIONS_SHOWN)
        .map(({ checker, atMs, text }) => `  ${checker}, at ${duration(atMs / 1_000)}: ${text}`),
      ...(list.length > VIOLATIONS_SHOWN ? [`  and ${list.length - VIOLATIONS_SHOWN} more`] : []),
    ]),
  ]
}

/** Figures that a comparison shows, the less the better but for the first and last. */
const COMPARED = [
  ['ok %', (figures: Figures) => (figures.ok / figures.done) * 100],
  ['p50 ms', ({ p50Ms }: Figures) => p50Ms],
  ['p90 ms', ({ p90Ms }: Figures) => p90Ms],
  ['p99 ms', ({ p99Ms }: Figures) => p99Ms],
  ['RPCs', ({ rpcs }: Figures) => rpcs],
  ['time-outs', (figures: Figures) => ('timeouts' in figures ? figures.timeouts : undefined)],
  [
    'hops p50',
    (figures: Figures) => ('recall' in figures ? figures.hopsToAllP50 : figures.hopsP50),
  ],
  ['recall', (figures: Figures) => ('recall' in figures ? figures.recall : undefined)],
] as const

/** A column for each strategy, each beside the first as a ratio. */
export function comparison(run: Run, width: number): string[] {
  const strategies = Object.entries(run.result.strategies)
  const rows = TIMED.flatMap((operation) =>
    COMPARED.map(([title, of]) => {
      const values = strategies.map(([, figures]) => {
        const found: Figures | undefined = figures[operation]
        return found === undefined || found.done === 0 ? undefined : of(found)
      })
      return [operation, title, ...values.map((value, i) => compared(value, values[0], i))]
    }).filter((row) => row.slice(2).some((cell) => cell !== '')),
  )
  const columns = [left('operation'), left('figure'), ...strategies.map(([name]) => right(name))]
  return [
    headline(run.result),
    '',
    ...grouped(table(columns, rows, width)),
    '',
    ...strategyLines(run.result, width),
    ...verdicts(run),
  ]
}

function compared(value: number | undefined, base: number | undefined, index: number): string {
  if (index === 0) return number(value)
  return ratio(value, base) === '' ? number(value) : withRatio(value, base)
}

/** Whether anything is wrong with a run, for its end. */
export function failures({ assertions, violations }: Run): { unmet: number; violated: number } {
  return {
    unmet: assertions.filter(({ holds }) => !holds).length,
    violated: Object.values(violations).reduce((sum, list) => sum + list.length, 0),
  }
}

function left(title: string): Column {
  return { title, spare: 0, side: 'left' }
}

function right(title: string, spare = 0): Column {
  return { title, spare, side: 'right' }
}
