/** The strategies that there are. */
import { go } from './baselines/go.ts'
import { kadmium } from './kadmium.ts'
import type { Strategy } from './strategy.ts'

/** In the order in which people see them. */
export const STRATEGIES: readonly Strategy[] = [kadmium, go]

/** Throws a RangeError where there is none of that name. */
export function strategyOf(wanted: string): Strategy {
  const strategy = STRATEGIES.find(({ name }) => name === wanted)
  if (strategy === undefined) throw new RangeError(`there is no strategy ${wanted}`)
  return strategy
}
