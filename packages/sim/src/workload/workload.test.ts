import { describe, expect, test } from 'vitest'
import { OPERATIONS, REGIONS, type WorkloadSettings } from '../scenario/scenario.ts'
import { Population } from '../world/population.ts'
import { idlePhase, sampleScenario } from '../world/sample.ts'
import { CONTENT, freshSubject, kindOf, NAME, storedSubject, VALUE } from './subjects.ts'
import { type Task, Workload } from './workload.ts'

const START_MS = 1_000

interface Made {
  tasks: Task[]
  population: Population
}

function made(settings: Partial<WorkloadSettings>[], seconds = 400, stepMs = 250): Made {
  const phases = settings.map((each, i) => {
    const idle = idlePhase(seconds)
    return { ...idle, name: `phase-${i}`, workload: { ...idle.workload, ...each } }
  })
  const scenario = sampleScenario(500, { reach: { clientShare: 0.3 } }, { phases })
  const population = Population.create(scenario)
  const workload = new Workload(scenario, population, START_MS)
  expect(workload.endMs).toBe(START_MS + settings.length * seconds * 1_000)
  const tasks: Task[] = []
  for (let untilMs = START_MS; untilMs <= workload.endMs + stepMs; untilMs += stepMs)
    workload.until(untilMs, untilMs - 1, (task) => tasks.push(task))
  return { tasks, population }
}

function shareOf(tasks: readonly Task[], is: (task: Task) => boolean): number {
  return tasks.filter(is).length / tasks.length
}

describe('rates', () => {
  test('so many a second begin, evenly, in the order of their numbers', () => {
    const { tasks } = made([{ perSecond: 7, mix: { get: 1 }, subjects: 10 }], 200)
    expect(tasks).toHaveLength(1_400)
    expect(tasks.map(({ number }) => number)).toEqual(tasks.map((_, i) => i + 1))
    const isOff = ({ atMs }: Task, i: number): boolean =>
      atMs < Math.floor(START_MS + (i * 1_000) / 7) || atMs >= START_MS + ((i + 1) * 1_000) / 7
    expect(tasks.filter(isOff)).toEqual([])
  })

  test('each phase has its own', () => {
    const { tasks } = made(
      [
        { perSecond: 2, mix: { get: 1 } },
        { perSecond: 0, mix: {} },
        { perSecond: 0.5, mix: { put: 1 } },
      ],
      100,
    )
    expect([0, 1, 2].map((phase) => tasks.filter((task) => task.phase === phase).length)).toEqual([
      200, 0, 50,
    ])
    for (const { atMs, phase } of tasks) expect(Math.floor((atMs - START_MS) / 100_000)).toBe(phase)
    expect(new Set(tasks.map(({ number }) => number)).size).toBe(250)
  })

  test('the same comes out whatever the windows', () => {
    const settings = [{ perSecond: 3, mix: { get: 2, put: 1 }, subjects: 9 }]
    expect(made(settings, 50, 5).tasks).toEqual(made(settings, 50, 1_000).tasks)
  })
})

test('the mix has its shares', () => {
  const mix = { get: 4, put: 1, provide: 2, findProviders: 2, findPeer: 0, ipns: 1 }
  const { tasks } = made([{ perSecond: 10, mix, subjects: 100 }])
  for (const name of OPERATIONS) {
    const wanted = ((mix as Record<string, number>)[name] ?? 0) / 10
    expect(Math.abs(shareOf(tasks, (task) => task.name === name) - wanted)).toBeLessThan(0.02)
  }
})

