/** How many peers of one IP group a table may hold, and how many an answer may name: go's diversity filters (peers.md §1, §3.1). */
import type { Message, PeerRef } from '@kadmium/core'
import type { StrategyInit } from '../strategy.ts'
import type { BucketTable } from './table.ts'

const PER_TABLE_MAX = 3
const PER_BUCKET_MAX = 2
/** A group that an answer names more often is left out of it altogether. */
const PER_ANSWER_MAX = 3

export class Groups {
  private readonly init: StrategyInit
  private readonly table: BucketTable
  /** Peers by group of the table that was asked about last. */
  private readonly counts = new Map<number, number>() // BOUNDED: by the seats of one table
  private row = -1
  private readonly peers: Int32Array

  constructor(init: StrategyInit, table: BucketTable) {
    this.init = init
    this.table = table
    this.peers = new Int32Array(table.buckets * table.seatsPerBucket)
  }

  /** Whether the table has room for one more of the peer's group. */
  admits(row: number, peer: PeerRef): boolean {
    const group = this.init.ipGroup(peer)
    if (group === 0) return true
    if (this.row !== row) this.tally(row)
    if ((this.counts.get(group) ?? 0) >= PER_TABLE_MAX) return false
    const { table } = this
    const bucket = table.bucketOf(row, peer)
    const begin = table.begin(row, bucket)
    let same = 0
    for (let seat = begin; seat < begin + table.count(row, bucket); seat++) {
      if (this.init.ipGroup(table.peerAt(seat)) === group) same++
    }
    return same < PER_BUCKET_MAX
  }

  /** A peer has entered the row's table. */
  entered(row: number, peer: PeerRef): void {
    const group = this.init.ipGroup(peer)
    if (this.row === row && group !== 0) this.counts.set(group, (this.counts.get(group) ?? 0) + 1)
  }

  /** A peer has left the row's table. */
  left(row: number): void {
    if (this.row === row) this.row = -1
  }

  /** Whether an answer names more of the peer's group than may be. */
  crowds(message: Message, peer: PeerRef): boolean {
    const group = this.init.ipGroup(peer)
    if (group === 0) return false
    let same = 0
    for (let i = 0; i < message.closerCount; i++) {
      const named = message.closer[i] as PeerRef
      if (named >= 0 && named < this.init.book.size && this.init.ipGroup(named) === group) same++
    }
    return same > PER_ANSWER_MAX
  }

  private tally(row: number): void {
    this.row = row
    this.counts.clear()
    const count = this.table.members(row, this.peers)
    for (let i = 0; i < count; i++) this.entered(row, this.peers[i] as PeerRef)
  }
}
