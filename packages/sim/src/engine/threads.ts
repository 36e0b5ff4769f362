/** Runs the shards of one strategy: in this thread where there is one, else each in a thread of its own. */
import { Worker } from 'node:worker_threads'
import type { TallyData } from '../measure/tally.ts'
import type { Scenario, StrategyChoice } from '../scenario/scenario.ts'
import { Population } from '../world/population.ts'
import { BARRIER_WORDS } from './barrier.ts'
import { EVENTS, NOW, STOPPED, WORDS_OF_WORKER } from './control.ts'
import { Mailbox, type MailboxShared } from './mailbox.ts'
import { EPOCH_MS, Shard, type ShardInit } from './shard.ts'

/** How far a run is. */
export interface Step {
  phase: 'build' | 'run'
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
  options.onStep({ phase: 'build', simulatedMs: 0, events: 0 })
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
  const shard = new Shard(init, init.scenario.trace.length > 0 ? options.onTrace : null)
  let toldMs = performance.now()
  while (shard.advance()) {
    if (performance.now() - toldMs < TELL_MS) continue
    options.onStep({ phase: 'run', simulatedMs: shard.nowMs - EPOCH_MS, events: shard.events })
    await new Promise<void>((resolve) => setImmediate(resolve))
    options.signal?.throwIfAborted()
    toldMs = performance.now()
  }
  return shard.finish()
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
  let built = 0
  const timer = setInterval(() => {
    if (options.signal?.aborted) progress[STOPPED] = 1
    if (built < inits.length) return
    options.onStep({
      phase: 'run',
      simulatedMs: (progress[NOW] as number) - EPOCH_MS,
      events: inits.reduce(
        (sum, { worker }) => sum + (progress[worker * WORDS_OF_WORKER + EVENTS] as number),
        0,
      ),
    })
  }, TELL_MS)
  try {
    const ends = workers.map((worker) => tallyOf(worker, options, () => built++))
    const tallies = await Promise.all(ends)
    options.signal?.throwIfAborted()
    return tallies
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
