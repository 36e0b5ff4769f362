/**
 * Whom to begin with and whom to name: the nearest peers to a key, from the table alone or together with
 * the memory.
 *
 * Bounded by: the caller's list; two lists of that length are kept for the merge.
 */
import { compareDistance } from '../key.ts'
import { NO_PEER, type PeerBook, type PeerRef } from '../peers.ts'
import type { Estimator } from './estimator.ts'
import type { Holdings } from './holdings.ts'
import { hasKey, Walk } from './walk.ts'

const START_LENGTH = 64

export class Selection {
  private readonly book: PeerBook
  private readonly holdings: Holdings
  private readonly walk: Walk
  private inTable = new Int32Array(START_LENGTH) // scratch
  private inMemory = new Int32Array(START_LENGTH) // scratch

  constructor(book: PeerBook, estimator: Estimator, holdings: Holdings) {
    this.book = book
    this.holdings = holdings
    this.walk = new Walk(book, estimator)
  }

  /** Members that are not benched, nearest first, without `exclude`. Returns how many were written. */
  nearest(
    node: number,
    key: Uint32Array,
    keyAt: number,
    count: number,
    nowS: number,
    exclude: PeerRef,
    out: Int32Array,
  ): number {
    const { walk } = this
    walk.begin(key, keyAt, count, nowS, exclude, false, out)
    this.holdings.table.lead(node, key, keyAt, walk)
    return walk.count
  }

  /** Whether table or memory has a peer with this very key. */
  hasKey(node: number, key: Uint32Array, keyAt: number): boolean {
    const { table, memories } = this.holdings
    const bucket = table.bucketOfKey(node, key, keyAt)
    if (bucket < 0) return false
    const seat = table.first(node, bucket)
    const end = seat + table.count(node, bucket)
    if (hasKey(table.evidence, seat, end, this.book, key, keyAt)) return true
    const first = memories.first(node)
    return hasKey(memories.evidence, first, first + memories.size(node), this.book, key, keyAt)
  }

  /** Peers of table and memory worth asking, nearest first; behind them, if there are too few, what is left. */
  seeds(
    node: number,
    key: Uint32Array,
    keyAt: number,
    count: number,
    nowS: number,
    out: Int32Array,
  ): number {
    const limit = Math.min(count, out.length)
    if (this.inTable.length < limit) {
      this.inTable = new Int32Array(limit)
      this.inMemory = new Int32Array(limit)
    }
    const found = this.gather(node, key, keyAt, 0, limit, nowS, false, out)
    return found < limit ? this.gather(node, key, keyAt, found, limit, nowS, true, out) : found
  }

  private gather(
    node: number,
    key: Uint32Array,
    keyAt: number,
    at: number,
    limit: number,
    nowS: number,
    spare: boolean,
    out: Int32Array,
  ): number {
    const { walk, holdings, inTable, inMemory } = this
    walk.begin(key, keyAt, limit - at, nowS, NO_PEER, spare, inTable)
    holdings.table.lead(node, key, keyAt, walk)
    const tableCount = walk.count
    const { memories } = holdings
    const first = memories.first(node)
    const size = memories.size(node)
    let memoryCount = 0
    if (size > 0) {
      walk.begin(key, keyAt, limit - at, nowS, NO_PEER, spare, inMemory)
      walk.rows(memories.evidence, first, first + size)
      memoryCount = walk.count
    }
    return mergeNearest(
      this.book,
      key,
      keyAt,
      inTable,
      tableCount,
      inMemory,
      memoryCount,
      out,
      at,
      limit,
    )
  }
}

/** Merges two lists of peers, each nearest first, into `out` from `at` on, until there are `limit`. Returns how many then are. */
function mergeNearest(
  book: PeerBook,
  key: Uint32Array,
  keyAt: number,
  a: Int32Array,
  aCount: number,
  b: Int32Array,
  bCount: number,
  out: Int32Array,
  at: number,
  limit: number,
): number {
  const { keys } = book
  let i = 0
  let j = 0
  let to = at
  while (to < limit && (i < aCount || j < bCount)) {
    const takesA =
      j >= bCount ||
      (i < aCount &&
        compareDistance(
          key,
          keyAt,
          keys,
          book.at(a[i] as PeerRef),
          keys,
          book.at(b[j] as PeerRef),
        ) <= 0)
    out[to++] = (takesA ? a[i++] : b[j++]) as PeerRef
  }
  return to
}
