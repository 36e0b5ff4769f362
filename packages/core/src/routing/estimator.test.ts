import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DEFAULT_CONFIG } from '../config.ts'
import { Estimator, halving } from './estimator.ts'
import { BENCHED, EVIDENCE_BYTES, Evidence } from './evidence.ts'
import { Facts } from './facts.ts'

const HOUR_S = 3_600
const estimator = new Estimator(DEFAULT_CONFIG)

/** One row about a peer of whom nothing is known. */
function newcomer(nowS = 0): Evidence {
  const buffer = new ArrayBuffer(EVIDENCE_BYTES)
  const e = new Evidence(buffer, false, new Facts(), new Uint32Array(0), 1)
  e.reset(0, 0)
  estimator.touch(e, 0, nowS)
  return e
}

function succeed(e: Evidence, times: number, nowS = 0): Evidence {
  for (let i = 0; i < times; i++) estimator.success(e, 0, nowS)
  return e
}

function fail(e: Evidence, times: number, soft = false, nowS = 0): Evidence {
  for (let i = 0; i < times; i++) estimator.failure(e, 0, nowS, soft)
  return e
}

describe('halving', () => {
  test('is a power of two to a millionth', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 70, noNaN: true }), (x) => {
        expect(Math.abs(halving(x * 1000, 1000) - 2 ** -x)).toBeLessThan(2e-6)
      }),
      { numRuns: 1000 },
    )
  })

  test('nothing is forgotten in no time, all in an endless one', () => {
    expect(halving(0, 10)).toBe(1)
    expect(halving(-5, 10)).toBe(1)
    expect(halving(Number.POSITIVE_INFINITY, 10)).toBe(0)
    expect(halving(Number.NaN, 10)).toBe(0)
  })
})

describe('reachability', () => {
  test('a newcomer is at one half, good from its second answer on', () => {
    const e = newcomer()
    expect(estimator.score(e, 0, 0)).toBe(0.5)
    expect(estimator.score(succeed(e, 1), 0, 0)).toBeCloseTo(0.59, 2)
    expect(estimator.score(succeed(e, 1), 0, 0)).toBeGreaterThan(DEFAULT_CONFIG.goodScore)
  })

  test('a newcomer is benched by its first failure or its second late answer', () => {
    expect(fail(newcomer(), 1).is(0, BENCHED)).toBe(true)
    expect(fail(succeed(newcomer(), 1), 1).is(0, BENCHED)).toBe(true)
    expect(fail(newcomer(), 1, true).is(0, BENCHED)).toBe(false)
    expect(fail(newcomer(), 2, true).is(0, BENCHED)).toBe(true)
  })

  test('after 1,000 answers the fourth failure in a row benches, or the eighth late answer', () => {
    expect(fail(succeed(newcomer(), 1000), 3).is(0, BENCHED)).toBe(false)
    expect(fail(succeed(newcomer(), 1000), 4).is(0, BENCHED)).toBe(true)
    expect(fail(succeed(newcomer(), 1000), 7, true).is(0, BENCHED)).toBe(false)
    expect(fail(succeed(newcomer(), 1000), 8, true).is(0, BENCHED)).toBe(true)
  })

  test('whatever came before, five failures in a row bench and one answer ends that', () => {
    const outcomes = fc.array(fc.constantFrom('answer', 'failure', 'late'), { maxLength: 200 })
    fc.assert(
      fc.property(outcomes, fc.nat(HOUR_S), (history, gapS) => {
        const e = newcomer()
        let nowS = 0
        for (const outcome of history) {
          nowS += gapS
          if (outcome === 'answer') succeed(e, 1, nowS)
          else fail(e, 1, outcome === 'late', nowS)
          const score = estimator.score(e, 0, nowS)
          expect(score).toBeGreaterThan(0)
          expect(score).toBeLessThan(1)
          expect(e.is(0, BENCHED)).toBe(estimator.benched(e, 0, nowS))
        }
        fail(e, 5, false, nowS)
        expect(e.is(0, BENCHED)).toBe(true)
        succeed(e, 1, nowS)
        expect(e.is(0, BENCHED)).toBe(false)
        expect(estimator.score(e, 0, nowS)).toBeGreaterThanOrEqual(0.5)
      }),
      { numRuns: 1000 },
    )
  })

  test('an answer never lowers the score and a failure never raises it', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2), { maxLength: 60 }), (history) => {
        const e = newcomer()
        for (const outcome of history) {
          const before = estimator.score(e, 0, 0)
          if (outcome === 0) {
            succeed(e, 1)
            expect(estimator.score(e, 0, 0)).toBeGreaterThanOrEqual(before)
          } else {
            fail(e, 1, outcome === 1)
            expect(estimator.score(e, 0, 0)).toBeLessThanOrEqual(before)
          }
        }
      }),
      { numRuns: 1000 },
    )
  })

  test('evidence fades to neutral by the half-life, seen or not', () => {
    const e = succeed(newcomer(), 1000)
    const fresh = estimator.score(e, 0, 0)
    const day = estimator.score(e, 0, 24 * HOUR_S)
    expect(day).toBeLessThan(fresh)
    expect(estimator.score(e, 0, 365 * 24 * HOUR_S)).toBeCloseTo(0.5, 3)
    estimator.touch(e, 0, 24 * HOUR_S)
    expect(e.successes(0)).toBe(25 * 1024)
    expect(estimator.score(e, 0, 24 * HOUR_S)).toBeCloseTo(day, 4)
  })

  test('a clock that stands still or runs back does no harm', () => {
    const e = succeed(newcomer(1_000), 3, 1_000)
    expect(estimator.score(e, 0, 10)).toBe(estimator.score(e, 0, 1_000))
  })
})

