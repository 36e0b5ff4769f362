/**
 * What the simulator's world is like beside what was measured in real networks, and what it costs. `npm run bench:world`
 * prints the figures of docs/calibration.md; `-- NODES` for another size than 1,000,000 of what it costs.
 */
import type { Column, Scenario } from '@kadmium/sim'
import type * as Defaults from '../packages/sim/dist/scenario/defaults.js'
import type * as Churns from '../packages/sim/dist/world/churn.js'
import type * as Dice from '../packages/sim/dist/world/dice.js'
import type * as Links from '../packages/sim/dist/world/link.js'
import type * as Populations from '../packages/sim/dist/world/population.js'
import type * as Samples from '../packages/sim/dist/world/sample.js'
import type * as Lengths from '../packages/sim/dist/world/sessions.js'
import type * as Tables from '../packages/sim/dist/world/tables.js'
import type * as Truths from '../packages/sim/dist/world/truth.js'

/** A part of the simulator as it was built; the package keeps these to itself. */
const built = async <Part>(name: string): Promise<Part> =>
  (await import(new URL(`../../packages/sim/dist/${name}.js`, import.meta.url).href)) as Part

const { MIXES } = await built<typeof Defaults>('scenario/defaults')
const { Churn } = await built<typeof Churns>('world/churn')
const { draw } = await built<typeof Dice>('world/dice')
const { Link } = await built<typeof Links>('world/link')
const { Population } = await built<typeof Populations>('world/population')
const { idlePhase, sampleScenario } = await built<typeof Samples>('world/sample')
const { Sessions } = await built<typeof Lengths>('world/sessions')
const { fillTables } = await built<typeof Tables>('world/tables')
const { WorldTruth } = await built<typeof Truths>('world/truth')

const HOUR_MS = 3_600_000
const QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99]
const PAIRS = 1_000_000

const tell = (what: string, ...figures: (number | string)[]): void =>
  console.log(`${what.padEnd(58)} ${figures.join('  ')}`)

function roundTrips(name: string, mix: Scenario['world']['link']['mix'], share: number): void {
  const scenario = sampleScenario(20_000, {
    link: { mix },
    addresses: { concentratedShare: share, groups: 40 },
  })
  const population = Population.create(scenario)
  const link = new Link(population, scenario.world.link, 1)
  const all = Float64Array.from({ length: PAIRS }, (_, i) =>
    link.rttMs(draw(1, i, 0, 99) % population.size, draw(1, i, 1, 99) % population.size),
  ).sort()
  const found = QUANTILES.map((q) => Math.round(all[Math.floor(q * PAIRS)] as number))
  tell(`round trip ${name}, ${share} in 40 groups: p5 .. p99, ms`, ...found)
}

function sessions(): void {
  const { churn } = sampleScenario(1).world
  const drawn = new Sessions(churn, 1)
  const hours = Float64Array.from(
    { length: PAIRS },
    (_, i) => drawn.sessionMs(i, false, 0) / HOUR_MS,
  ).sort()
  const below = (limit: number): string => (hours.findIndex((h) => h >= limit) / PAIRS).toFixed(3)
  const mean = hours.reduce((sum, h) => sum + h, 0) / PAIRS
  tell('sessions: below 2 h, below 8 h, mean h', below(2), below(8), mean.toFixed(2))
}

/** How many are up every five hours, over three days: no multiple of any period. */
function stationary(name: string, churn: Partial<Scenario['world']['churn']>): void {
  const phases = [idlePhase(72 * 3600)]
  const scenario = sampleScenario(10_000, { churn }, { phases })
  const population = Population.create(scenario)
  const play = new Churn(population, scenario.world.churn, 1)
  const counts: number[] = []
  const next = Array.from({ length: population.size }, (_, peer) => play.firstChangeMs(peer))
  for (let until = 5; until <= 70; until += 5) {
    let up = 0
    for (let peer = 0; peer < population.size; peer++) {
      while ((next[peer] as number) < until * HOUR_MS)
        next[peer] = play.change(peer, next[peer] as number)
      if (population.isUp(peer, until * HOUR_MS - 1)) up++
    }
    counts.push(up)
  }
  tell(`up of 10,000, ${name}: least, most of 14`, Math.min(...counts), Math.max(...counts))
}

