/**
 * What Kadabra keeps of each bucket: an epoch of queries through it, and what its peers cost in that epoch. At an epoch's end
 * it says what is to be done with the bucket; who comes in is the strategy's choice.
 *
 * Bounded by: 6 B a seat and 25 B a bucket.
 */
import { NO_PEER, type PeerRef } from '@kadmium/core'
import type { BucketTable } from './table.ts'

/** Weight of a query in the moving average of a bucket's response times. */
const AVERAGE_WEIGHT = 0.05
/** The penalty for a query that went another way: slightly above the moving average. */
const PENALTY_FACTOR = 1.05
const NO_SCORE = -1

export class Bandit {
  private readonly table: BucketTable
  private readonly epochQueries: number
  private readonly queries: Uint16Array
  private readonly averagesMs: Float32Array
  /** Response times of the epoch's queries, in sum. */
  private readonly totalsMs: Float64Array
  /** Mean response time of the epoch before the one that explores. */
  private readonly formerMs: Float32Array
  /** The newcomer that this epoch tries, and who had its seat. */
  private readonly tried: Int32Array
  private readonly replaced: Int32Array
  /** By seat: response times of the queries that went this way, in sum, and how many. */
  private readonly seatMs: Float32Array
  private readonly seatQueries: Uint16Array

  constructor(table: BucketTable, rows: number, epochQueries: number) {
    const buckets = rows * table.buckets
    this.table = table
    this.epochQueries = epochQueries
    this.queries = new Uint16Array(buckets)
    this.averagesMs = new Float32Array(buckets)
    this.totalsMs = new Float64Array(buckets)
    this.formerMs = new Float32Array(buckets).fill(NO_SCORE)
    this.tried = new Int32Array(buckets).fill(NO_PEER)
    this.replaced = new Int32Array(buckets).fill(NO_PEER)
    this.seatMs = new Float32Array(buckets * table.seatsPerBucket)
    this.seatQueries = new Uint16Array(buckets * table.seatsPerBucket)
  }

  get bytes(): number {
    const { queries, averagesMs, totalsMs, formerMs, tried, replaced, seatMs, seatQueries } = this
    const columns = [queries, averagesMs, totalsMs, formerMs, tried, replaced, seatMs, seatQueries]
    return columns.reduce((sum, column) => sum + column.byteLength, 0)
  }

  /** A query went through a seat of a bucket. True when that ends the epoch. */
  noteQuery(row: number, bucket: number, seat: number, tookMs: number): boolean {
    const at = row * this.table.buckets + bucket
    const average = this.averagesMs[at] as number
    this.averagesMs[at] = average === 0 ? tookMs : average + AVERAGE_WEIGHT * (tookMs - average)
    this.totalsMs[at] = (this.totalsMs[at] as number) + tookMs
    this.seatMs[seat] = (this.seatMs[seat] as number) + tookMs
    this.seatQueries[seat] = Math.min(0xffff, (this.seatQueries[seat] as number) + 1)
    this.queries[at] = (this.queries[at] as number) + 1
    return (this.queries[at] as number) >= this.epochQueries
  }

  /** Whether the epoch that ends has tried a newcomer. */
  explored(row: number, bucket: number): boolean {
    return this.formerMs[row * this.table.buckets + bucket] !== NO_SCORE
  }

  /** The seat with the worst score of the epoch; -1 where the bucket is empty. */
  worstSeat(row: number, bucket: number): number {
    const { table } = this
    const at = row * table.buckets + bucket
    const begin = table.begin(row, bucket)
    const penaltyMs = PENALTY_FACTOR * (this.averagesMs[at] as number)
    let worst = -1
    let worstCostMs = Number.NEGATIVE_INFINITY
    for (let seat = begin; seat < begin + table.count(row, bucket); seat++) {
      const others = (this.queries[at] as number) - (this.seatQueries[seat] as number)
      const costMs = (this.seatMs[seat] as number) + others * penaltyMs
      if (costMs <= worstCostMs) continue
      worst = seat
      worstCostMs = costMs
    }
    return worst
  }

  /** The next epoch explores: a newcomer has the seat of another. */
  beginExploring(row: number, bucket: number, tried: PeerRef, replaced: PeerRef): void {
    const at = row * this.table.buckets + bucket
    this.formerMs[at] = (this.totalsMs[at] as number) / Math.max(1, this.queries[at] as number)
    this.tried[at] = tried
    this.replaced[at] = replaced
    this.clear(row, bucket)
  }

  /** The next epoch goes on with what there is. */
  beginPlain(row: number, bucket: number): void {
    this.formerMs[row * this.table.buckets + bucket] = NO_SCORE
    this.clear(row, bucket)
  }

  /** Whether the epoch with the newcomer was slower than the one before. */
  wasWorse(row: number, bucket: number): boolean {
    const at = row * this.table.buckets + bucket
    const mean = (this.totalsMs[at] as number) / Math.max(1, this.queries[at] as number)
    return mean > (this.formerMs[at] as number)
  }

  triedPeer(row: number, bucket: number): PeerRef {
    return this.tried[row * this.table.buckets + bucket] as number
  }

  replacedPeer(row: number, bucket: number): PeerRef {
    return this.replaced[row * this.table.buckets + bucket] as number
  }

  /** Begins a bucket's count anew: its seats have changed hands. */
  clear(row: number, bucket: number): void {
    const at = row * this.table.buckets + bucket
    const begin = this.table.begin(row, bucket)
    this.queries[at] = 0
    this.totalsMs[at] = 0
    this.seatMs.fill(0, begin, begin + this.table.seatsPerBucket)
    this.seatQueries.fill(0, begin, begin + this.table.seatsPerBucket)
  }
}
