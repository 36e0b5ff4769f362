import { describe, expect, test } from 'vitest'
import { limitOf, quorumOf, reachOf } from './call-options.ts'

describe('what an operation may go by', () => {
  test.each([
    [{}, 'all', 'all'],
    [{ useNetwork: true, useCache: true }, 'all', 'all'],
    [{ useNetwork: false }, 'local', 'local'],
    [{ useCache: false }, 'network', 'all'],
    [{ useNetwork: false, useCache: false }, null, 'local'],
  ])('%o', (options, find, store) => {
    for (const type of ['getValue', 'findProviders', 'findPeer', 'getClosest'] as const) {
      expect(reachOf(type, options)).toBe(find)
    }
    for (const type of ['putValue', 'provide'] as const) expect(reachOf(type, options)).toBe(store)
  })
})

describe('numbers', () => {
  test('that are left out take the default', () => {
    expect(quorumOf({})).toBe(0)
    expect(limitOf({})).toBe(20)
  })

  test('that are given stand', () => {
    expect(quorumOf({ quorum: 7 })).toBe(7)
    expect(limitOf({ limit: 1 })).toBe(1)
    expect(limitOf({ limit: Number.POSITIVE_INFINITY })).toBe(0)
  })

  test.each([0, -1, 1.5, Number.NaN, Number.NEGATIVE_INFINITY])('are refused: %d', (value) => {
    expect(() => quorumOf({ quorum: value })).toThrow('quorum')
    expect(() => limitOf({ limit: value })).toThrow('limit')
  })

  test('of answers are finite', () => {
    expect(() => quorumOf({ quorum: Number.POSITIVE_INFINITY })).toThrow('quorum')
  })
})
