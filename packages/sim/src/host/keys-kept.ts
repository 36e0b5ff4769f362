/**
 * The keys of subjects as bytes, kept for those that were read lately: a message has only the subject's number, and bytes of
 * its own for each would cost more than the rest of the message.
 *
 * Bounded by: `KEPT` keys.
 */
import { keyBytesOf } from '../workload/subjects.ts'

/** A power of 2. */
const KEPT = 4096

/** Of a key that is of no subject: nobody asks what it is the hash of. */
const SOME_BYTES: Uint8Array = new Uint8Array(1)

export class KeysKept {
  private readonly keys: Uint8Array[] = new Array<Uint8Array>(KEPT).fill(SOME_BYTES) // BOUNDED: by KEPT
  private readonly subjects = new Int32Array(KEPT).fill(-1)

  /** The bytes of a subject's key; never written to again. `subject` -1: of none. */
  of(subject: number): Uint8Array {
    if (subject < 0) return SOME_BYTES
    const slot = (subject >>> 2) & (KEPT - 1) // above the bits that tell the kind
    if (this.subjects[slot] === subject) return this.keys[slot] as Uint8Array
    const keyBytes = keyBytesOf(subject)
    this.keys[slot] = keyBytes
    this.subjects[slot] = subject
    return keyBytes
  }
}
