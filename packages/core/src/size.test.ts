import { describe, expect, it } from 'vitest'
import { compareDistance, KEY_WORDS } from './key.ts'
import { PeerBook } from './peers.ts'
import { Random } from './random.ts'
import { NetworkSize } from './size.ts'

const K = 20

/** Estimates after walks to random keys among so many nodes. */
function estimates(nodes: number, walks: number): number[] {
  const random = new Random(nodes)
  const key = (): Uint32Array => Uint32Array.from({ length: KEY_WORDS }, () => random.word())
  const book = new PeerBook({ fixed: true, capacity: nodes })
  const peers = Array.from({ length: nodes }, () => book.add(key()))
  const sizes = new NetworkSize(2, book)
  const seen: number[] = []
  for (let walk = 0; walk < walks; walk++) {
    const target = key()
    const { keys } = book
    peers.sort((a, b) => compareDistance(target, 0, keys, book.at(a), keys, book.at(b)))
    sizes.observe(1, target, Int32Array.from(peers.slice(0, K)), Math.min(K, nodes), K)
    seen.push(sizes.estimate(1))
  }
  expect(sizes.estimate(0)).toBe(0) // the other node has seen nothing
  return seen
}

describe('the estimate of the network size', () => {
  it('is there after three walks', () => {
    const [first, second, third] = estimates(500, 3)
    expect([first, second]).toEqual([0, 0])
    expect(third).toBeGreaterThan(500 / 2)
    expect(third).toBeLessThan(500 * 2)
  })

  it('is within a quarter after twenty walks, from 40 nodes to 3,000', () => {
    for (const nodes of [40, 200, 3_000]) {
      const after = estimates(nodes, 20).at(-1) as number
      expect(Math.abs(after / nodes - 1)).toBeLessThan(0.25)
    }
  })

  it('of fewer than k is their number', () => {
    expect(estimates(7, 5).at(-1)).toBeCloseTo(7, 6)
  })
})
