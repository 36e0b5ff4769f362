/**
 * What an operation wants from the rest of the node. `node.ts` implements it; operations see neither
 * routing nor records nor the requests in flight.
 */
import type { Message } from '../messages.ts'
import type { Outbox } from '../outbox.ts'
import type { PeerRef } from '../peers.ts'
import type { Operation } from './operation.ts'

/** One call of `handle`: whose, when, and where outputs go. */
export interface Step {
  node: number
  nowMs: number
  outbox: Outbox
}

/** `ask`: a step of the walk; `store`: the peer shall hold the record; `correct`: it holds an older one. */
export type OperationPurpose = 'ask' | 'store' | 'correct'

/** How a peer stands with us, the best first: likely to answer, not known to be either, not to be asked. */
export const STANDINGS = ['good', 'open', 'avoided'] as const
export type Standing = (typeof STANDINGS)[number]

export interface OperationPort {
  /** The node itself. */
  self(node: number): PeerRef
  /** Whether one more request may be sent; if not, `resume` follows once it may. */
  hasRoom(step: Step): boolean
  /** Asks a peer. `operation` null: nobody waits for the answer. */
  send(
    step: Step,
    operation: Operation | null,
    peer: PeerRef,
    purpose: OperationPurpose,
    message: Message,
  ): void
  /** Nobody waits for the operation's requests any more; `cancel`: take them back where possible. */
  release(step: Step, operation: Operation, cancel: boolean): void
  /** Expected time to the peer's answer, ms. */
  costMs(step: Step, peer: PeerRef): number
  /** As `costMs`, and -1 for a peer that is avoided. */
  askCostMs(step: Step, peer: PeerRef): number
  /** The peer has failed too often lately to be asked, or its connection broke and it is being looked for. */
  isAvoided(step: Step, peer: PeerRef): boolean
  /** How the peer stands with us, whether or not it speaks the protocol. */
  standing(step: Step, peer: PeerRef): Standing
  /** A member of the table that is likely to answer. */
  isTrusted(step: Step, peer: PeerRef): boolean
  /** Nearest known peers that are worth asking. */
  seeds(step: Step, key: Uint32Array, out: Int32Array): number
  /**
   * Whether nobody is there to ask: nobody connected that speaks, and no member that is worth it, unless
   * all have been `tried`.
   */
  isAlone(step: Step, key: Uint32Array, tried: boolean): boolean
  /** The nearest members of our table that are likely to answer, nearest first, at most k. */
  nearest(step: Step, key: Uint32Array, out: Int32Array): number
  /** Share of requests that failed lately. */
  failureShare(node: number): number
  /** Estimated number of nodes, 0 when unknown. */
  networkSize(node: number): number
  /** A walk confirmed these as the nearest: k of them, or fewer where there are no more. */
  observe(node: number, target: Uint32Array, peers: Int32Array, count: number): void
  /** Asks for a verdict on a record; false when too many wait already: `resume` follows once there is room. */
  judge(step: Step, operation: Operation, record: Uint8Array, against: Uint8Array | null): boolean
  /** A get found this record: if we hold an older one of its key, this takes its place. */
  keepBetter(step: Step, operation: Operation, record: Uint8Array): void
  /** A peer sent a record that is not valid. */
  lied(step: Step, peer: PeerRef): void
  /** A number 0..2^32-1 when this choice of an upkeep walk shall explore, else -1. */
  explore(node: number): number
}
