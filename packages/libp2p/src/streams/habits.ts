/**
 * What the pool learned of how peers treat streams, beyond the protocol. Nothing here says whether a
 * peer is a good one; it only saves round trips and messages.
 */
import type { Clock } from './clock.ts'
import { Recent } from './recent.ts'

/** Peers remembered of each habit. */
const PEERS_MAX = 1_024

/** So many failures of reused streams in a row, and a peer gets a stream for each request (as in go). */
const REUSE_FAILURES_MAX = 3

/** After this a habit is put to the test again. */
const FORGIVEN_MS = 10 * 60_000

/** A peer that was told something less than this before is told many things: its stream is kept. */
const BULK_MS = 5_000

export class Habits {
  private readonly clock: Clock
  private readonly reuse = new Recent<{ failures: number; lastMs: number }>(PEERS_MAX)
  private readonly resets = new Recent<number>(PEERS_MAX)
  private readonly told = new Recent<{ beforeMs: number; lastMs: number }>(PEERS_MAX)

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** A stream that had been used failed before the next answer. */
  reuseFailed(peer: string): void {
    const failures = (this.reuse.get(peer)?.failures ?? 0) + 1
    this.reuse.set(peer, { failures, lastMs: this.clock.now() })
  }

  /** A second answer came on one stream. */
  reuseWorked(peer: string): void {
    this.reuse.delete(peer)
  }

  /** Whether the peer bears only one request for each stream, as some servers do. */
  isSingleShot(peer: string): boolean {
    const mark = this.reuse.get(peer)
    if (mark === undefined || mark.failures < REUSE_FAILURES_MAX) return false
    if (this.clock.now() - mark.lastMs < FORGIVEN_MS) return true
    this.reuse.delete(peer)
    return false
  }

  /** The peer reset a stream whose end we had announced, in place of ending it too. */
  resetAtEnd(peer: string): void {
    this.resets.set(peer, this.clock.now())
  }

  /** Whether the end of a stream says nothing of this peer's, as with the servers of `@libp2p/kad-dht`. */
  resetsAtEnd(peer: string): boolean {
    const lastMs = this.resets.get(peer)
    return lastMs !== undefined && this.clock.now() - lastMs < FORGIVEN_MS
  }

  /** The peer is told something that has no answer. */
  announced(peer: string): void {
    const beforeMs = this.told.get(peer)?.lastMs ?? Number.NEGATIVE_INFINITY
    this.told.set(peer, { beforeMs, lastMs: this.clock.now() })
  }

  /** Whether the peer was told something before the last time, not long ago. */
  isToldMuch(peer: string): boolean {
    const told = this.told.get(peer)
    return told !== undefined && this.clock.now() - told.beforeMs < BULK_MS
  }
}
