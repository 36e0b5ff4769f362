/**
 * The Kadmium DHT as a pure state machine. A host hands a column of nodes what happened (`Input`) and
 * carries out what it asks for (`Output`); it brings the clock, the dice's seed, the network, the store
 * and the validators.
 *
 * @packageDocumentation
 */
export {
  CONFIG_BOUNDS,
  type Config,
  type ConfigNumber,
  configFault,
  DEFAULT_CONFIG,
} from './config.ts'
export * from './key.ts'
export * from './messages.ts'
export { Nodes } from './node.ts'
export type { NodesInit } from './nodes-init.ts'
export { Outbox } from './outbox.ts'
export { NO_PEER, PEERS_MAX, PeerBook, type PeerBookInit, type PeerRef } from './peers.ts'
export { nextBelow, nextChance, nextWord, RANDOM_WORDS, Random, seedRandom } from './random.ts'
export type { ExportedPeer, PeerState, StackEntry } from './routing/entries.ts'
export type { Routing } from './routing/routing.ts'
