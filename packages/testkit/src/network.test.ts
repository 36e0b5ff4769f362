import { compareDistance, KEY_WORDS, keyText, Random } from '@kadmium/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyKey } from './arbitraries.ts'
import { Network } from './network.ts'

describe('a model network', () => {
  const network = new Network({ nodes: 300, deadPercent: 30, seed: 5 })
  const everybody = Array.from({ length: network.size }, (_, node) => node)

  function sorted(nodes: readonly number[], target: Uint32Array): number[] {
    const { keys } = network
    const compare = (a: number, b: number): number =>
      compareDistance(target, 0, keys, a * KEY_WORDS, keys, b * KEY_WORDS)
    return [...nodes].sort(compare)
  }

  function closest(node: number, target: Uint32Array, count: number): number[] {
    const out = new Int32Array(count)
    return [...out.subarray(0, network.closest(node, target, 0, count, out))]
  }

  const bits = everybody.map((node) =>
    [...keyText(network.keys, node * KEY_WORDS)]
      .map((digit) => Number.parseInt(digit, 16).toString(2).padStart(4, '0'))
      .join(''),
  )

  /** Whether b shares so many bits with a and no more. */
  function inBucket(a: string, b: string, bucket: number): boolean {
    return b.startsWith(a.slice(0, bucket)) && a[bucket] !== b[bucket]
  }

  it('has the share of dead nodes that was asked for, and is the same for the same seed', () => {
    expect(everybody.filter((node) => network.isDead(node))).toHaveLength(90)
    const again = new Network({ nodes: 300, deadPercent: 30, seed: 5 })
    const key = new Uint32Array(KEY_WORDS)
    const out = new Int32Array(20)
    again.closest(7, key, 0, 20, out)
    expect(again.keys).toEqual(network.keys)
    expect([...out]).toEqual(closest(7, key, 20))
  })

  it('fills each bucket with 20, or with all there are', () => {
    const random = new Random(1)
    for (let round = 0; round < 10; round++) {
      const node = random.below(network.size)
      const table = closest(node, new Uint32Array(KEY_WORDS), network.size)
      expect(table).not.toContain(node)
      expect(new Set(table).size).toBe(table.length)
      const others = everybody.filter((other) => other !== node)
      for (let bucket = 0; bucket < 16; bucket++) {
        const range = others.filter((other) =>
          inBucket(bits[node] as string, bits[other] as string, bucket),
        )
        const entries = table.filter((other) => range.includes(other))
        expect(entries).toHaveLength(Math.min(20, range.length))
      }
    }
  })

  it('answers with the nearest entries of the table', () => {
    fc.assert(
      fc.property(anyKey, fc.nat(299), fc.integer({ min: 1, max: 40 }), (target, node, count) => {
        const table = closest(node, target, network.size)
        expect(table).toEqual(sorted(table, target))
        expect(closest(node, target, count)).toEqual(table.slice(0, count))
      }),
    )
  })

  it('knows the truth', () => {
    fc.assert(
      fc.property(anyKey, fc.nat(299), fc.integer({ min: 1, max: 40 }), (target, except, count) => {
        const out = new Int32Array(count)
        const found = network.nearestLive(target, 0, count, except, out)
        const live = everybody.filter((node) => !network.isDead(node) && node !== except)
        expect([...out.subarray(0, found)]).toEqual(sorted(live, target).slice(0, count))
      }),
    )
  })
})
