import { expect, test } from 'vitest'
import { closingLine } from './reporter.ts'

type Module = Parameters<typeof closingLine>[0][number]

/** A file whose tests ended in these states, and which had so many errors outside of its tests. */
function file(states: string[], errors = 0): Module {
  return {
    children: { allTests: () => states.map((state) => ({ result: () => ({ state }) })) },
    errors: () => Array.from({ length: errors }),
  } as unknown as Module
}

test('counts what passed and what failed, over all files', () => {
  const files = [file(['passed', 'failed']), file(['passed', 'skipped'])]
  expect(closingLine(files, 0, 'failed')).toBe('2 passed, 1 failed')
})

test('a file that did not load and an error outside of any test are failures', () => {
  expect(closingLine([file(['passed']), file([], 1)], 2, 'failed')).toBe('1 passed, 3 failed')
})

test('a run that did not end well is never shown as one that did', () => {
  expect(closingLine([file(['passed'])], 0, 'interrupted')).toBe('1 passed, 1 failed')
  expect(closingLine([file(['passed'])], 0, 'passed')).toBe('1 passed, 0 failed')
})
