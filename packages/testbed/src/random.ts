/**
 * Seeded choices for the testbed. Its own few lines, so that the testbed sees a DHT implementation only
 * through libp2p; the generator is mulberry32 (public domain), ample for shuffles and keys of a test network.
 */
export class SeededChoice {
  private state: number

  constructor(seed: number, stream = 0) {
    this.state = (seed ^ Math.imul(stream + 1, 0x9e3779b9)) >>> 0
  }

  /** A whole number in 0..bound-1, for a bound of 1..2^32. */
  below(bound: number): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000) * bound)
  }

  /** So many random bytes. */
  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256))
  }

  /** The same things in another order (Fisher-Yates); the argument stays as it is. */
  shuffled<T>(things: readonly T[]): T[] {
    const out = [...things]
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      const kept = out[i] as T
      out[i] = out[j] as T
      out[j] = kept
    }
    return out
  }
}
