/** `kadmium sim sweep`: many runs of a scenario, each as a process of its own, so that memory is measured by itself. */
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Result } from '@kadmium/sim'
import { CliError, EXIT, type ExitName } from '../errors.ts'
import type { Io } from '../io.ts'
import { counted, Output } from '../output.ts'
import { type Combination, combinations } from './combinations.ts'
import { OutFile } from './files.ts'
import { load } from './load.ts'
import type { SweepOptions } from './options.ts'
import { SimProgress } from './progress.ts'
import { operationColumns, operationRows } from './summary.ts'
import { table } from './table.ts'

const BIN = fileURLToPath(new URL('../../bin/kadmium.js', import.meta.url))

/** Columns of what is no terminal. */
const COLUMNS = 160

/** One run of a sweep: what was set, and what `sim run --json` said. */
interface Swept {
  settings: Combination
  exitCode: number
  result: Record<string, unknown>
}

export async function sweep(io: Io, name: string, options: SweepOptions): Promise<void> {
  const output = new Output(io, options.json === true)
  const all = combinations(options.set ?? [])
  // Each is checked before the first is run.
  const scenarios = []
  for (const settings of all)
    scenarios.push(await load(name, { ...options, set: assignments(settings) }))
  const threads = Math.max(...scenarios.map((scenario) => scenario.threads))
  const jobs = options.jobs ?? Math.max(1, Math.floor(availableParallelism() / threads))
  const out = options.out === undefined ? undefined : new OutFile(options.out)
  const runs = await runAll(io, all, Math.min(jobs, all.length), (settings) =>
    argumentsOf(name, options, settings),
  )
  out?.write(`${JSON.stringify(runs, null, 2)}\n`)
  await output.lines(tableOf(runs, io.stdout.columns ?? COLUMNS))
  if (out !== undefined) await output.lines(['', `written: ${out.path}`])
  judge(runs)
  await output.json({ command: 'sim sweep', ok: true, exitCode: 0, scenario: name, runs })
}

function assignments(settings: Combination): string[] {
  return Object.entries(settings).map(([key, value]) => `${key}=${value}`)
}

function argumentsOf(name: string, options: SweepOptions, settings: Combination): string[] {
  const { nodes, seed, threads, strategies, scenarios = [] } = options
  const numbers = Object.entries({ nodes, seed, threads }).flatMap(([key, value]) =>
    value === undefined ? [] : [`--${key}`, String(value)],
  )
  return [
    ...['sim', 'run', name, '--json', ...numbers],
    ...(strategies === undefined ? [] : ['--strategies', strategies.join(',')]),
    ...scenarios.flatMap((folder) => ['--scenarios', folder]),
    ...assignments(settings).flatMap((setting) => ['--set', setting]),
  ]
}

/** Runs all, `jobs` at a time, in the order of `all`. */
async function runAll(
  io: Io,
  all: readonly Combination[],
  jobs: number,
  args: (settings: Combination) => string[],
): Promise<Swept[]> {
  const runs: Swept[] = [] // BOUNDED: by the combinations
  const bar = new SimProgress(io.stderr, () => performance.now())
  const broken = new AbortController()
  const signal = AbortSignal.any([io.interrupt, broken.signal])
  const left = all.entries()
  let done = 0
  const work = async (): Promise<void> => {
    for (const [i, settings] of left) {
      runs[i] = { settings, ...(await runOne(args(settings), signal)) }
      bar.showRuns(++done, all.length)
    }
  }
  bar.showRuns(done, all.length)
  try {
    await Promise.all(Array.from({ length: jobs }, work))
    return runs
  } catch (error) {
    // The others end as well.
    broken.abort()
    if (io.interrupt.aborted) throw new CliError('interrupted', 'interrupted')
    throw error
  } finally {
    bar.stop()
  }
}

/** One run as a process. Rejects when it ends without a result, or by the user's wish. */
function runOne(args: readonly string[], signal: AbortSignal): Promise<Omit<Swept, 'settings'>> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
      killSignal: 'SIGTERM',
    })
    let [out, told] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      told += text
    })
    child.on('error', reject)
    child.on('close', (code, by) => {
      const last = out.trimEnd().split('\n').at(-1) ?? ''
      const result: Record<string, unknown> = last.startsWith('{') ? JSON.parse(last) : {}
      if ('strategies' in result) return resolve({ exitCode: code ?? EXIT.internal, result })
      const text = told.replace(/^kadmium: /, '').trim()
      reject(new CliError(exitNamed(code), text || `a run ended by ${by ?? code}`))
    })
  })
}

function exitNamed(code: number | null): ExitName {
  const [name] = Object.entries(EXIT).find(([, number]) => number === code && code !== 0) ?? []
  return (name as ExitName | undefined) ?? 'internal'
}

/** Throws when a run did not hold what its scenario asserts; the results go along. */
function judge(runs: readonly Swept[]): void {
  const failed = runs.filter(({ exitCode }) => exitCode !== EXIT.ok)
  if (failed.length === 0) return
  const isViolated = failed.some(({ exitCode }) => exitCode === EXIT.violation)
  throw new CliError(
    isViolated ? 'violation' : 'unmet',
    `${failed.length} of ${counted(runs.length, 'run')} failed`,
    { fields: { runs: [...runs] } },
  )
}

function tableOf(runs: readonly Swept[], width: number): string[] {
  const keys = Object.keys(runs[0]?.settings ?? {})
  const rows = runs.flatMap(({ settings, exitCode, result }) =>
    operationRows(result as unknown as Result, [
      ...keys.map((key) => settings[key] ?? ''),
      exitCode === EXIT.ok ? '' : 'FAILED',
    ]),
  )
  // A key by its last part: the whole of it is in the command.
  const titles = keys.map((key) => key.split('.').at(-1) ?? key)
  return table(operationColumns([...titles, 'run']), rows, width)
}
