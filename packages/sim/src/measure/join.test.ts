import { expect, test } from 'vitest'
import { idlePhase, sampleScenario } from '../world/sample.ts'
import { curvesOf, figuresOf, phaseAt, violationsOf } from './join.ts'
import type { OperationSamples, SliceCounts, TallyData } from './tally.ts'

function samples(latencyMs: number[], more: Partial<OperationSamples> = {}): OperationSamples {
  return {
    done: latencyMs.length + 1,
    ok: latencyMs.length,
    latencyMs: Float32Array.from(latencyMs),
    rpcs: Float32Array.from(latencyMs, (_, i) => i + 1),
    timeouts: Float32Array.of(0, 1),
    hops: Float32Array.of(1, 2, 3),
    reached: new Float32Array(),
    recall: new Float32Array(),
    ...more,
  }
}

function tally(more: Partial<TallyData> = {}): TallyData {
  return {
    operations: {},
    slices: [],
    bulk: null,
    lookups: 0,
    digest: [0, 0],
    events: 100,
    requests: 60,
    bytes: 1_000,
    rows: 10,
    measuredWallMs: 500,
    wallMs: 2_000,
    table: null,
    scores: null,
    violations: [],
    ...more,
  }
}

const slice = (done: number, ok: number): SliceCounts => ({ done, ok, rpcs: 3, timeouts: 1, up: 5 })

test('figures of workers are joined, and absent work is absent', () => {
  const figures = figuresOf([
    tally({ operations: { get: samples([30, 10]) }, digest: [1, 2], lookups: 40 }),
    tally({ operations: { get: samples([20, 40]) }, digest: [0xffff_ffff, 1], wallMs: 1_000 }),
  ])
  expect(figures.get).toEqual({
    done: 6,
    ok: 4,
    p50Ms: 20,
    p90Ms: 40,
    p99Ms: 40,
    rpcs: 1.5,
    timeouts: 0.5,
    hopsP50: 2,
    hopsP95: 3,
  })
  expect(figures).toMatchObject({ events: 200, eventsPerSecond: 100, lookups: 40 })
  expect(figures).toMatchObject({ requests: 120, requestsPerSecond: 60 })
  expect([figures.lookupsPerSecond, figures.bytesPerNode]).toEqual([80, 100])
  expect(figures.digest).toBe('0000000300000000')
  for (const name of ['put', 'findPeer', 'bulk', 'table']) expect(figures).not.toHaveProperty(name)
})

test('stores, bulks and tables have figures of their own', () => {
  const put = samples([5], { reached: Float32Array.of(20, 18), recall: Float32Array.of(1, 0.5) })
  const figures = figuresOf([
    tally({
      operations: { put },
      bulk: { keys: 10, lookups: 4, messages: 30, contacts: Int32Array.of(1, 2, 3, 4, 5, 6) },
      table: { nodes: 2, entries: 30, benched: 5, dead: 3, connected: 9 },
    }),
    tally({ bulk: { keys: 10, lookups: 6, messages: 10, contacts: Int32Array.of(5, 6, 7, 8, 9) } }),
  ])
  expect(figures.put).toMatchObject({ reached: 18, recall: 0.75, hopsToAllP95: 3 })
  expect(figures.bulk).toEqual({ keys: 20, lookups: 10, contacts: 9, messagesPerKey: 2 })
  expect(figures.table).toEqual({ entries: 15, benched: 2.5, deadShare: 0.1, connectedShare: 0.3 })
})

test('slices of workers add up, each in its phase', () => {
  const phases = ['warm', 'measure'].map((name) => ({ ...idlePhase(10), name }))
  const scenario = sampleScenario(10, {}, { phases })
  const one = tally({ slices: [slice(1, 1), slice(2, 1), slice(3, 3)] })
  const two = tally({ slices: [slice(4, 2), slice(0, 0), slice(1, 0)] })
  const { slices } = curvesOf(scenario, [one, two], 10, 10)
  expect(
    slices.map(({ atSeconds, phase, done, ok, up }) => [atSeconds, phase, done, ok, up]),
  ).toEqual([
    [0, 'growing', 5, 3, 10],
    [10, 'warm', 2, 1, 10],
    [20, 'measure', 4, 3, 10],
  ])
  expect(phaseAt(scenario, 1_000)).toBe('measure')
})

test('curves and scores are of all workers', () => {
  const scenario = sampleScenario(10, {}, { phases: [idlePhase(10)] })
  const scores = { alive: Float32Array.of(0.9), dead: Float32Array.of(0.1) }
  const parts = [tally({ operations: { get: samples([1]) }, scores }), tally({ scores })]
  const curves = curvesOf(scenario, parts, 1, 0)
  expect(curves.latencyMs.get).toEqual({ value: [1], share: [1] })
  expect(curves.scores?.dead.share).toEqual([1])
  expect(curvesOf(scenario, [tally()], 1, 0)).not.toHaveProperty('scores')
})

test('what checkers found comes in the order of time', () => {
  const violation = (atMs: number) => ({ checker: 'tables', atMs, text: '' })
  const found = violationsOf([
    tally({ violations: [violation(5), violation(9)] }),
    tally({ violations: [violation(7)] }),
  ])
  expect(found.map(({ atMs }) => atMs)).toEqual([5, 7, 9])
})
