/** Each arrow of `.dependency-cruiser.cjs` is broken once, in a tree of its own, and must be told. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeTree, ROOT } from './fixture.ts'

const manifest = (dependencies: Record<string, string>, devDependencies = {}): string =>
  JSON.stringify({
    name: 'fixture',
    version: '0.0.0',
    type: 'module',
    dependencies,
    devDependencies,
  })

const entry = (...paths: string[]): string => paths.map((path) => `import '${path}'\n`).join('')

/** A tree that keeps all the rules, with what the broken ones below import. */
const SOUND: Record<string, string> = {
  'packages/core/package.json': manifest({}),
  'packages/core/src/index.ts': entry('./node.ts'),
  'packages/core/src/node.ts': entry(
    './requests.ts',
    './key.ts',
    './lookup/lookup.ts',
    './operation/operation.ts',
    './records/records.ts',
  ),
  'packages/core/src/key.ts': entry('./assert.ts'),
  'packages/core/src/assert.ts': 'export type Assert = 1\n',
  'packages/core/src/requests.ts': entry('./key.ts'),
  'packages/core/src/lookup/lookup.ts': entry('../key.ts'),
  'packages/core/src/operation/operation.ts': entry('../lookup/lookup.ts', '../key.ts'),
  'packages/core/src/records/records.ts': 'export type Record = 1\n',
  'packages/core/src/records/records.test.ts': entry(
    './records.ts',
    '../lookup/lookup.ts',
    'node:fs',
    'vitest',
    '../../../testkit/src/index.ts',
  ),
  'packages/libp2p/package.json': manifest({ libp2p: '*' }, { vitest: '*' }),
  'packages/libp2p/src/index.ts': entry('../../core/src/index.ts', 'libp2p'),
  'packages/libp2p/src/streams.test.ts': entry('./index.ts', 'node:fs'),
  'packages/sim/package.json': manifest({}),
  'packages/sim/src/index.ts': entry('../../core/src/index.ts'),
  'packages/cli/package.json': manifest({}),
  'packages/cli/src/index.ts': entry('../../libp2p/src/index.ts'),
  'packages/testkit/src/index.ts': entry('../../core/src/index.ts'),
  'packages/testbed/src/index.ts': entry('../../libp2p/src/index.ts', '../../testkit/src/index.ts'),
}

/** [rule, the file that breaks it, what the file imports] */
const BROKEN: readonly (readonly [rule: string, file: string, imports: string])[] = [
  ['core-stands-alone', 'packages/core/src/index.ts', 'node:fs'],
  ['core-stands-alone', 'packages/core/src/index.ts', 'libp2p'],
  ['core-stands-alone', 'packages/core/src/index.ts', '../../sim/src/index.ts'],
  ['core-base-is-base', 'packages/core/src/key.ts', './records/records.ts'],
  ['core-base-is-base', 'packages/core/src/assert.ts', './requests.ts'],
  ['core-machines-stand-on-the-base', 'packages/core/src/lookup/lookup.ts', '../requests.ts'],
  ['core-machines-stand-on-the-base', 'packages/core/src/records/records.ts', '../node.ts'],
  ['core-machines-are-strangers', 'packages/core/src/lookup/lookup.ts', '../records/records.ts'],
  ['core-machines-are-strangers', 'packages/core/src/records/records.ts', '../lookup/lookup.ts'],
  [
    'core-operation-drives-lookups',
    'packages/core/src/operation/operation.ts',
    '../records/records.ts',
  ],
  ['front-door', 'packages/cli/src/index.ts', '../../core/src/node.ts'],
  ['front-door', 'packages/testbed/src/index.ts', '../../core/src/key.ts'],
  ['libp2p-runs-in-browsers', 'packages/libp2p/src/index.ts', 'node:fs'],
  ['libp2p-knows-no-sim', 'packages/libp2p/src/index.ts', '../../sim/src/index.ts'],
  ['sim-knows-no-libp2p', 'packages/sim/src/index.ts', '../../libp2p/src/index.ts'],
  ['published-never-imports-private', 'packages/libp2p/src/index.ts', '../../testkit/src/index.ts'],
  ['published-never-imports-private', 'packages/cli/src/index.ts', '../../testbed/src/index.ts'],
  ['published-never-imports-dev', 'packages/libp2p/src/index.ts', 'vitest'],
  ['tests-are-not-imported', 'packages/core/src/node.ts', './records/records.test.ts'],
  ['resolvable', 'packages/sim/src/index.ts', './nowhere.ts'],
]

interface Report {
  modules: {
    source: string
    rules?: { name: string }[]
    dependencies: { module: string; protocol?: string; rules?: { name: string }[] }[]
  }[]
}

/** What a tree breaks, as `rule: file imports module`, or `rule: file` for a rule on the file itself. */
function violations(files: Record<string, string>): Set<string> {
  using tree = makeTree(['.dependency-cruiser.cjs', 'tsconfig.base.json'], files)
  const bin = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs')
  const run = spawnSync(
    process.execPath,
    [bin, '--config', '.dependency-cruiser.cjs', '--output-type', 'json', 'packages'],
    { cwd: tree.root, encoding: 'utf8' },
  )
  expect(run.stderr).toBe('')
  const told = new Set<string>()
  for (const { source, rules, dependencies } of (JSON.parse(run.stdout) as Report).modules) {
    for (const { name } of rules ?? []) told.add(`${name}: ${source}`)
    for (const { module, protocol = '', rules: broken } of dependencies)
      for (const { name } of broken ?? [])
        told.add(`${name}: ${source} imports ${protocol}${module}`)
  }
  return told
}

test('a sound tree breaks no rule', () => {
  expect([...violations(SOUND)]).toEqual([])
})

test('every broken arrow is told, by rule and file', () => {
  const files = { ...SOUND }
  // One run for all: each arrow is broken by an import that nothing else in the tree needs.
  for (const [, file, imports] of BROKEN) files[file] += `import type {} from '${imports}'\n`
  files['packages/sim/src/lonely.ts'] = 'export {}\n'
  const told = violations(files)
  const expected = BROKEN.map(([rule, file, imports]) => `${rule}: ${file} imports ${imports}`)
  expected.push(
    'no-cycles: packages/core/src/lookup/lookup.ts imports ../records/records.ts',
    'no-orphans: packages/sim/src/lonely.ts',
  )
  expect(expected.filter((line) => !told.has(line))).toEqual([])
})
