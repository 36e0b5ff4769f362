/** Which identities a bucket may hold: keys of the book ascend, so that they are a contiguous range of refs. */
import { KEY_WORDS, type PeerBook, type PeerRef } from '@kadmium/core'

export class BucketRange {
  low = 0
  high = 0
  private readonly book: PeerBook

  constructor(book: PeerBook) {
    this.book = book
  }

  /** All that share exactly `bits` leading bits with the peer; `low` to before `high`. `bits` below 256. */
  find(self: PeerRef, bits: number): this {
    // Where the peer's bit is set its siblings come before all that share one bit more, else behind.
    const word = this.book.keys[self * KEY_WORDS + (bits >>> 5)] as number
    const isSet = ((word >>> (31 - (bits & 31))) & 1) === 1
    const { low: wideLow, high: wideHigh } = this.sharing(self, bits)
    const { low, high } = this.sharing(self, bits + 1)
    this.low = isSet ? wideLow : high
    this.high = isSet ? low : wideHigh
    return this
  }

  /** All that share at least so many leading bits. */
  private sharing(self: PeerRef, bits: number): { low: number; high: number } {
    let low = 0
    let high = self
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.shares(self, middle, bits)) high = middle
      else low = middle + 1
    }
    const first = low
    low = self
    high = this.book.size
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.shares(self, middle, bits)) low = middle + 1
      else high = middle
    }
    return { low: first, high: low }
  }

  private shares(a: PeerRef, b: PeerRef, bits: number): boolean {
    const { keys } = this.book
    const words = bits >>> 5
    for (let i = 0; i < words; i++) {
      if (keys[a * KEY_WORDS + i] !== keys[b * KEY_WORDS + i]) return false
    }
    const rest = bits & 31
    if (rest === 0) return true
    const difference =
      ((keys[a * KEY_WORDS + words] as number) ^ (keys[b * KEY_WORDS + words] as number)) >>> 0
    return difference >>> (32 - rest) === 0
  }
}
