/**
 * Whom a column's nodes do not dial for now, because a dial failed: 5 s after the first failure, after the n-th one more
 * (n - 1)² s longer, 5 min at most, as the dialler of go-libp2p has it. A connection ends it; a peer that has been left in
 * peace for twice the time begins anew.
 *
 * Bounded by: the dials that failed within ten minutes.
 */
import type { PeerRef } from '@kadmium/core'

const BASE_MS = 5_000
const STEP_MS = 1_000
const MOST_MS = 300_000
/** More peers than one column has identities. */
const ROW = 0x40_0000
const SWEPT_FROM = 1_024

interface BackOff {
  untilMs: number
  forgottenMs: number
  tries: number
}

export class BackOffs {
  /** By row and peer. BOUNDED: see above; swept whenever it has doubled */
  private readonly known = new Map<number, BackOff>()
  private sweptAt = SWEPT_FROM

  get bytes(): number {
    return this.known.size * 64
  }

  /** Whether a dial fails at once. */
  holds(row: number, peer: PeerRef, nowMs: number): boolean {
    return nowMs < (this.known.get(row * ROW + peer)?.untilMs ?? 0)
  }

  dialFailed(row: number, peer: PeerRef, nowMs: number): void {
    const before = this.known.get(row * ROW + peer)
    const tries = before === undefined || before.forgottenMs <= nowMs ? 0 : before.tries
    const waitMs = Math.min(MOST_MS, BASE_MS + STEP_MS * tries * tries)
    const untilMs = nowMs + waitMs
    this.known.set(row * ROW + peer, { untilMs, forgottenMs: untilMs + waitMs, tries: tries + 1 })
    if (this.known.size >= this.sweptAt) this.sweep(nowMs)
  }

  reached(row: number, peer: PeerRef): void {
    if (this.known.size > 0) this.known.delete(row * ROW + peer)
  }

  private sweep(nowMs: number): void {
    for (const [name, { forgottenMs }] of this.known)
      if (forgottenMs <= nowMs) this.known.delete(name)
    this.sweptAt = Math.max(SWEPT_FROM, this.known.size * 2)
  }
}
