/** The page of the comparison says what its data say, and what makes them runs, keeps and goes on. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import {
  type Cell,
  cellsOf,
  linesOf,
  loadCut,
  measureCell,
  settingsOf,
} from '../bench/results/cell.ts'
import { behind } from '../bench/results/losses.ts'
import { pageOf } from '../bench/results/page.ts'
import { cellText, percentText, spread, table } from '../bench/results/text.ts'
import { makeTree, ROOT } from './fixture.ts'

const CUTS = join(ROOT, 'bench/results')

const TINY = `
description: A world for a test
extends: smoke
nodes: 40
world: { tables: { origin: oracle } }
workload: { subjects: 10, perSecond: 2 }
strategies: [kadmium, plain, oracle]
phases: [{ name: measure, seconds: 30 }]
assertions: [kadmium.get.done > 0, plain.get.ok > plain.get.done]
`

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** Scenarios of a folder, sorted. */
function named(path: string): string[] {
  return readdirSync(join(ROOT, path))
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .sort()
}

test('a cell holds what ran, by which settings, and becomes a page', async () => {
  using tree = makeTree([], { 'smoke.yaml': TINY })
  const folder = tree.root
  const told: string[] = []
  const cell = await measureCell(folder, 'smoke', 7, 'abc', (strategy) => told.push(strategy))
  expect(told).toEqual(['kadmium', 'plain', 'oracle'])
  expect(Object.keys(cell.strategies)).toEqual(told)
  expect(cell).toMatchObject({ scenario: 'smoke', seed: 7, commit: 'abc', cut: { nodes: 40 } })
  expect([cell.whole.nodes, cell.whole.seconds, cell.cut.seconds]).toEqual([300, 90, 30])
  expect(cell.assertions.map(({ holds }) => holds)).toEqual([true, false])
  expect(cellsOf(linesOf([cell]))).toEqual([cell])
  const page = pageOf([cell], 'An introduction.', ['smoke', 'other'])
  expect(page).toContain('npx kadmium sim run bench/results/smoke.yaml --seed SEED --threads 1')
  expect(page).toContain('smoke (1, 2, 3); other (1, 2, 3)')
  expect(page).toContain('| 300 → 40 |')
  expect(page).toContain('0 of 1 **fails**')
  for (const label of told) expect(page).toMatch(new RegExp(`^\\| ${label} \\| \\d`, 'm'))
  const again = await loadCut(folder, 'smoke', 7)
  expect(settingsOf(again)).toBe(cell.settings)
  expect(settingsOf({ ...again, seed: 8 })).not.toBe(cell.settings)
  writeFileSync(join(folder, 'smoke.yaml'), TINY.replace('nodes: 40', 'nodes: 41'))
  expect(settingsOf(await loadCut(folder, 'smoke', 7))).not.toBe(cell.settings)
})

test('the page in docs is that of its data', () => {
  const cells = cellsOf(read('docs/results/first-comparison.jsonl'))
  expect(read('docs/results/first-comparison.md')).toBe(
    pageOf(cells, read('bench/results/introduction.md'), named('bench/results')),
  )
  for (const { cut, strategies } of cells) {
    expect(cut.nodes).toBeLessThanOrEqual(2000)
    for (const { events } of Object.values(strategies)) expect(events).toBeLessThanOrEqual(5e7)
  }
})

test('every scenario but the one that compares simulators is in the comparison', async () => {
  expect([...named('bench/results'), 'kit-peersim'].sort()).toEqual(named('packages/sim/scenarios'))
  const every = ['kadmium', 'go', 'go-optimistic', 'js', 'kadabra', 'pns', 'plain', 'oracle']
  for (const name of named('bench/results')) {
    const { nodes, strategies } = await loadCut(CUTS, name, 1)
    expect(nodes).toBeLessThanOrEqual(2000)
    expect(strategies.map(({ label }) => label)).toEqual(expect.arrayContaining(every))
  }
})

test('losses are told by medians, against every rival that is better', () => {
  const find = { done: 10, ok: 10, p90Ms: 1, p99Ms: 1, timeouts: 0, hopsP50: 1, hopsP95: 1 }
  const cell = (own: number, plain: number, limit: number): Cell => ({
    scenario: 'a',
    seed: 1,
    commit: 'c',
    date: '2026-01-01',
    settings: 's',
    cpuSeconds: 1,
    whole: { nodes: 1, seconds: 1, measuredSeconds: 1, perSecond: 1, subjects: 1 },
    cut: { nodes: 1, seconds: 1, measuredSeconds: 1, perSecond: 1, subjects: 1 },
    strategies: Object.fromEntries(
      Object.entries({ kadmium: own, js: 900, plain, oracle: limit }).map(([label, p50Ms]) => [
        label,
        {
          digest: '',
          events: 1,
          requests: 1,
          requestsPerSecond: 1,
          eventsPerSecond: 1,
          lookups: 1,
          lookupsPerSecond: 1,
          bytesPerNode: 1,
          get: { ...find, p50Ms, rpcs: 3 },
        },
      ]),
    ),
    assertions: [],
    findings: {},
  })
  expect(behind([cell(100, 99, 10), cell(100, 96, 10)])).toEqual(['Nowhere.'])
  const lost = behind([cell(100, 90, 10), cell(120, 80, 10), cell(90, 300, 10)])
  expect(lost.at(-1)).toBe('| a | get | p50Ms 100: plain 90 |')
})

test('medians, ranges and empty columns', () => {
  expect(spread([])).toBeUndefined()
  expect(cellText(spread([3, 1, 2]))).toBe('2 (1–3)')
  expect(cellText(spread([2, 2]))).toBe('2')
  expect(cellText(spread([12345.6]))).toBe('12,346')
  expect(percentText(99.999)).toBe('99.99')
  expect(table(['a', 'b', 'c'], [['1', '', '3']])).toEqual(['| a | c |', '|---|---|', '| 1 | 3 |'])
})
