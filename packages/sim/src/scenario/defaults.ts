/** What a scenario says where its file says nothing. Where a number comes from stands in docs/simulation.md, beside its key. */
import type {
  FaultSettings,
  LinkSettings,
  Region,
  WorkloadSettings,
  WorldSettings,
} from './scenario.ts'

/** Populations by name: where nodes live, in percent. */
export const MIXES: Readonly<Record<MixName, LinkSettings['mix']>> = {
  // US 45, CA 4; DE 15, NL 5, FR 5, GB 4; FI 4; RU, PL 1 each; KR 3, JP 2; CN 4; SG 4; AU, IN, BR 1 each.
  'cloud-2024': {
    NA: 49,
    EUW: 29,
    EUN: 4,
    EUE: 2,
    EAS: 5,
    CN: 4,
    SEA: 4,
    OC: 1,
    SAS: 1,
    SA: 1,
  },
  // US 28.5, CA 3; CN 24.2; FR 8.3, DE 6, GB 3, NL 2; TW 7.2, KR 6.7, JP 2.5, HK 2; SG 2; RU 1.5, PL 0.6; AU, BR, IN 1 each.
  'home-2021': {
    NA: 31.5,
    EUW: 19.3,
    EUE: 2.1,
    EAS: 18.4,
    CN: 24.2,
    SEA: 2,
    OC: 1,
    SAS: 1,
    SA: 1,
  } satisfies Partial<Record<Region, number>>,
}

/** Names that `world.link.mix` may give instead of weights. */
export const MIX_NAMES = ['cloud-2024', 'home-2021'] as const
export type MixName = (typeof MIX_NAMES)[number]

export const DEFAULT_MIX: MixName = 'cloud-2024'

export const DEFAULT_WORLD: WorldSettings = {
  link: {
    model: 'regions',
    mix: MIXES[DEFAULT_MIX],
    squareMs: 150,
    constantMs: [50, 50],
    jitter: 0.1,
    loss: 0.005,
    minOneWayMs: 5,
    serviceMs: 2,
    slowShare: 0.05,
    slowFactor: 10,
  },
  transports: {
    quic: 0.8,
    tcp: 0.2,
    datagram: 0,
    dialTimeoutMs: 5_000,
    idleMs: 60_000,
    connectionsMax: 256,
    warmShare: 0,
  },
  addresses: { concentratedShare: 0.65, groups: 40 },
  reach: { clientShare: 0, wrongServerShare: 0, holePunchShare: 0 },
  churn: {
    model: 'none',
    stableShare: 0.85,
    stableHours: 168,
    shape: 0.61,
    scaleHours: 3.65,
    awayHours: 8,
    neverReturnShare: 0.5,
    dailySwing: 0,
    flapShare: 0,
    flapHours: 3,
    politeShare: 0.5,
  },
  tables: {
    origin: 'oracle',
    deadShareFull: 0.04,
    deadShareNear: 0.15,
    missingShareNear: 0.2,
    growSeconds: 600,
    startSpreadSeconds: 600,
  },
}

export const DEFAULT_WORKLOAD: WorkloadSettings = {
  perSecond: 10,
  mix: { get: 1 },
  keys: 'uniform',
  skew: 1,
  subjects: 1_000,
  clients: 'warm',
  askers: 0,
  askerRegions: [],
  selfLookups: false,
  bulkKeys: 1_000,
}

export const NO_FAULTS: FaultSettings = { loss: 0, down: 0, partition: false }
