/** Scenarios as the command line names them. */
import { type LoadOptions, loadScenario, type Scenario, ScenarioError } from '@kadmium/sim'
import { codeOf, fileReason, usageError } from '../errors.ts'
import type { RunOptions } from './options.ts'

/** The scenario with what the options change. */
export async function load(name: string, options: RunOptions): Promise<Scenario> {
  const { nodes, seed, threads, set, strategies, scenarios, traceNodes } = options
  const given: LoadOptions = {
    ...(nodes === undefined ? {} : { nodes }),
    ...(seed === undefined ? {} : { seed }),
    ...(threads === undefined ? {} : { threads }),
    ...(set === undefined ? {} : { set }),
    ...(strategies === undefined ? {} : { strategies }),
    ...(scenarios === undefined ? {} : { folders: scenarios }),
    ...(traceNodes === undefined ? {} : { trace: traceNodes }),
  }
  return explained(() => loadScenario(name, given))
}

/** What is wrong with scenarios and their folders, as bad input of the user. */
export async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof ScenarioError)
      throw usageError(error.message, { faults: [...error.faults] })
    const path = (error as NodeJS.ErrnoException).path
    if (codeOf(error) !== undefined && path !== undefined)
      throw usageError(`can’t read ${path}: ${fileReason(error)}`)
    throw error
  }
}
