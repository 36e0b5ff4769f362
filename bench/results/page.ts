/** The page of the comparison, made of its cells alone. */
import { OPERATIONS, type StrategyFigures } from '@kadmium/sim'
import { type Cell, commandOf, type Extent } from './cell.ts'
import { behind } from './losses.ts'
import { cellText, figureText, percentText, spread, table } from './text.ts'

const TIMED = OPERATIONS.filter((name) => name !== 'bulk')

/** Titles of a scenario's table, and the figure below each. */
const COLUMNS: readonly [title: string, figure: string][] = [
  ['p50 ms', 'p50Ms'],
  ['p90 ms', 'p90Ms'],
  ['p99 ms', 'p99Ms'],
  ['RPCs', 'rpcs'],
  ['time-outs', 'timeouts'],
  ['hops p50', 'hopsP50'],
  ['hops p95', 'hopsP95'],
  ['hops to all p50', 'hopsToAllP50'],
  ['hops to all p95', 'hopsToAllP95'],
  ['reached', 'reached'],
  ['recall', 'recall'],
]

/** Of each scenario. */
const SEEDS = [1, 2, 3]

const FINDS = COLUMNS.filter(([, figure]) => !/^(hopsTo|rea|rec)/.test(figure))
const STORES = COLUMNS.filter(([, figure]) => !/^(hopsP|timeouts)/.test(figure))

/** The markdown of all cells. `introduction` stands below the title; `scenarios`: all that there are, also those without cells. */
export function pageOf(
  cells: readonly Cell[],
  introduction: string,
  scenarios: readonly string[],
): string {
  const names = [...new Set(cells.map(({ scenario }) => scenario))]
  return [
    '# First comparison',
    '',
    introduction.trim(),
    '',
    provenance(cells),
    '',
    missing(cells, scenarios),
    '',
    '## The cuts',
    '',
    ...cutTable(names.map((name) => cellsOfScenario(cells, name)[0])),
    '',
    '## What was asserted',
    '',
    ...assertionTable(cells),
    '',
    ...findingLines(cells),
    '## Where Kadmium comes behind',
    '',
    ...behind(cells),
    '',
    ...names.flatMap((name) => scenarioSection(cellsOfScenario(cells, name))),
  ].join('\n')
}

function cellsOfScenario(cells: readonly Cell[], name: string): Cell[] {
  return cells.filter(({ scenario }) => scenario === name)
}

function provenance(cells: readonly Cell[]): string {
  const unique = (of: (cell: Cell) => string): string =>
    [...new Set(cells.map(of))].sort().join(', ')
  const cpuMinutes = Math.round(cells.reduce((sum, cell) => sum + cell.cpuSeconds, 0) / 60)
  const most = Math.max(
    ...cells.flatMap(({ strategies }) => Object.values(strategies).map(({ events }) => events)),
  )
  return [
    `Commit ${unique(({ commit }) => commit)}, ${unique(({ date }) => date)}; ${cells.length} runs of all strategies,`,
    `${cpuMinutes} minutes of one core in all; at most ${figureText(most / 1e6)} million events in a strategy’s run.`,
  ].join('\n')
}

/** Which of three seeds of each scenario nobody has run. */
function missing(cells: readonly Cell[], scenarios: readonly string[]): string {
  const gaps = scenarios.flatMap((scenario) => {
    const seeds = SEEDS.filter(
      (seed) => !cells.some((cell) => cell.scenario === scenario && cell.seed === seed),
    )
    return seeds.length === 0 ? [] : [`${scenario} (${seeds.join(', ')})`]
  })
  if (gaps.length === 0) return `Seeds ${SEEDS.join(', ')} of every scenario.`
  return `**Not run yet**, by seed: ${gaps.join('; ')}. \`npm run results\` goes on from here.`
}

function cutTable(firsts: readonly (Cell | undefined)[]): string[] {
  const change = (whole: number, cut: number): string =>
    whole === cut ? figureText(whole) : `${figureText(whole)} → ${figureText(cut)}`
  const rows = firsts
    .filter((cell) => cell !== undefined)
    .map(({ scenario, whole, cut }) => [
      `[${scenario}](#${scenario})`,
      ...(['nodes', 'seconds', 'measuredSeconds', 'perSecond', 'subjects'] as const).map(
        (key: keyof Extent) => change(whole[key], cut[key]),
      ),
    ])
  const titles = ['scenario', 'nodes', 'seconds', 'of them measured', 'operations/s', 'subjects']
  return table(titles, rows)
}

