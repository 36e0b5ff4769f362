import { expect, test } from 'vitest'
import { median, percentile } from './stats.ts'

test('percentiles are values by their rank, whatever the order they come in', () => {
  const values = [50, 10, 40, 20, 30]
  expect(percentile(values, 0)).toBe(10)
  expect(percentile(values, 20)).toBe(10)
  expect(percentile(values, 21)).toBe(20)
  expect(median(values)).toBe(30)
  expect(percentile(values, 100)).toBe(50)
  expect(values).toEqual([50, 10, 40, 20, 30])
})

test('below 20 values the 95th percentile is the maximum, from 20 on it is not', () => {
  const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1)
  expect(percentile(upTo(19), 95)).toBe(19)
  expect(percentile(upTo(20), 95)).toBe(19)
  expect(percentile(upTo(40), 95)).toBe(38)
})

test('nothing has no percentile', () => {
  expect(percentile([], 95)).toBeUndefined()
  expect(median([])).toBeUndefined()
})
