import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Samples, Sorted } from './recorder.ts'

function gathered(values: readonly number[]): Float32Array {
  const samples = new Samples()
  for (const value of values) samples.add(value)
  expect(samples.count).toBe(values.length)
  return samples.all
}

test('quantiles are those of a sorted list, however the samples are spread over workers', () => {
  const values = fc.array(fc.integer({ min: 0, max: 1_000 }), { minLength: 1, maxLength: 600 })
  fc.assert(
    fc.property(
      values,
      fc.nat(600),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (all, cut, share) => {
        const sorted = new Sorted([gathered(all.slice(0, cut)), gathered(all.slice(cut))])
        const list = [...all].sort((a, b) => a - b)
        expect([...sorted.values]).toEqual(list)
        const value = sorted.quantile(share)
        expect(list.filter((each) => each <= value).length).toBeGreaterThanOrEqual(
          share * all.length,
        )
        expect(list.filter((each) => each < value).length).toBeLessThanOrEqual(share * all.length)
        expect(sorted.mean()).toBeCloseTo(all.reduce((sum, each) => sum + each, 0) / all.length, 6)
      },
    ),
    { numRuns: 1_000 },
  )
})

test('without samples there is no quantile', () => {
  expect(new Sorted([]).quantile(0.5)).toBeNaN()
  expect(new Sorted([]).distribution()).toEqual({ value: [], share: [] })
})

test('a curve rises to 1 and says how many are at most so large', () => {
  const all = Array.from({ length: 5_000 }, (_, i) => i % 700)
  const { value, share } = new Sorted([gathered(all)]).distribution()
  expect(value.length).toBeLessThanOrEqual(200)
  expect(share.at(-1)).toBe(1)
  for (const [i, one] of value.entries()) {
    if (i > 0) expect(one).toBeGreaterThan(value[i - 1] as number)
    const below = all.filter((each) => each <= one).length / all.length
    expect(below).toBeGreaterThanOrEqual(share[i] as number)
    expect(below - (share[i] as number)).toBeLessThan(0.006)
  }
  expect(new Sorted([gathered([4, 4, 4])]).distribution()).toEqual({ value: [4], share: [1] })
})
