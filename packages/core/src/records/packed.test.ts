import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KEY_WORDS } from '../key.ts'
import { packBytes, packKey, unpackBytes } from './packed.ts'

test('packed keys differ wherever keys do', () => {
  const word = fc.integer({ min: 0, max: 0xffffffff })
  const words = fc.array(word, { minLength: KEY_WORDS, maxLength: KEY_WORDS })
  fc.assert(
    fc.property(words, fc.nat(255), (key, bit) => {
      const keys = new Uint32Array([...key, ...key])
      expect(packKey(keys, 0)).toBe(packKey(keys, KEY_WORDS))
      const at = KEY_WORDS + (bit >> 5)
      keys[at] = (keys[at] as number) ^ (1 << (bit & 31))
      expect(packKey(keys, 0)).not.toBe(packKey(keys, KEY_WORDS))
    }),
    { numRuns: 1_000 },
  )
})

test('packed bytes come back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      expect(unpackBytes(packBytes(bytes))).toEqual(bytes)
    }),
    { numRuns: 1_000 },
  )
})
