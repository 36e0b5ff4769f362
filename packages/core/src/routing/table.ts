/**
 * The table: buckets by common prefix length, for n nodes in typed arrays of fixed stride. A bucket's
 * rows lie in the order of their keys. The table knows where a peer sits and whether there is room;
 * who gets in and out is decided by `Holdings`.
 *
 * Bounded by: nodes x (bucketGoodPeers + bucketBenchSeats over all buckets) rows.
 */
import { assert } from '../assert.ts'
import type { Config } from '../config.ts'
import { commonPrefixLength, KEY_BITS, KEY_WORDS } from '../key.ts'
import type { PeerBook, PeerRef } from '../peers.ts'
import type { Estimator } from './estimator.ts'
import { BENCHED, EVIDENCE_BYTES, Evidence } from './evidence.ts'
import type { Facts } from './facts.ts'
import { bitOf, farther, rowOf, type Walk } from './walk.ts'

export class Table {
  readonly evidence: Evidence
  readonly buckets: number
  readonly seatsPerNode: number
  readonly bytesPerNode: number
  /** Changes of seats and of the bench so far, of all nodes together. */
  revision = 0
  private readonly book: PeerBook
  private readonly estimator: Estimator
  private readonly selfKeys: Uint32Array
  private readonly config: Config
  /** Where bucket i begins among a node's rows; one more for the end. */
  private readonly offsets: Uint32Array
  private readonly goodMax: Uint16Array
  private readonly counts: Uint16Array
  private readonly benchedCounts: Uint16Array

  constructor(
    nodes: number,
    config: Config,
    book: PeerBook,
    estimator: Estimator,
    selfKeys: Uint32Array,
    facts: Facts,
    allocate: (bytes: number) => ArrayBufferLike,
  ) {
    const { buckets, bucketGoodPeers: good, bucketBenchSeats } = config
    assert(buckets >= 1 && buckets <= KEY_BITS, 'a table has 1 to 256 buckets')
    assert(good.length > 0, 'the size of the first bucket is given')
    this.book = book
    this.estimator = estimator
    this.selfKeys = selfKeys
    this.config = config
    this.buckets = buckets
    this.offsets = new Uint32Array(buckets + 1)
    this.goodMax = new Uint16Array(buckets)
    for (let i = 0; i < buckets; i++) {
      this.goodMax[i] = good[Math.min(i, good.length - 1)] as number
      const seats = (this.goodMax[i] as number) + bucketBenchSeats
      assert(seats <= 0xffff, 'a bucket has at most 65,535 seats')
      this.offsets[i + 1] = (this.offsets[i] as number) + seats
    }
    this.seatsPerNode = this.offsets[buckets] as number
    this.bytesPerNode = this.seatsPerNode * EVIDENCE_BYTES + buckets * 4 + 4
    const { seatsPerNode } = this
    const filled = new Uint32Array(allocate(nodes * 4))
    const buffer = allocate(nodes * seatsPerNode * EVIDENCE_BYTES)
    this.evidence = new Evidence(buffer, false, facts, filled, seatsPerNode)
    this.counts = new Uint16Array(allocate(nodes * buckets * 2))
    this.benchedCounts = new Uint16Array(allocate(nodes * buckets * 2))
  }

  /** The bucket in which a peer belongs, -1 for the node itself. */
  bucketOf(node: number, peer: PeerRef): number {
    const difference = (this.selfKeys[node * KEY_WORDS] as number) ^ this.book.head(peer)
    if (difference !== 0) return Math.min(Math.clz32(difference), this.buckets - 1)
    return this.bucketOfKey(node, this.book.keys, this.book.at(peer))
  }

  /** The bucket in which a key belongs, -1 for the node's own. */
  bucketOfKey(node: number, key: Uint32Array, keyAt: number): number {
    const bits = commonPrefixLength(this.selfKeys, node * KEY_WORDS, key, keyAt)
    return bits === KEY_BITS ? -1 : Math.min(bits, this.buckets - 1)
  }

  /** The first row of a bucket. */
  first(node: number, bucket: number): number {
    return node * this.seatsPerNode + (this.offsets[bucket] as number)
  }

  /** Peers in a bucket. */
  count(node: number, bucket: number): number {
    return this.counts[node * this.buckets + bucket] as number
  }

  /** Benched ones among them. */
  benchedCount(node: number, bucket: number): number {
    return this.benchedCounts[node * this.buckets + bucket] as number
  }

  /** One peer more or fewer of a bucket is benched. */
  bench(node: number, bucket: number, by: 1 | -1): void {
    this.revision++
    const at = node * this.buckets + bucket
    this.benchedCounts[at] = (this.benchedCounts[at] as number) + by
  }

  size(node: number): number {
    let size = 0
    for (let i = 0; i < this.buckets; i++) size += this.count(node, i)
    return size
  }

  /** The row of a peer in its bucket, -1 when it is not there. */
  find(node: number, bucket: number, peer: PeerRef): number {
    const { refs } = this.evidence
    const from = this.first(node, bucket)
    const to = from + this.count(node, bucket)
    if (this.book.ordered) {
      const row = rowOf(this.evidence, from, to, this.book, peer)
      return row < to && refs[row] === peer ? row : -1
    }
    for (let row = from; row < to; row++) if (refs[row] === peer) return row
    return -1
  }

  /** Whether a newcomer has a place: benched peers take none, and yield their seat if there is no other. */
  hasRoom(node: number, bucket: number): boolean {
    const unbenched = this.count(node, bucket) - this.benchedCount(node, bucket)
    return unbenched < (this.goodMax[bucket] as number)
  }

