import fc from 'fast-check'
import { expect, test } from 'vitest'
import { exp, exponential, gamma, ln, power, sineOfTurns } from './maths.ts'

const RUNS = { numRuns: 1000 }

const close = (got: number, wanted: number, relative = 1e-13): void =>
  expect(Math.abs(got - wanted)).toBeLessThanOrEqual(relative * Math.max(1, Math.abs(wanted)))

test('logarithm, exponential, power and sine are as the engine says, to 13 digits', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-300, max: 1e300, noNaN: true }), (value) => {
      close(ln(value), Math.log(value))
    }),
    RUNS,
  )
  fc.assert(
    fc.property(fc.double({ min: -600, max: 600, noNaN: true }), (value) => {
      close(exp(value) / Math.exp(value), 1)
      close(sineOfTurns(value), Math.sin(2 * Math.PI * (value - Math.floor(value))))
    }),
    RUNS,
  )
  const base = fc.double({ min: 1e-10, max: 1e3, noNaN: true })
  fc.assert(
    fc.property(base, fc.double({ min: 0.1, max: 5, noNaN: true }), (value, exponent) => {
      close(power(value, exponent) / value ** exponent, 1, 1e-12)
    }),
    RUNS,
  )
})

test('gamma has its known values', () => {
  let factorial = 1
  for (let i = 1; i < 15; i++) {
    close(gamma(i) / factorial, 1, 1e-12)
    factorial *= i
  }
  close(gamma(1.5), Math.sqrt(Math.PI) / 2, 1e-12)
})

test('an exponential variate falls where the word says', () => {
  expect(exponential(0)).toBeLessThan(22.9)
  expect(exponential(0xffff_ffff)).toBeGreaterThan(0)
  close(exponential(0x7fff_ffff), Math.LN2, 1e-9)
})
