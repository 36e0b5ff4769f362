import { expect, test } from 'vitest'
import { nearest } from './distance.ts'

test('the nearest are so by XOR, not by difference', () => {
  const at = (byte: number): { key: Uint8Array } => ({ key: Uint8Array.of(byte, 0) })
  const things = [0b1000_0000, 0b0111_1111, 0b1100_0000, 0b1000_0001].map(at)
  const found = nearest(things, Uint8Array.of(0b1000_0000, 1), 3)
  // 0b0111_1111 differs from the target by one as a number and by all bits as a distance.
  expect(found.map(({ key }) => key[0])).toEqual([0b1000_0000, 0b1000_0001, 0b1100_0000])
})
