/** A run of a scenario that never happened: every figure and curve that there can be, the same for the same scenario. */
import {
  type Curves,
  checkAssertions,
  type Distribution,
  type FindFigures,
  OPERATIONS,
  type OperationName,
  type Run,
  type Scenario,
  type Slice,
  type StoreFigures,
  type StrategyFigures,
} from '@kadmium/sim'

/** Points of each curve. */
const POINTS = 500

const SLICES = 48

/** How many times slower each further strategy is. */
const SLOWER = 1.7

/** Figures of strategies one slower than the other, `oracle` the fastest; found are no violations but those given. */
export function madeUpRun(scenario: Scenario, violations: Run['violations'] = {}): Run {
  const { name, seed, nodes, threads, strategies } = scenario
  const labels = strategies.map(({ label }) => label)
  const slow = (label: string): number =>
    label === 'oracle' ? 0.4 : SLOWER ** labels.indexOf(label)
  const result = {
    scenario: name,
    seed,
    nodes,
    threads,
    wallSeconds: 12.5,
    peakRssBytes: 345_000_000,
    strategies: Object.fromEntries(labels.map((label) => [label, figures(scenario, slow(label))])),
  }
  return {
    result,
    curves: Object.fromEntries(
      labels.map((label) => [label, curves(scenario, slow(label), label)]),
    ),
    violations: { ...Object.fromEntries(labels.map((label) => [label, []])), ...violations },
    assertions: checkAssertions(scenario.assertions, result),
  }
}

function operationsOf({ phases }: Scenario): OperationName[] {
  return OPERATIONS.filter((operation) =>
    phases.some(({ workload }) => (workload.mix[operation] ?? 0) > 0),
  )
}

const isStore = (operation: OperationName): operation is 'put' | 'provide' =>
  operation === 'put' || operation === 'provide'

function figures(scenario: Scenario, slow: number): StrategyFigures {
  const operations = operationsOf(scenario)
  const timed = operations.filter((operation) => operation !== 'bulk')
  return {
    digest: `d${Math.round(slow * 1e6).toString(16)}`,
    events: 1_234_567,
    requests: 4_000_000,
    requestsPerSecond: 800_000,
    eventsPerSecond: 456_789,
    lookups: 4_321,
    lookupsPerSecond: 987,
    bytesPerNode: 6_543,
    ...Object.fromEntries(
      timed.map((operation) => [operation, isStore(operation) ? store(slow) : find(slow)]),
    ),
    ...(operations.includes('bulk')
      ? { bulk: { keys: 1_000, lookups: 40 * slow, contacts: 300, messagesPerKey: 2 * slow } }
      : {}),
    table: { entries: 220, benched: 0, deadShare: 0.02 * slow, connectedShare: 0.1 },
  }
}

function common(slow: number) {
  const ms = (share: number): number => latencyMs(share, slow)
  return { done: 1_000, ok: 995, p50Ms: ms(0.5), p90Ms: ms(0.9), p99Ms: ms(0.99) }
}

function find(slow: number): FindFigures {
  return { ...common(slow), rpcs: 4 * slow, timeouts: 0.3 * slow, hopsP50: 2, hopsP95: 3 }
}

function store(slow: number): StoreFigures {
  const hops = { hopsToAllP50: 3, hopsToAllP95: 4 }
  return { ...common(slow), rpcs: 25 * slow, ...hops, reached: 20, recall: 0.985 }
}

/** A quantile with a long tail. */
function latencyMs(share: number, slow: number): number {
  return 60 * slow * (1 + (share / (1.001 - share)) ** 0.7)
}

function curves(scenario: Scenario, slow: number, label: string): Curves {
  const operations = operationsOf(scenario).filter((operation) => operation !== 'bulk')
  const of = (quantile: (share: number) => number): Record<string, Distribution> =>
    Object.fromEntries(operations.map((operation) => [operation, distribution(quantile)]))
  const alive = distribution((share) => 0.5 + 0.5 * Math.sqrt(share))
  const dead = distribution((share) => 0.7 * share)
  return {
    latencyMs: of((share) => latencyMs(share, slow)),
    hops: of((share) => 1 + Math.floor(3.5 * share)),
    rpcs: of((share) => Math.round(3 + 8 * slow * share)),
    slices: slices(scenario, slow),
    ...(label === 'kadmium' ? { scores: { alive, dead } } : {}),
  }
}

function distribution(quantile: (share: number) => number): Distribution {
  const share = Array.from({ length: POINTS }, (_, i) => (i + 1) / POINTS)
  return { value: share.map(quantile), share }
}

function slices({ phases, nodes }: Scenario, slow: number): Slice[] {
  const seconds = phases.reduce((sum, phase) => sum + phase.seconds, 0)
  return Array.from({ length: SLICES }, (_, i) => {
    const atSeconds = ((i + 1) * seconds) / SLICES
    let end = 0
    const phase = phases.find((each) => {
      end += each.seconds
      return atSeconds <= end + 1e-6
    })
    const isFaulty = phase !== undefined && phase.faults.loss + phase.faults.down > 0
    const done = 200 + 20 * (i % 5)
    return {
      atSeconds,
      phase: phase?.name ?? '',
      done,
      ok: Math.round(done * (isFaulty ? 1 - 0.1 * Math.min(5, slow) : 0.99)),
      rpcs: Math.round(done * 5 * slow * (isFaulty ? 2 : 1)),
      timeouts: Math.round(done * 0.2 * slow * (isFaulty ? 4 : 1)),
      up: isFaulty ? Math.round(nodes * 0.8) : nodes,
    }
  })
}
