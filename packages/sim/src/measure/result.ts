/** What comes out of a run: figures, the curves behind them, and what the checkers found. Absent work is absent, not zero. */

/** Operations that end with something found. Times in simulated ms. */
export interface FindFigures {
  /** Operations that ended within the measured phases. */
  done: number
  /** Those that found what is there (truth is known to the simulator). */
  ok: number
  /** Latency from start to the caller's result, of those that were ok. */
  p50Ms: number
  p90Ms: number
  p99Ms: number
  /** Mean requests sent for one operation, all of them. */
  rpcs: number
  /** Mean requests of one operation that ended without an answer. */
  timeouts: number
  /** Hops to whoever had it: a peer of one's own table is hop 1. */
  hopsP50: number
  hopsP95: number
}

/** Operations that store a record on the k closest. Times in simulated ms. */
export interface StoreFigures {
  done: number
  /** Those that the caller was told are stored, on at least one holder. */
  ok: number
  p50Ms: number
  p90Ms: number
  p99Ms: number
  rpcs: number
  /** Hops until all of the k closest had been heard of; entries of one's own table are hop 1. */
  hopsToAllP50: number
  hopsToAllP95: number
  /** Median number of the k chosen targets that acknowledged. */
  reached: number
  /** Mean share of the k closest live servers that hold the record once the put has ended altogether. */
  recall: number
}

/** Announcing many keys at once. */
export interface BulkFigures {
  keys: number
  lookups: number
  /** Distinct peers that were sent records. */
  contacts: number
  messagesPerKey: number
}

/** Tables at the end of the run. */
export interface TableFigures {
  /** Mean entries of a table. */
  entries: number
  /** Share of entries that can't be reached now. */
  deadShare: number
}

export interface StrategyFigures {
  /** Of all events, in hexadecimal: equal for equal seeds, whatever the threads. */
  digest: string
  events: number
  eventsPerSecond: number
  /** User operations that walked, within the measured phases. */
  lookups: number
  /** The same by the wall time of those phases; building is left out. */
  lookupsPerSecond: number
  /** Columns and slabs by nodes. */
  bytesPerNode: number
  get?: FindFigures
  put?: StoreFigures
  provide?: StoreFigures
  findProviders?: FindFigures
  findPeer?: FindFigures
  ipns?: FindFigures
  bulk?: BulkFigures
  table?: TableFigures
}

/** What `--json` prints and `--out` writes. */
export interface Result {
  scenario: string
  seed: number
  nodes: number
  threads: number
  wallSeconds: number
  peakRssBytes: number
  strategies: Record<string, StrategyFigures>
}

/** One operation type's samples as an empirical distribution: `share[i]` of them were at most `value[i]`. */
export interface Distribution {
  value: number[]
  share: number[]
}

/** What happened in one slice of simulated time. */
export interface Slice {
  /** From the start of the run, simulated seconds. */
  atSeconds: number
  /** Name of the phase it lies in. */
  phase: string
  done: number
  ok: number
  rpcs: number
  timeouts: number
  /** Servers that were up at its end. */
  up: number
}

/** What the report draws for one strategy. */
export interface Curves {
  /** By operation (`get`, `put`, …): latency ms, hops, RPCs of one operation. */
  latencyMs: Record<string, Distribution>
  hops: Record<string, Distribution>
  rpcs: Record<string, Distribution>
  /** Over simulated time, in slices of equal length. */
  slices: Slice[]
  /** Of table entries that are alive, and of those that are not, as the nodes themselves score them; absent without scores. */
  scores?: { alive: Distribution; dead: Distribution }
}

/** A checker's verdict. */
export interface Violation {
  checker: string
  /** Simulated ms. */
  atMs: number
  text: string
}

/** An assertion of the scenario, and whether it held. */
export interface Assertion {
  text: string
  holds: boolean
  /** What the figures were. */
  found: string
}

/** A whole run: the result, and what people look at. */
export interface Run {
  result: Result
  curves: Record<string, Curves>
  /** By strategy; empty where all is well. */
  violations: Record<string, Violation[]>
  assertions: Assertion[]
}
