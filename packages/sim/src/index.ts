/**
 * A simulator that runs the real Kadmium core, and its rivals, on up to a million nodes.
 *
 * @packageDocumentation
 */
export * from './measure/result.ts'
export { renderReport } from './report/report.ts'
export { type Progress, type RunOptions, runScenario } from './run.ts'
export { checkAssertions } from './scenario/assertions.ts'
export {
  type LoadOptions,
  listScenarios,
  loadScenario,
  type ScenarioInfo,
} from './scenario/load.ts'
export * from './scenario/scenario.ts'
export { type Fault, ScenarioError } from './scenario/source.ts'
export { STRATEGIES } from './strategies/index.ts'
export type { Column, Strategy, StrategyInit, Truth } from './strategies/strategy.ts'
