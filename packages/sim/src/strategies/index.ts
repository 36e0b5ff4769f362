/** The strategies that there are. */
import { go } from './baselines/go.ts'
import { js } from './baselines/js.ts'
import { kadabra } from './baselines/kadabra.ts'
import { oracle } from './baselines/oracle.ts'
import { plain } from './baselines/plain.ts'
import { pns } from './baselines/pns.ts'
import { kadmium } from './kadmium.ts'
import type { Strategy } from './strategy.ts'

/** In the order in which people see them. */
export const STRATEGIES: readonly Strategy[] = [kadmium, go, js, kadabra, pns, plain, oracle]

/** Throws a RangeError where there is none of that name. */
export function strategyOf(wanted: string): Strategy {
  const strategy = STRATEGIES.find(({ name }) => name === wanted)
  if (strategy === undefined) throw new RangeError(`there is no strategy ${wanted}`)
  return strategy
}
