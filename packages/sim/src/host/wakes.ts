/**
 * When each node wants to be woken: one event in the wheel at a time, the earliest. A node's deadline moves with nearly
 * every input; one that moved back costs a look when the event comes, and nothing before.
 */
import { LAST_MS, type Wheel } from '../engine/wheel.ts'
import type { Column } from '../strategies/strategy.ts'
import { WAKES } from './network.ts'
import { ROW_WORDS, WAKE_AT } from './rows.ts'

export class Wakes {
  private readonly column: Column
  private readonly wheel: Wheel
  private readonly rows: Int32Array

  constructor(column: Column, wheel: Wheel, rows: Int32Array) {
    this.column = column
    this.wheel = wheel
    this.rows = rows
  }

  /** Whether the event that came is the one that is arranged; afterwards none is. */
  isDue(row: number, nowMs: number): boolean {
    const at = row * ROW_WORDS + WAKE_AT
    if (this.rows[at] !== nowMs) return false
    this.rows[at] = 0
    return true
  }

  /** The node has heard something: when does it want to be woken now? */
  arrange(row: number, nowMs: number): void {
    const deadline = this.column.deadline(row)
    if (deadline === Number.POSITIVE_INFINITY) return
    const at = row * ROW_WORDS + WAKE_AT
    const before = this.rows[at] as number
    if (before !== 0 && before <= deadline) return
    const dueMs = Math.max(Math.ceil(deadline), nowMs + 1)
    if ((before !== 0 && before <= dueMs) || dueMs > LAST_MS) return
    this.rows[at] = dueMs
    this.wheel.add(dueMs, row, WAKES, 0, 0, 0)
  }
}
