/**
 * Reads the tree and holds it to the house rules, each with what to do instead. Every rule is first
 * shown to bite on a small piece of text, since a rule that finds nothing looks like one that is kept.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT } from './fixture.ts'
import { bannedCode, bannedWords } from './tidy/banned.ts'
import { unbounded } from './tidy/bounds.ts'
import { deadLinks, unknownScripts } from './tidy/docs.ts'
import { parse, sourceFiles, textFiles } from './tidy/files.ts'
import { disagreements, type Manifest, missingInLock, undeclared } from './tidy/manifests.ts'
import { tooLong } from './tidy/ratchets.ts'

const TEXTS = textFiles()
const SOURCES = sourceFiles(TEXTS)
const DOCS = TEXTS.filter(({ path }) => path.endsWith('.md'))
const IN_CORE = 'packages/core/src/a.ts'
const IN_TEST = 'packages/core/src/a.test.ts'

const read = (path: string): string | undefined => TEXTS.find((file) => file.path === path)?.text
const manifest = (path: string): Manifest => JSON.parse(read(path) as string) as Manifest
/** The root's, then those of the packages. */
const MANIFESTS = TEXTS.map(({ path }) => path)
  .filter((path) => /^(packages\/[^/]+\/|interop\/)?package\.json$/.test(path))
  .sort((a, b) => a.length - b.length)
  .map(manifest)
const lines = (count: number, line = 'x()'): string => `${line}\n`.repeat(count)

