/** Counts of one operation, from the events of its query. */
import type { PeerId } from '@libp2p/interface'
import type { QueryEvent } from './dht.ts'

export class Tally {
  /** Requests sent. */
  asked = 0
  /** Answers that came. */
  answered = 0
  /** Requests that failed. */
  failed = 0

  note(event: QueryEvent, self: PeerId): void {
    if (event.name === 'SEND_QUERY') this.asked++
    // What comes from our own store is an event too, but nobody was asked.
    else if (event.name === 'PEER_RESPONSE' && !event.from.equals(self)) this.answered++
    else if (event.name === 'QUERY_ERROR') this.failed++
  }
}
