/** The figures of a run, as they go between processes, into the table and into the JSON. */
import type { Formation } from '../form.ts'

/** All kinds of work but the bulk, in the order in which they run. */
export const KINDS = ['put', 'get', 'provide', 'findProviders', 'findPeer', 'ipns'] as const

export type Kind = (typeof KINDS)[number]

/**
 * What one operation (or one key of a bulk) cost on average, background included: totals over the operations that
 * began, those included that the end of the run cut off; null if none began.
 */
export interface Cost {
  /** Requests set out to be made: `sent` and `inVain`. */
  rpcs: number | null
  /** Kademlia requests written on the wire. */
  sent: number | null
  /** Requests for which no connection or stream came about. */
  inVain: number | null
  /** Pings of libp2p's own protocol. */
  pings: number | null
  /** Dials, those that hung included. */
  dials: number | null
  /** Connections made. */
  connections: number | null
  /** Streams of protocols other than Kademlia, ping and identify. */
  otherStreams: number | null
  /** CPU of the whole process in ms, the idle share included. */
  cpuMs: number | null
  /** What the idle network alone would have used of it. */
  idleCpuMs: number | null
  /** How long after the last operation the figures were taken. */
  backgroundSeconds: number
  /** False when something was still under way when the figures were taken. */
  backgroundEnded: boolean
}

export interface OperationFigures extends Cost {
  planned: number
  done: number
  /** Share of `done` that succeeded, 0..1. */
  ok: number
  /** Times of the operations that succeeded; null if none did. */
  p50Ms: number | null
  p95Ms: number | null
  maxMs: number | null
  /** Reads: time over floor, 10 ms allowed for work. */
  floorRatioP50?: number | null
  /** Reads: time over floor as it is. */
  floorRatioRawP50?: number | null
  /** Writes: how many of the 20 nearest live nodes hold the record afterwards. */
  holdersP50?: number | null
  /** ipns: the two halves of the operation. */
  publishP50Ms?: number | null
  resolveP50Ms?: number | null
  /** Different errors, at most three. */
  errors: string[]
}

export interface BulkFigures extends Cost {
  keys: number
  done: number
  ok: number
  seconds: number
  holdersP50: number | null
  errors: string[]
}

export type WorkFigures = Record<Kind, OperationFigures> & { bulk: BulkFigures }

/** One implementation's run. */
export interface RunFigures extends WorkFigures {
  implementation: string
  formation: Formation
  /** CPU of the formed network at rest, in ms per second. */
  idleCpuMsPerSecond: number
  /** How late the event loop ran during the work (99th percentile); a machine too busy shows here. */
  loopDelayP99Ms: number
  /** Promises that failed with nobody listening, and the first of their messages. */
  unhandled: string[]
}
