/** What is in the tarballs, and whether the world's tools can read it. */
import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { ROOT } from '../fixture.ts'
import { run } from './run.ts'
import { PUBLISHED, type Published } from './setup.ts'

const tarballs = inject('tarballs')

async function filesIn(name: Published): Promise<string[]> {
  const { stdout } = await run('tar', ['-tzf', tarballs[name]], { cwd: ROOT })
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^package\//, ''))
}

const ALWAYS = ['LICENSE', 'LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'package.json']

/** What is no source of ours, and is wanted all the same. */
async function othersOf(name: Published): Promise<string[]> {
  if (name === 'cli') return ['bin/kadmium.js']
  if (name === 'libp2p') return ['src/wire/dht.proto']
  if (name === 'core') return []
  const scenarios = await readdir(join(ROOT, 'packages/sim/scenarios'))
  return [
    ...scenarios.map((file) => `scenarios/${file}`),
    ...['page.css', 'page.js'].map((file) => `src/report/${file}`),
  ]
}

test.each(PUBLISHED)(
  '%s: sources, what was made of them, and what a package must say',
  async (name) => {
    const files = await filesIn(name)
    expect(files).toEqual(expect.arrayContaining(ALWAYS))
    const sources = files.filter((path) => /^src\/.*\.ts$/.test(path))
    expect(sources.length).toBeGreaterThan(10)
    const made = sources.flatMap((path) => {
      const base = path.replace(/^src(.*)\.ts$/, 'dist$1')
      return ['.js', '.js.map', '.d.ts', '.d.ts.map'].map((ending) => base + ending)
    })
    const others = await othersOf(name)
    // Nothing is missing and nothing else is there: no test, no build state, no leftover of a source that is gone.
    expect(files.sort()).toEqual([...ALWAYS, ...sources, ...made, ...others].sort())
    expect(files.filter((path) => /\.test\.|tsbuildinfo|fixtures/.test(path))).toEqual([])
  },
)

test.each(PUBLISHED)('%s: the licences are those of the repository', async (name) => {
  for (const file of ALWAYS.slice(0, 3)) {
    const { stdout } = await run('tar', ['-xzOf', tarballs[name], `package/${file}`], { cwd: ROOT })
    expect(stdout).toBe(readFileSync(join(ROOT, file), 'utf8'))
  }
})

test.each(PUBLISHED)('%s: publint has nothing to say', async (name) => {
  const { stdout } = await run('publint', ['run', tarballs[name], '--strict'], { cwd: ROOT })
  expect(stdout).toContain('All good!')
})

test.each(PUBLISHED)('%s: types and code are found together, by ESM and bundlers', async (name) => {
  const args = [tarballs[name], '--profile', 'esm-only', '--no-emoji', '--no-color']
  // The command has nothing to import, and says so by its exports.
  const { stdout } = await run('attw', args, { cwd: ROOT })
  expect(stdout).toMatch(/node16 \(from ESM\)[^\n]*(OK|ESM|JSON)/)
})
