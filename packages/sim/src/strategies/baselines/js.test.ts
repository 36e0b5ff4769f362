/** js is held to peers.md §3.4: requests of one lookup and how many of its 20 are the nearest live ones. */
import { Random } from '@kadmium/core'
import { expect, test } from 'vitest'
import { lookupMeans, StaticNetwork } from '../../../test/static-network.ts'
import type { Column } from '../strategy.ts'
import { go } from './go.ts'
import { js } from './js.ts'

/**
 * Published with 30 to 60 lookups each, in another network and with other time-outs; 60 lookups here. All nodes that answer
 * have self-centred tables; `uniform`: the asker's is a full trie of the whole key space.
 */
const PUBLISHED = [
  { dead: 0, paths: 10, uniform: false, rpcs: 342, recall: 20 },
  { dead: 0, paths: 3, uniform: false, rpcs: 118, recall: 20 },
  { dead: 0, paths: 1, uniform: false, rpcs: 41, recall: 20 },
  { dead: 10, paths: 10, uniform: false, rpcs: 320, recall: 20 },
  { dead: 10, paths: 3, uniform: false, rpcs: 110, recall: 20 },
  { dead: 10, paths: 1, uniform: false, rpcs: 40, recall: 19.8 },
  { dead: 30, paths: 10, uniform: false, rpcs: 318, recall: 19.8 },
  { dead: 30, paths: 3, uniform: false, rpcs: 121, recall: 20 },
  { dead: 30, paths: 1, uniform: false, rpcs: 44, recall: 19.2 },
  { dead: 10, paths: 10, uniform: true, rpcs: 85, recall: 20 },
  { dead: 10, paths: 3, uniform: true, rpcs: 75, recall: 20 },
  { dead: 10, paths: 1, uniform: true, rpcs: 36, recall: 20 },
] as const

const networks = new Map<number, StaticNetwork>()

function networkOf(dead: number): StaticNetwork {
  const known = networks.get(dead)
  if (known !== undefined) return known
  const made = new StaticNetwork({ nodes: 10_000, deadPercent: dead, seed: 3 })
  made.serveBy(made.column(go))
  networks.set(dead, made)
  return made
}

/** Every leaf with 20 peers, dead or not. */
function fillWhole(network: StaticNetwork, column: Column, row: number): void {
  const random = new Random(row)
  const peers = Int32Array.from({ length: 20_000 }, () => random.below(network.size))
  column.seat(row, 0, peers, peers.length, 0, null)
}

test.each(PUBLISHED)(
  '$dead % dead, $paths paths, uniform $uniform: $rpcs requests, $recall of 20',
  (published) => {
    const { dead, paths, uniform } = published
    const network = networkOf(dead)
    const column = network.column(js, { paths, discover: false })
    const means = lookupMeans(network, column, 60, (row) => {
      if (column.members(row, new Int32Array(1)) > 0) return
      if (uniform) fillWhole(network, column, row)
      else network.fill(column, row, 20)
    })
    expect(Math.abs(means.rpcs / published.rpcs - 1)).toBeLessThan(0.12)
    expect(Math.abs(means.recall - published.recall)).toBeLessThan(0.6)
  },
)
