/** Runs a scenario: every strategy in turn on the same world, each over the scenario's worker threads. */

import { convergenceFaults } from './check/convergence.ts'
import { warmUpMs } from './engine/phases.ts'
import { SLICES } from './engine/shard.ts'
import { runShards } from './engine/threads.ts'
import { curvesOf, figuresOf, phaseAt, violationsOf } from './measure/join.ts'
import type { Run } from './measure/result.ts'
import { checkAssertions } from './scenario/assertions.ts'
import type { Scenario } from './scenario/scenario.ts'

/** What there is to tell while a run goes on. */
export interface Progress {
  /** The strategy that runs now. */
  strategy: string
  /** `build`, or the name of the phase. */
  phase: string
  /** Of all that the run has to do but building, 0..1. */
  share: number
  /** Of the strategy's world, the share that is built, 0..1. */
  built: number
  /** How far this strategy's run is, simulated seconds. */
  simulatedSeconds: number
  /** Events of this strategy's run so far. */
  events: number
  /** The same by the wall time that they took, building left out. */
  eventsPerSecond: number
  /** Memory of the process, bytes. */
  rssBytes: number
}

/** How a run is watched and ended. */
export interface RunOptions {
  /** Told several times a second. */
  onProgress?: (progress: Progress) => void
  /** Ends the run. */
  signal?: AbortSignal
  /** Takes the trace of the scenario's chosen nodes, one line of JSON for each input and output. */
  onTrace?: (line: string) => void
}

/**
 * Runs all strategies of a scenario. Rejects with the reason of `signal`, or with what a worker threw.
 */
export async function runScenario(scenario: Scenario, options: RunOptions = {}): Promise<Run> {
  const startedMs = performance.now()
  const run: Run = {
    result: {
      scenario: scenario.name,
      seed: scenario.seed,
      nodes: scenario.nodes,
      threads: scenario.threads,
      wallSeconds: 0,
      peakRssBytes: 0,
      strategies: {},
    },
    curves: {},
    violations: {},
    assertions: [],
  }
  const warmUpSeconds = warmUpMs(scenario) / 1000
  const seconds = warmUpSeconds + scenario.phases.reduce((sum, phase) => sum + phase.seconds, 0)
  for (const [index, choice] of scenario.strategies.entries()) {
    let beganMs = performance.now()
    const tallies = await runShards(scenario, choice, {
      signal: options.signal ?? null,
      onTrace: (line) => options.onTrace?.(line),
      onStep: ({ phase, built, simulatedMs, events }) => {
        if (phase === 'build') beganMs = performance.now()
        const rssBytes = process.memoryUsage.rss()
        const simulatedSeconds = simulatedMs / 1000
        options.onProgress?.({
          strategy: choice.label,
          phase: phase === 'build' ? 'build' : phaseAt(scenario, simulatedSeconds - warmUpSeconds),
          share: (index + simulatedSeconds / seconds) / scenario.strategies.length,
          built,
          simulatedSeconds,
          events,
          eventsPerSecond: Math.round((events * 1000) / Math.max(1, performance.now() - beganMs)),
          rssBytes,
        })
      },
    })
    run.result.strategies[choice.label] = figuresOf(tallies)
    const curves = curvesOf(scenario, tallies, seconds / SLICES, warmUpSeconds)
    run.curves[choice.label] = curves
    run.violations[choice.label] = [
      ...violationsOf(tallies),
      ...convergenceFaults(scenario, curves.slices),
    ]
  }
  run.result.wallSeconds = Math.round(performance.now() - startedMs) / 1000
  run.result.peakRssBytes = process.resourceUsage().maxRSS * 1024
  run.assertions = checkAssertions(scenario.assertions, run.result)
  return run
}
