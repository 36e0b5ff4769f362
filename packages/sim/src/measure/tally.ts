/** What one worker measured: samples by operation, slices of time, counts. Plain data, to be posted to whoever joins them. */
import type { OperationName } from '../scenario/scenario.ts'
import { Samples } from './recorder.ts'
import type { Run } from './runs.ts'

/** Samples of one operation type. */
export interface OperationSamples {
  done: number
  ok: number
  latencyMs: Float32Array
  rpcs: Float32Array
  timeouts: Float32Array
  hops: Float32Array
  reached: Float32Array
  recall: Float32Array
}

/** Counts of one slice of simulated time. */
export interface SliceCounts {
  done: number
  ok: number
  rpcs: number
  timeouts: number
  up: number
}

export interface BulkCounts {
  keys: number
  lookups: number
  messages: number
}

/** All that one worker says at the end. */
export interface TallyData {
  operations: Partial<Record<OperationName, OperationSamples>>
  slices: SliceCounts[]
  bulk: (BulkCounts & { contacts: Int32Array }) | null
  lookups: number
  digest: readonly [low: number, high: number]
  events: number
  /** Requests that nodes sent. */
  requests: number
  bytes: number
  rows: number
  /** Wall ms of the measured phases. */
  measuredWallMs: number
  wallMs: number
  table: { nodes: number; entries: number; benched: number; dead: number; connected: number } | null
  scores: { alive: Float32Array; dead: Float32Array } | null
  violations: { checker: string; atMs: number; text: string }[]
}

class OperationTally {
  done = 0
  ok = 0
  readonly latencyMs = new Samples()
  readonly rpcs = new Samples()
  readonly timeouts = new Samples()
  readonly hops = new Samples()
  readonly reached = new Samples()
  readonly recall = new Samples()

  get data(): OperationSamples {
    const { done, ok, latencyMs, rpcs, timeouts, hops, reached, recall } = this
    return {
      done,
      ok,
      latencyMs: latencyMs.all.slice(),
      rpcs: rpcs.all.slice(),
      timeouts: timeouts.all.slice(),
      hops: hops.all.slice(),
      reached: reached.all.slice(),
      recall: recall.all.slice(),
    }
  }
}

/** Gathers. One for each worker. */
export class Tally {
  /** BOUNDED: by the kinds of operations */
  private readonly operations = new Map<OperationName, OperationTally>()
  readonly slices: SliceCounts[]
  bulk: BulkCounts | null = null
  lookups = 0
  /** Who was sent records of bulk operations. BOUNDED: by identities */
  readonly contacts: Set<number> = new Set()
  private readonly startMs: number
  private readonly sliceMs: number

  /** `slices` slices of `sliceMs` from `startMs` on. */
  constructor(startMs: number, sliceMs: number, slices: number) {
    this.startMs = startMs
    this.sliceMs = sliceMs
    this.slices = Array.from({ length: slices }, () => ({
      done: 0,
      ok: 0,
      rpcs: 0,
      timeouts: 0,
      up: 0,
    }))
  }

  /** The slice that a time lies in. */
  slice(nowMs: number): SliceCounts | undefined {
    return this.slices[Math.floor((nowMs - this.startMs) / this.sliceMs)]
  }

  /** An operation is over as far as its caller is concerned; `measured`: it counts in the figures. */
  ended(run: Run, isMeasured: boolean, nowMs: number): void {
    const slice = this.slice(nowMs)
    if (slice !== undefined) {
      slice.done++
      if (run.ok) slice.ok++
      slice.rpcs += run.requests
      slice.timeouts += run.timeouts
    }
    if (!isMeasured) return
    this.lookups++
    const tally = this.of(run.task.name)
    tally.done++
    if (run.ok) {
      tally.ok++
      tally.latencyMs.add(run.foundMs - run.task.atMs)
      if (!run.stores && run.hopOf !== null) tally.hops.add(run.hops)
    }
    if (!run.stores) {
      tally.rpcs.add(run.requests)
      tally.timeouts.add(run.timeouts)
    }
  }

  /** A store is over altogether. */
  settled(run: Run, recall: number): void {
    const tally = this.of(run.task.name)
    tally.rpcs.add(run.requests)
    tally.timeouts.add(run.timeouts)
    tally.reached.add(run.stored)
    tally.recall.add(recall)
    if (run.hopOf !== null && run.holders.length > 0) tally.hops.add(run.hopsToAll())
  }

  get data(): Pick<TallyData, 'operations' | 'slices' | 'bulk' | 'lookups'> {
    const { slices, lookups } = this
    const bulk =
      this.bulk === null ? null : { ...this.bulk, contacts: Int32Array.from(this.contacts) }
    const operations: TallyData['operations'] = {}
    for (const [name, tally] of this.operations) operations[name] = tally.data
    return { operations, slices, bulk, lookups }
  }

  private of(name: OperationName): OperationTally {
    let tally = this.operations.get(name)
    if (tally === undefined) {
      tally = new OperationTally()
      this.operations.set(name, tally)
    }
    return tally
  }
}
