/** What is not of a network's daily life: guests that come for one operation each, and walks of all nodes to their own keys. */
import { type Input, KEY_WORDS, NO_PEER } from '@kadmium/core'
import type { Host } from '../host/host.ts'
import { LEAVES, type Network, WALKS } from '../host/network.ts'
import { SETTLED_MS } from '../measure/runs.ts'
import type { Phase } from '../scenario/scenario.ts'
import { below, draw } from '../world/dice.ts'
import type { Population } from '../world/population.ts'
import { WALK } from './draws.ts'
import type { Wheel } from './wheel.ts'

/** Walks of nodes to their own keys begin within so many seconds of their phase. */
const WALKS_SECONDS = 10

/** Their numbers lie above those of all other operations but bulks, and are small integers, which are quicker to handle. */
const NUMBERS_FROM = 2 ** 30
/** Nobody wants to know what such a walk's key is of. */
const SOME_BYTES = new Uint8Array(1)

/** A guest leaves so long after its operation: a store is done by then. */
const GUEST_STAYS_MS = SETTLED_MS + 1_000

export interface VisitsInit {
  population: Population
  host: Host
  network: Network
  wheel: Wheel
  seed: number
  first: number
  count: number
  /** Whom a row dials that knows nobody. */
  entries: (row: number, nowMs: number) => number[]
}

/** Whether an operation is a walk of which nobody hears. */
export function isWalk(operation: number): boolean {
  return operation >= NUMBERS_FROM && operation < NUMBERS_FROM * 2
}

export class Visits {
  private readonly init: VisitsInit

  constructor(init: VisitsInit) {
    this.init = init
  }

  /** A row is about to ask: a guest joins just before, and all it knows are its bootstrappers. */
  comes(row: number, nowMs: number): void {
    const { population, first, host, entries } = this.init
    if (!population.isGuest(first + row)) return
    population.upFromMs[first + row] = nowMs
    population.upUntilMs[first + row] = Number.POSITIVE_INFINITY
    host.start(row, nowMs, entries(row, nowMs))
  }

  /** Nobody waits for a row's operation any more: a guest stays until what it stores has settled. */
  ended(row: number, nowMs: number): void {
    const { population, first, wheel } = this.init
    if (population.isGuest(first + row)) wheel.add(nowMs + GUEST_STAYS_MS, row, LEAVES, 0, 0, 0)
  }

  leaves(row: number, nowMs: number): void {
    const { population, first, host } = this.init
    if (!population.isUp(first + row, nowMs)) return
    host.stop(row, nowMs, true)
    population.upUntilMs[first + row] = nowMs
  }

  /** A phase begins in which each node is to walk to itself. */
  arrangeWalks({ seconds }: Phase, index: number, nowMs: number): void {
    const { population, wheel, seed, first, count } = this.init
    const spreadMs = Math.min(seconds, WALKS_SECONDS) * 1000
    for (let row = 0; row < count; row++) {
      if (population.isGuest(first + row)) continue
      const afterMs = below(draw(seed, first + row, index, WALK), spreadMs)
      wheel.add(nowMs + afterMs, row, WALKS, 0, index, 0)
    }
  }

  /** A node's walk to its own key, of which nobody hears. */
  walk(row: number, phase: number, nowMs: number): void {
    const { population, host, network, first } = this.init
    if (!population.isUp(first + row, nowMs)) return
    const key = new Uint32Array(KEY_WORDS)
    network.copyKey(first + row, key)
    const input: Input = {
      kind: 'startOperation',
      operation: NUMBERS_FROM + phase,
      type: 'getClosest',
      key,
      keyBytes: SOME_BYTES,
      record: null,
      peer: NO_PEER,
      quorum: 0,
      countMax: 0,
      reach: 'all',
      patienceMs: 0,
    }
    host.give(row, nowMs, input)
  }
}
