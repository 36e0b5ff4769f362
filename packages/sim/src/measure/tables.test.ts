/** What is counted of tables: benched entries stand apart, those that can't be reached and those with a connection are told. */
import { expect, test } from 'vitest'
import type { Column } from '../strategies/strategy.ts'
import { Population } from '../world/population.ts'
import { sampleScenario } from '../world/sample.ts'
import { lookAtTables } from './tables.ts'

const population = Population.create(sampleScenario(10))
population.upFromMs.fill(0)
population.upUntilMs.fill(Number.POSITIVE_INFINITY)
for (const peer of [3, 4]) {
  population.upUntilMs[peer] = 0
  population.upFromMs[peer] = Number.POSITIVE_INFINITY
}

const column: Column = {
  handle: () => {},
  deadline: () => Number.POSITIVE_INFINITY,
  bucketSeats: () => 5,
  seat: () => {},
  members: (row, out) => {
    const all = [1, 2, 3, 4].filter((peer) => peer !== row)
    out.set(all)
    return all.length
  },
  seeds: () => 0,
  bytes: 0,
}

const look = (of: Column, count = 1): ReturnType<typeof lookAtTables> =>
  lookAtTables(of, population, { first: 0, count }, 1_000, (_row, peer) => peer === 1)

test('all entries count where nobody is benched', () => {
  const { table, scores } = look(column)
  expect(table).toEqual({ nodes: 1, entries: 4, benched: 0, dead: 2, connected: 1 })
  expect(scores).toBeNull()
  expect(look(column, 2).table).toMatchObject({ nodes: 2, entries: 7 })
  // Rows 3 and 4 are down.
  expect(look(column, 5).table).toMatchObject({ nodes: 3, entries: 10 })
})

test('a benched entry is neither a live nor a dead one, and has a score all the same', () => {
  const { table, scores } = look({
    ...column,
    isBenched: (_row, peer) => peer === 3,
    score: (_row, peer) => peer / 8,
  })
  expect(table).toEqual({ nodes: 1, entries: 3, benched: 1, dead: 1, connected: 1 })
  expect([...(scores?.alive ?? [])]).toEqual([1 / 8, 2 / 8])
  expect([...(scores?.dead ?? [])]).toEqual([3 / 8, 4 / 8])
})
