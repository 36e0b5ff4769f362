import { madeUpRun } from '@kadmium/testkit'
import { describe, expect, test } from 'vitest'
import type { Run } from '../measure/result.ts'
import { DEFAULT_WORKLOAD, DEFAULT_WORLD, NO_FAULTS } from '../scenario/defaults.ts'
import type { Scenario } from '../scenario/scenario.ts'
import { figure, pointsOf, quantile, sections } from './charts.ts'
import { html } from './html.ts'
import { renderReport } from './report.ts'

const phase = (name: string, seconds: number) => ({
  name,
  seconds,
  measured: true,
  workload: { ...DEFAULT_WORKLOAD, mix: { get: 1, put: 1, bulk: 1 } },
  faults: NO_FAULTS,
})
const SCENARIO: Scenario = {
  name: 'made-up',
  description: 'Nodes & <edges>',
  nodes: 10,
  seed: 1,
  threads: 1,
  world: DEFAULT_WORLD,
  strategies: ['kadmium', 'go'].map((name) => ({ name, label: name, options: { k: 8 } })),
  phases: [phase('before', 3_600), phase('after', 36_000)],
  assertions: ['kadmium.get.ok > 0', 'go.get.ok < 0'],
  trace: [],
}
const RUN = madeUpRun(SCENARIO)

describe('a curve', () => {
  const value = Array.from({ length: 10_000 }, (_, i) => i + 1)
  const curve = { value, share: value.map((each) => each / 10_000) }

  test('keeps its ends and its shape when it is thinned out', () => {
    const points = pointsOf(curve)
    expect(points.length).toBeLessThanOrEqual(201)
    expect([points[0], points[1], points.at(-1)]).toEqual([
      [1, 0],
      [1, 0.0001],
      [10_000, 1],
    ])
    for (const [x, y] of points.slice(1)) expect(y).toBeCloseTo(x / 10_000, 10)
  })

  test('of few points keeps them all', () => {
    expect(pointsOf({ value: [5], share: [1] })).toEqual([
      [5, 0],
      [5, 1],
    ])
    expect(pointsOf({ value: [1, 2], share: [0.25, 1] })).toEqual([
      [1, 0],
      [1, 0.25],
      [2, 1],
    ])
  })

  test('has quantiles', () => {
    expect([0.5, 0.99, 1].map((share) => quantile(curve, share))).toEqual([5_000, 9_900, 10_000])
    expect(quantile({ value: [], share: [] }, 0.5)).toBeUndefined()
  })
})

describe('charts', () => {
  const of = (run: Run) => sections(run).flatMap(({ charts }) => charts)
  const chart = (id: string) => of(RUN).find((each) => each.id === id)

  test('have a table with the same numbers', () => {
    const latency = chart('latencyMs-get')
    expect(latency?.table.titles).toEqual(['share', 'kadmium', 'go'])
    const median = RUN.result.strategies.kadmium?.get?.p50Ms
    expect(latency?.table.rows.find(([share]) => share === '50 %')?.[1]).toBe(figure(median))
    expect(latency?.summary).toContain(`kadmium ${figure(median)}, go `)
  })

  test('over long times count hours, and show the phases', () => {
    const success = chart('time-success')
    expect(success?.x.label).toBe('hours of simulated time')
    expect(success?.bands.map(({ name }) => name)).toEqual(['before', 'after'])
    expect(success?.bands[0]).toMatchObject({ from: 0 })
    expect(success?.bands[1]?.to).toBeCloseTo(11, 6)
    expect(success?.table.rows.at(-1)).toEqual(['11', '99.1 %', '99.1 %'])
  })

  test('of what did not happen are left out', () => {
    expect(chart('latencyMs-ipns')).toBeUndefined()
    expect(chart('scores-go')).toBeUndefined()
    expect(sections({ ...RUN, curves: {} })).toEqual([])
    const empty = { value: [], share: [] }
    const curves = {
      latencyMs: { get: empty },
      hops: {},
      rpcs: {},
      slices: [],
      scores: { alive: empty, dead: empty },
    }
    expect(sections({ ...RUN, curves: { kadmium: curves } })).toEqual([])
  })

  test('have no logarithm of 0', () => {
    const curves = {
      latencyMs: { get: { value: [0, 5], share: [0.5, 1] } },
      hops: {},
      rpcs: {},
      slices: [],
    }
    const [first] = of({ ...RUN, curves: { kadmium: curves } })
    expect(first?.x.scale).toBe('log')
    expect(first?.series[0]?.points).toEqual([
      [1, 0],
      [1, 0.5],
      [5, 1],
    ])
  })
})

describe('the document', () => {
  const text = renderReport(RUN, SCENARIO, 'npx kadmium sim run "a & b"')
  const shown = text.replace(/<script.*?<\/script>/gs, '').replace(/<style>.*?<\/style>/s, '')

  test('shows what comes from outside as text', () => {
    expect(shown).toContain('Nodes &amp; &lt;edges&gt;')
    expect(shown).toContain('npx kadmium sim run &quot;a &amp; b&quot;')
    expect(html`<p>${'<b>'}</p>`.text).toBe('<p>&lt;b&gt;</p>')
  })

  test('has every parameter by its key, and what failed first', () => {
    for (const key of [
      'world.link.jitter',
      'strategies.go.options',
      'phases.after.workload.perSecond',
    ])
      expect(shown).toContain(`<th scope="row">${key}</th>`)
    expect(shown).toMatch(/1 of 2 assertions FAILED; the checkers found nothing\./)
    expect(shown.indexOf('go.get.ok &lt; 0')).toBeLessThan(shown.indexOf('kadmium.get.ok &gt; 0'))
    expect(shown).toContain('Bulk provide')
  })

  test('loads nothing', () => {
    expect(shown).not.toMatch(/(src|href)="(?!#|data:)/)
  })

  test('with data that would end a script does not', () => {
    const named = { ...SCENARIO, strategies: [{ name: 'a', label: '</script>', options: {} }] }
    const closed = renderReport(madeUpRun({ ...named, assertions: [] }), named, '')
    expect(closed.match(/<\/script>/g)).toHaveLength(text.match(/<\/script>/g)?.length ?? 0)
  })
})
