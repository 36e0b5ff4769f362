/** A small world for tests: nothing is left open, each test changes what it is about. */
import type { Scenario, WorldSettings } from '../scenario/scenario.ts'
import { CLOUD_2024 } from './regions.ts'

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
      link: {
        model: 'regions',
        mix: CLOUD_2024,
        squareMs: 100,
        constantMs: [10, 100],
        jitter: 0.1,
        loss: 0.005,
        minOneWayMs: 5,
        serviceMs: 2,
        slowShare: 0.05,
        slowFactor: 10,
        ...world.link,
      },
      transports: {
        quic: 0.5,
        tcp: 0.4,
        datagram: 0.1,
        dialTimeoutMs: 5000,
        idleMs: 60_000,
        connectionsMax: 256,
        warmShare: 0,
        ...world.transports,
      },
      addresses: { concentratedShare: 0.8, groups: 200, ...world.addresses },
      reach: { clientShare: 0.5, wrongServerShare: 0.05, holePunchShare: 0, ...world.reach },
      churn: {
        model: 'none',
        stableShare: 0.85,
        stableHours: 168,
        shape: 0.61,
        scaleHours: 3.65,
        awayHours: 8,
        neverReturnShare: 0.5,
        dailySwing: 0,
        flapShare: 0.2,
        flapHours: 3,
        politeShare: 0.5,
        ...world.churn,
      },
      tables: {
        origin: 'oracle',
        deadShareFull: 0.04,
        deadShareNear: 0.15,
        missingShareNear: 0.2,
        growSeconds: 60,
        startSpreadSeconds: 600,
        ...world.tables,
      },
    },
  }
}

/** A phase without any work, for worlds that last. */
export function idlePhase(seconds: number): Scenario['phases'][number] {
  return {
    name: 'idle',
    seconds,
    measured: false,
    workload: {
      perSecond: 0,
      mix: {},
      keys: 'uniform',
      skew: 0,
      subjects: 0,
      clients: 'warm',
      askers: 0,
      askerRegions: [],
      selfLookups: false,
      bulkKeys: 0,
    },
    faults: { loss: 0, down: 0, partition: false },
  }
}
