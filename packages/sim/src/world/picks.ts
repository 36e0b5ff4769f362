/**
 * The bucket that is being filled: distinct peers in key order, within the caps on groups of addresses. Which groups are
 * closed stands in a byte each, so that most candidates are judged without a branch.
 */
import { below, mix } from './dice.ts'
import { groupOf, type Pool, peerOf } from './pool.ts'

/** Most peers of one group of addresses in a bucket and in a table. */
const GROUP_BUCKET_MAX = 2
const GROUP_TABLE_MAX = 3

/** Spans of up to so many times what is wanted are shuffled; out of wider ones peers are drawn, rarely one twice. */
const SHUFFLED_MAX = 4

/** For what a cap refuses there are so many further draws for each peer that is wanted. */
const DRAWS_MAX = 6

/** Slots for each peer where a bucket is sorted: with more of them fewer meet, and more have to be looked at. */
const SPREAD = 2

export class Picks {
  /** Those that are taken, `count` of them, in key order and each once, and the group of each: after `end`. */
  readonly peers: Int32Array
  readonly groups: Int32Array
  count = 0
  /** Their cards, in the order in which they were taken until `sort`. */
  private readonly cards: Int32Array
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
  /** Where `sort` lays them out by rank; -1 for none. */
  private readonly slots: Int32Array
  /** Ranks of the bucket: the lowest, and how many. */
  private low = 0
  private size = 1
  private isSorted = true
  private shuffled = new Int32Array(64)

  constructor(seatsMax: number, groups: number) {
    this.peers = new Int32Array(seatsMax)
    this.groups = new Int32Array(seatsMax)
    // One more, since whoever is no pick is written behind the last one.
    this.cards = new Int32Array(seatsMax + 1)
    this.slots = new Int32Array((SPREAD + 1) * seatsMax + 1).fill(-1)
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

  /** Another bucket begins: ranks low..high-1, with dice of its own. */
  beginBucket(word: number, low: number, high: number): void {
    this.count = 0
    this.isSorted = true
    this.low = low
    this.size = high - low
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
        this.take(pool, low + (this.shuffled[i] as number))
      return
    }
    for (let left = DRAWS_MAX * wanted; left > 0 && this.count < aim; left--) {
      this.take(pool, low + (below(this.next(), size) | 0))
      if (this.count === aim) this.sort()
    }
  }

  /** Takes `wanted` peers from a shuffled span of the pool, from a place of the node's own on; fewer where caps do not give more. */
  deal(pool: Pool, deck: Int32Array, wanted: number): void {
    const { sharedGroups } = pool
    const { cards, self, closed } = this
    const size = deck.length
    const aim = this.count + wanted
    let { count } = this
    let at = below(this.next(), size) | 0
    let left = Math.min(size, DRAWS_MAX * wanted)
    while (left > 0 && count < aim) {
      let group = 0
      // This loop takes most of the time of a table: it writes no field, and whether one is taken is no branch.
      while (left > 0 && count < aim && group === 0) {
        const card = deck[at++] as number
        if (at === size) at = 0
        left--
        if (peerOf(card) === self) continue
        const wants = groupOf(card, sharedGroups)
        const taken = (closed[wants] as number) ^ 1
        cards[count] = card
        count += taken
        group = wants & -taken
      }
      if (group !== 0) this.note(group)
    }
    this.count = count
    this.isSorted = false
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
      const peer = peerOf(pool.cards[place] as number)
      if (this.next() < chance(peer) * 0x1_0000_0000) this.take(pool, place)
    }
  }

  /** All are taken: tells them. */
  end(pool: Pool): void {
    this.sort()
    const { cards, peers, groups, count } = this
    for (let i = 0; i < count; i++) {
      const card = cards[i] as number
      peers[i] = peerOf(card)
      groups[i] = groupOf(card, pool.sharedGroups)
    }
  }

  /** In key order, each once: laid out by rank in more slots than peers, so that few meet, and read from there. */
  private sort(): void {
    if (this.isSorted) return
    this.isSorted = true
    const { cards, slots, low, count } = this
    const scale = (SPREAD * count) / this.size
    let end = SPREAD * count
    for (let i = 0; i < count; i++) {
      let card = cards[i] as number
      let at = ((peerOf(card) - low) * scale) | 0
      for (let held = slots[at] as number; held >= 0; held = slots[++at] as number) {
        if (held === card) break
        if (held < card) continue
        slots[at] = card
        card = held
      }
      slots[at] = card
      if (at >= end) end = at + 1
    }
    let kept = 0
    for (let at = 0; at < end; at++) {
      const card = slots[at] as number
      slots[at] = -1
      cards[kept] = card
      kept += 1 + (card >> 31)
    }
    this.count = kept
  }

  /** 0..size-1 in random order. */
  private shuffle(size: number): void {
    if (this.shuffled.length < size) this.shuffled = new Int32Array(2 * size)
    const { shuffled } = this
    for (let i = 0; i < size; i++) {
      const other = below(this.next(), i + 1) | 0
      shuffled[i] = shuffled[other] as number
      shuffled[other] = i
    }
  }

  /** Takes one peer unless it is the node itself or has too many neighbours. */
  private take(pool: Pool, place: number): void {
    const card = pool.cards[place] as number
    const group = groupOf(card, pool.sharedGroups)
    if (peerOf(card) === this.self || this.closed[group] === 1) return
    this.cards[this.count++] = card
    this.isSorted = false
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
}
