import { expect, test } from 'vitest'
import { REGIONS, type WorkloadSettings } from '../scenario/scenario.ts'
import { Population } from './population.ts'
import { idlePhase, sampleScenario } from './sample.ts'

function world(...workloads: Partial<WorkloadSettings>[]): Population {
  const phases = workloads.map((workload, i) => {
    const idle = idlePhase(10)
    return { ...idle, name: `phase-${i}`, workload: { ...idle.workload, ...workload } }
  })
  return Population.create(sampleScenario(200, {}, { phases }))
}

test('cold phases have an identity for each operation: down, no server, where askers live', () => {
  const cold = { clients: 'cold', perSecond: 3 } as const
  const population = world(
    { ...cold, askerRegions: ['OC'] },
    { perSecond: 5 },
    { ...cold, askerRegions: ['EUW', 'NA'] },
  )
  expect(population.guests).toHaveLength(60)
  expect(new Set(population.guests).size).toBe(60)
  const regions = Array.from(population.guests, (peer) => REGIONS[population.region(peer)])
  expect(new Set(regions.slice(0, 30))).toEqual(new Set(['OC']))
  expect(new Set(regions.slice(30))).toEqual(new Set(['EUW', 'NA']))
  const isFit = (peer: number): boolean =>
    population.isGuest(peer) && !population.isServer(peer) && !population.isUp(peer, 5_000)
  expect([...population.guests].filter((peer) => !isFit(peer))).toEqual([])
})

test('guests change nobody else, and another thread knows them', () => {
  const [with60, without] = [world({ clients: 'cold', perSecond: 6 }), world({ perSecond: 6 })]
  const others = (population: Population): string[] =>
    Array.from({ length: population.size }, (_, peer) => peer)
      .filter((peer) => !population.isGuest(peer))
      .map(
        (peer) =>
          `${population.book.head(peer)} ${population.region(peer)} ${population.kind(peer)}`,
      )
  expect(others(with60)).toEqual(others(without))
  const there = Population.open(with60.shared)
  expect([...there.guests].every((peer) => there.isGuest(peer))).toBe(true)
})

test('too many operations of cold clients are refused', () => {
  expect(() => world({ clients: 'cold', perSecond: 60_000 })).toThrow(
    /600000 operations of cold clients/,
  )
})
