/** Counts of one operation, in peers, from the events of its queries. */
import type { PeerId } from '@libp2p/interface'
import type { QueryEvent } from './dht.ts'

/** What a peer did so far; an answer counts, whatever failed before and after it. */
type Conduct = 'asked' | 'failed' | 'answered'

export class Tally {
  /** Bounded by the peers that one operation asks. */
  readonly #peers = new Map<string, Conduct>()

  /** What comes from our own store is an event too, but nobody was asked: `self` is not counted. */
  note(event: QueryEvent, self: PeerId): void {
    if (event.name === 'SEND_QUERY') this.#set(event.to, 'asked')
    else if (event.name === 'QUERY_ERROR') this.#set(event.from, 'failed')
    else if (event.name === 'PEER_RESPONSE' && !event.from.equals(self)) {
      this.#set(event.from, 'answered')
    }
  }

  /** Peers that were asked, and of these: those that answered, and those that failed. */
  counts(): { asked: number; answered: number; failed: number } {
    const conducts = [...this.#peers.values()]
    const count = (wanted: Conduct) => conducts.filter((conduct) => conduct === wanted).length
    return { asked: conducts.length, answered: count('answered'), failed: count('failed') }
  }

  #set(peer: PeerId, conduct: Conduct): void {
    const id = peer.toString()
    const before = this.#peers.get(id)
    if (before === 'answered' || (before === 'failed' && conduct === 'asked')) return
    this.#peers.set(id, conduct)
  }
}
