/**
 * How a network forms, the same way for every implementation: each node dials one bootstrap node, looks up
 * itself and three random keys; then all wait until no node has dialled for 3 s. `refreshRoutingTable` is not
 * used: that of `@libp2p/kad-dht` returns at once and leaves small tables.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { rpcsOf } from './meters/meter.ts'
import type { Network, TestNode } from './network.ts'
import { eachLimited } from './pool.ts'
import { SeededChoice } from './random.ts'

export interface Formation {
  /** Entries in the routing tables of the nodes. */
  tables: { min: number; median: number; max: number }
  dials: number
  connections: number
  rpcs: number
  pings: number
  /** From the first dial to the last dial's end. */
  seconds: number
  /** CPU of the process in that time. */
  cpuSeconds: number
}

export interface FormOptions {
  /** Nodes that join at the same time. Default 8. */
  concurrency?: number
  /** No dial for so long means formed. Default 3,000 ms. */
  quietMs?: number
  /** Each lookup of the join gives up after so long. Default 20,000 ms. */
  lookupTimeoutMs?: number
  /** Waiting for quiet ends after so long in any case. Default 60,000 ms. */
  settleTimeoutMs?: number
  onProgress?: (joined: number, total: number) => void
  signal?: AbortSignal
}

/** Lookups of random keys that each node makes after that of itself. */
const RANDOM_LOOKUPS = 3

/** How often quiet is looked for. */
const POLL_MS = 20

/** A full bootstrap node refuses a dial now and then; the newcomer tries again. */
const DIAL_TRIES = 4

export async function form(network: Network, options: FormOptions = {}): Promise<Formation> {
  const startMs = performance.now()
  const cpuBefore = process.cpuUsage()
  const countsBefore = network.meter.snapshot()
  const dialsBefore = network.wan.dialsStarted
  const choose = new SeededChoice(network.seed, 1)
  const plans = network.nodes.map((node) => ({
    node,
    keys: [
      node.peerId.toMultihash().bytes,
      ...Array.from({ length: RANDOM_LOOKUPS }, () => choose.bytes(32)),
    ],
  }))
  const bootstrap = network.node(0)
  let joined = 0
  await eachLimited(plans, options.concurrency ?? 8, async ({ node, keys }) => {
    if (node !== bootstrap) await join(node, bootstrap, keys, options)
    options.onProgress?.(++joined, plans.length)
  })
  await join(bootstrap, undefined, plans[0]?.keys ?? [], options)
  const quietMs = options.quietMs ?? 3_000
  await settle(network, quietMs, options.settleTimeoutMs ?? 60_000, options.signal)
  const cpu = process.cpuUsage(cpuBefore)
  const counts = network.meter.snapshot()
  return {
    tables: tableSizes(network.nodes),
    dials: network.wan.dialsStarted - dialsBefore,
    connections: counts.connections - countsBefore.connections,
    rpcs: rpcsOf(counts) - rpcsOf(countsBefore),
    pings: counts.pings - countsBefore.pings,
    seconds: (performance.now() - startMs) / 1_000,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
  }
}

async function join(
  node: TestNode,
  bootstrap: TestNode | undefined,
  keys: readonly Uint8Array[],
  options: FormOptions,
): Promise<void> {
  options.signal?.throwIfAborted()
  if (bootstrap !== undefined) await dialPatiently(node, bootstrap)
  for (const key of keys) {
    const timeout = AbortSignal.timeout(options.lookupTimeoutMs ?? 20_000)
    const signals = options.signal === undefined ? [timeout] : [timeout, options.signal]
    try {
      for await (const _ of node.dht.getClosestPeers(key, { signal: AbortSignal.any(signals) })) {
        // Only what the lookup teaches matters here.
      }
    } catch {
      // A lookup that failed has taught less; the table sizes show it.
    }
  }
}

async function dialPatiently(node: TestNode, bootstrap: TestNode): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await node.libp2p.dial(bootstrap.libp2p.getMultiaddrs())
      return
    } catch (error) {
      if (tries === DIAL_TRIES) throw error
      await sleep(1_000)
    }
  }
}

/**
 * Waits until no request has been under way and no dial has begun or hung for `quietMs`; false when `timeoutMs`
 * ran out first.
 */
export async function settle(
  network: Network,
  quietMs: number,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const { meter, wan } = network
  const busy = (): boolean => {
    const dialled = performance.now() - wan.lastDialAtMs < quietMs
    return dialled || wan.dialsInFlight > 0 || !meter.isQuiet()
  }
  return await quietFor(quietMs, timeoutMs, busy, signal)
}

/**
 * The same for what some operations left behind: all requests that set out until a moment after their end, those
 * that wait for a dial to a dead peer included. What begins later, and dials that no request waits for, are
 * upkeep: nodes of either kind try lost peers again for minutes.
 */
export async function settleAfter(
  network: Network,
  quietMs: number,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const begunByMs = performance.now() + quietMs
  return await quietFor(quietMs, timeoutMs, () => !network.meter.isQuiet(begunByMs), signal)
}

async function quietFor(
  quietMs: number,
  timeoutMs: number,
  busy: () => boolean,
  signal?: AbortSignal,
): Promise<boolean> {
  const deadlineMs = performance.now() + timeoutMs
  let quietSinceMs = performance.now()
  while (performance.now() < deadlineMs) {
    signal?.throwIfAborted()
    const nowMs = performance.now()
    if (busy()) quietSinceMs = nowMs
    if (nowMs - quietSinceMs >= quietMs) return true
    await sleep(POLL_MS)
  }
  return false
}

export function tableSizes(nodes: readonly TestNode[]): Formation['tables'] {
  const sizes = nodes.map((node) => node.dht.routingTable.size).sort((a, b) => a - b)
  return {
    min: sizes[0] ?? 0,
    median: sizes[Math.floor(sizes.length / 2)] ?? 0,
    max: sizes.at(-1) ?? 0,
  }
}
