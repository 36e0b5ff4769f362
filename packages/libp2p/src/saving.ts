/**
 * Writes what was learned of peers every 30 s and at the end: to the datastore all that is remembered, to
 * the peer store of libp2p who is in the table.
 */
import { NO_PEER, type Nodes, type PeerRef } from '@kadmium/core'
import type { Logger } from '@libp2p/interface'
import type { Archive } from './archive.ts'
import type { Directory } from './directory.ts'
import type { DriverClock } from './driver.ts'
import { CLOSE_MAX, type Member, type Tags } from './tags.ts'

const INTERVAL_MS = 30_000

export interface SavingInit {
  nodes: Nodes
  directory: Directory
  archive: Pick<Archive, 'savePeers'>
  tags: Pick<Tags, 'update' | 'stop'>
  clock: DriverClock
  log: Logger
}

export class Saving {
  private readonly init: SavingInit
  private timer: { clear: () => void } | null = null
  private readonly nearest = new Int32Array(CLOSE_MAX) // scratch

  constructor(init: SavingInit) {
    this.init = init
  }

  start(): void {
    this.timer = this.init.clock.setTimer(INTERVAL_MS, () => {
      void this.save()
      this.start()
    })
  }

  /** Writes for the last time. */
  async stop(): Promise<void> {
    this.timer?.clear()
    this.timer = null
    await this.save()
    await this.init.tags.stop()
  }

  private async save(): Promise<void> {
    const { archive, tags, log } = this.init
    const members = this.members()
    await archive.savePeers().catch((error) => log.error('could not save peers - %e', error))
    await tags.update(members)
  }

  /** Who is in the table and not benched. */
  private members(): Member[] {
    const { nodes, directory, clock } = this.init
    const { routing, book } = nodes
    const nowMs = clock.now()
    const selfAt = book.at(directory.self)
    const { nearest } = this
    const count = routing.nearest(0, book.keys, selfAt, CLOSE_MAX, nowMs, NO_PEER, nearest)
    const close = new Set<PeerRef>() // BOUNDED: by CLOSE_MAX
    for (let i = 0; i < count; i++) close.add(nearest[i] as PeerRef)
    const members: Member[] = [] // BOUNDED: by the table
    for (const { peer, member } of routing.exportPeers(0)) {
      if (!member) break // members come first
      const id = directory.peerId(peer)
      if (id === null || routing.state(0, peer, nowMs) === 'benched') continue
      members.push({ id, isClose: close.has(peer) })
    }
    return members
  }
}
