/**
 * Notes who comes into the table and leaves it, who is benched there and returns from the bench, for logs
 * and metrics. It compares the table with what it was, and only when the core says that it has changed
 * and somebody wants to know.
 *
 * Bounded by: the seats of the table.
 */
import type { Nodes, PeerRef } from '@kadmium/core'
import type { PeerId } from '@libp2p/interface'
import type { Directory } from './directory.ts'

export type TableChange = 'added' | 'removed' | 'benched' | 'returned'

export interface TableWatchInit {
  nodes: Pick<Nodes, 'config' | 'routing'>
  directory: Pick<Directory, 'peerId'>
  now: () => number
  isWanted: () => boolean
  onChange: (change: TableChange, peer: PeerId) => void
}

interface Seat {
  peer: PeerId
  benched: boolean
  /** The look at which the peer was last seen there. */
  look: number
}

export class TableWatch {
  private readonly init: TableWatchInit
  private readonly seats = new Map<PeerRef, Seat>() // BOUNDED: by the seats of the table
  private revision = 0
  private looks = 0

  constructor(init: TableWatchInit) {
    this.init = init
  }

  /** Tells what has changed since the last look. */
  look(): void {
    const { nodes, isWanted, now, onChange } = this.init
    const { routing, config } = nodes
    if (routing.revision === this.revision || !isWanted()) return
    this.revision = routing.revision
    this.looks++
    const nowMs = now()
    for (let bucket = 0; bucket < config.buckets; bucket++) {
      if (routing.bucketSize(0, bucket) === 0) continue
      for (const { peer, state } of routing.bucketStack(0, bucket, nowMs)) {
        this.seen(peer, state === 'benched')
      }
    }
    for (const [ref, { peer, look }] of this.seats) {
      if (look === this.looks) continue
      this.seats.delete(ref)
      onChange('removed', peer)
    }
  }

  private seen(ref: PeerRef, benched: boolean): void {
    const { directory, onChange } = this.init
    const seat = this.seats.get(ref)
    if (seat === undefined) {
      const peer = directory.peerId(ref)
      if (peer === null) return
      this.seats.set(ref, { peer, benched, look: this.looks })
      onChange('added', peer)
      return
    }
    seat.look = this.looks
    if (seat.benched === benched) return
    seat.benched = benched
    onChange(benched ? 'benched' : 'returned', seat.peer)
  }
}
