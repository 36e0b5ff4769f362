/** What the world knows: for strategies that are told what others must measure, and for checkers. */
import { compareDistance, KEY_BITS, KEY_WORDS } from '@kadmium/core'
import type { Truth } from '../strategies/strategy.ts'
import type { Link } from './link.ts'
import type { Population } from './population.ts'

/** Ranges of at most so many identities are sorted; larger ones are split by the next bit first. */
const SORTED_MAX = 32

export class WorldTruth implements Truth {
  private readonly population: Population
  private readonly link: Link
  // The walk in progress: whom for, what is found, how much is wanted. Never read after it.
  private key: Uint32Array = new Uint32Array(KEY_WORDS)
  private keyAt = 0
  private nowMs = 0
  private out: Int32Array = new Int32Array(0)
  private wanted = 0
  private found = 0

  constructor(population: Population, link: Link) {
    this.population = population
    this.link = link
  }

  isReachable(peer: number, nowMs: number): boolean {
    const { population } = this
    return population.isServer(peer) && population.isDialable(peer) && population.isUp(peer, nowMs)
  }

  rttMs(a: number, b: number): number {
    return this.link.rttMs(a, b)
  }

  /**
   * Walks outwards: first those that share most bits with the key, then at each bit the sibling range, all of which is
   * farther than all before it.
   */
  closestLive(
    key: Uint32Array,
    keyAt: number,
    count: number,
    nowMs: number,
    out: Int32Array,
  ): number {
    const { ranges } = this.population
    this.key = key
    this.keyAt = keyAt
    this.nowMs = nowMs
    this.out = out
    this.wanted = Math.min(count, out.length)
    this.found = 0
    let bits = KEY_BITS
    let low = ranges.low(key, keyAt, 0)
    let high = ranges.high(key, keyAt, 0)
    // Down to a range that is small enough to be sorted ...
    for (bits = 0; high - low > SORTED_MAX && bits < KEY_BITS; ) {
      bits++
      low = ranges.low(key, keyAt, bits)
      high = ranges.high(key, keyAt, bits)
    }
    this.visit(low, high, bits)
    // ... and back up, sibling by sibling.
    while (bits > 0 && this.found < this.wanted) {
      bits--
      const lower = ranges.low(key, keyAt, bits)
      const higher = ranges.high(key, keyAt, bits)
      if (lower < low) this.visit(lower, low, bits + 1)
      else this.visit(high, higher, bits + 1)
      low = lower
      high = higher
    }
    return this.found
  }

  /** Appends the reachable ones of a range that share `bits` bits with one another, nearest first. */
  private visit(low: number, high: number, bits: number): void {
    if (low >= high || this.found >= this.wanted) return
    if (high - low <= SORTED_MAX || bits >= KEY_BITS) {
      this.sortIn(low, high)
      return
    }
    const middle = this.population.ranges.split(low, high, bits)
    const one = ((this.key[this.keyAt + (bits >>> 5)] as number) >>> (31 - (bits & 31))) & 1
    if (one === 1) {
      this.visit(middle, high, bits + 1)
      this.visit(low, middle, bits + 1)
    } else {
      this.visit(low, middle, bits + 1)
      this.visit(middle, high, bits + 1)
    }
  }

  /** Puts the reachable ones of a range behind what is found, nearest first; what there is no room for falls out. */
  private sortIn(low: number, high: number): void {
    const { out, key, keyAt, wanted } = this
    const { keys } = this.population.book
    const first = this.found
    for (let peer = low; peer < high; peer++) {
      if (!this.isReachable(peer, this.nowMs)) continue
      let at = this.found
      const row = peer * KEY_WORDS
      while (at > first) {
        const other = out[at - 1] as number
        if (compareDistance(key, keyAt, keys, row, keys, other * KEY_WORDS) >= 0) break
        if (at < wanted) out[at] = other
        at--
      }
      if (at < wanted) out[at] = peer
      if (this.found < wanted) this.found++
    }
  }
}
