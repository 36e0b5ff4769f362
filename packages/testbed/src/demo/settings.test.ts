import { expect, test } from 'vitest'
import { budgetMs, overlap, SETTINGS, workMs } from './settings.ts'

const kadDht = SETTINGS.kadDht

test('with ample time each kind has its whole budget', () => {
  expect(budgetMs('put', kadDht, 200_000)).toBe(kadDht.kindBudgetMs)
  expect(budgetMs('bulk', kadDht, 100_000)).toBe(kadDht.bulkBudgetMs)
})

test('when time is short, a kind leaves the later ones what they need at least', () => {
  expect(budgetMs('put', kadDht, 7 * kadDht.leastMs + 1_000)).toBe(1_000)
  expect(budgetMs('put', kadDht, 10_000)).toBe(0)
  expect(budgetMs('bulk', kadDht, kadDht.leastMs + 2_000)).toBe(2_000)
})

test('reads that are held against a floor have no company', () => {
  expect(overlap('get', SETTINGS.kadmium, 10)).toBe(1)
  expect(overlap('get', kadDht, 10)).toBe(5)
  expect(overlap('findProviders', kadDht, 10)).toBe(1)
  expect(overlap('put', SETTINGS.kadmium, 10)).toBe(5)
  expect(overlap('bulk', SETTINGS.kadmium, 10)).toBe(10)
})

test('the work has some time even when none is left', () => {
  expect(workMs('kadmium', 45_000)).toBe(45_000)
  expect(workMs('kadmium', -50_000)).toBe(SETTINGS.kadmium.workLeastMs)
})
