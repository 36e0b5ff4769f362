/** Identities that an oracle chooses from, in key order, each beside the group of its address so that one look gets both. */
import type { Population } from './population.ts'

export class Pool {
  /** Pairs (identity, group; 0 for one of its own). */
  readonly entries: Int32Array
  readonly size: number

  constructor(population: Population, belongs: (peer: number) => boolean) {
    let size = 0
    for (let peer = 0; peer < population.size; peer++) if (belongs(peer)) size++
    this.size = size
    this.entries = new Int32Array(size * 2)
    let at = 0
    for (let peer = 0; peer < population.size; peer++) {
      if (!belongs(peer)) continue
      this.entries[at++] = peer
      this.entries[at++] = population.sharedGroups[peer] as number
    }
  }

  /** The place in low..high of the first identity that is `peer` or lies behind it. */
  place(peer: number, low: number, high: number): number {
    let from = low
    let to = high
    while (from < to) {
      const middle = (from + to) >>> 1
      if ((this.entries[middle * 2] as number) < peer) from = middle + 1
      else to = middle
    }
    return from
  }
}

/** Where in a pool the peers of each bucket of one node lie. Nodes in key order share most of it. */
export class BucketSpans {
  /** Spans of bucket i: `lows[i]` to `highs[i]`, the end excluded. */
  readonly lows: Int32Array
  readonly highs: Int32Array
  /** The same of all that share i bits or more. */
  private readonly innerLows: Int32Array
  private readonly innerHighs: Int32Array
  private readonly pool: Pool

  constructor(pool: Pool, buckets: number) {
    this.pool = pool
    this.lows = new Int32Array(buckets)
    this.highs = new Int32Array(buckets)
    this.innerLows = new Int32Array(buckets + 1)
    this.innerHighs = new Int32Array(buckets + 1)
    this.innerHighs[0] = pool.size
  }

  /**
   * The rank `middle` parts those that share `bucket` bits: the node's own side holds all further buckets (the upper
   * one where `upper`), the other one is the bucket.
   */
  part(bucket: number, middle: number, upper: boolean): void {
    const low = this.innerLows[bucket] as number
    const high = this.innerHighs[bucket] as number
    const place = this.pool.place(middle, low, high)
    this.lows[bucket] = upper ? low : place
    this.highs[bucket] = upper ? place : high
    this.innerLows[bucket + 1] = upper ? place : low
    this.innerHighs[bucket + 1] = upper ? high : place
  }

  /** The last bucket holds all that share so many bits or more. */
  close(bucket: number): void {
    this.lows[bucket] = this.innerLows[bucket] as number
    this.highs[bucket] = this.innerHighs[bucket] as number
  }
}
