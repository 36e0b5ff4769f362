/** Runs the shards of one strategy: in this thread where there is one, else each in a thread of its own. */
import { Worker } from 'node:worker_threads'
import type { TallyData } from '../measure/tally.ts'
import type { Scenario, StrategyChoice } from '../scenario/scenario.ts'
import { Population } from '../world/population.ts'
import { BARRIER_WORDS } from './barrier.ts'
import { BUILT, EVENTS, NOW, STOPPED, WORDS_OF_WORKER } from './control.ts'
import { Mailbox, type MailboxShared } from './mailbox.ts'
import { EPOCH_MS, Shard, type ShardInit } from './shard.ts'

/** How far a run is. */
export interface Step {
  phase: 'build' | 'run'
  /** Of the world, the share that is built, 0..1. */
  built: number
  simulatedMs: number
  events: number
}

export interface ThreadsOptions {
  onStep: (step: Step) => void
  onTrace: (line: string) => void
  signal: AbortSignal | null
}

/** How often progress is told, ms. */
const TELL_MS = 250

/** All tallies, in the order of the workers. Rejects with the signal's reason, or with what a worker threw. */
export async function runShards(
  scenario: Scenario,
  choice: StrategyChoice,
  options: ThreadsOptions,
): Promise<TallyData[]> {
  const { threads } = scenario
  options.onStep({ phase: 'build', built: 0, simulatedMs: 0, events: 0 })
  const population = Population.create(scenario).shared
  const mailboxes = mailboxesOf(threads)
  const inits = Array.from({ length: threads }, (_, worker): ShardInit => {
    return { scenario, choice, population, worker, workers: threads, mailboxes }
  })
  const [only] = inits
  return threads === 1 && only !== undefined
    ? [await runHere(only, options)]
    : runThere(inits, options)
}

function mailboxesOf(threads: number): MailboxShared[][] {
  return Array.from({ length: threads }, () =>
    Array.from({ length: threads }, () => Mailbox.create()),
  )
}

async function runHere(init: ShardInit, options: ThreadsOptions): Promise<TallyData> {
  let toldMs = performance.now()
  const builds = (built: number): void => {
    if (performance.now() - toldMs < TELL_MS) return
    options.onStep({ phase: 'build', built, simulatedMs: 0, events: 0 })
    toldMs = performance.now()
  }
  const shard = new Shard(init, init.scenario.trace.length > 0 ? options.onTrace : null, builds)
  await turn()
  options.signal?.throwIfAborted()
  while (shard.advance()) {
    if (performance.now() - toldMs < TELL_MS) continue
    const simulatedMs = shard.nowMs - EPOCH_MS
    options.onStep({ phase: 'run', built: 1, simulatedMs, events: shard.events })
    await turn()
    options.signal?.throwIfAborted()
    toldMs = performance.now()
  }
  return shard.finish()
}

/** Lets signals and terminals have their turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

async function runThere(
  inits: readonly ShardInit[],
  options: ThreadsOptions,
): Promise<TallyData[]> {
  const barrier = new Int32Array(new SharedArrayBuffer(BARRIER_WORDS * 4))
  const progress = new Float64Array(new SharedArrayBuffer(inits.length * WORDS_OF_WORKER * 8))
  const workers = inits.map(
    (init) => new Worker(ENTRY, { workerData: { init, barrier, progress }, execArgv: ARGUMENTS }),
  )
  const sumOf = (word: number): number =>
    inits.reduce(
      (sum, { worker }) => sum + (progress[worker * WORDS_OF_WORKER + word] as number),
      0,
    )
  let ready = 0
  const timer = setInterval(() => {
    if (options.signal?.aborted) progress[STOPPED] = 1
    const isBuilt = ready === inits.length
    options.onStep({
      phase: isBuilt ? 'run' : 'build',
      built: sumOf(BUILT) / inits.length,
      simulatedMs: isBuilt ? (progress[NOW] as number) - EPOCH_MS : 0,
      events: sumOf(EVENTS),
    })
  }, TELL_MS)
  try {
    const ends = workers.map((worker) => tallyOf(worker, options, () => ready++))
    const tallies = await Promise.all(ends)
    options.signal?.throwIfAborted()
    return tallies
  } catch (error) {
    options.signal?.throwIfAborted()
    throw error
  } finally {
    clearInterval(timer)
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

/** Where this file runs as it is written, so do the workers. */
const IS_SOURCE = import.meta.url.endsWith('.ts')
const ENTRY = new URL(IS_SOURCE ? './worker.ts' : './worker.js', import.meta.url)
const ARGUMENTS = IS_SOURCE ? ['--conditions=kadmium-source'] : []

function tallyOf(worker: Worker, options: ThreadsOptions, onBuilt: () => void): Promise<TallyData> {
  return new Promise((resolve, reject) => {
    worker.on('message', (message: { built?: true; trace?: string; tally?: TallyData }) => {
      if (message.built) onBuilt()
      if (message.trace !== undefined) options.onTrace(message.trace)
      if (message.tally !== undefined) resolve(message.tally)
    })
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`a worker of the simulator ended with ${code}`)))
  })
}
