import { expect, test } from 'vitest'
import { apportion, CLOUD_2024, REGIONS, rttMs } from './regions.ts'

test('round trips are the same both ways', () => {
  for (const a of REGIONS) {
    for (const b of REGIONS) expect(rttMs(a, b), `${a}-${b}`).toBe(rttMs(b, a))
  }
})

test('round trips stand where the table of measurements has them', () => {
  expect(rttMs('NA', 'EUW')).toBe(115)
  expect(rttMs('AF', 'OC')).toBe(398)
  expect(rttMs('EUN', 'EUN')).toBe(16)
})

test('a population is shared out by the largest remainder', () => {
  const regions = apportion(40, CLOUD_2024)
  expect(regions).toHaveLength(40)
  const count = (region: string): number => regions.filter((one) => one === region).length
  // 19.6, 11.6, 1.6, 0.8, 2, 1.6, 1.6 and four times 0.4.
  expect(['NA', 'EUW', 'EUN', 'EUE', 'EAS', 'CN', 'SEA'].map(count)).toEqual([
    20, 12, 2, 1, 2, 2, 1,
  ])
  expect(apportion(3, { SA: 1, AF: 1, ME: 1 })).toEqual(['SA', 'ME', 'AF'])
})
