/** No peer in two states: a table has each peer once, in a bucket that has a seat for it, and never its own node. */
import { KEY_BITS, type PeerBook, type PeerRef } from '@kadmium/core'
import type { Column } from '../strategies/strategy.ts'

type Table = Pick<Column, 'members' | 'bucketSeats' | 'benchSeats' | 'inBuckets'>

export class TableCheck {
  private readonly column: Table
  private readonly book: PeerBook
  private readonly members: Int32Array
  private readonly seats: readonly number[]

  constructor(column: Table, book: PeerBook) {
    this.column = column
    this.book = book
    const seats: number[] = [] // BOUNDED: by KEY_BITS
    for (let bucket = 0; bucket < KEY_BITS && column.bucketSeats(bucket) > 0; bucket++)
      seats.push(column.bucketSeats(bucket) + (column.benchSeats ?? 0))
    this.seats = seats
    const all = seats.reduce((sum, each) => sum + each, 0)
    // One more than all seats, so that a table above its bound shows.
    this.members = new Int32Array(all + 1)
  }

  /** What is wrong with a row's table; null where nothing is. `self`: its identity. */
  fault(row: number, self: PeerRef): string | null {
    const { book, members, seats } = this
    if (seats.length === 0) return null
    const count = this.column.members(row, members)
    if (count === members.length) return `node ${self} has more peers than seats`
    const counts = seats.map(() => 0)
    const seen = new Set<PeerRef>() // BOUNDED: by the seats of a table
    let before = 0
    for (const peer of members.subarray(0, count)) {
      if (peer === self) return `node ${self} has itself in its table`
      if (!book.has(peer)) return `node ${self} has ${peer} in its table, who is nobody`
      if (seen.has(peer)) return `node ${self} has peer ${peer} twice in its table`
      seen.add(peer)
      const bucket = Math.min(book.sharedBits(self, peer), seats.length - 1)
      if (this.column.inBuckets && bucket < before)
        return `node ${self} has peer ${peer} of bucket ${bucket} in bucket ${before} or behind`
      before = bucket
      counts[bucket] = (counts[bucket] as number) + 1
    }
    const full = counts.findIndex((here, bucket) => here > (seats[bucket] as number))
    return full < 0
      ? null
      : `node ${self} has ${counts[full]} peers in bucket ${full} of ${seats[full]} seats`
  }
}
