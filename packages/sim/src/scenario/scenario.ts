/**
 * A scenario with nothing left open: what a YAML file says, and the defaults for what it does not. `load.ts` reads and
 * checks files; docs/simulation.md explains each key to people.
 */

/** Regions of the RTT matrix, docs/calibration.md. */
export const REGIONS = [
  'NA',
  'SA',
  'EUW',
  'EUN',
  'EUE',
  'EAS',
  'CN',
  'SEA',
  'SAS',
  'OC',
  'ME',
  'AF',
] as const
/** A region of the RTT matrix. */
export type Region = (typeof REGIONS)[number]

/** What a message meets on its way. */
export interface LinkSettings {
  /** `regions`: the RTT matrix; `square`: points in a square whose diagonal is `squareMs` one way, and `constantMs` besides for each pair; `constant`: `constantMs` one way. */
  model: 'regions' | 'square' | 'constant'
  /** Where nodes live, weights that need not sum up to 1; `regions` only. */
  mix: Readonly<Partial<Record<Region, number>>>
  /** One way along the diagonal of the square, ms. */
  squareMs: number
  /** One way, ms, least and most: drawn once for each pair, by `constant` and `square`. */
  constantMs: readonly [min: number, max: number]
  /** Each message varies by up to this share of its one-way time. Default 0.1. */
  jitter: number
  /** Share of messages that are lost without a trace (a stream repairs that after a time-out of its own: it comes one RTT + 200 ms late). Default 0.005. */
  loss: number
  /** Least one-way time, ms. Default 5; also the width of a window of the engine. */
  minOneWayMs: number
  /** Mean time that a node takes to answer, ms. Default 2. */
  serviceMs: number
  /** Share of nodes that take `slowFactor` times as long. Default 0.05 and 10. */
  slowShare: number
  /** How much slower the slow nodes are. Default 10. */
  slowFactor: number
}

/** How connections come about. */
export interface TransportSettings {
  /** Shares of servers by the best transport that they offer; sum 1. Handshake round trips before the first request: quic 1, tcp 4, datagram 1. */
  quic: number
  /** Share of servers that have only TCP. */
  tcp: number
  /** Share of servers that take encrypted datagrams. */
  datagram: number
  /** A dial that nobody answers is given up after so long, ms. Default 5,000 (the strategy may end it earlier). */
  dialTimeoutMs: number
  /** Idle connections close after so long, ms. Default 60,000. */
  idleMs: number
  /** Connections of one node; above it the longest idle one closes. Default 256. */
  connectionsMax: number
  /** Share of table entries to which there is a connection when the run begins. Default 0. */
  warmShare: number
}

/** How addresses concentrate in IP groups. */
export interface AddressSettings {
  /** Share of servers that live in the `top` largest groups (cloud providers); the rest are alone in theirs. */
  concentratedShare: number
  /** How many such groups. */
  groups: number
}

/** Who can be dialled. */
export interface ReachSettings {
  /** Share of all nodes that are clients behind NATs: they ask, and nobody can dial them. */
  clientShare: number
  /** Share of the clients that wrongly announce themselves as servers, so that they get into tables. */
  wrongServerShare: number
  /** Share of NATed pairs that a hole punch connects; 0 is off. */
  holePunchShare: number
}

/** Who comes and goes. */
export interface ChurnSettings {
  /** Off: everybody stays. */
  model: 'none' | 'sessions' | 'flap'
  /** `sessions`: share of the population at any instant that is of the stable class. */
  stableShare: number
  /** Mean session of the stable class (exponential), hours. */
  stableHours: number
  /** Weibull sessions of the others: shape, and scale in hours. */
  shape: number
  /** Scale of the Weibull sessions, hours. */
  scaleHours: number
  /** Mean time away of those that return, hours. */
  awayHours: number
  /** Share of leavers that never return; a new identity takes their place. */
  neverReturnShare: number
  /** Swing of arrivals over a day, 0..1. */
  dailySwing: number
  /** `flap`: share of nodes that switch on and off, each state lasting `flapHours`. */
  flapShare: number
  /** How long each state lasts, hours. */
  flapHours: number
  /** Share of leavers that close their connections in order; the others vanish. */
  politeShare: number
}

