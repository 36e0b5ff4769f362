/**
 * The process of one network: forms it when told, reports, waits, works when told, reports, ends. It ends too
 * when the main process goes away.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Formation, form, settle } from '../form.ts'
import { IMPLEMENTATIONS, type ImplementationId } from '../implementations.ts'
import { createNetwork, type Network } from '../network.ts'
import { SeededChoice } from '../random.ts'
import type { RunFigures } from '../work/figures.ts'
import { Workload } from '../work/workload.ts'
import type { Order, Report } from './messages.ts'
import * as settings from './settings.ts'

/** CPU of the network at rest is measured for so long. */
const IDLE_MS = 2_000

/** After the nodes went dark the others have this long to notice, at most. */
const DARK_SETTLE_MS = 2_000

/** Failures that nobody waited for. Bounded by `UNHANDLED_MAX`. */
const unhandled: string[] = []
const UNHANDLED_MAX = 5

function report(message: Report): void {
  process.send?.(message)
}

interface Formed {
  id: ImplementationId
  network: Network
  formation: Formation
}

async function formNetwork(order: Order & { type: 'form' }): Promise<Formed> {
  const network = await createNetwork({
    nodes: order.nodes,
    seed: order.seed,
    implementation: IMPLEMENTATIONS[order.id],
    onProgress: (done, total) => report({ type: 'progress', phase: 'starting nodes', done, total }),
  })
  const formation = await form(network, {
    onProgress: (done, total) => report({ type: 'progress', phase: 'joining', done, total }),
  })
  report({ type: 'formed' })
  return { id: order.id, network, formation }
}

async function work({ id, network, formation }: Formed, withinMs: number): Promise<RunFigures> {
  const chosen = settings.SETTINGS[id]
  const endMs = performance.now() + withinMs
  const idleCpuMsPerSecond = await idleCpu()
  const darkCount = Math.floor(settings.UNREACHABLE_SHARE * network.nodes.length)
  const shuffled = new SeededChoice(network.seed, 2).shuffled(network.nodes)
  const dark = shuffled.slice(0, darkCount)
  const workload = new Workload(network, shuffled.slice(darkCount), {
    writes: settings.WRITES,
    reads: settings.READS,
    bulkKeys: settings.BULK_KEYS,
    overlap: (kind) => settings.overlap(kind, chosen, IMPLEMENTATIONS[id].bulkConcurrency),
    atLeast: chosen.atLeast,
    budgetMs: (kind) => settings.budgetMs(kind, chosen, endMs - performance.now()),
    operationTimeoutMs: settings.OPERATION_TIMEOUT_MS,
    idleCpuMsPerSecond,
    signal: AbortSignal.timeout(Math.max(1, Math.round(endMs - performance.now()))),
    onProgress: (phase, done, total) => report({ type: 'progress', phase, done, total }),
  })
  report({ type: 'progress', phase: 'first ipns versions', done: 0, total: 1 })
  await workload.prepare()
  for (const node of dark) network.goDark(node)
  await settle(network, 1_000, DARK_SETTLE_MS)
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  const figures = await workload.run()
  delay.disable()
  return {
    implementation: IMPLEMENTATIONS[id].name,
    formation,
    idleCpuMsPerSecond,
    loopDelayP99Ms: Math.max(0, delay.percentile(99) / 1e6 - 10),
    unhandled,
    ...figures,
  }
}

async function idleCpu(): Promise<number> {
  report({ type: 'progress', phase: 'measuring idle CPU', done: 0, total: 1 })
  const before = process.cpuUsage()
  await sleep(IDLE_MS)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / IDLE_MS
}

let formed: Promise<Formed> | undefined

async function obey(order: Order): Promise<void> {
  if (order.type === 'form') {
    formed = formNetwork(order)
    await formed
    return
  }
  if (formed === undefined) throw new Error('told to work before a network was formed')
  report({ type: 'worked', figures: await work(await formed, order.withinMs) })
}

process.on('unhandledRejection', (reason) => {
  const message = reason instanceof Error ? `${reason.name}: ${reason.message}` : String(reason)
  if (unhandled.length < UNHANDLED_MAX) unhandled.push(message)
})
// The main process decides when it ends; a SIGINT of the terminal reaches this one too.
process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit(0))
process.on('message', (order: Order) => {
  obey(order).catch((error: unknown) => {
    report({ type: 'failed', message: error instanceof Error ? error.message : String(error) })
  })
})
