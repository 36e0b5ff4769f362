import { commonPrefixLength, keyFromBytes, Random } from '@kadmium/core'
import { anyKey } from '@kadmium/testkit'
import { sha256 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { BITS_MAX, randomKeyInBucket } from './random-key.ts'

let hashes = 0

vi.mock('@noble/hashes/sha2.js', async (load) => {
  const real = await load<{ sha256: (bytes: Uint8Array) => Uint8Array }>()
  const counted = (bytes: Uint8Array): Uint8Array => {
    hashes++
    return real.sha256(bytes)
  }
  return { ...real, sha256: counted }
})

beforeEach(() => {
  hashes = 0
})

/** Random bytes that a seed decides. */
function dice(seed: number): (bytes: Uint8Array) => void {
  const random = new Random(seed)
  return (bytes) => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = random.below(256)
  }
}

describe('a random key in a bucket', () => {
  test('shares exactly the bits that were asked for, and its bytes hash to it', () => {
    // Deep buckets cost thousands of hashes each; those have a test of their own.
    fc.assert(
      fc.property(anyKey, fc.nat(6), fc.nat(), (own, bits, seed) => {
        const found = randomKeyInBucket(own, bits, dice(seed))
        if (found === null) return
        expect(commonPrefixLength(own, 0, found.key, 0)).toBe(bits)
        expect(keyFromBytes(sha256(found.keyBytes))).toEqual(found.key)
      }),
      { numRuns: 1_000 },
    )
  })

  test('is found in every bucket up to the limit', () => {
    const own = new Uint32Array(8).fill(0x12345678)
    for (let bits = 0; bits <= BITS_MAX; bits++) {
      const found = randomKeyInBucket(own, bits, dice(bits))
      expect(found && commonPrefixLength(own, 0, found.key, 0), `${bits} bits`).toBe(bits)
    }
  })

  test('is asked for by bytes in the form of a SHA-256 multihash', () => {
    const found = randomKeyInBucket(new Uint32Array(8), 0, dice(1))
    expect(found?.keyBytes).toHaveLength(34)
    expect([...(found?.keyBytes.subarray(0, 2) ?? [])]).toEqual([0x12, 0x20])
  })

  test('is another one for other dice', () => {
    const own = new Uint32Array(8)
    const keys = [1, 2, 3].map((seed) => String(randomKeyInBucket(own, 2, dice(seed))?.key))
    expect(new Set(keys).size).toBe(3)
  })

  test.each([BITS_MAX + 1, 24, 255])('%d bits deep is not looked for', (bits) => {
    expect(randomKeyInBucket(new Uint32Array(8), bits, dice(1))).toBeNull()
    expect(hashes).toBe(0)
  })

  test('costs 2^(bits + 1) hashes on average, and 8 times that at most', () => {
    const bits = 5
    const [runs, expected] = [300, 2 ** (bits + 1)]
    let [worst, sum] = [0, 0]
    for (let seed = 0; seed < runs; seed++) {
      hashes = 0
      randomKeyInBucket(new Uint32Array(8).fill(seed * 0x9e3779b1), bits, dice(seed))
      worst = Math.max(worst, hashes)
      sum += hashes
    }
    expect(worst).toBeLessThanOrEqual(8 * expected)
    expect(sum / runs).toBeGreaterThan(expected * 0.75)
    expect(sum / runs).toBeLessThan(expected * 1.25)
  })

  test('that is not found within the bound is null', () => {
    // One in e^8 searches is given up; in the bucket of half the key space that is 16 misses in a row.
    const own = new Uint32Array(8)
    let missed = 0
    for (let seed = 0; seed < 200_000 && missed === 0; seed++) {
      hashes = 0
      if (randomKeyInBucket(own, 0, dice(seed)) !== null) continue
      missed++
      expect(hashes).toBe(16)
    }
    expect(missed).toBe(1)
  })
})
