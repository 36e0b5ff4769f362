import { expect, test } from 'vitest'
import { parseArguments, UsageError } from './arguments.ts'

test('without arguments: 40 nodes of both, as a table', () => {
  expect(parseArguments([])).toEqual({ nodes: 40, seed: 1, json: false, only: undefined })
})

test('all arguments', () => {
  const args = ['--nodes', '48', '--seed=7', '--json', '--only', 'kadmium']
  expect(parseArguments(args)).toEqual({ nodes: 48, seed: 7, json: true, only: 'kadmium' })
  expect(parseArguments(['--help'])).toBe('help')
})

test.each([
  [['--nodes', 'many'], '--nodes takes a whole number from 32 to 100, not "many"'],
  [['--nodes', '31'], '--nodes takes a whole number from 32 to 100, not "31"'],
  [['--nodes', '1e1'], '--nodes takes a whole number from 32 to 100, not "1e1"'],
  [['--seed', '-1'], 'see --help'],
  [['--only', 'go'], '--only takes kadmium or kadDht, not "go"'],
  [['--fast'], "Unknown option '--fast'"],
  [['--nodes'], 'see --help'],
  [['40'], 'see --help'],
])('%j is refused in one line', (args, message) => {
  expect(() => parseArguments(args)).toThrow(UsageError)
  expect(() => parseArguments(args)).toThrow(message)
  try {
    parseArguments(args)
  } catch (error) {
    expect((error as Error).message).not.toContain('\n')
  }
})
