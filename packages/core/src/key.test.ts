import { anyKey } from '@kadmium/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  commonPrefixLength,
  compareDistance,
  copyKey,
  distanceShare,
  KEY_BITS,
  KEY_WORDS,
  keyFromBytes,
  keysEqual,
  keyText,
  keyToBytes,
} from './key.ts'

const CASES = { numRuns: 1000 }

/** A key as one big number, to check the word-wise arithmetic by. */
function numberOf(key: Uint32Array): bigint {
  return BigInt(`0x${keyText(key)}`)
}

describe('a key', () => {
  it('is the 32 bytes of a digest, most significant first', () => {
    const bytes = Uint8Array.from({ length: 32 }, (_, i) => i)
    expect(keyFromBytes(bytes)[0]).toBe(0x00010203)
    expect(keyFromBytes(bytes)[7]).toBe(0x1c1d1e1f)
    expect(() => keyFromBytes(new Uint8Array(31))).toThrow(RangeError)
    expect(() => keyFromBytes(new Uint8Array(33))).toThrow(RangeError)
  })

  it('goes to bytes, text and copies and back', () => {
    fc.assert(
      fc.property(anyKey, fc.nat(5), (key, at) => {
        expect(keyFromBytes(keyToBytes(key))).toEqual(key)
        const row = new Uint32Array(KEY_WORDS + 5)
        copyKey(key, 0, row, at)
        expect(keysEqual(row, at, key, 0)).toBe(true)
        expect(keyToBytes(row, at)).toEqual(keyToBytes(key))
        expect(keyText(row, at)).toMatch(/^[0-9a-f]{64}$/)
      }),
      CASES,
    )
  })

  it('is as far from another as their XOR says', () => {
    fc.assert(
      fc.property(anyKey, anyKey, anyKey, (target, a, b) => {
        const toA = numberOf(target) ^ numberOf(a)
        const toB = numberOf(target) ^ numberOf(b)
        const order = compareDistance(target, 0, a, 0, b, 0)
        expect(Math.sign(order)).toBe(toA < toB ? -1 : toA > toB ? 1 : 0)
        const share = distanceShare(target, 0, a, 0)
        expect(share).toBeCloseTo(Number(toA) / 2 ** 256, 15)
        expect(share < 1 && share >= 0).toBe(true)
      }),
      CASES,
    )
  })

  it('shares as many leading bits with another as there are zeros in front of their XOR', () => {
    const bitCount = fc.integer({ min: 0, max: KEY_BITS })
    fc.assert(
      fc.property(anyKey, anyKey, bitCount, (a, noise, shared) => {
        // b is a up to bit `shared`, differs there, and is anything behind it.
        const tail = BigInt(KEY_BITS - shared)
        const flipped = shared === KEY_BITS ? 0n : 1n << (tail - 1n)
        const rest = shared === KEY_BITS ? 0n : numberOf(noise) & (flipped - 1n)
        const b = numberOf(a) ^ flipped ^ rest
        const bytes = Uint8Array.from({ length: 32 }, (_, i) =>
          Number((b >> BigInt(8 * (31 - i))) & 0xffn),
        )
        expect(commonPrefixLength(a, 0, keyFromBytes(bytes), 0)).toBe(shared)
      }),
      CASES,
    )
  })
})
