/** What is published runs in browsers, as far as a bundler can tell: no module and no name that only Node has. */
import { expect, test } from 'vitest'
import { nodeNeeds } from './bundle.ts'

test.each(['@kadmium/core', '@kadmium/libp2p'])('%s needs nothing of Node', async (name) => {
  expect(await nodeNeeds(`import * as all from '${name}'\nconsole.log(all)`)).toEqual([])
})

test('nor does a client with all that it stands on', async () => {
  expect(await nodeNeeds("export * from './client.ts'")).toEqual([])
})

test.each([
  [
    'a module of Node',
    "import { readFileSync } from 'node:fs'\nconsole.log(readFileSync)",
    'node:fs',
  ],
  ['one by its old name', "import fs from 'fs'\nconsole.log(fs)", '"fs"'],
  ['a dependency made for Node', "import 'cli-progress'", '"readline"'],
  ['a name', 'export const a = Buffer.from([1])', 'Buffer: var a = Buffer.from([1]);'],
  ['one asked for too late', 'setImmediate(() => typeof setImmediate)', 'setImmediate'],
  ['one behind another', "export const a = typeof Buffer === 'function' && process.pid", 'process'],
])('%s is told', async (_, source, needed) => {
  const needs = await nodeNeeds(source)
  expect(needs.length).toBeGreaterThan(0)
  expect(needs.join('\n')).toContain(needed)
})

test.each([
  "export const a = typeof process === 'undefined' ? 'browser' : process.version",
  "export let a = 0\nif (typeof Buffer === 'function') { a = Buffer.poolSize }",
  "export const a = typeof process !== 'undefined' && process.pid",
  'export const a = (process: number) => process',
  'export const a = (globalThis as { process?: { pid: number } }).process?.pid',
])('a name that was asked for is none: %s', async (source) => {
  expect(await nodeNeeds(source)).toEqual([])
})
