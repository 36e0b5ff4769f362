/**
 * What a scenario file may say: each key with its type, bounds, unit, default and meaning, in one place. Files are checked
 * by it, docs/simulation.md and `scenarios/scenario.schema.json` are made of it.
 */
import { z } from 'zod'
import {
  DEFAULT_MIX,
  DEFAULT_WORKLOAD,
  DEFAULT_WORLD,
  MIX_NAMES,
  MIXES,
  NO_FAULTS,
} from './defaults.ts'
import {
  type FaultSettings,
  OPERATIONS,
  REGIONS,
  type WorkloadSettings,
  type WorldSettings,
} from './scenario.ts'

/** What a file says, defaults filled in. */
export interface ScenarioFile {
  extends?: string | undefined
  description: string
  nodes: number
  seed: number
  threads: number
  world: WorldSettings
  workload: WorkloadSettings
  strategies: {
    name: string
    label?: string | undefined
    options: Record<string, unknown>
  }[]
  phases: {
    name: string
    seconds: number
    measured: boolean
    workload: WorkloadSettings
    faults: FaultSettings
  }[]
  assertions: string[]
  trace: number[]
}

const COUNT_MAX = 2 ** 31 - 1
/** Identities fit into what tables hold for a peer. */
const NODES_MAX = 16_777_216

const number = (unit: string, min: number, max: number, value: number, text: string) =>
  z.number().min(min).max(max).default(value).meta({ unit, description: text })
const share = (value: number, text: string) => number('share', 0, 1, value, text)
const ms = (value: number, text: string) => number('ms', 0, 3_600_000, value, text)
const hours = (value: number, text: string) => number('h', 0.001, 100_000, value, text)
const count = (min: number, max: number, value: number, text: string) =>
  z.int().min(min).max(max).default(value).meta({ description: text })
const choice = <const T extends readonly string[]>(of: T, value: T[number], text: string) =>
  z.enum(of).prefault(value).meta({ description: text })
const flag = (text: string) => z.boolean().default(false).meta({ description: text })
/** A name of a phase or a strategy, such as `warm-up`. */
const slug = z.string().regex(/^[a-zA-Z][a-zA-Z0-9]*(-[a-zA-Z0-9]+)*$/)
const weights = <T extends readonly [string, ...string[]]>(of: T) =>
  z.partialRecord(z.enum(of), z.number().min(0).max(1_000_000))

