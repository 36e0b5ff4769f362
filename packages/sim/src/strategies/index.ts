/** The strategies that there are. */
import { go } from './baselines/go.ts'
import { kadmium } from './kadmium.ts'
import type { Strategy } from './strategy.ts'

/** In the order in which people see them. */
export const STRATEGIES: readonly Strategy[] = [kadmium, go]
