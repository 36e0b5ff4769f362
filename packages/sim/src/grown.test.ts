import { expect, test } from 'vitest'
import type { FindFigures, StoreFigures } from './measure/result.ts'
import { runScenario } from './run.ts'
import type { Scenario, StrategyChoice, TableSettings } from './scenario/scenario.ts'
import { idlePhase, sampleScenario } from './world/sample.ts'

/** Two tables of one kind: the widths are equal, so that both ways lead to full buckets. */
const CHOICES: readonly StrategyChoice[] = [
  { name: 'kadmium', label: 'kadmium', options: { bucketGoodPeers: [20] } },
  { name: 'go', label: 'go', options: {} },
]

/** Nobody dies while nodes join, so the oracle leaves nobody out and has nobody dead. */
const FRESH: Partial<TableSettings> = { deadShareFull: 0, deadShareNear: 0, missingShareNear: 0 }

function world(origin: 'grown' | 'oracle', choice: StrategyChoice): Scenario {
  const idle = idlePhase(1)
  const workload = { ...idle.workload, perSecond: 30, mix: { get: 2, put: 1 }, subjects: 200 }
  return sampleScenario(
    2000,
    {
      link: { loss: 0, minOneWayMs: 25 },
      reach: { clientShare: 0 },
      tables: { ...FRESH, origin, growSeconds: 240 },
    },
    {
      threads: 2,
      strategies: [choice],
      phases: [
        { ...idle, name: 'warm-up' },
        { ...idle, name: 'measure', seconds: 20, measured: true, workload },
        { ...idlePhase(30), name: 'settle' },
      ],
    },
  )
}

async function lookups(scenario: Scenario): Promise<{ get: FindFigures; put: StoreFigures }> {
  const { result } = await runScenario(scenario)
  const [figures] = Object.values(result.strategies)
  return { get: figures?.get as FindFigures, put: figures?.put as StoreFigures }
}

/** How far apart two figures are, as a share of the second. */
const apart = (a: number | undefined, b: number | undefined): number =>
  Math.abs((a as number) / (b as number) - 1)

// The tolerances stand in docs/calibration.md.
test.each(CHOICES)(
  'tables that grew and tables of the oracle give the same lookups: $name',
  async (choice) => {
    const grown = await lookups(world('grown', choice))
    const given = await lookups(world('oracle', choice))
    expect(grown.get.done).toBe(given.get.done)
    for (const { get, put } of [grown, given]) {
      expect(get.ok / get.done).toBeGreaterThanOrEqual(0.99)
      expect(put.ok / put.done).toBeGreaterThanOrEqual(0.99)
    }
    const hops = ({ get, put }: typeof grown): (number | undefined)[] => [
      get.hopsP50,
      get.hopsP95,
      put.hopsToAllP50,
      put.hopsToAllP95,
    ]
    for (const [i, hop] of hops(grown).entries())
      expect(Math.abs((hop as number) - (hops(given)[i] as number))).toBeLessThanOrEqual(1)
    expect(apart(grown.get.rpcs, given.get.rpcs)).toBeLessThan(0.12)
    expect(apart(grown.put.rpcs, given.put.rpcs)).toBeLessThan(0.12)
    expect(apart(grown.put.recall, given.put.recall)).toBeLessThan(0.08)
  },
  300_000,
)
