/** Bits of keys, the most significant first. */
import type { Key } from '@kadmium/core'

/** Changes a key so that it shares exactly `bits` leading bits with another. */
export function shareBits(key: Key, other: Key, bits: number): void {
  for (let bit = 0; bit <= bits; bit++) {
    const mask = 1 << (31 - (bit & 31))
    const word = bit >>> 5
    const isSet = ((other[word] as number) & mask) !== 0
    const isWanted = bit < bits ? isSet : !isSet
    const before = key[word] as number
    key[word] = isWanted ? before | mask : before & ~mask
  }
}