function concentration(): void {
  const scenario = sampleScenario(10_000, { addresses: { concentratedShare: 0.65, groups: 40 } })
  const population = Population.create(scenario)
  const sizes = new Map<number, number>()
  for (let peer = 0; peer < population.size; peer++) {
    const group = population.ipGroup(peer)
    if (group > 0) sizes.set(group, (sizes.get(group) ?? 0) + 1)
  }
  const sorted = [...sizes.values()].sort((a, b) => b - a)
  const top = (count: number): string =>
    (sorted.slice(0, count).reduce((sum, n) => sum + n, 0) / population.size).toFixed(3)
  tell('share in the 40 and in the 10 largest groups', top(40), top(10))
}

/** Tables as in April 2022: 15,400 servers, 20 to a bucket, caps off and on. */
function tables(share: number): void {
  const scenario = sampleScenario(15_400, { addresses: { concentratedShare: share, groups: 40 } })
  const population = Population.create(scenario)
  const [entries, dead] = [new Array<number>(24).fill(0), new Array<number>(24).fill(0)]
  const column = {
    bucketSeats: (bucket: number) => (bucket < 24 ? 20 : 0),
    seat(_row: number, bucket: number, peers: Int32Array, count: number) {
      entries[bucket] = (entries[bucket] as number) + count
      for (const peer of peers.subarray(0, count))
        if (!population.isUp(peer, 0)) dead[bucket] = (dead[bucket] as number) + 1
    },
  } as unknown as Column
  const { seed, world } = scenario
  fillTables(column, population, 0, population.size, world.tables, seed, () => {})
  const part = (from: number, to: number): string => {
    const sum = (list: number[]): number => list.slice(from, to).reduce((a, b) => a + b, 0)
    return (sum(dead) / sum(entries)).toFixed(3)
  }
  const mean = entries.reduce((a, b) => a + b, 0) / population.initial
  tell(
    `tables, ${share} in 40 groups: entries, dead in 0, 1-8, 9 and up`,
    mean.toFixed(0),
    part(0, 1),
    part(1, 9),
    part(9, 24),
  )
}

/** Processor time of this thread in units of 1/`count`, microseconds. */
function cost(what: string, unit: string, count: number, work: () => void): void {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  tell(what, `${((user + system) / count).toPrecision(3)} us ${unit}`)
}

function costs(nodes: number): void {
  const scenario = sampleScenario(nodes)
  let population = Population.create(sampleScenario(1000))
  cost(`population of ${nodes}`, 'a node', nodes, () => {
    population = Population.create(scenario)
  })
  let bytes = 0
  for (const column of Object.values(population.shared))
    if (column instanceof SharedArrayBuffer) bytes += column.byteLength
  tell('identities, bytes of each', population.size, (bytes / population.size).toFixed(1))
  const link = new Link(population, scenario.world.link, 1)
  const truth = new WorldTruth(population, link)
  const out = new Int32Array(20)
  const key = new Uint32Array(8)
  cost('closestLive, 20 of a random key', 'a call', 100_000, () => {
    for (let i = 0; i < 100_000; i++) {
      for (let word = 0; word < 8; word++) key[word] = draw(2, i, word, 99)
      truth.closestLive(key, 0, 20, 0, out)
    }
  })
  const wide = [128, 64, 32]
  let entries = 0
  let filled = 0
  let last = -1
  const column = {
    bucketSeats: (bucket: number) => (bucket < 24 ? (wide[bucket] ?? 20) : 0),
    seat(row: number, _bucket: number, _peers: Int32Array, count: number) {
      if (row !== last) filled++
      last = row
      entries += count
    },
  } as unknown as Column
  const rows = population.size
  const { seed, world } = scenario
  cost('tables of 128, 64, 32, 20 ..., without the column', 'an identity', rows, () =>
    fillTables(column, population, 0, rows, world.tables, seed, () => {}),
  )
  tell('identities with a table, entries of each', filled, (entries / filled).toFixed(0))
}

for (const [name, mix] of Object.entries(MIXES))
  for (const share of [0, 0.65]) roundTrips(name, mix, share)
sessions()
stationary('all short sessions', { model: 'sessions', stableShare: 0 })
stationary('85 % stable', { model: 'sessions' })
stationary('60 % flap every 3 h', { model: 'flap', flapShare: 0.6 })
concentration()
for (const share of [0, 0.65]) tables(share)
costs(Number(process.argv[2] ?? 1_000_000))
