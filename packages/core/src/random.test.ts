import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nextBelow, nextChance, nextWord, RANDOM_WORDS, Random, seedRandom } from './random.ts'

const CASES = { numRuns: 1000 }

describe('the dice', () => {
  it('draw the same numbers from the same seed, wherever their state lies', () => {
    const here = new Uint32Array(RANDOM_WORDS)
    const there = new Uint32Array(3 + RANDOM_WORDS)
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.nat(0xffffffff), (seed, stream) => {
        seedRandom(here, 0, seed, stream)
        seedRandom(there, 3, seed, stream)
        const alone = new Random(seed, stream)
        for (let i = 0; i < 5; i++) {
          const word = nextWord(here, 0)
          expect(nextWord(there, 3)).toBe(word)
          expect(alone.word()).toBe(word)
        }
      }),
      CASES,
    )
  })

  it('are what they were when a run was written down', () => {
    const dice = new Random(42)
    expect([dice.word(), dice.word(), dice.below(1000), dice.chance(1, 2)]).toMatchInlineSnapshot(`
      [
        362208374,
        4011840093,
        41,
        true,
      ]
    `)
  })

  it('draw whole numbers below the bound', () => {
    const state = new Uint32Array(RANDOM_WORDS)
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.integer({ min: 1, max: 2 ** 32 }), (seed, bound) => {
        seedRandom(state, 0, seed, 0)
        const drawn = nextBelow(state, 0, bound)
        expect(Number.isInteger(drawn) && drawn >= 0 && drawn < bound).toBe(true)
      }),
      CASES,
    )
  })

  it('fall evenly: within five standard deviations of what chance gives, for near seeds too', () => {
    const rounds = 20_000
    const counts = new Uint32Array(10)
    let hits = 0
    for (let seed = 0; seed < rounds; seed++) {
      const dice = new Random(seed)
      const face = dice.below(10)
      counts[face] = (counts[face] as number) + 1
      if (dice.chance(1, 5)) hits++
    }
    const spread = (share: number): number => 5 * Math.sqrt(rounds * share * (1 - share))
    for (const count of counts) expect(Math.abs(count - rounds / 10)).toBeLessThan(spread(0.1))
    expect(Math.abs(hits - rounds / 5)).toBeLessThan(spread(0.2))
  })

  it('with a chance of none or all need no luck', () => {
    const state = new Uint32Array(RANDOM_WORDS)
    seedRandom(state, 0, 7, 0)
    for (let i = 0; i < 100; i++) {
      expect(nextChance(state, 0, 0, 100)).toBe(false)
      expect(nextChance(state, 0, 100, 100)).toBe(true)
    }
  })
})
