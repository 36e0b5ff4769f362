/** What all workers know of the world at the same time. */
import type { Truth } from '../strategies/strategy.ts'

/** Truth as it is known to all workers: at the beginning of the present window. */
export class PresentTruth implements Truth {
  private readonly truth: Truth
  private readonly nowMs: () => number

  constructor(truth: Truth, nowMs: () => number) {
    this.truth = truth
    this.nowMs = nowMs
  }

  isReachable(peer: number): boolean {
    return this.truth.isReachable(peer, this.nowMs() - 1)
  }

  rttMs(a: number, b: number): number {
    return this.truth.rttMs(a, b)
  }

  closestLive(
    key: Uint32Array,
    keyAt: number,
    count: number,
    _nowMs: number,
    out: Int32Array,
  ): number {
    return this.truth.closestLive(key, keyAt, count, this.nowMs() - 1, out)
  }
}
