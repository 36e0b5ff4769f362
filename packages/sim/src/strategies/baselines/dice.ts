/** Dice of each row of a column: from the run's seed and the node's own key, whatever its row. 16 B a row. */
import { KEY_WORDS, nextBelow, RANDOM_WORDS, seedRandom } from '@kadmium/core'
import type { StrategyInit } from '../strategy.ts'

export class Dice {
  private readonly state: Uint32Array

  constructor(init: StrategyInit) {
    const { book, first, count, seed } = init
    this.state = new Uint32Array(count * RANDOM_WORDS)
    for (let row = 0; row < count; row++) {
      seedRandom(
        this.state,
        row * RANDOM_WORDS,
        seed,
        book.keys[(first + row) * KEY_WORDS] as number,
      )
    }
  }

  get bytes(): number {
    return this.state.byteLength
  }

  /** A whole number in 0..bound-1. */
  below(row: number, bound: number): number {
    return nextBelow(this.state, row * RANDOM_WORDS, bound)
  }

  /** Puts the first `count` of a list into random order. */
  shuffle(row: number, list: Int32Array, count: number): void {
    for (let i = count - 1; i > 0; i--) {
      const j = this.below(row, i + 1)
      const item = list[i] as number
      list[i] = list[j] as number
      list[j] = item
    }
  }
}
