import { expect, test } from 'vitest'
import { Exchanges } from './exchanges.ts'

test('an exchange is known until it is closed, and its successor is another', () => {
  const exchanges = new Exchanges()
  const one = exchanges.open(5, 6, 7, 8)
  expect([exchanges.peer(one), exchanges.request(one)]).toEqual([5, 6])
  expect([exchanges.tripMs(one), exchanges.serviceMs(one)]).toEqual([7, 8])
  exchanges.close(one)
  expect(exchanges.has(one)).toBe(false)
  const next = exchanges.open(1, 2, 3, 4)
  expect([next === one, exchanges.has(one), exchanges.has(next)]).toEqual([false, false, true])
  expect(exchanges.has(-1)).toBe(false)
})

test('many wait at once, and too many are an error', () => {
  const exchanges = new Exchanges()
  const open = Array.from({ length: 0x1_0000 }, (_, i) => exchanges.open(i, i, 0, 0))
  expect(open.filter((one, i) => exchanges.peer(one) !== i)).toEqual([])
  expect(() => exchanges.open(0, 0, 0, 0)).toThrow(/65,536/)
})
