/**
 * When each node wants to be woken: one event in the wheel at a time, the earliest. A node's deadline moves with nearly
 * every input; one that moved back costs a look when the event comes, and nothing before.
 */
import type { Wheel } from '../engine/wheel.ts'
import type { Column } from '../strategies/strategy.ts'
import { WAKES } from './network.ts'

export class Wakes {
  private readonly column: Column
  private readonly wheel: Wheel
  /** 0: none is arranged. */
  private readonly atMs: Int32Array

  constructor(column: Column, wheel: Wheel, rows: number) {
    this.column = column
    this.wheel = wheel
    this.atMs = new Int32Array(rows)
  }

  /** Whether the event that came is the one that is arranged; afterwards none is. */
  isDue(row: number, nowMs: number): boolean {
    if (this.atMs[row] !== nowMs) return false
    this.atMs[row] = 0
    return true
  }

  /** The node has heard something: when does it want to be woken now? */
  arrange(row: number, nowMs: number): void {
    const deadline = this.column.deadline(row)
    if (deadline === Number.POSITIVE_INFINITY) return
    const dueMs = Math.max(Math.ceil(deadline), nowMs + 1)
    const before = this.atMs[row] as number
    if (before !== 0 && before <= dueMs) return
    this.atMs[row] = dueMs
    this.wheel.add(dueMs, row, WAKES, 0, 0, 0)
  }
}