function assertionTable(cells: readonly Cell[]): string[] {
  const claims = new Map<string, { scenario: string; text: string; of: Cell[]; held: number }>()
  for (const cell of cells)
    for (const { text, holds } of cell.assertions) {
      const id = `${cell.scenario} ${text}`
      const claim = claims.get(id) ?? { scenario: cell.scenario, text, of: [], held: 0 }
      claim.of.push(cell)
      if (holds) claim.held++
      claims.set(id, claim)
    }
  const rows = [...claims.values()].map(({ scenario, text, of, held }) => {
    const found = of
      .flatMap(({ assertions }) => assertions.filter((each) => each.text === text))
      .find(({ holds }) => !holds)
    return [
      scenario,
      `\`${text}\``,
      `${held} of ${of.length}${held < of.length ? ' **fails**' : ''}`,
      found === undefined ? '' : `\`${found.found}\``,
    ]
  })
  return table(['scenario', 'assertion', 'holds for', 'where it does not'], rows)
}

function findingLines(cells: readonly Cell[]): string[] {
  const lines = cells.flatMap(({ scenario, seed, findings }) =>
    Object.entries(findings).map(
      ([label, { count, first }]) =>
        `- ${scenario}, seed ${seed}, ${label}: ${count} times, such as “${first[0] ?? ''}”`,
    ),
  )
  return lines.length === 0
    ? ['Checkers found nothing.', '']
    : ['Checkers found:', '', ...lines, '']
}

function scenarioSection(cells: readonly Cell[]): string[] {
  const [first] = cells
  if (first === undefined) return []
  const labels = Object.keys(first.strategies)
  const seeds = cells.map(({ seed }) => seed)
  return [
    `## ${first.scenario}`,
    '',
    `Seeds ${seeds.join(', ')}; \`${commandOf(first.scenario, 'SEED')}\``,
    '',
    ...TIMED.flatMap((operation) => operationTable(cells, labels, operation)),
    ...overallTable(cells, labels),
    ...twinLines(cells, labels),
    '',
  ]
}

/** Strategies that did the very same in every run. */
function twinLines(cells: readonly Cell[], labels: readonly string[]): string[] {
  const byDigests = new Map<string, string[]>()
  for (const label of labels) {
    const digests = cells.map(({ strategies }) => strategies[label]?.digest).join()
    byDigests.set(digests, [...(byDigests.get(digests) ?? []), label])
  }
  return [...byDigests.values()]
    .filter((twins) => twins.length > 1)
    .flatMap((twins) => ['', `The same to the last event: ${twins.join(', ')}.`])
}

function operationTable(
  cells: readonly Cell[],
  labels: readonly string[],
  operation: (typeof TIMED)[number],
): string[] {
  const isStore = operation === 'put' || operation === 'provide'
  const columns = isStore ? STORES : FINDS
  const rows = labels.flatMap((label) => {
    const runs = cells.flatMap(({ strategies }) => strategies[label]?.[operation] ?? [])
    if (runs.length === 0) return []
    return [
      [
        label,
        cellText(spread(runs.map(({ done }) => done))),
        cellText(spread(runs.map(({ ok, done }) => (100 * ok) / done)), percentText),
        ...columns.map(([, figure]) => cellText(spread(valuesOf(runs, figure)))),
      ],
    ]
  })
  if (rows.length === 0) return []
  return [...table([operation, 'done', 'ok %', ...columns.map(([title]) => title)], rows), '']
}

/** A figure of each run where it is there and says something: what has no operations has no quantiles. */
function valuesOf(runs: readonly object[], figure: string): number[] {
  return runs
    .filter((run) => !('done' in run) || run.done !== 0)
    .flatMap((run) => Object.entries(run).filter(([name]) => name === figure))
    .map(([, value]: [string, unknown]) => value)
    .filter((value) => typeof value === 'number')
}

function overallTable(cells: readonly Cell[], labels: readonly string[]): string[] {
  const rows = labels.map((label) => {
    const of = (value: (figures: StrategyFigures, cell: Cell) => number | undefined): string => {
      const values = cells.map((cell) => {
        const figures = cell.strategies[label]
        return figures === undefined ? undefined : value(figures, cell)
      })
      return cellText(spread(values.filter((each) => each !== undefined)))
    }
    return [
      label,
      of(({ events }) => events),
      of(({ events }, { cut }) => events / cut.nodes / cut.seconds),
      of(({ bytesPerNode }) => bytesPerNode),
      of((figures) => figures.table?.entries),
      of((figures) => figures.table?.benched),
      of((figures) => figures.table && 100 * figures.table.deadShare),
    ]
  })
  const titles = ['all', 'events', 'events/node/s', 'bytes/node', 'table', 'benched', 'dead %']
  return table(titles, rows)
}
