/** What the command line says of simulations. */
import type { runScenario } from '@kadmium/sim'

/** What runs a scenario. */
export type Simulate = typeof runScenario

/** Options of all that runs or loads a scenario. */
export interface ScenarioOptions {
  nodes?: number
  seed?: number
  threads?: number
  set?: readonly string[]
  /** Folders of scenarios of one's own. */
  scenarios?: readonly string[]
  json?: boolean
}

/** Options of `sim run` and `sim compare`. */
export interface RunOptions extends ScenarioOptions {
  strategies?: readonly string[]
  out?: string
  report?: string
  trace?: string
  traceNodes?: readonly number[]
}

/** Options of `sim sweep`. */
export interface SweepOptions extends ScenarioOptions {
  strategies?: readonly string[]
  out?: string
  jobs?: number
}
