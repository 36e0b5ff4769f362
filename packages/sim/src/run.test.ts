import { expect, test } from 'vitest'
import type { StrategyFigures } from './measure/result.ts'
import { type Progress, runScenario } from './run.ts'
import type { Phase, Scenario } from './scenario/scenario.ts'
import { idlePhase, sampleScenario } from './world/sample.ts'

function phase(name: string, seconds: number, more: Partial<Phase> = {}): Phase {
  const idle = idlePhase(seconds)
  const mix = { get: 3, put: 1, provide: 1, findProviders: 3, findPeer: 1, ipns: 1 }
  const workload = { ...idle.workload, perSecond: 4, mix, subjects: 40 }
  return { ...idle, name, workload, measured: true, ...more }
}

function scenario(threads: number, more: Partial<Scenario> = {}): Scenario {
  const world = {
    link: { minOneWayMs: 25 },
    reach: { clientShare: 0.2, wrongServerShare: 0.1 },
    churn: { model: 'sessions', scaleHours: 0.003, awayHours: 0.002, stableShare: 0.5 },
  } as const
  return sampleScenario(100, world, {
    threads,
    strategies: [{ name: 'kadmium', label: 'kadmium', options: {} }],
    phases: [
      phase('warm-up', 2, { measured: false }),
      phase('measure', 4),
      phase('faults', 4, { faults: { loss: 0.1, down: 0.2, partition: true } }),
      phase('heal', 2),
    ],
    ...more,
  })
}

async function kadmium(of: Scenario): Promise<StrategyFigures> {
  const { result, violations } = await runScenario(of)
  expect(violations.kadmium).toEqual([])
  return result.strategies.kadmium as StrategyFigures
}

test('one seed gives one digest and the same figures, on one thread and on several', async () => {
  const figures: StrategyFigures[] = []
  for (const threads of [1, 2, 3]) figures.push(await kadmium(scenario(threads)))
  const [one, two, three] = figures
  const of = (figures: StrategyFigures | undefined): unknown => ({
    ...figures,
    eventsPerSecond: 0,
    requestsPerSecond: 0,
    lookupsPerSecond: 0,
    bytesPerNode: 0,
  })
  expect(one?.digest).toMatch(/^[0-9a-f]{16}$/)
  expect(of(two)).toEqual(of(one))
  expect(of(three)).toEqual(of(one))
  const other = await kadmium(scenario(1, { seed: 2 }))
  expect(other.digest).not.toBe(one?.digest)
})

test('in a quiet world everything is found, and stored on the closest', async () => {
  const figures = await kadmium(
    sampleScenario(
      200,
      {
        tables: { deadShareFull: 0, deadShareNear: 0, missingShareNear: 0 },
        link: { loss: 0, minOneWayMs: 25 },
      },
      {
        strategies: [{ name: 'kadmium', label: 'kadmium', options: {} }],
        phases: [phase('measure', 15), { ...idlePhase(30), name: 'settle' }],
      },
    ),
  )
  for (const name of ['get', 'findProviders', 'findPeer', 'ipns'] as const)
    expect([name, figures[name]?.ok]).toEqual([name, figures[name]?.done])
  for (const name of ['put', 'provide'] as const) {
    expect(figures[name]?.recall).toBeGreaterThan(0.97)
    expect(figures[name]?.reached).toBeGreaterThanOrEqual(20)
  }
})

test('nodes that know nobody but those who let them in form a network', async () => {
  const figures = await kadmium(
    sampleScenario(
      60,
      {
        link: { minOneWayMs: 25 },
        reach: { clientShare: 0 },
        tables: { origin: 'grown', growSeconds: 40 },
      },
      {
        strategies: [{ name: 'kadmium', label: 'kadmium', options: {} }],
        phases: [phase('measure', 10), { ...idlePhase(30), name: 'settle' }],
      },
    ),
  )
  expect(figures.get?.ok).toBe(figures.get?.done)
  expect(figures.put?.recall).toBeGreaterThan(0.95)
  expect(figures.table?.entries).toBeGreaterThan(30)
})

