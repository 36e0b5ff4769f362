/**
 * Networks of real libp2p nodes in one process over an emulated WAN, for the demo, live benches and integration
 * tests. A bench builds a network, forms it, takes nodes down and runs kinds of work on it.
 *
 * @example
 * ```ts
 * const network = await createNetwork({ nodes: 40, implementation: IMPLEMENTATIONS.kadmium })
 * await form(network)
 * network.goDark(network.node(7))
 * const outcome = await put(network.node(3).dht, record, { timeoutMs: 20_000 })
 * await network.close()
 * ```
 *
 * @packageDocumentation
 */
export { dhtKey, dhtKeyOfPeer, nearest } from './distance.ts'
export { floorMs, floorRatio, type Holder, holdersSeenFrom, type Standing } from './floor.ts'
export { type Formation, type FormOptions, form, settle, settleAfter, tableSizes } from './form.ts'
export {
  DATASTORE_PREFIX,
  type DhtFactory,
  type DhtService,
  IMPLEMENTATION_IDS,
  IMPLEMENTATIONS,
  type Implementation,
  type ImplementationId,
  KAD_PROTOCOL,
} from './implementations.ts'
export { type Kind, type LiveInit, type LiveNode, startNode } from './live/nodes.ts'
export { MESSAGE_TYPES } from './meters/frame-counter.ts'
export { type Counts, countsBetween, Meter, rpcsOf } from './meters/meter.ts'
export { createNetwork, Network, type NetworkOptions, type TestNode } from './network.ts'
export { eachLimited } from './pool.ts'
export { SeededChoice } from './random.ts'
export { median, percentile } from './stats.ts'
export { CLOUD_2024, type Population, REGIONS, type Region, rttMs } from './wan/regions.ts'
export type * from './work/figures.ts'
export { holdersAmong, holdsProvider, holdsValue } from './work/holders.ts'
export {
  findPeer,
  findProvider,
  get,
  type OperationLimits,
  type Outcome,
  provide,
  put,
} from './work/operations.ts'
export * from './work/records.ts'
export { type KindOptions, type KindRun, type Measured, runKind } from './work/run-kind.ts'
export { Workload, type WorkloadOptions } from './work/workload.ts'
