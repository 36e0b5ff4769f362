/**
 * The demo: the same work on the same network of real libp2p nodes over an emulated WAN, for Kadmium and for
 * `@libp2p/kad-dht`, one table side by side. `settings.ts` says how the time is spent and why.
 */
import { IMPLEMENTATION_IDS, IMPLEMENTATIONS, type ImplementationId } from '../implementations.ts'
import { type DemoArguments, HELP, parseArguments, UsageError } from './arguments.ts'
import { NetworkProcess } from './network-process.ts'
import { createProgress, type Progress } from './progress.ts'
import { type DemoResult, renderResult } from './report.ts'
import * as settings from './settings.ts'

const EXIT_USAGE = 2
const EXIT_SIGINT = 130

/** Networks that run. Bounded by the implementations. */
const processes: NetworkProcess[] = []

async function main(): Promise<number> {
  const parsed = parseArguments(process.argv.slice(2))
  if (parsed === 'help') {
    process.stdout.write(HELP)
    return 0
  }
  const progress = createProgress(process.stderr)
  stopOnSignals(progress)
  try {
    const result = await run(parsed, progress)
    progress.stop()
    // With --json stdout belongs to the one line.
    const stream = parsed.json ? process.stderr : process.stdout
    stream.write(`\n${renderResult(result)}\n`)
    if (parsed.json) process.stdout.write(`${JSON.stringify(result, rounded)}\n`)
    return 0
  } finally {
    progress.stop()
    endAll()
  }
}

async function run({ nodes, seed, only }: DemoArguments, progress: Progress): Promise<DemoResult> {
  const startMs = performance.now()
  const ids = only === undefined ? IMPLEMENTATION_IDS : [only]
  const { kadmiumAlone, withKadDht } = settings.TOTAL_MS
  const endMs = startMs + (only === 'kadmium' ? kadmiumAlone : withKadDht)
  const unreachable = Math.floor(settings.UNREACHABLE_SHARE * nodes)
  const networks = ids.map((id) => start(id, progress))
  await Promise.all(networks.map(({ id, process }) => process.form(id, nodes, seed)))
  const result: DemoResult = { nodes, unreachable, seed }
  for (const { id, process } of networks) {
    result[id] = await process.work(settings.workMs(id, endMs - performance.now()))
    process.end()
  }
  return result
}

/** Numbers of the JSON carry three decimals; more is noise. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1_000) / 1_000 : value
}

function start(
  id: ImplementationId,
  progress: Progress,
): { id: ImplementationId; process: NetworkProcess } {
  const process = new NetworkProcess(progress.track(IMPLEMENTATIONS[id].name))
  processes.push(process)
  return { id, process }
}

function endAll(): void {
  for (const process of processes) process.end()
}

function stopOnSignals(progress: Progress): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      progress.stop()
      endAll()
      process.exit(EXIT_SIGINT)
    })
  }
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = error instanceof UsageError ? EXIT_USAGE : 1
  },
)
