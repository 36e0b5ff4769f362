import { expect, test } from 'vitest'
import type { BulkFigures, Cost, OperationFigures, RunFigures } from '../work/figures.ts'
import { renderResult } from './report.ts'

const cost: Cost = {
  rpcs: 30,
  sent: 24,
  inVain: 6,
  pings: 0,
  dials: 2,
  connections: 0,
  otherStreams: 0,
  cpuMs: 100,
  idleCpuMs: 10,
  backgroundSeconds: 1,
  backgroundEnded: true,
}

const operation = (change: Partial<OperationFigures>): OperationFigures => ({
  planned: 20,
  done: 20,
  ok: 1,
  p50Ms: 300,
  p95Ms: 400,
  maxMs: 500,
  errors: [],
  ...cost,
  ...change,
})

const bulk: BulkFigures = {
  keys: 200,
  done: 200,
  ok: 1,
  seconds: 4,
  holdersP50: 20,
  errors: [],
  ...cost,
}

const run = (implementation: string, put: Partial<OperationFigures>): RunFigures => ({
  implementation,
  formation: {
    tables: { min: 31, median: 38, max: 39 },
    dials: 850,
    connections: 850,
    rpcs: 3_600,
    pings: 0,
    seconds: 40,
    cpuSeconds: 30,
  },
  idleCpuMsPerSecond: 50,
  loopDelayP99Ms: 4,
  unhandled: [],
  put: operation(put),
  get: operation({ floorRatioP50: 1.05, floorRatioRawP50: 1.2 }),
  provide: operation({}),
  findProviders: operation({ floorRatioP50: 1, floorRatioRawP50: 1.1 }),
  findPeer: operation({}),
  ipns: operation({}),
  bulk,
})

/** The cells of the line that begins with a label. */
function cells(text: string, label: string): string[] {
  const line = text.split('\n').find((one) => one.startsWith(`${label} `)) ?? ''
  return line
    .slice(label.length)
    .trim()
    .split(/\s{2,}/)
}

const both = renderResult({
  nodes: 40,
  unreachable: 12,
  seed: 1,
  kadmium: run('Kadmium', { p50Ms: 300 }),
  kadDht: run('@libp2p/kad-dht', {
    done: 8,
    ok: 0.75,
    p50Ms: 5_400,
    rpcs: 40,
    cpuMs: 250,
    backgroundEnded: false,
    errors: ['nothing found'],
  }),
})

test('one line for an operation, both sides and how many times better', () => {
  expect(cells(both, 'put')).toEqual([
    '20/20',
    '100 %',
    '300',
    '400',
    '30',
    '100',
    '8/20',
    '75 %',
    '5400',
    'max 500',
    '40',
    '250',
    '18x',
    '1.33x',
    '2.50x',
  ])
  expect(cells(both, 'bulk, each key').slice(0, 3)).toEqual(['200/200', '100 %', '20'])
})

test('table sizes, floors, failures and departures are told', () => {
  expect(both).toContain('tables of 31 / 38 / 39')
  expect(both).toContain('get 1.05 (raw 1.20)')
  expect(both).toContain('put: 25 % failed: nothing found')
  expect(both).toContain('Departures from defaults')
  // Something still ran when the figures of that put were taken.
  expect(both).toMatch(/^put .* 2\* /m)
})

test('one side alone has no ratios', () => {
  const alone = renderResult({ nodes: 40, unreachable: 12, seed: 1, kadmium: run('Kadmium', {}) })
  expect(cells(alone, 'put')).toHaveLength(6)
  expect(alone).not.toContain('faster')
})
