/**
 * Every public name is documented. Of `npm run docs:check`, which says so, it is shown in trees of their own that it breaks
 * on what has no documentation, and that it knows what unions say of their members.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { makeTree, ROOT } from './fixture.ts'

const PACKAGE = { type: 'module', version: '0.0.0', exports: './src/index.ts' }
const tsconfig = JSON.stringify({
  extends: '../../tsconfig.base.json',
  compilerOptions: { rootDir: 'src', outDir: 'dist' },
  include: ['src'],
})

/** Typedoc is slow, and slower on a busy machine, ms. */
vi.setConfig({ testTimeout: 300_000 })

/** What typedoc says of the packages in a tree, and its exit code. */
function typedoc(cwd: string): { code: number | null; told: string } {
  const bin = join(ROOT, 'node_modules/typedoc/bin/typedoc')
  const run = spawnSync(process.execPath, [bin, '--emit', 'none'], { cwd, encoding: 'utf8' })
  return { code: run.status, told: run.stdout + run.stderr }
}

/** What it says of a core with these declarations, and its exit code. */
function check(core: string): { code: number | null; told: string } {
  const files = {
    'README.md': '# A tree\n',
    'packages/core/package.json': JSON.stringify({ name: 'core', ...PACKAGE }),
    'packages/core/tsconfig.json': tsconfig,
    'packages/core/src/index.ts': core,
    'packages/libp2p/package.json': JSON.stringify({ name: 'libp2p', ...PACKAGE }),
    'packages/libp2p/tsconfig.json': tsconfig,
    'packages/libp2p/src/index.ts': '/** One. */\nexport const one = 1\n',
    'packages/sim/package.json': JSON.stringify({ name: 'sim', ...PACKAGE }),
    'packages/sim/tsconfig.json': tsconfig,
    'packages/sim/src/index.ts': '/** Two. */\nexport const two = 2\n',
  }
  const ours = ['typedoc.config.mjs', 'docs/typedoc/unions.mjs', 'tsconfig.base.json']
  using tree = makeTree(ours, files)
  return typedoc(tree.root)
}

const FEED = `/**
 * What happens.
 *
 * @property kind Which.
 * @property count How many.
 */
export type Feed =
  /** It begins. */
  | { kind: 'begin' }
  /** It goes on. */
  | { kind: 'more'; count: number }
`

/** [declarations, what is to be told of them] */
const BROKEN: readonly (readonly [core: string, told: string])[] = [
  ['export const lonely = 1\n', 'lonely (Variable)'],
  ['/** A. */\nexport interface A {\n  lost: number\n}\n', 'A.lost (Property)'],
  [
    FEED.replace('Feed', 'Silent').replace(' * @property count How many.\n', ''),
    'Silent.__type.count (Property)',
  ],
  [FEED.replace('Feed', 'Stale').replace('; count: number', ''), 'Stale: no member has'],
  ['interface Hidden {\n  a: 1\n}\n/** C. */\nexport type C = Hidden[]\n', 'Hidden, defined in'],
]

test('every public name is documented', () => {
  const { code, told } = typedoc(ROOT)
  const warnings = told.split('\n').filter((line) => /warning|error/.test(line))
  expect([code, warnings]).toEqual([0, []])
})

test('what is documented passes, members of unions by the comment of the union', () => {
  expect(check(FEED)).toMatchObject({ code: 0 })
})

test('what is not is told', () => {
  const { code, told } = check(BROKEN.map(([core]) => core).join('\n'))
  expect(code).not.toBe(0)
  expect(BROKEN.map(([, what]) => what).filter((what) => !told.includes(what))).toEqual([])
})

test('a link that leads nowhere is told, once all else is well', () => {
  const { code, told } = check('/** See {@link Nobody}. */\nexport const b = 1\n')
  expect(code).not.toBe(0)
  expect(told).toContain('Failed to resolve link to "Nobody"')
})
