/**
 * The examples of the READMEs, against the installed tarballs. Each `ts` block is a program that type-checks, runs
 * and prints what its comments `// prints: …` say, in that order. `console` blocks are a session: each `$` line is run,
 * and what it prints is compared, peer ids and ports apart. Of `sh` blocks, what is quick.
 */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, inject, test, vi } from 'vitest'
import { ROOT } from '../fixture.ts'
import { type Running, run, signal, start } from './run.ts'

const READMES = [
  'README.md',
  'packages/core/README.md',
  'packages/libp2p/README.md',
  'packages/sim/README.md',
  'packages/cli/README.md',
]
const WAIT = { timeout: 60_000, interval: 50 }

const installed = inject('installed')
const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')

/** Programs that this test started. Bounded by the lines of the READMEs. */
const running: Running[] = []

afterEach(async () => {
  for (const program of running) signal(program, 'SIGKILL')
  await Promise.all(running.splice(0).map(({ ended }) => ended))
})

interface Block {
  /** Where it stands. */
  name: string
  code: string
}

/** The blocks of one language in one README. */
function blocksOf(path: string, language: string): Block[] {
  const text = readFileSync(join(ROOT, path), 'utf8')
  return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter(([, tag]) => tag === language)
    .map(({ index, 2: code = '' }) => ({
      name: `${path}:${text.slice(0, index).split('\n').length}`,
      code,
    }))
}

const folder = (): string => mkdtempSync(join(installed, 'readme-'))
const textLines = (text: string): string[] => text.split('\n').filter((line) => line !== '')

test('there are examples', () => {
  const count = (language: string): number[] =>
    READMES.map((path) => blocksOf(path, language).length)
  expect(
    count('ts')
      .slice(0, 4)
      .every((blocks) => blocks > 0),
  ).toBe(true)
  expect(count('console').at(-1)).toBeGreaterThan(0)
})

describe.each(READMES.flatMap((path) => blocksOf(path, 'ts')))('$name', ({ code }) => {
  test('compiles', async () => {
    const cwd = folder()
    writeFileSync(join(cwd, 'example.ts'), code)
    const flags = '--ignoreConfig --noEmit --strict --module nodenext --target es2024 --types node'
    const types = ['--typeRoots', join(ROOT, 'node_modules/@types'), '--skipLibCheck']
    await run(process.execPath, [tsc, ...flags.split(' '), ...types, 'example.ts'], { cwd })
  })

  test('runs, and prints what it says', async () => {
    const cwd = folder()
    writeFileSync(join(cwd, 'example.ts'), code)
    const { stdout, stderr } = await run(process.execPath, ['example.ts'], { cwd })
    const said = [...code.matchAll(/\/\/ prints: (.*)$/gm)].map(([, text]) => text)
    expect(said.length).toBeGreaterThan(0)
    expect([textLines(stdout), stderr]).toEqual([said, ''])
  })
})

/** What differs from run to run: peer ids and ports. */
const CHANGING = /12D3KooW\w+|(?<=\/tcp\/)\d+/g

/** A session in a shell, of which one command after the other is typed. */
class Session {
  private readonly cwd = folder()
  private readonly env: Record<string, string> = { HOME: this.cwd }
  /** By what this run has in the place of what the README shows. Bounded by the README. */
  private readonly now = new Map<string, string>()

  /** Runs a command, with what this run has in the place of ids and ports, and compares what it prints. */
  async type(command: string, shown: readonly string[]): Promise<void> {
    const line = command.replace(CHANGING, (text) => {
      // A port that nobody printed yet is a wish, which a busy machine may not have.
      return this.now.get(text) ?? (/^\d+$/.test(text) ? '0' : text)
    })
    const [, name, value] = /^export (\w+)=(.*)$/.exec(line) ?? []
    if (name !== undefined && value !== undefined) {
      this.env[name] = value
      return
    }
    const program = start(line, null, { cwd: this.cwd, installed, env: this.env })
    running.push(program)
    if (/^kadmium node\b/.test(line)) {
      await vi.waitFor(() => expect(program.stdout).toMatch(/^address/m), WAIT)
    } else {
      expect(await program.ended, `${line}\n${program.stderr}`).toBe(0)
    }
    const printed = textLines(program.stdout)
    for (const [i, text] of shown.entries()) this.learn(text, printed[i] ?? '')
    expect(printed).toEqual(shown.map((text) => this.translate(text)))
  }

  /** The README's ids and ports stand for those at the same places of what was printed. */
  private learn(shown: string, printed: string): void {
    const actual = printed.match(CHANGING) ?? []
    for (const [i, text] of (shown.match(CHANGING) ?? []).entries()) {
      if (!this.now.has(text)) this.now.set(text, actual[i] ?? '')
    }
  }

  private translate(text: string): string {
    return text.replace(CHANGING, (part) => this.now.get(part) ?? part)
  }
}

test('the session of packages/cli/README.md', async () => {
  const session = new Session()
  const lines = blocksOf('packages/cli/README.md', 'console').flatMap(({ code }) => textLines(code))
  const commands = lines.flatMap((line, i) => (line.startsWith('$ ') ? [i] : []))
  for (const [i, at] of commands.entries()) {
    const command = (lines[at] as string).slice(2)
    await session.type(command, lines.slice(at + 1, commands[i + 1]))
  }
})

const quick = READMES.flatMap((path) => blocksOf(path, 'sh'))
  .flatMap(({ code }) => textLines(code))
  .map((line) => line.replace(/\s+#.*$/, ''))
  .filter((line) => line.startsWith('npx kadmium'))

test.each([...new Set(quick)])('%s', async (line) => {
  const cwd = folder()
  const isNode = /kadmium node\b/.test(line)
  // npx passes a signal on but does not wait for what comes of it.
  const command = line
    .replace(/^npx/, isNode ? 'exec' : 'npx --no-install')
    .replace(/\/tcp\/\d+/, '/tcp/0')
  const program = start(command, null, { cwd, installed, env: { HOME: cwd } })
  running.push(program)
  if (isNode) {
    await vi.waitFor(() => expect(program.stdout).toMatch(/^address/m), WAIT)
    signal(program, 'SIGINT')
  }
  expect(await program.ended).toBe(0)
  expect(program.stdout).not.toBe('')
})
