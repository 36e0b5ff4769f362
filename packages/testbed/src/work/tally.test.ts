import { expect, test } from 'vitest'
import type { TestNode } from '../network.ts'
import type { Cost } from './figures.ts'
import type { Outcome } from './operations.ts'
import { bulkFigures, checkHolders, operationFigures, type Stored } from './tally.ts'

const cost: Cost = {
  rpcs: 3,
  sent: 2,
  inVain: 1,
  pings: 0,
  dials: 0,
  connections: 0,
  otherStreams: 0,
  cpuMs: 5,
  idleCpuMs: 1,
  backgroundSeconds: 1,
  backgroundEnded: true,
}

interface Times extends Outcome {
  floorMs?: number
}

const run = (outcomes: Times[]) => ({
  planned: 20,
  results: outcomes.map((outcome) => ({ task: undefined, outcome })),
  seconds: 4,
  cost,
})

test('times are of successes, shares of what was done', () => {
  const figures = operationFigures(
    run([
      { ok: true, ms: 100 },
      { ok: true, ms: 300 },
      { ok: true, ms: 200 },
      { ok: false, ms: 20_000, error: 'timed out' },
    ]),
  )
  expect(figures).toMatchObject({
    planned: 20,
    done: 4,
    ok: 0.75,
    p50Ms: 200,
    p95Ms: 300,
    maxMs: 300,
    rpcs: 3,
    errors: ['timed out'],
  })
  expect(figures).not.toHaveProperty('floorRatioP50')
})

test('the floor ratio is the median over operations, not the ratio of medians', () => {
  const figures = operationFigures(
    run([
      { ok: true, ms: 110, floorMs: 100 },
      { ok: true, ms: 310, floorMs: 100 },
      { ok: true, ms: 210, floorMs: 200 },
      { ok: true, ms: 50, floorMs: Number.POSITIVE_INFINITY },
    ]),
  )
  expect(figures.floorRatioP50).toBeCloseTo(1)
  expect(figures.floorRatioRawP50).toBeCloseTo(1.1)
})

test('nothing done is nothing, not a division by zero', () => {
  expect(operationFigures(run([]))).toMatchObject({ done: 0, ok: 0, p50Ms: null, maxMs: null })
  expect(bulkFigures(run([]), null)).toMatchObject({ keys: 20, done: 0, ok: 0, seconds: 4 })
})

test('a write that no other live node holds is a failure', async () => {
  const nodes = Array.from({ length: 3 }, (_, index) => ({
    index,
    key: Uint8Array.of(index),
  })) as unknown as TestNode[]
  const stored = (writer: number, holders: number[]): Stored => ({
    writer: nodes[writer] as TestNode,
    key: Uint8Array.of(0),
    held: async (node) => holders.includes(node.index),
  })
  const tasks = [stored(0, [0, 1, 2]), stored(1, [1]), stored(2, [0, 1, 2])]
  const checked = await checkHolders(
    {
      planned: 3,
      results: tasks.map((task) => ({ task, outcome: { ok: true, ms: 1 } })),
      seconds: 1,
      cost,
    },
    nodes,
  )
  expect(checked.run.results.map(({ outcome }) => outcome.ok)).toEqual([true, false, true])
  expect(checked.stored).toEqual([tasks[0], tasks[2]])
  expect(checked.holdersP50).toBe(3)
})
