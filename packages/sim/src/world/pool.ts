/**
 * Identities that an oracle chooses from, in key order. Each is a card: its rank in 22 bits and, in the nine lowest, the group
 * of its address, so that one look gets both and cards compare as ranks do.
 */
import type { Population } from './population.ts'

const GROUP_BITS = 9
const GROUP_MASK = (1 << GROUP_BITS) - 1
/** In place of a group whose number is as large as that: the population knows it. */
const ELSEWHERE = GROUP_MASK
/** The identity of a card. */
export function peerOf(card: number): number {
  return card >> GROUP_BITS
}

/** The group of its address, 0 for one of its own. */
export function groupOf(card: number, sharedGroups: Uint16Array): number {
  const group = card & GROUP_MASK
  return group === ELSEWHERE ? (sharedGroups[peerOf(card)] as number) : group
}

/** The least card that an identity may have. */
function cardOf(peer: number): number {
  return peer << GROUP_BITS
}

export class Pool {
  /** Cards of identities, in their order. */
  readonly cards: Int32Array
  readonly size: number
  /** Groups by identity. */
  readonly sharedGroups: Uint16Array

  constructor(population: Population, belongs: (peer: number) => boolean) {
    const { sharedGroups } = population
    let size = 0
    const cards = new Int32Array(population.size)
    for (let peer = 0; peer < population.size; peer++) {
      if (!belongs(peer)) continue
      cards[size++] = cardOf(peer) | Math.min(sharedGroups[peer] as number, ELSEWHERE)
    }
    this.size = size
    this.cards = cards.slice(0, size)
    this.sharedGroups = sharedGroups
  }

  /** The place in low..high of the first identity that is `peer` or lies behind it. */
  place(peer: number, low: number, high: number): number {
    const card = cardOf(peer)
    let from = low
    let to = high
    while (from < to) {
      const middle = (from + to) >>> 1
      if ((this.cards[middle] as number) < card) from = middle + 1
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
