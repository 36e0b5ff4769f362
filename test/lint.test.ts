/** Each house rule of `biome.json` is broken once, in a tree of its own, and must be told. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeTree, ROOT } from './fixture.ts'

const GLOBALS = 'lint/style/noRestrictedGlobals'
const IMPORTS = 'lint/style/noRestrictedImports'
const FLOATING = 'lint/nursery/noFloatingPromises'

/** [rule, a line that breaks it in core] */
const IMPURE: readonly (readonly [rule: string, line: string])[] = [
  [GLOBALS, 'export const a = Date.now()'],
  [GLOBALS, 'export const a = new Date(0)'],
  [GLOBALS, 'export const a = performance.now()'],
  [GLOBALS, 'setTimeout(() => {}, 1)'],
  [GLOBALS, 'setInterval(() => {}, 1)'],
  [GLOBALS, 'setImmediate(() => {})'],
  [GLOBALS, 'queueMicrotask(() => {})'],
  [GLOBALS, 'export const a = process.pid'],
  [GLOBALS, 'export const a = crypto.randomUUID()'],
  [GLOBALS, 'export const a = Buffer.alloc(1)'],
  [GLOBALS, 'export const a = globalThis.name'],
  [GLOBALS, "export const a = fetch('a')"],
  ['lint/suspicious/noConsole', "console.log('a')"],
  ['lint/nursery/noJsRestrictedProperties', 'export const a = Math.random()'],
  [IMPORTS, "export { readFileSync } from 'node:fs'"],
  [IMPORTS, "export { setTimeout } from 'node:timers/promises'"],
]

const PROMISE =
  'async function work(): Promise<void> {}\nexport function go(): void {\n  work()\n}\n'

/** What biome tells of a tree with these files, as `rule: file`. */
function diagnostics(files: Record<string, string>): Set<string> {
  using tree = makeTree(['biome.json'], files)
  const bin = join(ROOT, 'node_modules/@biomejs/biome/bin/biome')
  const run = spawnSync(
    process.execPath,
    [bin, 'lint', '--vcs-enabled=false', '--max-diagnostics=1000', '--reporter=json'],
    { cwd: tree.root, encoding: 'utf8' },
  )
  const report = JSON.parse(run.stdout) as {
    diagnostics: { severity: string; category: string; location: { path: string } }[]
  }
  const errors = report.diagnostics.filter(({ severity }) => severity === 'error')
  return new Set(errors.map(({ category, location }) => `${category}: ${location.path}`))
}

test('clocks, timers, dice, I/O and the console are errors in core, and free in its tests', () => {
  const files: Record<string, string> = {}
  for (const [i, [, line]] of IMPURE.entries()) {
    files[`packages/core/src/line${i}.ts`] = `${line}\n`
    files[`packages/core/src/line${i}.test.ts`] = `${line}\n`
  }
  const told = diagnostics(files)
  const expected = IMPURE.map(([rule], i) => `${rule}: packages/core/src/line${i}.ts`)
  expect(expected.filter((line) => !told.has(line))).toEqual([])
  expect([...told].filter((line) => line.endsWith('.test.ts'))).toEqual([])
})

test('a promise that nobody awaits is an error', () => {
  const paths = ['libp2p', 'cli', 'testbed'].map((name) => `packages/${name}/src/deep/a.ts`)
  const told = diagnostics(Object.fromEntries(paths.map((path) => [path, PROMISE])))
  expect(told).toEqual(new Set(paths.map((path) => `${FLOATING}: ${path}`)))
})

test('a test can be neither singled out nor skipped', () => {
  const told = diagnostics({
    'packages/core/src/only.test.ts': "test.only('a', () => {})\n",
    'packages/core/src/skip.test.ts': "test.skip('a', () => {})\n",
  })
  expect(told).toEqual(
    new Set([
      'lint/suspicious/noFocusedTests: packages/core/src/only.test.ts',
      'lint/suspicious/noSkippedTests: packages/core/src/skip.test.ts',
    ]),
  )
})
