/**
 * What the host keeps of each of its nodes, side by side in half a line of the processor's cache: nearly every event
 * needs most of it, and fetching a line takes longer than what is done with it.
 *
 * Bounded by: 32 B a node.
 */
import { alignedInts } from './lines.ts'

export const ROW_WORDS = 8
/** The running digest of what happened to the node. */
export const DIGEST_LOW = 0
export const DIGEST_HIGH = 1
/** When it is to be woken, ms; 0: not at all. */
export const WAKE_AT = 2
/** Messages that it has sent. */
export const SENT = 3

/** The node is certainly up until then, ms; 0: nobody has looked. */
export const UP_UNTIL = 4

export function emptyRows(count: number): Int32Array {
  return alignedInts(count * ROW_WORDS)
}