/** What tables hold when the first phase begins. */
export interface TableSettings {
  /** `grown` by joining, exact, or filled by an `oracle`. */
  origin: 'grown' | 'oracle'
  /** `oracle`: share of entries that are dead in full buckets and in the others (measurements §1.2: 0.04, 0.15). */
  deadShareFull: number
  /** The same of buckets that are not full. */
  deadShareNear: number
  /** `oracle`: share of entries missing in buckets that are not full. */
  missingShareNear: number
  /** `grown`: how long nodes join before the first phase, seconds. */
  growSeconds: number
  /** `oracle`: nodes that are up at the start begin to look after their tables somewhere within so long, seconds: each begins with a round of walks to all of its buckets. */
  startSpreadSeconds: number
}

/** All that strategies have in common. */
export interface WorldSettings {
  /** What a message meets on its way. */
  link: LinkSettings
  /** How connections come about. */
  transports: TransportSettings
  /** How addresses concentrate. */
  addresses: AddressSettings
  /** Who can be dialled. */
  reach: ReachSettings
  /** Who comes and goes. */
  churn: ChurnSettings
  /** What tables hold at the start. */
  tables: TableSettings
}

/** What nodes are asked to do. */
export const OPERATIONS = [
  'get',
  'put',
  'provide',
  'findProviders',
  'findPeer',
  'ipns',
  'bulk',
] as const
/** An operation by name. */
export type OperationName = (typeof OPERATIONS)[number]

/** Who asks for what, and how often. */
export interface WorkloadSettings {
  /** Operations a second of simulated time, over all nodes. */
  perSecond: number
  /** Weights of the operations. */
  mix: Readonly<Partial<Record<OperationName, number>>>
  /** Which of the stored subjects are looked for. */
  keys: 'uniform' | 'zipf' | 'hotspot'
  /** Exponent of `zipf`; share of look-ups that go to one subject for `hotspot`. */
  skew: number
  /** Subjects stored before the first phase, by the oracle, on the k closest live servers; 0: finds look for keys that nobody stored. */
  subjects: number
  /** Who asks: `cold` a node that has just joined (its table and memory are empty but for its bootstrappers), `warm` any node. */
  clients: 'warm' | 'cold'
  /** Nodes that ask; 0 for all. */
  askers: number
  /** Regions in which the askers live, as many in each; empty for all. */
  askerRegions: readonly Region[]
  /** Each node also walks to its own key once, in the first seconds of the phase. */
  selfLookups: boolean
  /** Keys of one `bulk` operation. */
  bulkKeys: number
}

/** What is broken during a phase. */
export interface FaultSettings {
  /** Share of messages that are lost besides the link's own. */
  loss: number
  /** Share of servers that vanish at the start of the phase and are back at its end. */
  down: number
  /** The key space's halves can't talk to each other. */
  partition: boolean
}

/** A stretch of simulated time. */
export interface Phase {
  /** As curves name it. */
  name: string
  /** How long, simulated seconds. */
  seconds: number
  /** Whether its operations count in the figures. */
  measured: boolean
  /** What is asked for in it. */
  workload: WorkloadSettings
  /** What is broken in it. */
  faults: FaultSettings
}

/** A strategy that runs, with what it is to do otherwise. */
export interface StrategyChoice {
  /** Of `STRATEGIES`. */
  name: string
  /** As results, assertions and reports name it: the name, unless one strategy runs twice with different options. */
  label: string
  /** As the strategy knows them. */
  options: Readonly<Record<string, unknown>>
}

/** A scenario with nothing left open. */
export interface Scenario {
  /** Of the file, without its ending. */
  name: string
  /** One line for people. */
  description: string
  /** Identities that are up when the run begins, servers and clients together. */
  nodes: number
  /** Root of all dice, 32 bits. */
  seed: number
  /** Worker threads. */
  threads: number
  /** All that strategies have in common. */
  world: WorldSettings
  /** Each runs on the same world. */
  strategies: readonly StrategyChoice[]
  /** One after the other. */
  phases: readonly Phase[]
  /** Such as `kadmium.get.ok / kadmium.get.done >= 0.99`. */
  assertions: readonly string[]
  /** Nodes whose inputs and outputs a trace writes; empty for none. */
  trace: readonly number[]
}
