/** What comes out of a run: figures, the curves behind them, and what the checkers found. Absent work is absent, not zero. */

/** Operations that end with something found. Times in simulated ms. */
export interface FindFigures {
  /** Operations that ended within the measured phases. */
  done: number
  /** Those that found what is there (truth is known to the simulator). */
  ok: number
  /** Latency from start to the caller's result, of those that were ok. */
  p50Ms: number
  /** The same, 90 % of them. */
  p90Ms: number
  /** The same, 99 % of them. */
  p99Ms: number
  /** Mean requests sent for one operation, all of them. */
  rpcs: number
  /** Mean requests of one operation that ended without an answer. */
  timeouts: number
  /** Hops to whoever had it: a peer of one's own table is hop 1. */
  hopsP50: number
  /** The same, 95 % of them. */
  hopsP95: number
}

/** Operations that store a record on the k closest. Times in simulated ms. */
export interface StoreFigures {
  /** Operations that ended within the measured phases. */
  done: number
  /** Those that the caller was told are stored, on at least one holder. */
  ok: number
  /** Latency from start to the caller’s result, of those that were ok: the median. */
  p50Ms: number
  /** The same, 90 % of them. */
  p90Ms: number
  /** The same, 99 % of them. */
  p99Ms: number
  /** Mean requests sent for one operation, all of them. */
  rpcs: number
  /** Hops until all of the k closest had been heard of; entries of one's own table are hop 1. */
  hopsToAllP50: number
  /** The same, 95 % of them. */
  hopsToAllP95: number
  /** Median number of the k chosen targets that acknowledged. */
  reached: number
  /** Mean share of the k closest live servers that hold the record once the put has ended altogether. */
  recall: number
}

/** Announcing many keys at once. */
export interface BulkFigures {
  /** Keys announced. */
  keys: number
  /** Walks made for them. */
  lookups: number
  /** Distinct peers that were sent records. */
  contacts: number
  /** Messages sent, of all kinds, by keys. */
  messagesPerKey: number
}

/** Tables at the end of the run. */
export interface TableFigures {
  /** Mean entries of a table, without those that its node has benched. */
  entries: number
  /** Mean benched entries: kept to be tried again, neither asked first nor named to others. 0 for who benches nobody. */
  benched: number
  /** Share of entries that can't be reached now. */
  deadShare: number
  /** Share of entries to which the node has a connection open now. */
  connectedShare: number
}

/** What one strategy came to. */
export interface StrategyFigures {
  /** Of all events, in hexadecimal: equal for equal seeds, whatever the threads. */
  digest: string
  /** Events of the whole run. */
  events: number
  /** The same by the wall time that they took. */
  eventsPerSecond: number
  /** Requests that nodes sent, in the whole run. */
  requests: number
  /** The same by the wall time that they took. */
  requestsPerSecond: number
  /** User operations that walked, within the measured phases. */
  lookups: number
  /** The same by the wall time of those phases; building is left out. */
  lookupsPerSecond: number
  /** Columns and slabs by nodes. */
  bytesPerNode: number
  /** Reads of values that never change. */
  get?: FindFigures
  /** Stores of values. */
  put?: StoreFigures
  /** Announcements of content. */
  provide?: StoreFigures
  /** Searches for who has a content. */
  findProviders?: FindFigures
  /** Searches for where a peer is. */
  findPeer?: FindFigures
  /** Reads of records that change. */
  ipns?: FindFigures
  /** Announcements of many keys at once. */
  bulk?: BulkFigures
  /** Tables at the end. */
  table?: TableFigures
}

/** What `--json` prints and `--out` writes. */
export interface Result {
  /** Its name. */
  scenario: string
  /** Root of all dice. */
  seed: number
  /** Identities that were up when the run began. */
  nodes: number
  /** Worker threads. */
  threads: number
  /** Wall time of the whole run, building included. */
  wallSeconds: number
  /** The most memory that the process had. */
  peakRssBytes: number
  /** By label. */
  strategies: Record<string, StrategyFigures>
}

/** One operation type's samples as an empirical distribution: `share[i]` of them were at most `value[i]`. */
export interface Distribution {
  /** Values, rising. */
  value: number[]
  /** For each the share of samples that were at most that, 0..1. */
  share: number[]
}

/** What happened in one slice of simulated time. */
export interface Slice {
  /** From the start of the run, simulated seconds. */
  atSeconds: number
  /** Name of the phase it lies in. */
  phase: string
  /** Operations that ended. */
  done: number
  /** Those of them that were ok. */
  ok: number
  /** Requests sent. */
  rpcs: number
  /** Requests that ended without an answer. */
  timeouts: number
  /** Servers that were up at its end. */
  up: number
}

/** What the report draws for one strategy. */
export interface Curves {
  /** By operation (`get`, `put`, …): latency ms, hops, RPCs of one operation. */
  latencyMs: Record<string, Distribution>
  /** By operation: hops. */
  hops: Record<string, Distribution>
  /** By operation: requests of one operation. */
  rpcs: Record<string, Distribution>
  /** Over simulated time, in slices of equal length. */
  slices: Slice[]
  /** Of table entries that are alive, and of those that are not, as the nodes themselves score them; absent without scores. */
  scores?: {
    /** Of entries that can be reached. */
    alive: Distribution
    /** Of those that can’t. */
    dead: Distribution
  }
}

/** A checker's verdict. */
export interface Violation {
  /** Which checker. */
  checker: string
  /** Simulated ms. */
  atMs: number
  /** What it saw. */
  text: string
}

/** An assertion of the scenario, and whether it held. */
export interface Assertion {
  /** As the scenario has it. */
  text: string
  /** Whether it holds. */
  holds: boolean
  /** What the figures were. */
  found: string
}

/** A whole run: the result, and what people look at. */
export interface Run {
  /** The figures. */
  result: Result
  /** What the report draws, by strategy. */
  curves: Record<string, Curves>
  /** By strategy; empty where all is well. */
  violations: Record<string, Violation[]>
  /** Those of the scenario, in its order. */
  assertions: Assertion[]
}
