import { expect, test } from 'vitest'
import type { StrategyFigures } from './measure/result.ts'
import { runScenario } from './run.ts'
import { loadScenario } from './scenario/load.ts'

const NODES = 3000

/** The scenario `million` as it is, but for how many nodes there are and for how long. */
async function cut(threads: number): Promise<StrategyFigures> {
  const scenario = await loadScenario('million', {
    nodes: NODES,
    threads,
    set: [
      'workload.perSecond=100',
      'workload.subjects=200',
      'phases.warm-up.seconds=1',
      'phases.measure.seconds=3',
    ],
  })
  const { result, violations } = await runScenario(scenario)
  expect(violations.kadmium).toEqual([])
  return result.strategies.kadmium as StrategyFigures
}

test('a cut million has one digest on 1, 2 and 4 workers, and its nodes take no more than they may', {
  timeout: 300_000,
}, async () => {
  const one = await cut(1)
  expect(one.digest).toMatch(/^[0-9a-f]{16}$/)
  expect(one.get?.ok).toBe(one.get?.done)
  for (const threads of [2, 4]) {
    const { digest, events, get, table } = await cut(threads)
    expect({ digest, events, get, table }).toEqual({
      digest: one.digest,
      events: one.events,
      get: one.get,
      table: one.table,
    })
  }
  // A million may take 9,000 bytes each. Tables are narrower here, but their columns, 5,300 bytes, are as wide.
  expect(one.bytesPerNode).toBeGreaterThan(5_000)
  expect(one.bytesPerNode).toBeLessThan(6_500)
})
