/**
 * The bucket that is being filled: distinct peers in key order, within the caps on groups of addresses. What is counted for a
 * table or a bucket is marked with its number, so that nothing has to be wiped before the next one.
 */
import { below, mix } from './dice.ts'
import type { Pool } from './pool.ts'

/** Most peers of one group of addresses in a bucket and in a table. */
const GROUP_BUCKET_MAX = 2
const GROUP_TABLE_MAX = 3

export class Picks {
  readonly peers: Int32Array
  count = 0
  private self = -1
  private word = 0
  private table = 0
  private bucket = 0
  private readonly tableMarks: Int32Array
  private readonly bucketMarks: Int32Array
  private shuffled = new Int32Array(64)

  constructor(seatsMax: number, groups: number) {
    this.peers = new Int32Array(seatsMax)
    this.tableMarks = new Int32Array(groups + 1)
    this.bucketMarks = new Int32Array(groups + 1)
  }

  /** The table of another node begins. */
  beginTable(self: number): void {
    this.self = self
    this.table++
  }

  /** Another bucket begins, with dice of its own. */
  beginBucket(word: number): void {
    this.count = 0
    this.word = word
    this.bucket++
  }

  /** 32 dice bits. */
  next(): number {
    this.word = (this.word + 0x9e3779b9) >>> 0
    return mix(this.word)
  }

  /** Takes `wanted` peers at random from a span of the pool, fewer where caps or the span do not give more. */
  choose(pool: Pool, low: number, high: number, wanted: number): void {
    const size = high - low
    const aim = this.count + wanted
    if (size <= 2 * wanted) {
      this.shuffle(size)
      for (let i = 0; i < size && this.count < aim; i++)
        this.take(pool, low + (this.shuffled[i] as number))
      return
    }
    // Each peer that a cap refuses costs a draw; where almost all are refused the bucket stays short.
    const drawsMax = 4 * wanted + 16
    for (let draws = 0; draws < drawsMax && this.count < aim; draws++)
      this.take(pool, low + below(this.next(), size))
  }

  /** Takes each peer of a span with its chance, 0..1, in random order, until there are `seats`. */
  sift(
    pool: Pool,
    low: number,
    high: number,
    seats: number,
    chance: (peer: number) => number,
  ): void {
    this.shuffle(high - low)
    for (let i = 0; i < high - low && this.count < seats; i++) {
      const place = low + (this.shuffled[i] as number)
      if (this.next() < chance(pool.entries[place * 2] as number) * 0x1_0000_0000)
        this.take(pool, place)
    }
  }

  /** 0..size-1 in random order. */
  private shuffle(size: number): void {
    if (this.shuffled.length < size) this.shuffled = new Int32Array(2 * size)
    const { shuffled } = this
    for (let i = 0; i < size; i++) {
      const other = below(this.next(), i + 1)
      shuffled[i] = shuffled[other] as number
      shuffled[other] = i
    }
  }

  /** Takes one peer unless it is there, is the node itself or has too many neighbours. */
  private take(pool: Pool, place: number): void {
    const { peers } = this
    const peer = pool.entries[place * 2] as number
    const group = pool.entries[place * 2 + 1] as number
    if (group !== 0 && !this.fits(group)) return
    let at = this.count
    while (at > 0 && (peers[at - 1] as number) > peer) at--
    if (peer === this.self || (at > 0 && peers[at - 1] === peer)) return
    for (let i = this.count; i > at; i--) peers[i] = peers[i - 1] as number
    peers[at] = peer
    this.count++
    if (group !== 0) this.note(group)
  }

  private fits(group: number): boolean {
    const inTable = (this.tableMarks[group] as number) - this.table * 4
    const inBucket = (this.bucketMarks[group] as number) - this.bucket * 4
    return inTable < GROUP_TABLE_MAX && inBucket < GROUP_BUCKET_MAX
  }

  private note(group: number): void {
    this.tableMarks[group] = Math.max(this.tableMarks[group] as number, this.table * 4) + 1
    this.bucketMarks[group] = Math.max(this.bucketMarks[group] as number, this.bucket * 4) + 1
  }
}
