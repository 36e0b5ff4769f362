/**
 * A node under test, whatever it is made of: one libp2p node with one Kademlia instance. Adapters make it of a
 * process that speaks the line protocol (`line-peer.ts`) or of js-libp2p in this process (`libp2p-peer.ts`).
 */
import type { PrivateKey } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'

export type Transport = 'tcp' | 'quic'

export interface PeerInit {
  readonly transport: Transport
  readonly mode: 'server' | 'client'
  /** The whole protocol id. */
  readonly protocol: string
  /** Bucket size, replication and result size. */
  readonly k: number
  /** Who it is; by default, and always in another process, an identity that it makes itself. */
  readonly privateKey?: PrivateKey
}

/** A peer that was found, with its addresses. */
export interface Found {
  readonly peer: string
  readonly addresses: readonly string[]
}

/** Each call has a time limit of its own and rejects when it has passed. */
export interface InteropPeer {
  /** The peer id in base58. */
  readonly peer: string
  /** Where it listens, with `/p2p/…`. */
  readonly addresses: readonly string[]
  /** Dials; done when the two know of each other what they speak. */
  connect(address: string): Promise<void>
  put(key: Uint8Array, value: Uint8Array): Promise<void>
  /** The best value; rejects when there is none. */
  get(key: Uint8Array): Promise<Uint8Array>
  provide(cid: CID): Promise<void>
  findProviders(cid: CID, count: number): Promise<readonly Found[]>
  /** The peer's addresses; rejects when it is not found. */
  findPeer(peer: string): Promise<readonly string[]>
  /** The nearest peers to a key of messages, without itself. */
  closest(key: Uint8Array): Promise<readonly string[]>
  /** How many peers are in the routing table. */
  tableSize(): Promise<number>
  /** Who is in it; null where the library tells only how many. */
  table(): Promise<readonly string[] | null>
  /** What its own store has under the key. */
  stored(key: Uint8Array): Promise<Uint8Array | null>
  /** Whom its own store names as providers. */
  storedProviders(cid: CID): Promise<readonly string[]>
  stop(): Promise<void>
}

/** Where a node on loopback listens. */
export const LISTEN: Readonly<Record<Transport, string>> = {
  tcp: '/ip4/127.0.0.1/tcp/0',
  quic: '/ip4/127.0.0.1/udp/0/quic-v1',
}

/** Any single operation ends within this time, ms. */
export const OPERATION_TIMEOUT_MS = 20_000
