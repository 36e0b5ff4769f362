/** Keys that share a given number of leading bits with a node's own: where its own walks lead. */
import { type Input, KEY_BITS, KEY_WORDS, type Key } from '@kadmium/core'
import { PICK } from '../engine/draws.ts'
import { draw } from '../world/dice.ts'
import type { HostInit } from './host-init.ts'

const SOME_BYTES = new Uint8Array(1)

/** Exactly `bits` bits are shared (256: the key itself); all behind them come from `word(i)`, 32 bits each. */
function pickKey(
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

/** The keys that a worker's nodes walk to, to look after their tables. */
export class WalkKeys {
  private readonly init: HostInit
  /** Keys that each node has had. */
  private readonly turns: Int32Array

  constructor(init: HostInit) {
    this.init = init
    this.turns = new Int32Array(init.count)
  }

  /** A key that shares so many bits with the node's own. */
  pick(row: number, bits: number): Input {
    const { population, seed, first } = this.init
    const turn = (this.turns[row] as number) + 1
    this.turns[row] = turn
    const self = first + row
    const word = (i: number): number => draw(seed, self, turn * KEY_WORDS + i, PICK)
    const key = pickKey(population.book.keys, population.book.at(self), bits, word)
    return { kind: 'keyPicked', key, keyBytes: SOME_BYTES }
  }
}
