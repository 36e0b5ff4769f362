/**
 * Every strategy on every scenario, cut so that all of it takes an hour of two cores: `npm run results`. The cut scenarios
 * lie in bench/results, and their heads say what was cut. Each cell, a scenario with a seed, is a file of its own in
 * `--out`; cells of the same commit and settings are kept, so that a run can be broken off and taken up. At the end docs/results is written anew.
 *
 * `-- --scenario a,b`, `--seed 1,2`: only these cells. `--out DIR`: default bench/dist/cells. `--jobs N`: processes at once,
 * by default as many as cores. `--page`: only writes the pages, of the cells that are in docs/results.
 */
import { execFileSync, spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Cell, cellsOf, linesOf, loadCut, measureCell, settingsOf } from './results/cell.ts'
import { pageOf } from './results/page.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const CUTS = join(ROOT, 'bench/results')
const DATA = join(ROOT, 'docs/results/first-comparison.jsonl')
const PAGE = join(ROOT, 'docs/results/first-comparison.md')
const INTRODUCTION = join(CUTS, 'introduction.md')

/** Cheap and telling ones, the last first, so that what a broken-off run leaves is worth most. */
const FIRST = ['flap-60-3h', 'home-2021', 'ipfs-2024', 'nat-80', 'million', 'smoke']

const { values } = parseArgs({
  options: {
    scenario: { type: 'string' },
    seed: { type: 'string', default: '1,2,3' },
    out: { type: 'string', default: join(ROOT, 'bench/dist/cells') },
    jobs: { type: 'string', default: String(availableParallelism()) },
    page: { type: 'boolean', default: false },
    /** One cell in this process, as the others are started. */
    child: { type: 'boolean', default: false },
  },
})

interface Task {
  name: string
  seed: number
  file: string
}

function scenarios(): string[] {
  return readdirSync(CUTS)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .sort()
}

function tasks(): Task[] {
  const all = scenarios().toSorted((a, b) => FIRST.indexOf(b) - FIRST.indexOf(a))
  const names = values.scenario?.split(',') ?? all
  const unknown = names.find((name) => !all.includes(name))
  if (unknown !== undefined) throw new Error(`no such scenario: ${unknown}`)
  return values.seed
    .split(',')
    .map(Number)
    .flatMap((seed) =>
      names.map((name) => ({ name, seed, file: join(values.out, `${name}-${seed}.json`) })),
    )
}

/** With a mark where what runs is not what was committed. */
function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim()
  const changed = git('status', '--porcelain', '--', 'packages', 'bench') !== ''
  return `${git('rev-parse', '--short', 'HEAD')}${changed ? '-changed' : ''}`
}

function read(file: string): Cell | undefined {
  return existsSync(file) ? cellsOf(readFileSync(file, 'utf8'))[0] : undefined
}

async function isKept({ name, seed, file }: Task, now: string): Promise<boolean> {
  const cell = read(file)
  if (cell?.commit !== now) return false
  return cell.settings === settingsOf(await loadCut(CUTS, name, seed))
}

async function child({ name, seed, file }: Task): Promise<void> {
  const cell = await measureCell(CUTS, name, seed, commit(), (strategy) =>
    console.log(`  ${name} ${seed}: ${strategy}`),
  )
  writeFileSync(`${file}.part`, linesOf([cell]))
  renameSync(`${file}.part`, file)
}

/** Runs a cell in a process of its own, which may fail without the others. */
function start({ name, seed }: Task): Promise<boolean> {
  const given = ['--child', '--scenario', name, '--seed', String(seed), '--out', values.out]
  const own = fileURLToPath(import.meta.url)
  const running = spawn(process.execPath, [own, ...given], { stdio: 'inherit' })
  return new Promise((resolve) => running.once('exit', (code) => resolve(code === 0)))
}

async function measure(): Promise<void> {
  mkdirSync(values.out, { recursive: true })
  const all = tasks()
  const waiting = [...all]
  const now = commit()
  let over = 0
  const failed: string[] = []
  const work = async (): Promise<void> => {
    for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
      const kept = await isKept(task, now)
      const done = kept || (await start(task))
      if (!done) failed.push(`${task.name} ${task.seed}`)
      const cost = kept ? 'kept' : done ? `${read(task.file)?.cpuSeconds} s` : 'FAILED'
      over++
      console.log(`${over} of ${all.length}: ${task.name}, seed ${task.seed}: ${cost}`)
    }
  }
  await Promise.all(Array.from({ length: Number(values.jobs) }, work))
  if (failed.length > 0) throw new Error(`failed: ${failed.join(', ')}`)
}

/** All cells that there are, those of earlier calls and commits too, and the page of them. */
function publish(): void {
  const before = existsSync(DATA) ? cellsOf(readFileSync(DATA, 'utf8')) : []
  const files = existsSync(values.out) ? readdirSync(values.out) : []
  const news = values.page
    ? []
    : files
        .filter((file) => file.endsWith('.json'))
        .flatMap((file) => read(join(values.out, file)) ?? [])
  const name = ({ scenario, seed }: Cell): string => `${scenario} ${seed}`
  const found = [...new Map([...before, ...news].map((cell) => [name(cell), cell])).values()]
  mkdirSync(join(ROOT, 'docs/results'), { recursive: true })
  writeFileSync(DATA, linesOf(found))
  writeFileSync(
    PAGE,
    pageOf(cellsOf(linesOf(found)), readFileSync(INTRODUCTION, 'utf8'), scenarios()),
  )
  console.log(`${PAGE}: ${found.length} cells`)
}

const [only] = tasks()
if (values.child && only !== undefined) {
  await child(only)
} else {
  if (!values.page) await measure()
  publish()
}
