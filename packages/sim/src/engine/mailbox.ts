/**
 * Words from one worker to another, written in one window and read in the next: two halves in shared memory that swap
 * at each barrier, so that nobody waits and nobody reads what is being written.
 *
 * Bounded by: `WORDS_MAX` of a half; it grows up to that, and a run that needs more ends with an error that says so.
 */

const START_WORDS = 1 << 14
const WORDS_MAX = 1 << 26
const WORD_BYTES = 4

/** What a mailbox lies in; it can be handed to another thread. */
export interface MailboxShared {
  halves: readonly [SharedArrayBuffer, SharedArrayBuffer]
}

export class Mailbox {
  private readonly shared: MailboxShared
  private readonly words: [Int32Array, Int32Array]

  static create(): MailboxShared {
    const half = (): SharedArrayBuffer =>
      new SharedArrayBuffer(START_WORDS * WORD_BYTES, { maxByteLength: WORDS_MAX * WORD_BYTES })
    return { halves: [half(), half()] }
  }

  constructor(shared: MailboxShared) {
    this.shared = shared
    this.words = [fixed(shared.halves[0]), fixed(shared.halves[1])]
  }

  /** Appends a letter of `count` words to the half of this window. */
  post(window: number, letter: Int32Array, from: number, count: number): void {
    const half = window & 1
    const used = (this.words[half] as Int32Array)[0] as number
    const words = this.reserve(half, used + count + 2)
    words[used + 1] = count
    for (let i = 0; i < count; i++) words[used + 2 + i] = letter[from + i] as number
    words[0] = used + count + 1
  }

  /** Hands over all letters that were posted in that window, in order, and empties the half. */
  take(window: number, each: (words: Int32Array, at: number, count: number) => void): void {
    const half = window & 1
    const words = this.open(half)
    const end = words[0] as number
    for (let at = 0; at < end; ) {
      const count = words[at + 1] as number
      each(words, at + 2, count)
      at += count + 1
    }
    words[0] = 0
  }

  private reserve(half: number, length: number): Int32Array {
    const words = this.words[half] as Int32Array
    if (length <= words.length) return words
    if (length > WORDS_MAX)
      throw new RangeError('too many messages in one window: use fewer threads')
    const buffer = this.shared.halves[half] as SharedArrayBuffer
    let wanted = words.length * 2
    while (wanted < length) wanted *= 2
    buffer.grow(wanted * WORD_BYTES)
    return this.open(half)
  }

  /** The half at its present length: the other side may have made it grow. */
  private open(half: number): Int32Array {
    const buffer = this.shared.halves[half] as SharedArrayBuffer
    const words = this.words[half] as Int32Array
    if (buffer.byteLength === words.length * WORD_BYTES) return words
    const grown = fixed(buffer)
    this.words[half] = grown
    return grown
  }
}

/** A view that does not track the buffer's length: reading one that does is slower. */
function fixed(buffer: SharedArrayBuffer): Int32Array {
  return new Int32Array(buffer, 0, buffer.byteLength / WORD_BYTES)
}
