/**
 * Runs the operations of one kind and takes the figures. What the operations leave running in the background
 * belongs to them: the counters are read only when, after the last operation, no Kademlia request has been under
 * way for a second, those included that wait for a dial to an unreachable peer. What begins later than a second
 * after, and dials that no request waits for, are not waited for: nodes of either kind try lost peers again for
 * minutes, which no operation caused (what falls into the time is counted all the same). Waiting is capped, at 6 s
 * for what stores and at 3 s for reads, which are left at their answer; a request that hangs longer counts as in
 * vain at once, and the figures say that the cap was hit.
 *
 * CPU is that of the whole process (user and system), so it holds the answering nodes and what 40 idle nodes
 * cost in the same time; the latter is measured apart (`idleCpuMs`), told beside it and never subtracted.
 */
import { settleAfter } from '../form.ts'
import { countsBetween, rpcsOf } from '../meters/meter.ts'
import type { Network } from '../network.ts'
import type { Cost } from './figures.ts'
import type { Outcome } from './operations.ts'

export interface KindOptions {
  /** Operations at the same time. */
  overlap: number
  /** No operation starts after so long, except the first `atLeast`. */
  budgetMs: number
  atLeast: number
  /** Ends everything; operations that it ends are not counted. */
  signal: AbortSignal
  /** Waiting for the background ends after so long. */
  settleMaxMs: number
  /** CPU of the idle network, in ms of CPU per second. */
  idleCpuMsPerSecond: number
  onDone?: (count: number) => void
}

/** One operation and what came of it. */
export interface Measured<T, R> {
  readonly task: T
  readonly outcome: R
}

export interface KindRun<T, R> {
  readonly planned: number
  readonly results: Measured<T, R>[]
  /** From the first start to the last end. */
  readonly seconds: number
  readonly cost: Cost
}

const QUIET_MS = 1_000

/** `run` makes one operation; undefined means that no further one can be made. */
export async function runKind<T, R extends Outcome>(
  network: Network,
  tasks: readonly T[],
  run: (task: T) => Promise<R | undefined>,
  options: KindOptions,
): Promise<KindRun<T, R>> {
  const countsBefore = network.meter.snapshot()
  const dialsBefore = network.wan.dialsStarted
  const cpuBefore = process.cpuUsage()
  const startMs = performance.now()
  const { results, begun } = await runTasks(tasks, run, options)
  const opsMs = performance.now() - startMs
  const backgroundEnded = await settleAfter(
    network,
    QUIET_MS,
    options.settleMaxMs,
    options.signal,
  ).catch(() => false)
  const cpu = process.cpuUsage(cpuBefore)
  const counts = countsBetween(countsBefore, network.meter.snapshot())
  const wallSeconds = (performance.now() - startMs) / 1_000
  const each = (total: number): number | null => (begun === 0 ? null : total / begun)
  return {
    planned: tasks.length,
    results,
    seconds: opsMs / 1_000,
    cost: {
      rpcs: each(rpcsOf(counts)),
      sent: each(counts.sent),
      inVain: each(counts.inVain),
      pings: each(counts.pings),
      dials: each(network.wan.dialsStarted - dialsBefore),
      connections: each(counts.connections),
      otherStreams: each(counts.otherStreams),
      cpuMs: each((cpu.user + cpu.system) / 1_000),
      idleCpuMs: each(wallSeconds * options.idleCpuMsPerSecond),
      backgroundSeconds: wallSeconds - opsMs / 1_000,
      backgroundEnded,
    },
  }
}

/** Runs tasks until the budget is spent; a task that can't be run (undefined) ends the list early. */
async function runTasks<T, R>(
  tasks: readonly T[],
  run: (task: T) => Promise<R | undefined>,
  options: KindOptions,
): Promise<{ results: Measured<T, R>[]; begun: number }> {
  const startMs = performance.now()
  /** Bounded by the tasks. */
  const results: Measured<T, R>[] = []
  let next = 0
  let begun = 0
  const mayStart = (): boolean =>
    next < tasks.length &&
    !options.signal.aborted &&
    (next < options.atLeast || performance.now() - startMs < options.budgetMs)
  const worker = async (): Promise<void> => {
    while (mayStart()) {
      const task = tasks[next++] as T
      begun++
      const outcome = await run(task)
      if (outcome === undefined) {
        begun--
        next = tasks.length
      }
      if (outcome === undefined || options.signal.aborted) continue
      results.push({ task, outcome })
      options.onDone?.(results.length)
    }
  }
  await Promise.all(Array.from({ length: options.overlap }, worker))
  return { results, begun }
}
