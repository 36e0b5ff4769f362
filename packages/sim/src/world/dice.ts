/**
 * The dice of the world. There is no stream that somebody draws from before somebody else: each draw is
 * a hash of what it is for, so that neither the order of calls nor the number of workers changes anything.
 * Whole numbers only; `Math.imul` is exact on every engine.
 */

/** What the world itself draws for. The engine and its host use numbers from 64 on. */
export const DRAW = {
  key: 1,
  region: 2,
  group: 3,
  role: 4,
  wrongServer: 5,
  transport: 6,
  slow: 7,
  stable: 8,
  pair: 9,
  placeX: 10,
  placeY: 11,
  start: 12,
  session: 13,
  away: 14,
  leave: 15,
  arrival: 16,
  fill: 17,
  deck: 18,
} as const

/** A bijection of 32 bits that changes about half of them for each bit of the input (a multiply-xorshift finaliser). */
export function mix(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x21f0aaad)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
  return (mixed ^ (mixed >>> 15)) >>> 0
}

/**
 * 32 bits that belong to (seed, a, b, purpose), each a number of 32 bits. Two lanes are mixed apart and
 * then joined, so that what is drawn for a million identities repeats as often as chance would have it.
 */
export function draw(seed: number, a: number, b: number, purpose: number): number {
  const root = mix(seed + Math.imul(purpose, 0x9e3779b9))
  const one = mix(mix(root ^ Math.imul(a, 0x85ebca6b)) + Math.imul(b, 0xc2b2ae35))
  const two = mix(mix((root + b) ^ 0x6a09e667) ^ a)
  return (one + two) >>> 0
}

/** 32 bits as a share in 0..1, both ends excluded. */
export function share(word: number): number {
  return (word + 0.5) / 0x1_0000_0000
}

/** A whole number in 0..bound-1 out of 32 bits. The bias of at most bound / 2^32 is of no account here. */
export function below(word: number, bound: number): number {
  return Math.floor((word / 0x1_0000_0000) * bound)
}