describe('back-off', () => {
  test('doubles from 5 s to 4 h, with a second for what the clock rounds off', () => {
    expect([0, 1, 2, 11, 12, 30, 200].map((n) => estimator.backoffS(n))).toEqual([
      6, 11, 21, 10_241, 14_401, 14_401, 14_401,
    ])
  })

  test('failures that come together double it once', () => {
    const e = fail(newcomer(), 4, false, 100)
    expect(e.backoff(0)).toBe(0)
    expect(estimator.dueS(e, 0)).toBe(106)
    fail(e, 3, false, 106)
    expect(e.backoff(0)).toBe(1)
    expect(estimator.dueS(e, 0)).toBe(117)
    // An answer brings it down by steps: who comes and goes is asked less often.
    fail(e, 1, false, 117)
    fail(e, 1, false, 138)
    expect(e.backoff(0)).toBe(3)
    expect(succeed(e, 1, 140).backoff(0)).toBe(1)
  })
})

describe('round trips', () => {
  test('follow Jacobson and Karels to half a millisecond', () => {
    const samples = fc.array(fc.double({ min: 0, max: 10_000, noNaN: true }), { minLength: 1 })
    fc.assert(
      fc.property(samples, (rtts) => {
        const e = newcomer()
        let srtt = 0
        let rttvar = 0
        for (const [i, rtt] of rtts.entries()) {
          expect(estimator.measure(e, 0, rtt)).toBe(i === 0)
          rttvar = i === 0 ? rtt / 2 : rttvar + (Math.abs(rtt - srtt) - rttvar) / 4
          srtt = i === 0 ? rtt : srtt + (rtt - srtt) / 8
        }
        // Rounding to quarters of a millisecond errs by an eighth at each step, of which 7/8 stay.
        expect(Math.abs(estimator.srttMs(e, 0) - srtt)).toBeLessThan(1.3)
        expect(Math.abs(estimator.rttvarMs(e, 0) - rttvar)).toBeLessThan(2.6)
      }),
      { numRuns: 1000 },
    )
  })

  test('any number is bounded, and nonsense is no measurement', () => {
    fc.assert(
      fc.property(fc.array(fc.double()), (rtts) => {
        const e = newcomer()
        for (const rtt of rtts) {
          const before = e.srtt(0)
          estimator.measure(e, 0, rtt)
          if (!(rtt >= 0)) expect(e.srtt(0)).toBe(before)
        }
        expect(estimator.srttMs(e, 0)).toBeLessThanOrEqual(16_384)
        expect(estimator.rttvarMs(e, 0)).toBeLessThanOrEqual(16_384)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('evidence of an earlier run', () => {
  test('is a prior of five observations, whatever it says', () => {
    const numbers = fc.oneof(fc.double(), fc.double({ min: 0, max: 50, noNaN: true }))
    const evidence = fc.record({
      successes: numbers,
      failures: numbers,
      rttMs: numbers,
      rttDeviationMs: numbers,
      dialled: fc.boolean(),
    })
    fc.assert(
      fc.property(evidence, numbers, (saved, ageS) => {
        const e = newcomer()
        estimator.load(e, 0, saved, ageS, 1_000)
        const { successes, failures, rttMs, rttDeviationMs } = estimator.save(e, 0)
        expect(successes + failures).toBeLessThanOrEqual(5.001)
        expect(rttMs).toBeLessThanOrEqual(16_384)
        expect(rttDeviationMs).toBeLessThanOrEqual(16_384)
        const score = estimator.score(e, 0, 1_000)
        expect(e.is(0, BENCHED)).toBe(score < DEFAULT_CONFIG.benchScore)
      }),
      { numRuns: 1000 },
    )
  })

  test('keeps its proportion, and fades with its age', () => {
    const saved = { successes: 40, failures: 10, rttMs: 31, rttDeviationMs: 4, dialled: true }
    const e = newcomer()
    estimator.load(e, 0, saved, 0, 0)
    expect(estimator.save(e, 0)).toEqual({ ...saved, successes: 4, failures: 1 })
    estimator.load(e, 0, { ...saved, failures: 0 }, 4 * 24 * HOUR_S, 0)
    expect(estimator.save(e, 0).successes).toBeCloseTo(2.5, 2)
    estimator.load(e, 0, saved, Number.POSITIVE_INFINITY, 0)
    expect(estimator.score(e, 0, 0)).toBe(0.5)
  })
})
