/** Operations of either service, run to their end, and what came of them. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { PeerInfo, RoutingOptions } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import type { DhtService } from '../implementations.ts'
import type { LiveNode } from './nodes.ts'

/** No operation of these tests takes longer. */
const TIMEOUT_MS = 30_000

export const inTime = (): RoutingOptions => ({ signal: AbortSignal.timeout(TIMEOUT_MS) })

export async function drain(events: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of events) {
    // Only the end counts.
  }
}

/** All that comes, in order. */
export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const each of source) all.push(each)
  return all
}

/** What a call ended with: its result, or its error. */
export async function ended<T>(call: Promise<T>): Promise<T | Error> {
  try {
    return await call
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** Whether a fact comes about in that time. For what must come about, `vi.waitFor` tells more. */
export async function comesAbout(
  fact: () => boolean | Promise<boolean>,
  withinMs: number,
): Promise<boolean> {
  const deadlineMs = performance.now() + withinMs
  while (!(await fact())) {
    if (performance.now() > deadlineMs) return false
    await sleep(20)
  }
  return true
}

/** Shut until it is opened. */
export class Gate {
  readonly isOpen: Promise<void>
  open: () => void = () => {}

  constructor() {
    this.isOpen = new Promise((resolve) => {
      this.open = resolve
    })
  }
}

/** All values that a get yields. */
export async function values(
  dht: DhtService,
  key: Uint8Array,
  options: RoutingOptions = inTime(),
): Promise<Uint8Array[]> {
  const found: Uint8Array[] = []
  for await (const event of dht.get(key, options)) {
    if (event.name === 'VALUE') found.push(event.value)
  }
  return found
}

export async function providers(
  dht: DhtService,
  cid: CID,
  options: RoutingOptions = inTime(),
): Promise<PeerInfo[]> {
  const found: PeerInfo[] = []
  for await (const event of dht.findProviders(cid, options)) {
    if (event.name === 'PROVIDER') found.push(...event.providers)
  }
  return found
}

export async function closest(
  dht: DhtService,
  key: Uint8Array,
  options: RoutingOptions = inTime(),
): Promise<PeerInfo[]> {
  const found: PeerInfo[] = []
  for await (const event of dht.getClosestPeers(key, options)) {
    if (event.name === 'FINAL_PEER') found.push(event.peer)
  }
  return found
}

/** Stops whatever a test started, all at once. */
export async function stopAll(
  things: readonly (Pick<LiveNode, 'libp2p'> | { stop: () => Promise<void> })[],
): Promise<void> {
  await Promise.all(things.map((thing) => ('libp2p' in thing ? thing.libp2p.stop() : thing.stop())))
}

export const hex = (bytes: Uint8Array | null | undefined): string =>
  Buffer.from(bytes ?? []).toString('hex')
