/**
 * Wide spans of a pool, shuffled. Rows in key order share their wide spans, so each is shuffled once and every row is dealt
 * what follows a place of its own: a uniform choice without a peer twice, read from one place in memory, where single
 * draws would look at hundreds. Two rows overlap as much as by chance, only less often and then in a longer run.
 */
import { below, DRAW, draw, mix } from './dice.ts'
import type { Pool } from './pool.ts'

/** Spans of less than so many times what is wanted are no deck: rows would be dealt the same runs. */
const DECK_MIN = 32

export class Decks {
  private readonly pool: Pool
  private readonly seed: number
  /** The deck of each bucket and which span it is of. */
  private readonly cards: Int32Array[] = []
  private readonly lows: Int32Array
  private readonly highs: Int32Array

  constructor(pool: Pool, buckets: number, seed: number) {
    this.pool = pool
    this.seed = seed
    this.lows = new Int32Array(buckets).fill(-1)
    this.highs = new Int32Array(buckets).fill(-1)
    for (let i = 0; i < buckets; i++) this.cards.push(new Int32Array(0))
  }

  /** Whether a span is wide enough to be dealt from. */
  isDeck(size: number, wanted: number): boolean {
    return size >= DECK_MIN * wanted
  }

  /** The span in an order that depends on the seed and the span alone. */
  of(bucket: number, low: number, high: number): Int32Array {
    if (this.lows[bucket] !== low || this.highs[bucket] !== high) this.shuffle(bucket, low, high)
    return this.cards[bucket] as Int32Array
  }

  private shuffle(bucket: number, low: number, high: number): void {
    const cards = this.pool.cards.slice(low, high)
    let word = draw(this.seed, low, bucket, DRAW.deck)
    for (let i = high - low - 1; i > 0; i--) {
      word = (word + 0x9e3779b9) | 0
      const other = below(mix(word), i + 1) | 0
      const held = cards[i] as number
      cards[i] = cards[other] as number
      cards[other] = held
    }
    this.cards[bucket] = cards
    this.lows[bucket] = low
    this.highs[bucket] = high
  }
}