test('the tree is read whole', () => {
  const paths = new Set(TEXTS.map(({ path }) => path))
  for (const path of ['package.json', '.ci/run', IN_CORE.replace('a.ts', 'key.ts')])
    expect(paths.has(path), path).toBe(true)
  expect([...paths].filter((path) => /node_modules|(^|\/)dist\//.test(path))).toEqual([])
})

describe('ratchets', () => {
  test('bite', () => {
    const long = `function far() {\n${lines(69)}}\n`
    expect(tooLong(parse(IN_CORE, long))).toEqual([`${IN_CORE}:1: far has 71 lines, at most 70`])
    expect(tooLong(parse(IN_CORE, long.replace('x()\n', '')))).toEqual([])
    expect(tooLong(parse(IN_CORE, lines(401)))).toHaveLength(1)
    expect(tooLong(parse(IN_CORE, lines(400)))).toEqual([])
    expect(tooLong(parse(IN_TEST, lines(801)))).toHaveLength(1)
  })

  test('a suite is a list of tests, each measured by itself', () => {
    const suite = (body: string): string => `describe('a', () => {\n${body}})\n`
    expect(tooLong(parse(IN_TEST, suite(lines(200))))).toEqual([])
    const within = `function suites() {\n${suite(lines(80))}}\n`
    expect(tooLong(parse(IN_CORE, within))).toEqual([])
    expect(tooLong(parse(IN_TEST, suite(`test('b', () => {\n${lines(120)}})\n`)))).toHaveLength(1)
  })

  test('hold', () => {
    expect(SOURCES.flatMap(tooLong)).toEqual([])
  })
})

describe('banned code', () => {
  const bites = (path: string, text: string): boolean => bannedCode(parse(path, text)).length > 0

  test('bites', () => {
    expect(bites('bench/a.ts', 'Math.random()')).toBe(true)
    expect(bites('bench/a.ts', 'Date.now()')).toBe(false)
    for (const text of ['Date.now()', 'async () => {}', 'await x', 'let a: Promise<void>'])
      expect([text, bites(IN_CORE, text)]).toEqual([text, true])
    const asleep = "import { setTimeout as wait } from 'node:timers/promises'"
    for (const text of ["test.only('a')", "describe.skip('a')", 'setTimeout(go, 1)', asleep])
      expect([text, bites(IN_TEST, text)]).toEqual([text, true])
    expect(bites(IN_TEST, "async () => expect('setTimeout(go, 1)')")).toBe(false)
  })

  test('is not there', () => {
    expect(SOURCES.flatMap(bannedCode)).toEqual([])
  })
})

describe('banned words', () => {
  const bites = (text: string): boolean => bannedWords({ path: 'a.md', text }).length > 0

  test('bite', () => {
    const joined = [
      ['// TO', 'DO: later'],
      ['cat /wo', 'rk/main'],
      ["open('/tm", "p/x')"],
      ['found in sess', 'ion 12'],
      ['see is', 'sue #3'],
      ['an A', 'I wrote'],
      ['the assist', 'ant said'],
    ]
    for (const [begin = '', end = ''] of joined)
      expect([begin, bites(begin + end)]).toEqual([begin, true])
  })

  test('leave the terms of the protocol alone', () => {
    const legal = [
      'a datagram session ends with its keys; 3 sessions at most',
      'the agent version of a peer',
      'libp2p/js-libp2p#123',
      '/ip4/127.0.0.1/tcp/0, ./work/a and https://host/tmp/a',
      'MAIN and PAID',
    ]
    for (const text of legal) expect([text, bites(text)]).toEqual([text, false])
  })

  test('are not there', () => {
    expect(TEXTS.flatMap(bannedWords)).toEqual([])
  })
})

describe('bounds', () => {
  const told = (text: string): number => unbounded(parse(IN_CORE, text)).length

  test('bite on fields, on what a constructor sets and on module variables', () => {
    expect(told('class A { private readonly a = new Map<string, number>() }')).toBe(1)
    expect(told('class A { a: number[] = [] }')).toBe(1)
    expect(told('class A { a: Set<string>\n constructor() { this.a = new Set() } }')).toBe(1)
    expect(told('const a = new Map<string, number>()')).toBe(1)
    expect(told('// BOUNDED: by k\nclass A { a = 1\n b = new Set() }')).toBe(1)
    expect(told('class A {\n a = [] // BOUNDED: by k\n b = []\n }')).toBe(1)
  })

  test('are content with a comment above or behind', () => {
    expect(told('class A {\n /** Bounded by `k`. */\n a = new Map()\n }')).toBe(0)
    expect(told('class A {\n a = [] // UNBOUNDED: responsibility of the caller\n }')).toBe(0)
    const declared = '/** Bounded by k. */\n a: Set<string>\n constructor() { this.a = new Set() }'
    expect(told(`class A {\n ${declared}\n }`)).toBe(0)
    expect(told("const a = ['x'], b = new Uint8Array(8)")).toBe(0)
  })

  test('are said beside every collection of core and libp2p', () => {
    expect(SOURCES.flatMap(unbounded)).toEqual([])
  })
})

describe('documents', () => {
  test('links that lead nowhere are told', () => {
    const texts: Record<string, string> = { 'docs/a.md': '# A part\n', 'b.md': '' }
    const links = (text: string): string[] =>
      deadLinks(
        { path: 'docs/c.md', text },
        (path) => texts[path],
        (path) => path in texts || path === 'docs',
      )
    expect(links('[a](a.md) [a](./a.md#a-part) [b](../b.md) [c](https://x.y/z.md)')).toEqual([])
    expect(links('`[a](x.md)`\n```\n[a](x.md)\n```\n')).toEqual([])
    expect(links('[a](x.md)')).toEqual(['docs/c.md: x.md leads nowhere'])
    expect(links('[a]: x.md')).toEqual(['docs/c.md: x.md leads nowhere'])
    expect(links('[a](a.md#nothing)')).toEqual(['docs/c.md: a.md#nothing: no such heading'])
  })

  test('commands that do not exist are told', () => {
    const scripts = new Map([
      ['', new Set(['demo'])],
      ['a', new Set(['generate'])],
    ])
    const told = (text: string): string[] => unknownScripts({ path: 'a.md', text }, scripts)
    expect(told('`npm ci && npm run demo -- --json`, `npm run generate -w a`')).toEqual([])
    expect(told('`npm run bench:none`')).toEqual(['a.md: there is no `npm run bench:none`'])
    expect(told('`npm run demo -w a`')).toEqual(['a.md: there is no `npm run demo -w a`'])
    expect(told('`npm test`')).toEqual(['a.md: there is no `npm test`'])
  })

  test('keep their promises', () => {
    expect(
      DOCS.flatMap((file) => deadLinks(file, read, (path) => existsSync(join(ROOT, path)))),
    ).toEqual([])
    const scripts = new Map(
      MANIFESTS.map(({ name, scripts: own = {} }, i) => [
        i === 0 ? '' : name,
        new Set(Object.keys(own)),
      ]),
    )
    const commands = TEXTS.filter(({ path }) => path.endsWith('.md') || path === '.ci/run')
    expect(commands.flatMap((file) => unknownScripts(file, scripts))).toEqual([])
  })
})

describe('manifests', () => {
  const sound: Manifest = {
    name: 'a',
    version: '1.0.0',
    license: 'Apache-2.0 OR MIT',
    type: 'module',
  }

  test('that disagree are told', () => {
    expect(disagreements([sound, { ...sound, name: 'b', dependencies: { a: '1.0.0' } }])).toEqual(
      [],
    )
    expect(disagreements([{ ...sound, license: 'MIT' }])).toHaveLength(1)
    expect(disagreements([{ ...sound, type: 'commonjs' }])).toHaveLength(1)
    expect(disagreements([sound, { ...sound, name: 'b', version: '1.0.1' }])).toHaveLength(1)
    expect(
      disagreements([sound, { ...sound, name: 'b', dependencies: { a: '^2.0.0' } }]),
    ).toHaveLength(1)
  })

  test('that miss a package of the workspace are told', () => {
    const text = "import type { Key } from '@kadmium/core'\n"
    const told = (path: string, wanted: Partial<Manifest>): number =>
      undeclared(parse(path, text), { ...sound, ...wanted }).length
    expect(told(IN_CORE, {})).toBe(1)
    expect(told(IN_CORE, { dependencies: { '@kadmium/core': '1.0.0' } })).toBe(0)
    expect(told(IN_CORE, { devDependencies: { '@kadmium/core': '1.0.0' } })).toBe(1)
    expect(told(IN_TEST, { devDependencies: { '@kadmium/core': '1.0.0' } })).toBe(0)
  })

  test('name every package of the workspace that is imported', () => {
    const found = SOURCES.flatMap((file) => {
      const [folder] = /^packages\/[^/]+\//.exec(file.path) ?? []
      return folder === undefined ? [] : undeclared(file, manifest(`${folder}package.json`))
    })
    expect(found).toEqual([])
  })

  test('and a lock file that leaves a platform out is told', () => {
    const owner = { optionalDependencies: { b: '1.0.0' } }
    const packages = { 'node_modules/a': owner, 'node_modules/a/node_modules/c': owner }
    expect(missingInLock({ packages })).toHaveLength(2)
    expect(missingInLock({ packages: { ...packages, 'node_modules/b': {} } })).toEqual([])
    const lock = readFileSync(join(ROOT, 'package-lock.json'), 'utf8')
    expect(missingInLock(JSON.parse(lock))).toEqual([])
  })

  test('agree', () => {
    expect(disagreements(MANIFESTS)).toEqual([])
    for (const name of ['LICENSE', 'LICENSE-APACHE', 'LICENSE-MIT'])
      expect(read(name)?.length, name).toBeGreaterThan(200)
  })

  test('biome leaves alone what protons wrote, and nothing else', () => {
    const { includes } = (
      JSON.parse(read('biome.json') as string) as { files: { includes: string[] } }
    ).files
    const excluded = includes.filter((path) => path.endsWith('.ts')).map((path) => path.slice(1))
    const protos = TEXTS.map(({ path }) => path).filter((path) => path.endsWith('.proto'))
    expect(excluded.sort()).toEqual(protos.map((path) => path.replace(/\.proto$/, '.ts')).sort())
  })
})
