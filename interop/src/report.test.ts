import { expect, test } from 'vitest'
import { parseArguments } from './arguments.ts'
import { hasFailed, type Outcome, type Row, renderJson, renderReport } from './report.ts'

const row = (asker: Row['asker'], mode: Row['mode'], outcome: Outcome): Row => ({
  implementation: 'other 1.2.3',
  transport: 'quic',
  protocol: '/a/kad/1.0.0',
  k: 3,
  operation: 'get /pk',
  asker,
  mode,
  ...outcome,
})

const ROWS: readonly Row[] = [
  row('us', 'server', { result: 'passed' }),
  row('us', 'client', { result: 'failed', reason: 'not found' }),
  row('them', 'server', { result: 'not run', reason: 'no need' }),
  row('them', 'client', { result: 'differs', reason: 'it can not' }),
]

test('a table shows who was tested in which direction, and why something did not pass', () => {
  expect(renderReport(ROWS).split('\n')).toEqual([
    'other 1.2.3 over QUIC, /a/kad/1.0.0, k 3',
    '  operation  us -> them  (a client)  them -> us  (a client)',
    '  get /pk    passed      failed      not run     differs',
    '  failed: not found [get /pk, us -> them, asked by a client]',
    '  not run: no need [get /pk, them -> us, asked by a server]',
    '  differs: it can not [get /pk, them -> us, asked by a client]',
    '',
    '1 passed, 1 failed, 1 differs, 1 not run',
  ])
})

test('what was not run at all is told in a line', () => {
  const rows = ROWS.map((one) => ({ ...one, result: 'not run' as const, reason: 'no compiler' }))
  expect(renderReport(rows)).toContain('k 3\n  all not run: no compiler\n')
})

test('only what failed is a failure', () => {
  expect(hasFailed(ROWS)).toBe(true)
  expect(hasFailed(ROWS.filter(({ result }) => result !== 'failed'))).toBe(false)
})

test('scripts get it in one line', () => {
  expect(renderJson(ROWS)).not.toContain('\n')
  const { counts, rows } = JSON.parse(renderJson(ROWS))
  expect(counts).toEqual({ passed: 1, failed: 1, differs: 1, 'not run': 1 })
  expect(rows).toEqual(ROWS)
})

test('arguments name implementations, by default all', () => {
  expect(parseArguments([])).toEqual({ implementations: ['js', 'go', 'rust'], json: false })
  expect(parseArguments(['go', '--json'])).toEqual({ implementations: ['go'], json: true })
  expect(parseArguments(['zig'])).toContain('zig?')
})
