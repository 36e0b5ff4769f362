/** One cell of the comparison: a scenario as it was cut, with one seed, run with every strategy; and files of cells. */
import { createHash } from 'node:crypto'
import { basename, join } from 'node:path'
import {
  type Assertion,
  loadScenario,
  runScenario,
  type Scenario,
  type StrategyFigures,
} from '@kadmium/sim'

/** Where the cut scenarios lie, from the root. */
const FOLDER = 'bench/results'

/** Findings of checkers that a cell keeps of each strategy. */
const FINDINGS_MAX = 3

/** How much of a scenario is run. */
export interface Extent {
  nodes: number
  /** Simulated, all phases. */
  seconds: number
  /** Simulated, measured phases. */
  measuredSeconds: number
  /** Operations over all nodes, by the scenario's own pace. */
  perSecond: number
  subjects: number
}

export interface Cell {
  scenario: string
  seed: number
  /** Of the code that ran. */
  commit: string
  /** Of the run, as `2026-11-21`. */
  date: string
  /** Of all that the cut scenario says, so that a changed one is run again. */
  settings: string
  /** Processor time of the run, s. */
  cpuSeconds: number
  whole: Extent
  cut: Extent
  strategies: Record<string, StrategyFigures>
  assertions: Assertion[]
  /** What checkers found, by strategy: how often, and the first of it. */
  findings: Record<string, { count: number; first: string[] }>
}

/** The path of a cut scenario, from the root. */
function scenarioFile(name: string): string {
  return `${FOLDER}/${name}.yaml`
}

/** What runs the same by hand. */
export function commandOf(scenario: string, seed: number | string): string {
  return `npx kadmium sim run ${scenarioFile(scenario)} --seed ${seed} --threads 1`
}

/** Tells whether two cells would be of the same settings. */
export function settingsOf(scenario: Scenario): string {
  return createHash('sha256').update(JSON.stringify(scenario)).digest('hex').slice(0, 16)
}

/** A cut scenario with a seed. `folder`: where it lies. */
export function loadCut(folder: string, name: string, seed: number): Promise<Scenario> {
  return loadScenario(join(folder, `${name}.yaml`), { seed, threads: 1 })
}

/** Runs all strategies of a cut scenario in this process. `told` is called as each strategy begins. */
export async function measureCell(
  folder: string,
  name: string,
  seed: number,
  commit: string,
  told: (strategy: string) => void = () => {},
): Promise<Cell> {
  const scenario = await loadCut(folder, name, seed)
  const whole = await loadScenario(basename(name), { seed })
  const before = process.cpuUsage()
  let strategy = ''
  const run = await runScenario(scenario, {
    onProgress: (progress) => {
      if (progress.strategy !== strategy) told(progress.strategy)
      strategy = progress.strategy
    },
  })
  const { user, system } = process.cpuUsage(before)
  return {
    scenario: name,
    seed,
    commit,
    date: new Date().toISOString().slice(0, 10),
    settings: settingsOf(scenario),
    cpuSeconds: Math.round((user + system) / 1e6),
    whole: extentOf(whole),
    cut: extentOf(scenario),
    strategies: run.result.strategies,
    assertions: run.assertions,
    findings: Object.fromEntries(
      Object.entries(run.violations)
        .filter(([, found]) => found.length > 0)
        .map(([label, found]) => [
          label,
          {
            count: found.length,
            first: found.slice(0, FINDINGS_MAX).map(({ checker, text }) => `${checker}: ${text}`),
          },
        ]),
    ),
  }
}

function extentOf({ nodes, phases }: Scenario): Extent {
  const measured = phases.filter((phase) => phase.measured)
  const seconds = (list: typeof phases): number =>
    list.reduce((sum, phase) => sum + phase.seconds, 0)
  return {
    nodes,
    seconds: seconds(phases),
    measuredSeconds: seconds(measured),
    perSecond: measured[0]?.workload.perSecond ?? 0,
    subjects: measured[0]?.workload.subjects ?? 0,
  }
}

/** A line for each cell, in the order of scenarios and seeds. */
export function linesOf(cells: readonly Cell[]): string {
  return sorted(cells)
    .map((cell) => `${JSON.stringify(cell)}\n`)
    .join('')
}

export function cellsOf(lines: string): Cell[] {
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Cell => JSON.parse(line))
}

function sorted(cells: readonly Cell[]): Cell[] {
  return cells.toSorted((a, b) =>
    a.scenario === b.scenario ? a.seed - b.seed : a.scenario < b.scenario ? -1 : 1,
  )
}
