/**
 * The dice. A seeded integer generator (xorshift128, Marsaglia 2003, "Xorshift RNGs") whose state
 * can lie in a column, so that each of a million nodes has dice of its own. No floats in what decides:
 * a chance is a ratio of integers, and two engines draw the same numbers from the same seed.
 */

/** Words of state that a generator needs. */
export const RANDOM_WORDS = 4

/** Spreads a seed over a generator's state at an offset (splitmix32 steps, so near seeds differ at once). */
export function seedRandom(state: Uint32Array, at: number, seed: number, stream: number): void {
  let word = (seed ^ Math.imul(stream + 1, 0x9e3779b9)) >>> 0
  for (let i = 0; i < RANDOM_WORDS; i++) {
    word = (word + 0x9e3779b9) >>> 0
    let mixed = Math.imul(word ^ (word >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    state[at + i] = (mixed ^ (mixed >>> 15)) >>> 0
  }
  if ((state[at] as number) === 0) state[at] = 1
}

/** The next 32 bits, 0..2^32-1, of the generator whose state begins at `at`. */
export function nextWord(state: Uint32Array, at: number): number {
  let t = state[at + 3] as number
  const s = state[at] as number
  state[at + 3] = state[at + 2] as number
  state[at + 2] = state[at + 1] as number
  state[at + 1] = s
  t ^= t << 11
  t ^= t >>> 8
  const word = (t ^ s ^ (s >>> 19)) >>> 0
  state[at] = word
  return word
}

/** A whole number in 0..bound-1, for a bound of 1..2^32. The bias of at most bound/2^32 is of no account here. */
export function nextBelow(state: Uint32Array, at: number, bound: number): number {
  return Math.floor((nextWord(state, at) / 0x1_0000_0000) * bound)
}

/** True in `numerator` of `denominator` draws. */
export function nextChance(
  state: Uint32Array,
  at: number,
  numerator: number,
  denominator: number,
): boolean {
  return nextBelow(state, at, denominator) < numerator
}

/** A generator that stands on its own, for tests, tools and single users. */
export class Random {
  private readonly state = new Uint32Array(RANDOM_WORDS)

  /** The same seed and stream, 32 bits each, give the same draws; streams of one seed are strangers. */
  constructor(seed: number, stream = 0) {
    seedRandom(this.state, 0, seed, stream)
  }

  /** 32 bits. */
  word(): number {
    return nextWord(this.state, 0)
  }

  /** A whole number in 0..bound-1. */
  below(bound: number): number {
    return nextBelow(this.state, 0, bound)
  }

  /** True in `numerator` of `denominator` draws. */
  chance(numerator: number, denominator: number): boolean {
    return nextChance(this.state, 0, numerator, denominator)
  }
}
