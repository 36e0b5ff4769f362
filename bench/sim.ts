/**
 * What an event of the simulator costs: `npm run bench:sim`, some seconds for each of a few small worlds, in processor time,
 * beside the figures that were committed last (bench/sim.json). It asserts nothing: figures of
 * a shared machine vary by a third and more, and other machines are others, so compare runs of the same minutes.
 *
 * `-- --json` for machines, `-- --update` writes the figures to bench/sim.json. `-- NAME ...`: only these worlds.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type LoadOptions, loadScenario, runScenario, type StrategyFigures } from '@kadmium/sim'

const COMMITTED = fileURLToPath(new URL('../sim.json', import.meta.url))
const COMMAND = 'npm run bench:sim -- --update'
const ROUNDS = 2

/** A world that is measured. */
interface World {
  name: string
  scenario: string
  options: LoadOptions
}

/** What it came to: the least of several rounds, since nothing makes one quicker than it is. */
interface Figure {
  name: string
  nanosecondsPerEvent: number
  events: number
  /** Of all events: where it differs from what is committed, other things happened. */
  digest: string
}

/** The figures that were committed last. */
interface Committed {
  command: string
  commit: string
  date: string
  processor: string
  figures: Figure[]
}

const BRIEF = ['phases.warm-up.seconds=5']

const WORLDS: readonly World[] = [
  {
    name: 'kadmium, 20,000 nodes without churn',
    scenario: 'million',
    options: of('kadmium', 20_000, 8, ['phases.warm-up.seconds=1', 'workload.perSecond=400']),
  },
  { name: 'kadmium, ipfs-2024', scenario: 'ipfs-2024', options: of('kadmium', 2_000, 60, BRIEF) },
  { name: 'go, ipfs-2024', scenario: 'ipfs-2024', options: of('go', 5_000, 600, BRIEF) },
  { name: 'plain, kit-peersim', scenario: 'kit-peersim', options: of('plain', 20_000, 60) },
]

function of(strategy: string, nodes: number, seconds: number, more: string[] = []): LoadOptions {
  const set = [`phases.measure.seconds=${seconds}`, ...more]
  return { nodes, threads: 1, seed: 1, strategies: [strategy], set }
}

/** Processor time for each event once the world is built. */
async function measure({ name, scenario, options }: World): Promise<Figure> {
  const loaded = await loadScenario(scenario, options)
  let least = Number.POSITIVE_INFINITY
  let told: StrategyFigures | undefined
  for (let round = 0; round < ROUNDS; round++) {
    let began: { usage: NodeJS.CpuUsage; events: number } | null = null
    const { result } = await runScenario(loaded, {
      // From the first time on that something is told of the run: building is left out.
      onProgress: ({ phase, events }) => {
        if (phase !== 'build') began ??= { usage: process.cpuUsage(), events }
      },
    })
    told = Object.values(result.strategies)[0]
    if (began === null || told === undefined) throw new Error(`${name} was over at once`)
    const { usage, events } = began as { usage: NodeJS.CpuUsage; events: number }
    const { user, system } = process.cpuUsage(usage)
    least = Math.min(least, ((user + system) * 1000) / (told.events - events))
  }
  const { events = 0, digest = '' } = told ?? {}
  return { name, nanosecondsPerEvent: Math.round(least), events, digest }
}

function committed(): Committed | null {
  try {
    return JSON.parse(readFileSync(COMMITTED, 'utf8')) as Committed
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    update: { type: 'boolean', default: false },
  },
})
const before = committed()
const figures: Figure[] = []
const say = (line: string): void => (values.json ? console.error(line) : console.log(line))
if (before !== null) say(`beside ${before.commit} of ${before.date} on ${before.processor}`)
for (const world of WORLDS) {
  if (positionals.length > 0 && !positionals.some((part) => world.name.includes(part))) continue
  const figure = await measure(world)
  figures.push(figure)
  const { name, nanosecondsPerEvent, digest } = figure
  const last = before?.figures.find((other) => other.name === name)
  const ratio =
    last === undefined ? '' : (nanosecondsPerEvent / last.nanosecondsPerEvent).toFixed(2)
  const note = last === undefined || last.digest === digest ? '' : ' (other events than then)'
  const was = last === undefined ? '' : `, was ${last.nanosecondsPerEvent}: ${ratio} of it${note}`
  say(`${name.padEnd(38)} ${String(nanosecondsPerEvent).padStart(7)} ns an event${was}`)
}
if (values.json) console.log(JSON.stringify({ before, figures }))
if (values.update) {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  const written: Committed = {
    command: COMMAND,
    commit,
    date: new Date().toISOString().slice(0, 10),
    processor: cpus()[0]?.model ?? 'unknown',
    figures,
  }
  writeFileSync(COMMITTED, `${JSON.stringify(written, null, 2)}\n`)
}
