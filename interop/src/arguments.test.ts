import { expect, test } from 'vitest'
import { parseArguments } from './arguments.ts'

test('all are run unless some are named, each in the order of naming', () => {
  expect(parseArguments([])).toEqual({ implementations: ['js', 'go', 'rust'], json: false })
  expect(parseArguments(['go', '--json', 'js'])).toEqual({
    implementations: ['go', 'js'],
    json: true,
  })
})

test.each(['nim', '--jsn', ''])('%j is told with what is known', (arg) => {
  expect(parseArguments(['js', arg])).toBe(`interop: ${arg}? Known are js, go, rust and --json`)
})
