import { expect, test } from 'vitest'
import { number, percent, renderTable, times } from './table.ts'

test('the first column stands left, the others right, a row of no cells is a rule', () => {
  const text = renderTable([['operation', 'ms'], [], ['put', '5'], ['get', '1234']])
  expect(text.split('\n')).toEqual([
    'operation    ms',
    '---------------',
    'put           5',
    'get        1234',
  ])
})

test('numbers keep three digits or so, and what is missing is a dash', () => {
  expect([0, 0.123, 12.34, 123.4, 1_234.5, 20].map(number)).toEqual([
    '0',
    '0.12',
    '12.3',
    '123',
    '1235',
    '20',
  ])
  expect([null, undefined, Number.NaN, Number.POSITIVE_INFINITY].map(number)).toEqual([
    '-',
    '-',
    '-',
    '-',
  ])
  expect(percent(1)).toBe('100 %')
  expect(percent(0.9875)).toBe('98.8 %')
})

test('how many times one goes into the other', () => {
  expect(times(300, 5_400)).toBe('18x')
  expect(times(30, 20)).toBe('0.67x')
  expect(times(null, 20)).toBe('-')
  expect(times(0, 20)).toBe('-')
  expect(times(0.1, 0)).toBe('-')
})
