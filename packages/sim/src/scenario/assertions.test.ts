import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Result } from '../measure/result.ts'
import { checkAssertions, parseClaim } from './assertions.ts'

const get = {
  done: 200,
  ok: 199,
  p50Ms: 120.5,
  p90Ms: 300,
  p99Ms: 900,
  rpcs: 5,
  timeouts: 0.25,
  hopsP50: 2,
  hopsP95: 3,
}
const overall = {
  digest: 'ab',
  events: 10,
  eventsPerSecond: 5,
  requests: 4,
  requestsPerSecond: 2,
  lookups: 200,
  lookupsPerSecond: 50,
  bytesPerNode: 8_000,
}
const RESULT: Result = {
  scenario: 'a',
  seed: 1,
  nodes: 100,
  threads: 1,
  wallSeconds: 2,
  peakRssBytes: 3e9,
  strategies: { kadmium: { ...overall, get }, 'go-3': { ...overall, get: { ...get, p50Ms: 600 } } },
}
const holds = (text: string): boolean | undefined => checkAssertions([text], RESULT)[0]?.holds

describe('an assertion', () => {
  test.each([
    ['kadmium.get.ok / kadmium.get.done >= 0.99', true],
    ['kadmium.get.p50Ms * 4 < go-3.get.p50Ms', true],
    ['kadmium.get.p50Ms * 5 < go-3.get.p50Ms', false],
    ['go-3.get.p50Ms-kadmium.get.p50Ms == 479.5', true],
    ['1 + 2 * 3 == 7', true],
    ['(1 + 2) * 3 == 9', true],
    ['10 - 2 - 3 == 5', true],
    ['8 / 4 / 2 == 1', true],
    ['-2 + 3 > -1', true],
    ['-(2 + 3) == -5', true],
    ['peakRssBytes <= 11_000_000_000', true],
    ['1e3 > 999', true],
    ['kadmium.put.p50Ms > 0', false],
    ['kadmium.put.p50Ms <= 0', false],
    ['0 / 0 == 0 / 0', false],
  ])('%s: %s', (text, expected) => {
    expect(holds(text)).toBe(expected)
  })

  test('says what the figures were, each once', () => {
    const text = 'kadmium.get.p50Ms < kadmium.get.p50Ms + kadmium.put.p50Ms'
    expect(checkAssertions([text], RESULT)).toEqual([
      { text, holds: false, found: 'kadmium.get.p50Ms = 120.5, kadmium.put.p50Ms = absent' },
    ])
  })

  test.each([
    ['', 'expected a figure or a number, found the end'],
    ['a.b', 'expected one of < <= > >= ==, found the end'],
    ['a.b < 1 < 2', 'expected the end, or one of + - * /, found “<”'],
    ['a.b < 1 2', 'found “2”'],
    ['a.b < (1', 'expected ), found the end'],
    ['a.b < 1)', 'found “)”'],
    ['a.b = 1', 'can’t read “= 1”'],
    ['a.b < 1s', 'can’t read “1s”'],
    ['process.exit() < 1', 'found “(”'],
    [`${'('.repeat(60)}1 < 2`, 'too many brackets'],
  ])('that is none is refused: %s', (text, reason) => {
    expect(() => parseClaim(text)).toThrow(reason)
  })
})

/** A sum as text, and what JavaScript makes of it. */
const sum: fc.Arbitrary<{ text: string; value: number }> = fc.letrec<{
  sum: { text: string; value: number }
}>((tie) => ({
  sum: fc.oneof(
    { maxDepth: 5 },
    fc.nat(99).map((value) => ({ text: String(value), value })),
    fc
      .tuple(tie('sum'), fc.constantFrom('+', '-', '*', '/'), tie('sum'))
      .map(([a, operator, b]) => ({
        text: `(${a.text} ${operator} ${b.text})`,
        value:
          operator === '+'
            ? a.value + b.value
            : operator === '-'
              ? a.value - b.value
              : operator === '*'
                ? a.value * b.value
                : a.value / b.value,
      })),
  ),
})).sum

test('sums come to what they should', () => {
  fc.assert(
    fc.property(sum, sum, (a, b) => {
      expect(holds(`${a.text} < ${b.text}`)).toBe(a.value < b.value)
      expect(holds(`${a.text} >= ${b.text}`)).toBe(a.value >= b.value)
      expect(holds(`${a.text} == ${b.text}`)).toBe(a.value === b.value)
    }),
    { numRuns: 1_000 },
  )
})
