/** What the demo's main process and a network's process say to each other. */
import type { ImplementationId } from '../implementations.ts'
import type { RunFigures } from '../work/figures.ts'

/** To the network's process. */
export type Order =
  | { type: 'form'; id: ImplementationId; nodes: number; seed: number }
  /** The work shall end within so long. */
  | { type: 'work'; withinMs: number }

/** From the network's process. */
export type Report =
  | { type: 'progress'; phase: string; done: number; total: number }
  | { type: 'formed' }
  | { type: 'worked'; figures: RunFigures }
  | { type: 'failed'; message: string }
