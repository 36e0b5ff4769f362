/** Which phase a run is in, and what its faults do to the nodes of one worker. */
import type { FaultSettings, Phase, Scenario } from '../scenario/scenario.ts'
import { draw, share } from '../world/dice.ts'
import type { Population } from '../world/population.ts'
import { FAULT } from './draws.ts'

export interface PhasesInit {
  phases: readonly Phase[]
  seed: number
  population: Population
  first: number
  count: number
  /** When the first phase begins, ms. */
  startMs: number
  /** A phase begins. */
  begins: (phase: Phase, index: number, nowMs: number) => void
  /** A fault takes a row down: it vanishes. */
  falls: (row: number, nowMs: number) => void
  /** The fault is over, and the row is back. */
  rises: (row: number, nowMs: number) => void
}

export class Phases {
  private readonly init: PhasesInit
  private at = -1
  private endMs: number
  /** Rows that a fault has taken down, and until when they would have been up. BOUNDED: by rows */
  private readonly struck = new Map<number, number>()

  constructor(init: PhasesInit) {
    this.init = init
    this.endMs = init.startMs
  }

  get current(): Phase | undefined {
    return this.init.phases[Math.max(0, this.at)]
  }

  /** The clock has come so far. The first phase's faults hold from the beginning of the run on. */
  turn(nowMs: number): void {
    const { phases } = this.init
    while ((this.at < 0 || nowMs >= this.endMs) && this.at + 1 < phases.length) {
      this.at++
      const phase = phases[this.at] as Phase
      const beginsMs = Math.max(nowMs, this.endMs)
      this.endMs += phase.seconds * 1000
      this.strike(phase.faults, nowMs)
      this.init.begins(phase, this.at, beginsMs)
    }
  }

  /** The faults of a phase begin, those of the one before are over. */
  private strike(faults: FaultSettings, nowMs: number): void {
    const { population, first, count, seed, falls, rises } = this.init
    for (const [row, untilMs] of this.struck) {
      if (untilMs <= nowMs) continue
      population.upFromMs[first + row] = nowMs
      population.upUntilMs[first + row] = untilMs
      rises(row, nowMs)
    }
    this.struck.clear()
    if (faults.down === 0) return
    for (let row = 0; row < count; row++) {
      const peer = first + row
      if (!population.isUp(peer, nowMs) || !population.isServer(peer)) continue
      if (share(draw(seed, peer, this.at, FAULT)) >= faults.down) continue
      this.struck.set(row, population.upUntilMs[peer] as number)
      falls(row, nowMs)
      population.upUntilMs[peer] = nowMs
    }
  }
}

/** Where tables are grown, nodes join before the first phase. */
export function warmUpMs(scenario: Scenario): number {
  const { origin, growSeconds } = scenario.world.tables
  return origin === 'grown' ? growSeconds * 1000 : 0
}

/** Over what time the nodes that are there at the start begin to look after their tables. */
export function startSpreadMs(scenario: Scenario): number {
  const { origin, growSeconds, startSpreadSeconds } = scenario.world.tables
  return 1000 * (origin === 'grown' ? growSeconds / 2 : startSpreadSeconds)
}
