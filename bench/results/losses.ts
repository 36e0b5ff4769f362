/** Every figure in which Kadmium comes behind a rival, told without choosing. */
import type { Cell } from './cell.ts'
import { figureText, spread, table } from './text.ts'

const OWN = 'kadmium'

/** Knows what no node can know, so that to be behind it says little: how far is in the tables. */
const LIMIT = 'oracle'

/** What is nearer than this is no difference, of the rival's figure. */
const SLACK = 0.05

/** Figures that are compared: the less the better, or the more. */
const LESS = ['p50Ms', 'p90Ms', 'p99Ms', 'rpcs', 'timeouts', 'hopsToAllP50', 'hopsToAllP95']
const MORE = ['okShare', 'reached', 'recall']
const OPERATIONS = ['get', 'put', 'provide', 'findProviders', 'findPeer', 'ipns'] as const

interface Loss {
  figure: string
  own: number
  /** Those that are better, the best first. */
  rivals: { label: string; value: number }[]
}

/** A row for each operation of each scenario: the figures in which a rival’s median is better, with all those rivals. */
export function behind(cells: readonly Cell[]): string[] {
  const names = [...new Set(cells.map(({ scenario }) => scenario))]
  const rows = names.flatMap((scenario) =>
    OPERATIONS.flatMap((operation) => {
      const found = lossesOf(
        cells.filter((cell) => cell.scenario === scenario),
        operation,
      )
      const texts = found.map(
        ({ figure, own, rivals }) =>
          `${figure} ${figureText(own)}: ${rivals.map(({ label, value }) => `${label} ${figureText(value)}`).join(', ')}`,
      )
      return texts.length === 0 ? [] : [[scenario, operation, texts.join('; ')]]
    }),
  )
  return rows.length === 0
    ? ['Nowhere.']
    : table(['scenario', 'operation', 'figure, Kadmium’s median: those that are better'], rows)
}

function lossesOf(cells: readonly Cell[], operation: (typeof OPERATIONS)[number]): Loss[] {
  const labels = Object.keys(cells[0]?.strategies ?? {}).filter(
    (label) => label !== LIMIT && label !== OWN,
  )
  return [...LESS, ...MORE].flatMap((figure) => {
    const sign = LESS.includes(figure) ? 1 : -1
    const own = medianOf(cells, OWN, operation, figure)
    if (own === undefined) return []
    const rivals = labels
      .flatMap((label) => {
        const value = medianOf(cells, label, operation, figure)
        const isBetter = value !== undefined && sign * (own - value) > slackOf(figure, value)
        return isBetter ? [{ label, value }] : []
      })
      .toSorted((a, b) => sign * (a.value - b.value))
    return rivals.length === 0 ? [] : [{ figure, own, rivals }]
  })
}

/** Of a share a hundredth counts. */
function slackOf(figure: string, value: number): number {
  return figure === 'okShare' || figure === 'recall' ? 0.01 : SLACK * Math.abs(value)
}

function medianOf(
  cells: readonly Cell[],
  label: string,
  operation: (typeof OPERATIONS)[number],
  figure: string,
): number | undefined {
  const values = cells.flatMap(({ strategies }) => {
    const figures = strategies[label]?.[operation]
    if (figures === undefined || figures.done === 0) return []
    const all: [string, unknown][] = [
      ...Object.entries(figures),
      ['okShare', figures.ok / figures.done],
    ]
    return all.flatMap(([name, value]) =>
      name === figure && typeof value === 'number' ? [value] : [],
    )
  })
  return spread(values)?.median
}
