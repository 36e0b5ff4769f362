/** Who was tested in which direction, for people and for scripts. */
import type { CaseName } from './cases.ts'
import type { Side } from './network.ts'
import type { PeerInit } from './peer.ts'

/** `differs`: it can't pass because of what the other implementation is known to do. */
export type Result = 'passed' | 'failed' | 'differs' | 'not run'

export interface Outcome {
  readonly result: Result
  /** Why it did not pass, or not at once. */
  readonly reason?: string
}

export interface Row extends Outcome, Pick<PeerInit, 'transport' | 'protocol' | 'k' | 'mode'> {
  /** Name and version of the other library. */
  readonly implementation: string
  readonly operation: CaseName
  /** Who asks, as a server or a client (`mode`); the servers of the other side are asked. */
  readonly asker: Side
}

/** A reason that holds for more cases than this is told with their number. */
const WHERES_MAX = 4

/** Who asks whom. */
export const ARROWS: Readonly<Record<Side, string>> = { us: 'us -> them', them: 'them -> us' }

const COLUMNS: readonly (readonly [Side, Row['mode'], string])[] = [
  ['us', 'server', ARROWS.us],
  ['us', 'client', '(a client)'],
  ['them', 'server', ARROWS.them],
  ['them', 'client', '(a client)'],
]

/** A table for each network, a line for each operation, and below what did not pass and why. */
export function renderReport(rows: readonly Row[]): string {
  const blocks = [...groups(rows, networkOf)].map(([network, part]) => renderNetwork(network, part))
  return [...blocks, renderCounts(rows)].join('\n\n')
}

/** The last line for scripts. */
export function renderJson(rows: readonly Row[]): string {
  return JSON.stringify({ counts: countsOf(rows), rows })
}

export function hasFailed(rows: readonly Row[]): boolean {
  return rows.some(({ result }) => result === 'failed')
}

const networkOf = ({ implementation, transport, protocol, k }: Row): string =>
  `${implementation} over ${transport === 'tcp' ? 'TCP' : 'QUIC'}, ${protocol}, k ${k}`

function renderNetwork(network: string, rows: readonly Row[]): string {
  const [first] = rows
  const same = rows.every(
    ({ result, reason }) => result === first?.result && reason === first.reason,
  )
  if (first !== undefined && same && first.result !== 'passed') {
    return `${network}\n  all ${first.result}: ${first.reason}`
  }
  const cells = [...groups(rows, ({ operation }) => operation)].map(([operation, part]) => [
    operation,
    ...COLUMNS.map(([asker, mode]) => {
      const row = part.find((candidate) => candidate.asker === asker && candidate.mode === mode)
      return row?.result ?? ''
    }),
  ])
  const head = ['operation', ...COLUMNS.map(([, , name]) => name)]
  return [network, ...alignLeft([head, ...cells]), ...renderReasons(rows)].join('\n')
}

/** Each reason once, with what it is the reason of. */
function renderReasons(rows: readonly Row[]): string[] {
  const unusual = rows.filter(({ reason }) => reason !== undefined)
  return [...groups(unusual, ({ result, reason }) => `${result}: ${reason}`)].map(
    ([reason, part]) => {
      const wheres = part.map(
        ({ operation, asker, mode }) => `${operation}, ${ARROWS[asker]}, asked by a ${mode}`,
      )
      const told = wheres.length > WHERES_MAX ? `${wheres.length} cases` : wheres.join('; ')
      return `  ${reason} [${told}]`
    },
  )
}

function renderCounts(rows: readonly Row[]): string {
  const counts = Object.entries(countsOf(rows)).map(([result, count]) => `${count} ${result}`)
  return counts.join(', ')
}

function countsOf(rows: readonly Row[]): Record<Result, number> {
  const counts = { passed: 0, failed: 0, differs: 0, 'not run': 0 }
  for (const { result } of rows) counts[result]++
  return counts
}

function alignLeft(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  return rows.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
  )
}

/** The things by what they have in common, in the order in which they come. */
function groups<T>(things: readonly T[], keyOf: (thing: T) => string): Map<string, T[]> {
  const found = new Map<string, T[]>()
  for (const thing of things) {
    const key = keyOf(thing)
    const group = found.get(key)
    if (group === undefined) found.set(key, [thing])
    else group.push(thing)
  }
  return found
}
