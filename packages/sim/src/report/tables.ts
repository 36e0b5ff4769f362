/** The tables of a report: figures, verdicts and parameters. */
import type { FindFigures, Run, StoreFigures } from '../measure/result.ts'
import { OPERATIONS, type Scenario } from '../scenario/scenario.ts'
import { figure } from './charts.ts'
import { type Html, html, htmlTable } from './html.ts'

/** The strategy that knows all: what the others are measured by. */
const LIMIT = 'oracle'

/** A row for each operation of each strategy, with the times the oracle needs. */
export function operationTable({ result }: Run): Html {
  const limit = result.strategies[LIMIT]
  const titles = [
    'operation',
    'strategy',
    'done',
    'ok',
    'p50 ms',
    'p90 ms',
    'p99 ms',
    'requests',
    'time-outs',
    'hops p50 / p95',
    'reached',
    'recall',
  ]
  const rows = OPERATIONS.flatMap((operation) =>
    Object.entries(result.strategies).flatMap(([name, figures]) => {
      if (operation === 'bulk') return []
      const found = figures[operation]
      if (found === undefined) return []
      const base = name === LIMIT ? undefined : limit?.[operation]
      return [[operation, name, ...operationCells(found, base)]]
    }),
  )
  return htmlTable('Figures of the measured phases; (…×): times the oracle’s', titles, rows)
}

function operationCells(
  found: FindFigures | StoreFigures,
  base: FindFigures | StoreFigures | undefined,
): string[] {
  const isStore = 'recall' in found
  const hops = isStore ? [found.hopsToAllP50, found.hopsToAllP95] : [found.hopsP50, found.hopsP95]
  return [
    figure(found.done),
    found.done > 0 ? `${figure(Math.floor((found.ok / found.done) * 1_000) / 10)} %` : '–',
    withRatio(found.p50Ms, base?.p50Ms),
    withRatio(found.p90Ms, base?.p90Ms),
    withRatio(found.p99Ms, base?.p99Ms),
    withRatio(found.rpcs, base?.rpcs),
    isStore ? '' : figure(found.timeouts),
    hops.map(figure).join(' / '),
    isStore ? figure(found.reached) : '',
    isStore ? figure(found.recall) : '',
  ]
}

function withRatio(value: number, base: number | undefined): string {
  return base !== undefined && base > 0 && value > 0
    ? `${figure(value)} (${figure(value / base)}×)`
    : figure(value)
}

export function strategyTable({ result }: Run): Html {
  const titles = [
    'strategy',
    'events',
    'events/s',
    'lookups',
    'lookups/s',
    'bytes/node',
    'table entries',
    'dead entries',
    'digest',
  ]
  const rows = Object.entries(result.strategies).map(([name, figures]) => [
    name,
    figure(figures.events),
    figure(Math.round(figures.eventsPerSecond)),
    figure(figures.lookups),
    figure(Math.round(figures.lookupsPerSecond)),
    figure(Math.round(figures.bytesPerNode)),
    figure(figures.table?.entries),
    figures.table === undefined ? '–' : `${figure(figures.table.deadShare * 100)} %`,
    html`<code>${figures.digest}</code>`,
  ])
  return htmlTable('What each strategy cost; equal digests mean equal runs', titles, rows)
}

/** Announcing many keys at once; nothing where nobody did. */
export function bulkTable({ result }: Run): Html {
  const rows = Object.entries(result.strategies).flatMap(([name, { bulk }]) =>
    bulk === undefined
      ? []
      : [
          [
            name,
            figure(bulk.keys),
            figure(bulk.lookups),
            figure(bulk.contacts),
            figure(bulk.messagesPerKey),
          ],
        ],
  )
  if (rows.length === 0) return html``
  return htmlTable(
    'Bulk provide',
    ['strategy', 'keys', 'lookups', 'peers contacted', 'messages a key'],
    rows,
  )
}

/** What did not hold stands first. */
export function assertionList({ assertions }: Run): Html {
  if (assertions.length === 0) return html`<p>The scenario asserts nothing.</p>`
  const sorted = [...assertions].sort((a, b) => Number(a.holds) - Number(b.holds))
  const items = sorted.map(
    ({ text, holds, found }) =>
      html`<li class="${holds ? 'good' : 'bad'}"><strong>${holds ? 'holds' : 'FAILED'}</strong> <code>${text}</code> <small>${found}</small></li>
`,
  )
  return html`<ul class="verdicts">${items}</ul>`
}

/** Violations of a strategy that are shown. */
const VIOLATIONS_SHOWN = 100

export function violationList({ violations }: Run): Html {
  const found = Object.entries(violations).filter(([, list]) => list.length > 0)
  if (found.length === 0) return html`<p>The checkers found nothing wrong.</p>`
  return html`${found.map(([name, list]) => {
    const items = list.slice(0, VIOLATIONS_SHOWN).map(
      ({ checker, atMs, text }) =>
        html`<li class="bad"><strong>${checker}</strong> at ${figure(atMs / 1_000)} s: ${text}</li>
`,
    )
    const rest = list.length - items.length
    return html`<h3>${name}: ${list.length}</h3><ul class="verdicts">${items}</ul>${rest > 0 ? html`<p>and ${rest} more</p>` : html``}`
  })}`
}

/** Every parameter by its key, as a scenario file and `--set` name it. */
export function parameterTable(scenario: Scenario): Html {
  const rows = leaves(scenario, '').map(([key, value]) => [key, html`<code>${value}</code>`])
  return htmlTable('Parameters, defaults included', ['key', 'value'], rows)
}

function leaves(value: unknown, key: string): [key: string, value: string][] {
  if (typeof value !== 'object' || value === null) return [[key, String(value)]]
  const entries = Object.entries(value)
  const isFlat = Array.isArray(value) && value.every((item) => typeof item !== 'object')
  if (entries.length === 0 || isFlat || key.endsWith('.mix') || key.endsWith('.options'))
    return [[key, JSON.stringify(value)]]
  return entries.flatMap(([step, each]) => {
    const name: unknown =
      Array.isArray(value) && typeof each === 'object' ? (each.label ?? each.name) : step
    return leaves(each, key === '' ? step : `${key}.${name}`)
  })
}
