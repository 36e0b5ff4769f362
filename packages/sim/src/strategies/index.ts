/** The strategies that there are. */
import type { Strategy } from './strategy.ts'

/** In the order in which people see them. */
export const STRATEGIES: readonly Strategy[] = []
