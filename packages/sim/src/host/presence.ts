/** Which of a worker's nodes are up, as their host asks before each event. */
import { LAST_MS } from '../engine/wheel.ts'
import type { Population } from '../world/population.ts'
import { ROW_WORDS, UP_UNTIL } from './rows.ts'

export class Presence {
  private readonly population: Population
  private readonly first: number
  private readonly rows: Int32Array

  /** `rows`: what the host keeps of each node, row 0 of which is identity `first`. */
  constructor(population: Population, first: number, rows: Int32Array) {
    this.population = population
    this.first = first
    this.rows = rows
  }

  /** Whether a node is up. The world, which lies in memory elsewhere, is asked once for a session. */
  isUp(row: number, nowMs: number): boolean {
    const { rows, population, first } = this
    const at = row * ROW_WORDS + UP_UNTIL
    if (nowMs < (rows[at] as number)) return true
    if (!population.isUp(first + row, nowMs)) return false
    const untilMs = population.upUntilMs[first + row] as number
    if (untilMs > nowMs) rows[at] = Math.min(untilMs, LAST_MS)
    return true
  }

  /** A node is up no longer, before its time. */
  fell(row: number): void {
    this.rows[row * ROW_WORDS + UP_UNTIL] = 0
  }
}