test('the share of connected entries is told: those that are warm from the start, and all where nobody needs one', async () => {
  const shareOf = async (warmShare: number): Promise<number> => {
    const figures = await kadmium(
      sampleScenario(
        200,
        {
          link: { minOneWayMs: 25 },
          reach: { clientShare: 0 },
          transports: { warmShare, idleMs: 3_600_000 },
          tables: { deadShareFull: 0, deadShareNear: 0, startSpreadSeconds: 3_600 },
        },
        {
          strategies: [{ name: 'kadmium', label: 'kadmium', options: {} }],
          phases: [idlePhase(1)],
        },
      ),
    )
    return figures.table?.connectedShare ?? Number.NaN
  }
  expect(await shareOf(0)).toBeLessThan(0.01)
  expect(Math.abs((await shareOf(0.4)) - 0.4)).toBeLessThan(0.05)
  expect(await shareOf(1)).toBe(1)
})

test('clients that have just joined ask, find, and change nobody’s table', async () => {
  const workload = { ...phase('', 1).workload, mix: { get: 1, findProviders: 1 } }
  const of = (clients: 'cold' | 'warm', threads: number): Scenario =>
    sampleScenario(
      100,
      {
        link: { loss: 0, minOneWayMs: 25 },
        reach: { clientShare: 0 },
        tables: { deadShareFull: 0, deadShareNear: 0 },
      },
      {
        threads,
        strategies: [{ name: 'kadmium', label: 'kadmium', options: {} }],
        phases: [phase('measure', 10, { workload: { ...workload, clients } }), idlePhase(5)],
      },
    )
  const [cold, again, warm] = [
    await kadmium(of('cold', 1)),
    await kadmium(of('cold', 2)),
    await kadmium(of('warm', 1)),
  ]
  expect(again.digest).toBe(cold.digest)
  const done = (cold.get?.done ?? 0) + (cold.findProviders?.done ?? 0)
  expect(done).toBe(40)
  expect((cold.get?.ok ?? 0) + (cold.findProviders?.ok ?? 0)).toBeGreaterThanOrEqual(38)
  // They have to be let in first, and dial everybody.
  expect(cold.get?.p50Ms).toBeGreaterThan((warm.get?.p50Ms ?? 0) * 1.2)
})

test('each node walks to itself where a phase wants it, and no figure counts it', async () => {
  const of = (selfLookups: boolean): Scenario => {
    const walks = { ...idlePhase(12), name: 'walks', measured: true }
    return sampleScenario(
      60,
      { link: { minOneWayMs: 25 } },
      {
        strategies: [{ name: 'kadmium', label: 'kadmium', options: {} }],
        phases: [{ ...walks, workload: { ...walks.workload, selfLookups } }],
      },
    )
  }
  const [still, walking] = [await kadmium(of(false)), await kadmium(of(true))]
  expect(walking.events).toBeGreaterThan(still.events + 60 * 20)
  expect([walking.lookups, walking.get]).toEqual([0, undefined])
})

test('what is built is told while a world is built, and a signal ends that too', async () => {
  for (const threads of [1, 2]) {
    const large = sampleScenario(
      20_000,
      {},
      {
        threads,
        strategies: [{ name: 'kadmium', label: 'kadmium', options: { memoryPeersMax: 64 } }],
        phases: [idlePhase(1)],
      },
    )
    const shares: number[] = []
    const controller = new AbortController()
    const onProgress = ({ phase, built }: Progress): void => {
      expect(phase === 'build' || built === 1).toBe(true)
      shares.push(built)
      if (built > 0) controller.abort(new Error('enough'))
    }
    await expect(runScenario(large, { onProgress, signal: controller.signal })).rejects.toThrow(
      'enough',
    )
    expect(shares[0]).toBe(0)
    expect(shares.at(-1)).toBeGreaterThan(0)
    expect(shares.at(-1)).toBeLessThanOrEqual(1)
  }
})

test('a run ends when its signal says so', async () => {
  const reason = new Error('enough')
  const signal = AbortSignal.abort(reason)
  await expect(runScenario(scenario(2), { signal })).rejects.toBe(reason)
  const long = scenario(1, { phases: [phase('measure', 100_000)] })
  await expect(runScenario(long, { signal })).rejects.toBe(reason)
})
