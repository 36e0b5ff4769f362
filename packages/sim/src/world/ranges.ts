/** Sorted keys by prefix: which ranks share so many bits with a key. A rank is a place in key order. */
import { KEY_WORDS } from '@kadmium/core'

/** Bits by which the index is made: about four identities in each of its cells, and at most 2^18 cells. */
export function indexBits(size: number): number {
  return Math.min(18, Math.max(0, 29 - Math.clz32(size)))
}

/** The first rank of each prefix of `indexBits` bits, and one more for the end. */
export function buildIndex(keys: Uint32Array, size: number, index: Uint32Array): void {
  const shift = 32 - indexBits(size)
  let cell = 0
  for (let rank = 0; rank < size; rank++) {
    // A shift by 32 would be none at all.
    const prefix = shift === 32 ? 0 : (keys[rank * KEY_WORDS] as number) >>> shift
    while (cell <= prefix) index[cell++] = rank
  }
  while (cell < index.length) index[cell++] = size
}

export class Ranges {
  private readonly keys: Uint32Array
  private readonly size: number
  private readonly index: Uint32Array
  private readonly bits: number

  constructor(keys: Uint32Array, size: number, index: Uint32Array) {
    this.keys = keys
    this.size = size
    this.index = index
    this.bits = indexBits(size)
  }

  /** The first rank in low..high-1 whose bit `bit` is 1, `high` for none. All of them share the bits before it. */
  split(low: number, high: number, bit: number): number {
    const { keys } = this
    const word = bit >>> 5
    const mask = (0x8000_0000 >>> (bit & 31)) >>> 0
    let from = low
    let to = high
    while (from < to) {
      const middle = (from + to) >>> 1
      if (((keys[middle * KEY_WORDS + word] as number) & mask) === 0) from = middle + 1
      else to = middle
    }
    return from
  }

  /** The first rank that shares `bits` bits with the key or lies behind all that do. */
  low(key: Uint32Array, at: number, bits: number): number {
    return this.edge(key, at, bits, false)
  }

  /** One more than the last rank that shares `bits` bits with the key. */
  high(key: Uint32Array, at: number, bits: number): number {
    return this.edge(key, at, bits, true)
  }

  private edge(key: Uint32Array, at: number, bits: number, behind: boolean): number {
    if (bits === 0) return behind ? this.size : 0
    const top = key[at] as number
    if (bits <= this.bits) {
      const prefix = (top >>> (32 - bits)) + (behind ? 1 : 0)
      return this.index[prefix * 2 ** (this.bits - bits)] as number
    }
    const cell = this.bits === 0 ? 0 : top >>> (32 - this.bits)
    let from = this.index[cell] as number
    let to = this.index[cell + 1] as number
    while (from < to) {
      const middle = (from + to) >>> 1
      const order = this.comparePrefix(middle * KEY_WORDS, key, at, bits)
      if (order < 0 || (behind && order === 0)) from = middle + 1
      else to = middle
    }
    return from
  }

  /** Negative where the key at `row` lies before all that share `bits` bits with the given one, 0 where it shares them. */
  private comparePrefix(row: number, key: Uint32Array, at: number, bits: number): number {
    const { keys } = this
    const words = bits >>> 5
    for (let i = 0; i < words; i++) {
      const one = keys[row + i] as number
      const other = key[at + i] as number
      if (one !== other) return one < other ? -1 : 1
    }
    const rest = bits & 31
    if (rest === 0) return 0
    const one = (keys[row + words] as number) >>> (32 - rest)
    const other = (key[at + words] as number) >>> (32 - rest)
    return one - other
  }
}
