/** Peers that wait to be pinged for js's table, each once, in the order in which they were named. */
import { NO_PEER, type PeerRef } from '@kadmium/core'

const QUEUE_MAX = 16_384

export class PingQueues {
  private readonly queues: (Set<PeerRef> | null)[] // BOUNDED: by rows, each by QUEUE_MAX

  constructor(rows: number) {
    this.queues = new Array<Set<PeerRef> | null>(rows).fill(null)
  }

  get bytes(): number {
    return this.queues.length * 8
  }

  add(row: number, peer: PeerRef): void {
    const queue = this.queues[row] ?? new Set<PeerRef>()
    this.queues[row] = queue
    if (queue.size < QUEUE_MAX) queue.add(peer)
  }

  /** Takes out the next one; `NO_PEER` where nobody waits. */
  take(row: number): PeerRef {
    for (const peer of this.queues[row] ?? []) {
      this.queues[row]?.delete(peer)
      return peer
    }
    this.queues[row] = null
    return NO_PEER
  }

  clear(row: number): void {
    this.queues[row] = null
  }
}
