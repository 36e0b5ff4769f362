/** What the tables of some nodes look like: how full they are, how much of them is dead, and what the nodes think of both. */
import type { Column } from '../strategies/strategy.ts'
import type { Population } from '../world/population.ts'
import type { TallyData } from './tally.ts'

/** More than the largest table has. */
export const MEMBERS_MAX = 4_096

/** Nodes that are looked at, over all workers. */
const LOOKED_AT = 2_000

export function lookAtTables(
  column: Column,
  population: Population,
  range: { first: number; count: number },
  nowMs: number,
  isConnected: (row: number, peer: number) => boolean,
): Pick<TallyData, 'table' | 'scores'> {
  const members = new Int32Array(MEMBERS_MAX)
  const scores = { alive: [] as number[], dead: [] as number[] } // BOUNDED: by LOOKED_AT tables
  const table = { nodes: 0, entries: 0, benched: 0, dead: 0, connected: 0 }
  const { first, count } = range
  const stride = Math.max(1, Math.floor(population.size / LOOKED_AT))
  for (let self = Math.ceil(first / stride) * stride; self < first + count; self += stride) {
    if (!population.isUp(self, nowMs)) continue
    const size = column.members(self - first, members)
    table.nodes++
    for (const peer of members.subarray(0, size)) {
      const isDead = !population.isUp(peer, nowMs) || !population.isDialable(peer)
      if (column.isBenched?.(self - first, peer, nowMs) === true) {
        table.benched++
      } else {
        table.entries++
        if (isDead) table.dead++
        if (isConnected(self - first, peer)) table.connected++
      }
      const score = column.score?.(self - first, peer, nowMs)
      if (score !== undefined) scores[isDead ? 'dead' : 'alive'].push(score)
    }
  }
  return {
    table: table.entries === 0 ? null : table,
    scores:
      column.score === undefined
        ? null
        : { alive: Float32Array.from(scores.alive), dead: Float32Array.from(scores.dead) },
  }
}
