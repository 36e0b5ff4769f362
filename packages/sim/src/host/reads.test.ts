import { expect, test } from 'vitest'
import { runScenario } from '../run.ts'
import type { Scenario } from '../scenario/scenario.ts'
import { idlePhase, sampleScenario } from '../world/sample.ts'

const NODES = 120

function scenario(more: Partial<Scenario>): Scenario {
  const walks = { ...idlePhase(42), name: 'measure', measured: true }
  const workload = { ...walks.workload, perSecond: 40, mix: { get: 1 }, subjects: 0 } as const
  return sampleScenario(
    NODES,
    {
      link: {
        model: 'constant',
        constantMs: [30, 120],
        jitter: 0,
        loss: 0,
        serviceMs: 0,
        minOneWayMs: 30,
      },
      transports: { quic: 0, tcp: 0, datagram: 1, warmShare: 1 },
      reach: { clientShare: 0.4, wrongServerShare: 0.5 },
      churn: { model: 'sessions', stableShare: 0.3, scaleHours: 0.03, neverReturnShare: 0.2 },
    },
    {
      // So young that members are asked whether they are still there.
      strategies: [{ name: 'plain', label: 'plain', options: { k: 4, ageMs: 20_000 } }],
      phases: [{ ...walks, workload: { ...workload, selfLookups: true } }],
      ...more,
    },
  )
}

test('what nodes answer without a message is what they would answer by one, on any number of threads', async () => {
  // A node that is traced hears of every request.
  const trace = Array.from({ length: NODES }, (_, node) => node)
  const pings: string[] = []
  const digests: string[] = []
  for (const more of [{}, { trace }, { threads: 2 }]) {
    const onTrace = (line: string): void => {
      if (line.includes('"ping"')) pings.push(line)
    }
    const { result, violations } = await runScenario(scenario(more), { onTrace })
    expect(violations.plain).toEqual([])
    const { digest = '', requests = 0 } = result.strategies.plain ?? {}
    expect(requests).toBeGreaterThan(2_000)
    digests.push(digest)
  }
  expect(new Set(digests).size).toBe(1)
  expect(pings.length).toBeGreaterThan(0)
})
