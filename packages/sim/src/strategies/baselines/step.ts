/** One call of `handle`: whose, when, and where outputs go. */
import { Outbox, type PeerRef } from '@kadmium/core'

export interface Step {
  row: number
  /** The identity of the row. */
  self: PeerRef
  nowMs: number
  outbox: Outbox
}

/** A step to be filled in by each `handle`. */
export function emptyStep(): Step {
  return { row: 0, self: 0, nowMs: 0, outbox: new Outbox() }
}
