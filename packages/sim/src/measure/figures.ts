/** Names of all figures that a result can have, by path. */
import { OPERATIONS, type OperationName } from '../scenario/scenario.ts'
import type {
  BulkFigures,
  FindFigures,
  Result,
  StoreFigures,
  StrategyFigures,
  TableFigures,
} from './result.ts'

const FIND: Record<keyof FindFigures, true> = {
  done: true,
  ok: true,
  p50Ms: true,
  p90Ms: true,
  p99Ms: true,
  rpcs: true,
  timeouts: true,
  hopsP50: true,
  hopsP95: true,
}

const STORE: Record<keyof StoreFigures, true> = {
  done: true,
  ok: true,
  p50Ms: true,
  p90Ms: true,
  p99Ms: true,
  rpcs: true,
  hopsToAllP50: true,
  hopsToAllP95: true,
  reached: true,
  recall: true,
}

const BULK: Record<keyof BulkFigures, true> = {
  keys: true,
  lookups: true,
  contacts: true,
  messagesPerKey: true,
}

const TABLE: Record<keyof TableFigures, true> = {
  entries: true,
  benched: true,
  deadShare: true,
  connectedShare: true,
}

const OVERALL: Record<Exclude<keyof StrategyFigures, OperationName | 'table' | 'digest'>, true> = {
  events: true,
  eventsPerSecond: true,
  requests: true,
  requestsPerSecond: true,
  lookups: true,
  lookupsPerSecond: true,
  bytesPerNode: true,
}

const RUN: Record<Exclude<keyof Result, 'scenario' | 'strategies'>, true> = {
  seed: true,
  nodes: true,
  threads: true,
  wallSeconds: true,
  peakRssBytes: true,
}

function ofOperation(operation: OperationName): Record<string, true> {
  if (operation === 'bulk') return BULK
  return operation === 'put' || operation === 'provide' ? STORE : FIND
}

/** Figures of a whole run. */
export const RUN_FIGURES: readonly string[] = Object.keys(RUN)

/** Figures of one strategy, such as `get.p50Ms`. */
export const STRATEGY_FIGURES: readonly string[] = [
  ...Object.keys(OVERALL),
  ...OPERATIONS.flatMap((operation) =>
    Object.keys(ofOperation(operation)).map((name) => `${operation}.${name}`),
  ),
  ...Object.keys(TABLE).map((name) => `table.${name}`),
]
