/** go is held to peers.md §3.4: requests of one lookup and how many of its 20 are the nearest live ones. */
import { expect, test } from 'vitest'
import { lookupMeans, StaticNetwork } from '../../../test/static-network.ts'
import { go } from './go.ts'

/** Published with 30 to 60 lookups each, in another network and with other time-outs; 120 lookups here. */
const PUBLISHED = [
  { dead: 0, options: {}, rpcs: 40, recall: 20 },
  { dead: 10, options: {}, rpcs: 43, recall: 18.3 },
  { dead: 30, options: {}, rpcs: 42, recall: 15.2 },
  { dead: 0, options: { alpha: 3 }, rpcs: 25, recall: 20 },
  { dead: 10, options: { alpha: 3 }, rpcs: 25, recall: 18 },
  { dead: 30, options: { alpha: 3 }, rpcs: 27, recall: 15 },
  { dead: 0, options: { beta: 20 }, rpcs: 44, recall: 20 },
  { dead: 10, options: { beta: 20 }, rpcs: 69, recall: 20 },
  { dead: 30, options: { beta: 20 }, rpcs: 68, recall: 19.9 },
] as const

const networks = new Map<number, StaticNetwork>()

/** One network for each share of dead nodes; its nodes answer, and each lookup is asked by one with a fresh table. */
function networkOf(dead: number): StaticNetwork {
  const known = networks.get(dead)
  if (known !== undefined) return known
  const made = new StaticNetwork({ nodes: 10_000, deadPercent: dead, seed: 3 })
  made.serveBy(made.column(go))
  networks.set(dead, made)
  return made
}

test.each(PUBLISHED)('$dead % dead, $options: $rpcs requests, $recall of 20', (published) => {
  const network = networkOf(published.dead)
  const column = network.column(go, published.options)
  const means = lookupMeans(network, column, 120, (row) => {
    column.restart?.(row)
    network.fill(column, row)
  })
  expect(Math.abs(means.rpcs / published.rpcs - 1)).toBeLessThan(0.08)
  expect(Math.abs(means.recall - published.recall)).toBeLessThan(0.5)
})