  /** Good peers that a bucket holds at most. */
  goodSeats(bucket: number): number {
    return this.goodMax[bucket] as number
  }

  /** Whether all seats of a bucket are taken. */
  isFull(node: number, bucket: number): boolean {
    const seats = (this.offsets[bucket + 1] as number) - (this.offsets[bucket] as number)
    return this.count(node, bucket) >= seats
  }

  /** Whether a bucket and its table bear one more of an IP group, the peer in `except` not counted. */
  groupFits(node: number, bucket: number, group: number, except: number): boolean {
    if (group === 0) return true
    const { groupPerBucketMax, groupPerTableMax } = this.config
    let inTable = 0
    for (let i = 0; i < this.buckets; i++) {
      const inBucket = this.groupCount(node, i, group, except)
      if (i === bucket && inBucket >= groupPerBucketMax) return false
      inTable += inBucket
    }
    return inTable < groupPerTableMax
  }

  /** The row to give up when a bucket is full: benched, the worst, the longest silent; -1 when there is none. */
  worstBenched(node: number, bucket: number, nowS: number): number {
    if (this.benchedCount(node, bucket) === 0) return -1
    const e = this.evidence
    const from = this.first(node, bucket)
    const to = from + this.count(node, bucket)
    let worst = -1
    let worstScore = 0
    for (let row = from; row < to; row++) {
      if (!e.is(row, BENCHED)) continue
      const score = this.estimator.score(e, row, nowS)
      if (worst >= 0) {
        if (score > worstScore) continue
        if (score === worstScore && !this.silentLonger(node, row, worst)) continue
      }
      worst = row
      worstScore = score
    }
    return worst
  }

  /** Seats a peer with a row of another evidence, which is to be removed there. The bucket has a seat, and the peer is not benched. */
  insert(node: number, bucket: number, from: Evidence, fromRow: number): number {
    assert(!this.isFull(node, bucket), 'a peer is seated where there is a seat')
    this.revision++
    const e = this.evidence
    const low = this.first(node, bucket)
    const high = low + this.count(node, bucket)
    const row = rowOf(e, low, high, this.book, from.refs[fromRow] as PeerRef)
    e.shift(row, high, 1)
    e.take(row, from, fromRow)
    this.counts[node * this.buckets + bucket] = high - low + 1
    return row
  }

  /** Seats peers that have answered once, in the order of their keys, in an empty bucket; `steps` of `stepOf`. */
  fill(
    node: number,
    bucket: number,
    peers: Int32Array,
    count: number,
    groups: Int32Array | null,
    steps: Uint8Array | null,
    flags: number,
    nowS: number,
  ): void {
    this.revision++
    const first = this.first(node, bucket)
    this.evidence.seat(first, peers, count, flags, groups, steps, nowS)
    this.counts[node * this.buckets + bucket] = count
  }

  /** Writes all peers of a table, in the order of buckets and in each of keys. Returns how many. */
  members(node: number, out: Int32Array): number {
    const { refs } = this.evidence
    let found = 0
    for (let bucket = 0; bucket < this.buckets; bucket++) {
      const from = this.first(node, bucket)
      const to = Math.min(from + this.count(node, bucket), from + out.length - found)
      for (let row = from; row < to; row++) out[found++] = refs[row] as PeerRef
    }
    return found
  }

  /** Frees a seat; what its row had has been released or taken over. */
  remove(node: number, bucket: number, row: number, isBenched: boolean): void {
    this.revision++
    const e = this.evidence
    if (isBenched) this.bench(node, bucket, -1)
    const high = this.first(node, bucket) + this.count(node, bucket)
    e.shift(row + 1, high, -1)
    const at = node * this.buckets + bucket
    this.counts[at] = (this.counts[at] as number) - 1
  }

  /**
   * Leads a walk through a node's buckets, nearest to the key first. Distances to the key of two peers in
   * different buckets differ first in the bit where the nearer bucket's begins: where the node itself
   * differs from the key, a bucket is nearer than all deeper ones, elsewhere farther.
   */
  lead(node: number, key: Uint32Array, keyAt: number, walk: Walk): void {
    const last = this.buckets - 1
    const selfAt = node * KEY_WORDS
    for (let i = 0; i < last && !walk.full; i++) {
      if (bitOf(key, keyAt, i) !== bitOf(this.selfKeys, selfAt, i)) this.leadThrough(node, i, walk)
    }
    this.leadThrough(node, last, walk)
    for (let i = last - 1; i >= 0 && !walk.full; i--) {
      if (bitOf(key, keyAt, i) === bitOf(this.selfKeys, selfAt, i)) this.leadThrough(node, i, walk)
    }
  }

  private leadThrough(node: number, bucket: number, walk: Walk): void {
    const count = this.count(node, bucket)
    if (count === 0) return
    const from = this.first(node, bucket)
    walk.rows(this.evidence, from, from + count)
  }

  private groupCount(node: number, bucket: number, group: number, except: number): number {
    const e = this.evidence
    const from = this.first(node, bucket)
    const to = from + this.count(node, bucket)
    let count = 0
    for (let row = from; row < to; row++) if (e.group(row) === group && row !== except) count++
    return count
  }

  private silentLonger(node: number, a: number, b: number): boolean {
    const { evidence: e } = this
    const { refs } = e
    const difference = e.lastSuccess(a) - e.lastSuccess(b)
    if (difference !== 0) return difference < 0
    return farther(this.book, this.selfKeys, node, refs[a] as PeerRef, refs[b] as PeerRef)
  }
}
