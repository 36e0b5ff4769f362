/** A small world for tests: as the defaults say, but for what a test is about. */
import { DEFAULT_WORKLOAD, DEFAULT_WORLD, NO_FAULTS } from '../scenario/defaults.ts'
import type { Phase, Scenario, WorldSettings } from '../scenario/scenario.ts'

type Parts = { readonly [Part in keyof WorldSettings]?: Partial<WorldSettings[Part]> }

export function sampleScenario(
  nodes: number,
  world: Parts = {},
  rest: Partial<Scenario> = {},
): Scenario {
  return {
    name: 'sample',
    description: '',
    nodes,
    seed: 1,
    threads: 1,
    strategies: [],
    assertions: [],
    trace: [],
    phases: [],
    ...rest,
    world: {
      link: { ...DEFAULT_WORLD.link, ...world.link },
      transports: { ...DEFAULT_WORLD.transports, ...world.transports },
      addresses: { ...DEFAULT_WORLD.addresses, ...world.addresses },
      reach: { ...DEFAULT_WORLD.reach, ...world.reach },
      churn: { ...DEFAULT_WORLD.churn, ...world.churn },
      tables: { ...DEFAULT_WORLD.tables, ...world.tables },
    },
  }
}

/** A phase without any work, for worlds that last. */
export function idlePhase(seconds: number): Phase {
  const workload = { ...DEFAULT_WORKLOAD, perSecond: 0, subjects: 0 }
  return { name: 'idle', seconds, measured: false, workload, faults: NO_FAULTS }
}
