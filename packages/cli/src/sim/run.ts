/** `kadmium sim run` and `sim compare`: one run of a scenario, and what is told of it. */
import { type Run, renderReport, runScenario, type Scenario } from '@kadmium/sim'
import { abortable } from '../abort.ts'
import { CliError, usageError } from '../errors.ts'
import type { Io } from '../io.ts'
import { counted, Output } from '../output.ts'
import { LineFile, OutFile } from './files.ts'
import { useHugePages } from './huge-pages.ts'
import { load } from './load.ts'
import type { RunOptions, Simulate } from './options.ts'
import { SimProgress } from './progress.ts'
import { comparison, failures, summary } from './summary.ts'

/** Columns of what is no terminal. */
const COLUMNS = 140

type Show = (run: Run, width: number) => string[]

export function run(io: Io, name: string, options: RunOptions, simulate?: Simulate): Promise<void> {
  return runAndShow(io, ['run', name], options, summary, simulate)
}

export function compare(
  io: Io,
  name: string,
  options: RunOptions,
  simulate?: Simulate,
): Promise<void> {
  if ((options.strategies ?? []).length < 2)
    throw usageError('give --strategies two or more to compare')
  return runAndShow(io, ['compare', name], options, comparison, simulate)
}

async function runAndShow(
  io: Io,
  [command, name]: [command: string, name: string],
  options: RunOptions,
  show: Show,
  simulate: Simulate = runScenario,
): Promise<void> {
  const output = new Output(io, options.json === true)
  const scenario = await load(name, withTrace(options))
  if (simulate === runScenario) useHugePages(scenario.nodes)
  const out = options.out === undefined ? undefined : new OutFile(options.out)
  const report = options.report === undefined ? undefined : new OutFile(options.report)
  using trace = traceFile(options.trace)
  const result = await simulated(io, scenario, trace.file, simulate)
  const { assertions, violations } = result
  const fields = { ...result.result, assertions, violations }
  out?.write(`${JSON.stringify(fields, null, 2)}\n`)
  report?.write(renderReport(result, scenario, commandLine(command, name, options)))
  await output.lines(show(result, io.stdout.columns ?? COLUMNS))
  const written = [out?.path, report?.path].filter((path) => path !== undefined)
  if (trace.file !== undefined)
    written.push(`${trace.file.path} (${counted(trace.file.lines, 'line')})`)
  if (written.length > 0) await output.lines(['', `written: ${written.join(', ')}`])
  judge(result, fields)
  await output.json({ command: `sim ${command}`, ok: true, exitCode: 0, ...fields })
}

/** A trace needs nodes to trace. */
function withTrace(options: RunOptions): RunOptions {
  const { trace, traceNodes } = options
  if (trace === undefined && traceNodes !== undefined)
    throw usageError('--trace-nodes wants a file: give --trace FILE')
  return options
}

function traceFile(path: string | undefined): Disposable & { file: LineFile | undefined } {
  const file = path === undefined ? undefined : new LineFile(path)
  return { file, [Symbol.dispose]: () => file?.close() }
}

async function simulated(
  io: Io,
  given: Scenario,
  trace: LineFile | undefined,
  simulate: Simulate,
): Promise<Run> {
  const traced = given.trace.length > 0 ? given.trace : [0]
  const scenario = { ...given, trace: trace === undefined ? [] : traced }
  const progress = new SimProgress(io.stderr, () => performance.now())
  try {
    const running = simulate(scenario, {
      onProgress: (state) => progress.show(state),
      signal: io.interrupt,
      ...(trace === undefined ? {} : { onTrace: (line) => trace.write(line) }),
    })
    return await abortable(running, io.interrupt)
  } catch (error) {
    if (io.interrupt.aborted) throw new CliError('interrupted', 'interrupted')
    throw error
  } finally {
    progress.stop()
  }
}

/** Throws when an assertion does not hold or a checker found something; the figures go along. */
function judge(run: Run, fields: Record<string, unknown>): void {
  const { unmet, violated } = failures(run)
  const texts = [
    ...(violated > 0 ? [`checkers found ${counted(violated, 'violation')}`] : []),
    ...(unmet > 0 ? [`${counted(unmet, 'assertion')} of ${run.assertions.length} failed`] : []),
  ]
  if (texts.length > 0)
    throw new CliError(violated > 0 ? 'violation' : 'unmet', texts.join('; '), { fields })
}

/** The command that does the same again. */
function commandLine(command: string, name: string, options: RunOptions): string {
  const { nodes, seed, threads, set = [], strategies, scenarios = [] } = options
  const words = ['npx', 'kadmium', 'sim', command, name]
  if (strategies !== undefined) words.push('--strategies', strategies.join(','))
  if (nodes !== undefined) words.push('--nodes', String(nodes))
  if (seed !== undefined) words.push('--seed', String(seed))
  if (threads !== undefined) words.push('--threads', String(threads))
  for (const each of set) words.push('--set', each)
  for (const each of scenarios) words.push('--scenarios', each)
  return words.map(quoted).join(' ')
}

/** A word as a shell takes it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
