/**
 * The bucket that is being filled: distinct peers in key order, within the caps on groups of addresses. Which groups are
 * closed stands in a byte each, so that most candidates are judged without a branch.
 */
import { below, mix } from './dice.ts'
import type { Pool } from './pool.ts'

/** Most peers of one group of addresses in a bucket and in a table. */
const GROUP_BUCKET_MAX = 2
const GROUP_TABLE_MAX = 3

/** Spans of up to so many times what is wanted are shuffled; out of wider ones peers are drawn, rarely one twice. */
const SHUFFLED_MAX = 4

/** For what a cap refuses there are so many further draws for each peer that is wanted. */
const DRAWS_MAX = 6

/** Up to so many are sorted by insertion, more by bins first. */
const INSERTED_MAX = 24

export class Picks {
  /** Those that are taken, `count` of them; in key order and each once after `sort`. */
  peers: Int32Array
  count = 0
  private self = -1
  private word = 0
  /** 1 for a group of which the bucket or the table bears no more; never for 0, those that are alone in theirs. */
  private readonly closed: Uint8Array
  private readonly inTable: Uint8Array
  private readonly inBucket: Uint8Array
  /** Groups that are counted in the table and in the bucket, and how many these are. */
  private readonly tableGroups: Int32Array
  private readonly bucketGroups: Int32Array
  private tableCount = 0
  private bucketCount = 0
  private readonly bins: Int32Array
  /** Where `sort` sorts to; it and `peers` change places. */
  private other: Int32Array
  private shuffled = new Int32Array(64)

  constructor(seatsMax: number, groups: number) {
    this.peers = new Int32Array(seatsMax)
    this.other = new Int32Array(seatsMax)
    this.bins = new Int32Array(seatsMax + 1)
    this.closed = new Uint8Array(groups + 1)
    this.inTable = new Uint8Array(groups + 1)
    this.inBucket = new Uint8Array(groups + 1)
    this.tableGroups = new Int32Array(groups + 1)
    this.bucketGroups = new Int32Array(groups + 1)
  }

  /** The table of another node begins. */
  beginTable(self: number): void {
    this.self = self
    this.endBucket()
    for (let i = 0; i < this.tableCount; i++) {
      const group = this.tableGroups[i] as number
      this.inTable[group] = 0
      this.closed[group] = 0
    }
    this.tableCount = 0
  }

  /** Another bucket begins, with dice of its own. */
  beginBucket(word: number): void {
    this.count = 0
    this.word = word | 0
    this.endBucket()
  }

  /** 32 dice bits. */
  next(): number {
    this.word = (this.word + 0x9e3779b9) | 0
    return mix(this.word)
  }

  /** Takes `wanted` peers at random from a span of the pool, fewer where caps or the span do not give more. */
  choose(pool: Pool, low: number, high: number, wanted: number): void {
    const size = high - low
    const aim = this.count + wanted
    if (size <= SHUFFLED_MAX * wanted) {
      this.shuffle(size)
      for (let i = 0; i < size && this.count < aim; i++)
        this.take(pool.entries, low + (this.shuffled[i] as number))
      return
    }
    for (let left = DRAWS_MAX * wanted; left > 0 && this.count < aim; left--) {
      this.take(pool.entries, low + below(this.next(), size))
      if (this.count === aim) this.sort()
    }
  }

  /** Takes `wanted` peers from a shuffled span, from a place of the node's own on; fewer where caps do not give more. */
  deal(cards: Int32Array, wanted: number): void {
    const size = cards.length / 2
    const { peers, self, closed } = this
    const aim = this.count + wanted
    let { count } = this
    let at = below(this.next(), size) * 2
    // Everything is held in locals: this loop takes most of the time of a table.
    for (let left = Math.min(size, DRAWS_MAX * wanted); left > 0 && count < aim; left--) {
      const peer = cards[at] as number
      const group = cards[at + 1] as number
      at += 2
      if (at === cards.length) at = 0
      const taken = (closed[group] as number) ^ 1
      peers[count] = peer
      if (peer === self) continue
      count += taken
      if (taken === 1 && group !== 0) this.note(group)
    }
    this.count = count
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
        this.take(pool.entries, place)
    }
  }

  /** In key order, each once. */
  sort(): void {
    if (this.count > INSERTED_MAX) this.sortBins()
    const { peers, count } = this
    let kept = 0
    for (let i = 0; i < count; i++) {
      const peer = peers[i] as number
      let at = kept
      while (at > 0 && (peers[at - 1] as number) > peer) at--
      if (at > 0 && peers[at - 1] === peer) continue
      for (let j = kept; j > at; j--) peers[j] = peers[j - 1] as number
      peers[at] = peer
      kept++
    }
    this.count = kept
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

  /** Takes one peer unless it is the node itself or has too many neighbours. */
  private take(entries: Int32Array, place: number): void {
    const peer = entries[place * 2] as number
    const group = entries[place * 2 + 1] as number
    if (peer === this.self || this.closed[group] === 1) return
    this.peers[this.count++] = peer
    if (group !== 0) this.note(group)
  }

  /** One more of a group is in the bucket and in the table. */
  private note(group: number): void {
    const inTable = this.inTable[group] as number
    const inBucket = this.inBucket[group] as number
    if (inTable === 0) this.tableGroups[this.tableCount++] = group
    if (inBucket === 0) this.bucketGroups[this.bucketCount++] = group
    this.inTable[group] = inTable + 1
    this.inBucket[group] = inBucket + 1
    if (inTable + 1 >= GROUP_TABLE_MAX || inBucket + 1 >= GROUP_BUCKET_MAX) this.closed[group] = 1
  }

  /** Groups that only the bucket had enough of are open again. */
  private endBucket(): void {
    for (let i = 0; i < this.bucketCount; i++) {
      const group = this.bucketGroups[i] as number
      this.inBucket[group] = 0
      this.closed[group] = (this.inTable[group] as number) >= GROUP_TABLE_MAX ? 1 : 0
    }
    this.bucketCount = 0
  }

  /** Brings peers near to their places in key order, one bin for each on average. */
  private sortBins(): void {
    const { peers, other, bins, count } = this
    let least = peers[0] as number
    let most = least
    for (let i = 1; i < count; i++) {
      const peer = peers[i] as number
      if (peer < least) least = peer
      if (peer > most) most = peer
    }
    const scale = count / (most - least + 1)
    bins.fill(0, 0, count + 1)
    for (let i = 0; i < count; i++) {
      const bin = ((((peers[i] as number) - least) * scale) | 0) + 1
      bins[bin] = (bins[bin] as number) + 1
    }
    for (let bin = 1; bin < count; bin++)
      bins[bin] = (bins[bin] as number) + (bins[bin - 1] as number)
    for (let i = 0; i < count; i++) {
      const peer = peers[i] as number
      const bin = ((peer - least) * scale) | 0
      const at = bins[bin] as number
      bins[bin] = at + 1
      other[at] = peer
    }
    this.peers = other
    this.other = peers
  }
}
