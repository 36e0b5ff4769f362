/**
 * The DHTs that the testbed compares, each as data: a name, a service factory and what is told apart in the
 * report. All else in this package is written over `Implementation`. Every network runs them with the same
 * options, which are only what a network on loopback needs; the rest are the implementation's defaults.
 */
import { kadDHT as kadmium } from '@kadmium/libp2p'
import { kadDHT, passthroughMapper, type SingleKadDHT } from '@libp2p/kad-dht'
import { ipnsSelector } from 'ipns/selector'
import { ipnsValidator } from 'ipns/validator'

/** The service under test; both implementations offer the surface of `@libp2p/kad-dht`. */
export type DhtService = SingleKadDHT

/** What libp2p takes as a service factory; its components are libp2p's business. */
// biome-ignore lint/suspicious/noExplicitAny: a component set differs for each service, libp2p checks it
export type DhtFactory = (components: any) => DhtService

export interface Implementation {
  /** The name in tables, such as `@libp2p/kad-dht`. */
  readonly name: string
  /** A fresh service factory for one node. */
  createDht(): DhtFactory
  /** How many provides run at once in a bulk. */
  readonly bulkConcurrency: number
}

/** The protocol that both speak here, and whose messages are counted. */
export const KAD_PROTOCOL = '/ipfs/kad/1.0.0'

/** Where both keep records in the node's datastore. */
export const DATASTORE_PREFIX = '/dht'

/** Options that both get: fixed servers, loopback addresses count, IPNS records are checked. */
const COMMON_OPTIONS = {
  clientMode: false,
  peerInfoMapper: passthroughMapper,
  validators: { ipns: ipnsValidator },
  selectors: { ipns: ipnsSelector },
}

const KADMIUM: Implementation = {
  name: 'Kadmium',
  createDht: () => kadmium(COMMON_OPTIONS) as unknown as DhtFactory,
  // As many as the other, so that both bulks are alike.
  bulkConcurrency: 10,
}

const KAD_DHT: Implementation = {
  name: '@libp2p/kad-dht',
  createDht: () => kadDHT(COMMON_OPTIONS) as DhtFactory,
  // The concurrency of its own reprovider.
  bulkConcurrency: 10,
}

/** How the demo's options and its JSON name the implementations, in the order of the table. */
export const IMPLEMENTATION_IDS = ['kadmium', 'kadDht'] as const

export type ImplementationId = (typeof IMPLEMENTATION_IDS)[number]

export const IMPLEMENTATIONS: Readonly<Record<ImplementationId, Implementation>> = {
  kadmium: KADMIUM,
  kadDht: KAD_DHT,
}
