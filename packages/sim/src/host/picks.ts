/** Keys that share a given number of leading bits with a node's own: where its own walks lead. */
import { KEY_BITS, KEY_WORDS, type Key } from '@kadmium/core'

/** Exactly `bits` bits are shared (256: the key itself); all behind them come from `word(i)`, 32 bits each. */
export function pickKey(
  own: Uint32Array,
  ownAt: number,
  bits: number,
  word: (index: number) => number,
): Key {
  const key = new Uint32Array(KEY_WORDS)
  for (let i = 0; i < KEY_WORDS; i++) {
    const self = own[ownAt + i] as number
    const shared = Math.min(Math.max(bits - 32 * i, 0), 32)
    if (shared === 32) {
      key[i] = self
      continue
    }
    const rest = 0xffff_ffff >>> shared
    const differs = bits < KEY_BITS && bits >= 32 * i ? 0x8000_0000 >>> shared : 0
    key[i] = ((self & ~rest) | (word(i) & rest & ~differs) | (~self & differs)) >>> 0
  }
  return key
}
