/**
 * How large the network is, as go's optimistic provide reckons it (peers.md §3.2): a line through the origin is fitted to the
 * distances of the nearest of each lookup. A lookup weighs 2^(level - 20), where level is how full the key's bucket is.
 *
 * go keeps at most 150 samples of two hours; here the sums of the present hour and of the one before count, which takes 22 B a
 * row instead of a list.
 */
import { distanceShare, KEY_WORDS, type PeerBook } from '@kadmium/core'

/** Lookups until there is an estimate. */
const SAMPLES_MIN = 5
const HOUR_MS = 3_600_000
/** A bucket of this size is full. */
const LEVEL_FULL = 20

export class NetworkSize {
  private readonly book: PeerBook
  /** By row, of the present hour and of the one before: sums of i * distance and of i * i, weighted, and samples. */
  private readonly products: Float32Array
  private readonly squares: Float32Array
  private readonly samples: Uint8Array
  private readonly hours: Int32Array

  constructor(book: PeerBook, rows: number) {
    this.book = book
    this.products = new Float32Array(rows * 2)
    this.squares = new Float32Array(rows * 2)
    this.samples = new Uint8Array(rows * 2)
    this.hours = new Int32Array(rows)
  }

  get bytes(): number {
    const { products, squares, samples, hours } = this
    return products.byteLength + squares.byteLength + samples.byteLength + hours.byteLength
  }

  /** A lookup ended: `peers[0..count)` are the nearest, nearest first, those that failed too. */
  observe(
    row: number,
    key: Uint32Array,
    peers: Int32Array,
    count: number,
    level: number,
    nowMs: number,
  ): void {
    this.turn(row, nowMs)
    const weight = 2 ** (Math.min(level, LEVEL_FULL) - LEVEL_FULL)
    const at = row * 2
    for (let i = 0; i < count; i++) {
      const share = distanceShare(key, 0, this.book.keys, (peers[i] as number) * KEY_WORDS)
      this.products[at] = (this.products[at] as number) + weight * (i + 1) * share
      this.squares[at] = (this.squares[at] as number) + weight * (i + 1) * (i + 1)
    }
    this.samples[at] = Math.min(255, (this.samples[at] as number) + 1)
  }

  /** 0 while too little is known. */
  estimate(row: number, nowMs: number): number {
    this.turn(row, nowMs)
    const at = row * 2
    const samples = (this.samples[at] as number) + (this.samples[at + 1] as number)
    const product = (this.products[at] as number) + (this.products[at + 1] as number)
    if (samples < SAMPLES_MIN || product === 0) return 0
    const slope = product / ((this.squares[at] as number) + (this.squares[at + 1] as number))
    return Math.max(1, 1 / slope - 1)
  }

  private turn(row: number, nowMs: number): void {
    const hour = Math.floor(nowMs / HOUR_MS)
    const passed = hour - (this.hours[row] as number)
    if (passed <= 0) return
    this.hours[row] = hour
    const at = row * 2
    this.products[at + 1] = passed === 1 ? (this.products[at] as number) : 0
    this.squares[at + 1] = passed === 1 ? (this.squares[at] as number) : 0
    this.samples[at + 1] = passed === 1 ? (this.samples[at] as number) : 0
    this.products[at] = 0
    this.squares[at] = 0
    this.samples[at] = 0
  }
}
