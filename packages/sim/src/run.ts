/** Runs a scenario: every strategy in turn on the same world, each over the scenario's worker threads. */
import type { Run } from './measure/result.ts'
import type { Scenario } from './scenario/scenario.ts'

/** What there is to tell while a run goes on. */
export interface Progress {
  strategy: string
  /** `build`, or the name of the phase. */
  phase: string
  /** Of all that the run has to do, 0..1. */
  share: number
  /** Simulated seconds. */
  simulatedSeconds: number
  events: number
  eventsPerSecond: number
  rssBytes: number
}

export interface RunOptions {
  onProgress?: (progress: Progress) => void
  signal?: AbortSignal
  /** Where the trace of the scenario's chosen nodes is written, one line for each input and output. */
  onTrace?: (line: string) => void
}

/** Rejects with the reason of `signal`, or with what a worker threw. */
export async function runScenario(_scenario: Scenario, _options: RunOptions = {}): Promise<Run> {
  throw new Error('not built yet')
}
