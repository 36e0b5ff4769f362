import { expect, test } from 'vitest'
import { floorMs, floorRatio } from './floor.ts'

test('the floor is the cheapest of round trip times standing', () => {
  // 5 x 20 cold, 2 x 60 connected, 1 x 110 pooled: the cold neighbour is best.
  const holders = [
    { rttMs: 20, standing: 'cold' as const },
    { rttMs: 60, standing: 'connected' as const },
    { rttMs: 110, standing: 'pooled' as const },
  ]
  expect(floorMs(holders)).toBe(100)
  expect(floorMs(holders.slice(1))).toBe(110)
  expect(floorMs(holders.slice(1, 2))).toBe(120)
  expect(floorMs([])).toBe(Number.POSITIVE_INFINITY)
})

test('a ratio allows 10 ms for work and is never below 0', () => {
  expect(floorRatio(120, 100)).toBeCloseTo(1.1)
  expect(floorRatio(110, 100)).toBe(1)
  expect(floorRatio(5, 100)).toBe(0)
})
