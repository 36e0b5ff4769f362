/** What is told of peers that are remembered: to people, and to what keeps it between runs. */
import type { PeerEvidence } from '../messages.ts'
import type { PeerRef } from '../peers.ts'

/** `good`: asked first and named to others; `neutral`: new, or its evidence faded; `benched`: neither, tried again later. */
export type PeerState = 'good' | 'neutral' | 'benched'

/** A peer in its bucket, for people, tests and traces. */
export interface StackEntry {
  /** The peer. */
  peer: PeerRef
  /** How reachable it is by our own experience, 0..1; 0.5 without any. */
  score: number
  /** What follows from the score. */
  state: PeerState
}

/** What is kept of a peer between runs. */
export interface ExportedPeer {
  /** The peer. */
  peer: PeerRef
  /** What speaks for and against it. */
  evidence: PeerEvidence
  /** When the evidence was last brought up to date: the last answer or try, to the second. */
  lastSeenMs: number
  /** The group of the address that it was reached at; 0 for none. */
  ipGroup: number
  /** Whether it is in the table; others are remembered beside it. */
  member: boolean
}
