/**
 * Logarithm, exponential and sine out of `+ - * /` and `sqrt`, which IEEE 754 fixes to the last bit, where
 * `Math.log` and its kind may differ between engines: what they decide would then differ in a digest.
 * Errors are below 1e-14 of the value.
 */
import { share } from './dice.ts'

/** The natural logarithm of a finite number above 0. */
export function ln(value: number): number {
  let mantissa = value
  let exponent = 0
  while (mantissa >= 65536) {
    mantissa /= 65536
    exponent += 16
  }
  while (mantissa < 1 / 65536) {
    mantissa *= 65536
    exponent -= 16
  }
  while (mantissa >= Math.SQRT2) {
    mantissa /= 2
    exponent++
  }
  while (mantissa < Math.SQRT2 / 2) {
    mantissa *= 2
    exponent--
  }
  return exponent * Math.LN2 + lnNearOne(mantissa)
}

/** 2 artanh((m - 1) / (m + 1)), for sqrt(1/2) <= m <= sqrt(2): the argument is at most 0.172. */
function lnNearOne(m: number): number {
  const s = (m - 1) / (m + 1)
  const q = s * s
  let sum = 1 / 19
  for (let odd = 17; odd >= 1; odd -= 2) sum = sum * q + 1 / odd
  return 2 * s * sum
}

/** e to the power of a number in -700..700. */
export function exp(value: number): number {
  const turns = Math.round(value / Math.LN2)
  const rest = value - turns * Math.LN2
  let sum = 1
  for (let i = 15; i >= 1; i--) sum = 1 + (rest / i) * sum
  const step = turns < 0 ? 0.5 : 2
  for (let i = Math.abs(turns); i > 0; i--) sum *= step
  return sum
}

/** A number above 0 to a power. */
export function power(base: number, exponent: number): number {
  return exp(exponent * ln(base))
}

/** The sine of so many whole turns. */
export function sineOfTurns(turns: number): number {
  let turn = turns - Math.floor(turns)
  let sign = 1
  if (turn >= 0.5) {
    turn -= 0.5
    sign = -1
  }
  if (turn > 0.25) turn = 0.5 - turn
  const x = turn * 6.283185307179586
  const q = x * x
  let sum = 1
  for (let i = 20; i >= 2; i -= 2) sum = 1 - (q / (i * (i + 1))) * sum
  return sign * x * sum
}

/** An exponential variate of mean 1 out of 32 bits: at most 22.9. */
export function exponential(word: number): number {
  return -ln(share(word))
}

/** The gamma function of a number in 1..20 (Lanczos 1964, g = 7, nine terms as by Godfrey). */
export function gamma(value: number): number {
  const x = value - 1
  let sum = 0.99999999999980993
  for (let i = 0; i < LANCZOS.length; i++) sum += (LANCZOS[i] as number) / (x + i + 1)
  const t = x + 7.5
  return 2.5066282746310002 * power(t, x + 0.5) * exp(-t) * sum
}

const LANCZOS: readonly number[] = [
  676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
]