describe('subjects', () => {
  const often = (settings: Partial<WorkloadSettings>): number[] => {
    const { tasks } = made([{ perSecond: 20, mix: { get: 1 }, subjects: 50, ...settings }])
    const counts = new Map(Array.from({ length: 50 }, (_, i) => [storedSubject(VALUE, i), 0]))
    for (const { subject } of tasks) counts.set(subject, (counts.get(subject) ?? 0) + 1)
    expect(counts.size).toBe(50)
    return [...counts.values()].map((count) => count / tasks.length)
  }

  test('uniform: each as often', () => {
    for (const part of often({ keys: 'uniform' })) expect(Math.abs(part - 0.02)).toBeLessThan(0.008)
  })

  test('zipf: the i-th as often as 1 / i^s', () => {
    for (const skew of [1, 0.7]) {
      const parts = often({ keys: 'zipf', skew })
      const sum = parts.reduce((total, _, i) => total + (i + 1) ** -skew, 0)
      for (const [i, part] of parts.entries())
        expect(Math.abs(part - (i + 1) ** -skew / sum)).toBeLessThan(0.01)
    }
  })

  test('hotspot: one has its share, the others the rest', () => {
    const parts = often({ keys: 'hotspot', skew: 0.6 })
    expect(Math.abs((parts[0] as number) - 0.6 - 0.4 / 50)).toBeLessThan(0.02)
    expect(Math.max(...parts.slice(1))).toBeLessThan(0.02)
  })

  test('what is stored is new each time, what is looked for is of the operation’s kind', () => {
    const mix = { get: 1, put: 1, provide: 1, findProviders: 1, ipns: 1 }
    const { tasks } = made([{ perSecond: 5, mix, subjects: 10 }], 200)
    const kinds = { get: VALUE, put: VALUE, provide: CONTENT, findProviders: CONTENT, ipns: NAME }
    const isWrong = ({ name, subject, number }: Task): boolean => {
      const kind = kinds[name as keyof typeof kinds]
      const isStore = name === 'put' || name === 'provide'
      return kindOf(subject) !== kind || (subject === freshSubject(kind, number)) !== isStore
    }
    expect(tasks).toHaveLength(1_000)
    expect(tasks.filter(isWrong)).toEqual([])
  })
})

describe('askers', () => {
  test('are everybody by default', () => {
    const { tasks } = made([{ perSecond: 10, mix: { get: 1 } }])
    expect(new Set(tasks.map(({ asker }) => asker)).size).toBeGreaterThan(490)
  })

  test('are as many as wanted, always the same', () => {
    const { tasks } = made([{ perSecond: 10, mix: { get: 1 }, askers: 7 }], 200)
    expect(new Set(tasks.map(({ asker }) => asker)).size).toBe(7)
  })

  test('live where they should', () => {
    const { tasks, population } = made(
      [{ perSecond: 10, mix: { get: 1 }, askerRegions: ['EUW'] }],
      200,
    )
    expect(tasks).toHaveLength(2_000)
    const regions = tasks.map(({ asker }) => REGIONS[population.region(asker)])
    expect(new Set(regions)).toEqual(new Set(['EUW']))
  })

  test('are as many in each region, and more in others where one has too few', () => {
    const counts = (askers: number): number[] => {
      const { tasks, population } = made(
        [{ perSecond: 10, mix: { get: 1 }, askers, askerRegions: ['NA', 'EUW', 'OC'] }],
        400,
      )
      const all = [...new Set(tasks.map(({ asker }) => asker))]
      expect(all).toHaveLength(askers)
      return ['NA', 'EUW', 'OC'].map(
        (region) => all.filter((peer) => REGIONS[population.region(peer)] === region).length,
      )
    }
    expect(counts(6)).toEqual([2, 2, 2])
    const [na = 0, euw = 0, oc = 0] = counts(90)
    expect(oc).toBeLessThan(20)
    expect(Math.min(na, euw)).toBeGreaterThanOrEqual(30)
  })

  test('who looks for a peer looks for a server that can be dialled, not for itself', () => {
    const { tasks, population } = made([{ perSecond: 10, mix: { findPeer: 1 } }], 200)
    expect(tasks.length).toBeGreaterThan(1_900)
    const isWrong = ({ peer, asker, subject }: Task): boolean =>
      !population.isServer(peer) || !population.isDialable(peer) || peer === asker || subject !== -1
    expect(tasks.filter(isWrong)).toEqual([])
  })
})