const world = DEFAULT_WORLD
const mix = z
  .union([z.enum(MIX_NAMES), weights(REGIONS)])
  .default(DEFAULT_MIX)
  .transform((given) => (typeof given === 'string' ? MIXES[given] : given))
  .meta({
    description: `Where nodes live, for model \`regions\`: ${MIX_NAMES.map((name) => `\`${name}\``).join(' or ')} (measurements of the public IPFS network), or weights by region.`,
  })

const link = z
  .strictObject({
    model: choice(
      ['regions', 'square', 'constant'],
      world.link.model,
      'What a way takes: `regions`: by the RTT matrix of regions; `square`: by the distance of points in a square, and `constantMs` besides; `constant`: `constantMs`.',
    ),
    mix,
    squareMs: ms(world.link.squareMs, 'One way along the diagonal of the square.'),
    constantMs: z
      .tuple([z.number().min(0).max(3_600_000), z.number().min(0).max(3_600_000)])
      .default([...world.link.constantMs])
      .meta({
        unit: 'ms',
        description:
          'One way, least and most, drawn once for each pair: all of the way for `constant`, besides the distance for `square`.',
      }),
    jitter: share(
      world.link.jitter,
      'Each message varies by up to this share of its one-way time (assumption).',
    ),
    loss: share(
      world.link.loss,
      'Messages that are lost; a stream repairs that, one RTT and 200 ms later (assumption).',
    ),
    minOneWayMs: number(
      'ms',
      1,
      1_000,
      world.link.minOneWayMs,
      'Least one-way time, also the width of a window of the engine.',
    ),
    serviceMs: ms(world.link.serviceMs, 'Mean time that a node takes to answer (assumption).'),
    slowShare: share(
      world.link.slowShare,
      'Nodes that take `slowFactor` times as long: the heavy tail.',
    ),
    slowFactor: number('times', 1, 10_000, world.link.slowFactor, 'How much slower they are.'),
  })
  .prefault({})

const transports = z
  .strictObject({
    quic: share(
      world.transports.quic,
      'Servers whose best transport is QUIC: 2 round trips before the first request. 81 % of punched connections end on QUIC (6.25 million hole punches, Dec 2022).',
    ),
    tcp: share(
      world.transports.tcp,
      'Those that have only TCP, with Noise and yamux: 5 round trips.',
    ),
    datagram: share(
      world.transports.datagram,
      'Those that take encrypted datagrams: 1 round trip. The three sum up to 1.',
    ),
    dialTimeoutMs: ms(
      world.transports.dialTimeoutMs,
      'A dial that nobody answers is given up (go-libp2p’s TCP connect time-out); a strategy may do so earlier.',
    ),
    idleMs: number(
      'ms',
      0,
      86_400_000,
      world.transports.idleMs,
      'Idle connections close (assumption).',
    ),
    connectionsMax: count(
      1,
      1_000_000,
      world.transports.connectionsMax,
      'Connections of one node; above it the longest idle one closes.',
    ),
    warmShare: share(
      world.transports.warmShare,
      'Table entries to which there is a connection when the run begins.',
    ),
  })
  .prefault({})

const addresses = z
  .strictObject({
    concentratedShare: share(
      world.addresses.concentratedShare,
      'Servers that live in the largest IP groups; the others are alone in theirs. The top 10 autonomous systems had 64.9 % of all IPs (SIGCOMM’22).',
    ),
    groups: count(1, 65_535, world.addresses.groups, 'How many such groups (assumption).'),
  })
  .prefault({})

const reach = z
  .strictObject({
    clientShare: share(
      world.reach.clientShare,
      'Nodes behind NATs: they ask, and nobody can dial them.',
    ),
    wrongServerShare: share(
      world.reach.wrongServerShare,
      'Of those, the ones that wrongly announce themselves as servers, so that they get into tables.',
    ),
    holePunchShare: share(world.reach.holePunchShare, 'NATed pairs that a hole punch connects.'),
  })
  .prefault({})

const churn = z
  .strictObject({
    model: choice(
      ['none', 'sessions', 'flap'],
      world.churn.model,
      '`none`: everybody stays; `sessions`: a stable class, and Weibull sessions of the others; `flap`: some switch on and off.',
    ),
    stableShare: share(
      world.churn.stableShare,
      'Of those up at any instant, the share of the stable class: 0.85-0.90 in 2023, 0.55-0.60 in 2021 (IETF 118).',
    ),
    stableHours: hours(
      world.churn.stableHours,
      'Mean session of the stable class, exponential (assumption).',
    ),
    shape: number(
      '',
      0.1,
      5,
      world.churn.shape,
      'Shape of the Weibull sessions of the others: with `scaleHours`, half leave within 2 h and 80 % within 8 h (ProbeLab RFM2).',
    ),
    scaleHours: hours(world.churn.scaleHours, 'Their scale.'),
    awayHours: hours(world.churn.awayHours, 'Mean time away of those that return (assumption).'),
    neverReturnShare: share(
      world.churn.neverReturnShare,
      'Leavers that never return; a new identity takes their place (assumption).',
    ),
    dailySwing: share(world.churn.dailySwing, 'Swing of arrivals over a day.'),
    flapShare: share(world.churn.flapShare, '`flap`: nodes that switch on and off.'),
    flapHours: hours(world.churn.flapHours, '`flap`: how long each state lasts.'),
    politeShare: share(
      world.churn.politeShare,
      'Leavers that close their connections in order; the others vanish (assumption).',
    ),
  })
  .prefault({})

const tables = z
  .strictObject({
    origin: choice(
      ['grown', 'oracle'],
      world.tables.origin,
      '`grown` by joining, exact and slow; or filled by an `oracle` with the measured staleness.',
    ),
    deadShareFull: share(
      world.tables.deadShareFull,
      '`oracle`: dead entries in full buckets: 3.78 % measured (RFM19).',
    ),
    deadShareNear: share(
      world.tables.deadShareNear,
      '`oracle`: dead entries in the others: about 15 % measured (RFM19).',
    ),
    missingShareNear: share(
      world.tables.missingShareNear,
      '`oracle`: entries missing in buckets that are not full: about 20 % measured (RFM19).',
    ),
    growSeconds: number(
      's',
      1,
      864_000,
      world.tables.growSeconds,
      '`grown`: how long nodes join before the first phase.',
    ),
    startSpreadSeconds: number(
      's',
      0,
      864_000,
      world.tables.startSpreadSeconds,
      '`oracle`: nodes begin to look after their tables somewhere within this time.',
    ),
  })
  .prefault({})

const work = DEFAULT_WORKLOAD
/** A workload by itself: what a phase says, laid over what holds for all phases. */
export const WORKLOAD: z.ZodType<WorkloadSettings> = z.strictObject({
  perSecond: number('1/s', 0, 10_000_000, work.perSecond, 'Operations, over all nodes.'),
  mix: weights(OPERATIONS)
    .default({ ...work.mix })
    .meta({ description: 'Weights of the operations.' }),
  keys: choice(
    ['uniform', 'zipf', 'hotspot'],
    work.keys,
    'Which of the stored subjects are looked for.',
  ),
  skew: number(
    '',
    0,
    10,
    work.skew,
    '`zipf`: its exponent; `hotspot`: share of the look-ups that go to one subject.',
  ),
  subjects: count(
    0,
    4_194_304,
    work.subjects,
    'Subjects stored before the first phase, on the k closest live servers; 0: finds look for keys that nobody stored.',
  ),
  clients: choice(
    ['warm', 'cold'],
    work.clients,
    'Who asks: `warm` any node; `cold` one that has just joined and knows its bootstrappers.',
  ),
  askers: count(0, COUNT_MAX, work.askers, 'Nodes that ask; 0 for all.'),
  askerRegions: z
    .array(z.enum(REGIONS))
    .default([...work.askerRegions])
    .meta({ description: 'Regions in which the askers live, as many in each; empty for all.' }),
  selfLookups: flag('Each node also walks to its own key once, in the first seconds of the phase.'),
  bulkKeys: count(1, 16_384, work.bulkKeys, 'Keys of one `bulk` operation.'),
})

const faults = z
  .strictObject({
    loss: share(NO_FAULTS.loss, 'Messages that are lost besides the link’s own.'),
    down: share(
      NO_FAULTS.down,
      'Servers that vanish at the start of the phase and are back at its end.',
    ),
    partition: flag('The key space’s halves can’t talk to each other.'),
  })
  .prefault({})

const phase = z.strictObject({
  name: slug.meta({ description: 'As results and curves name it.' }),
  seconds: z
    .number()
    .min(1)
    .max(31_536_000)
    .meta({ unit: 's', description: 'How long, simulated.' }),
  measured: z
    .boolean()
    .default(true)
    .meta({ description: 'Whether its operations count in the figures.' }),
  workload: WORKLOAD.prefault({}).meta({
    description: 'Keys of `workload` that differ in this phase.',
  }),
  faults,
})

const options = z.record(z.string(), z.unknown()).default({}).meta({
  description: 'What the strategy is to do otherwise than by default; `kadmium sim list` has them.',
})
const strategy = z
  .union([
    z.string(),
    z.strictObject({
      name: z.string().meta({ description: 'Of the strategies there are: `kadmium sim list`.' }),
      label: slug.optional().meta({
        description: 'As results name it, where one strategy runs twice with different options.',
      }),
      options,
    }),
  ])
  .transform((given) => (typeof given === 'string' ? { name: given, options: {} } : given))

/** A whole file, what it extends laid under it. */
export const SCENARIO_FILE: z.ZodType<ScenarioFile> = z.strictObject({
  extends: z.string().optional().meta({
    description:
      'Another scenario, by name or by path from this file: what it says holds unless this file says otherwise. Maps are laid over each other, lists and mixes are replaced.',
  }),
  description: z.string().min(1).meta({ description: 'One line for `kadmium sim list`.' }),
  nodes: z.int().min(2).max(NODES_MAX).meta({
    description: 'Identities that are up when the run begins, servers and clients together.',
  }),
  seed: count(0, 4_294_967_295, 1, 'All dice come from it.'),
  threads: count(1, 64, 1, 'Worker threads; the result is the same for any number.'),
  world: z.strictObject({ link, transports, addresses, reach, churn, tables }).prefault({}),
  workload: WORKLOAD.prefault({}),
  strategies: z
    .array(strategy)
    .min(1)
    .meta({ description: 'Names, or maps with these keys, each run on the same world.' }),
  phases: z.array(phase).min(1).meta({ description: 'One after the other.' }),
  assertions: z.array(z.string()).default([]).meta({
    description: 'What must hold in the end, such as `kadmium.get.ok / kadmium.get.done >= 0.99`.',
  }),
  trace: z.array(z.int().min(0)).default([]).meta({
    description: 'Nodes whose inputs and outputs a trace writes, by index from 0.',
  }),
})
