/** `kadmium sim list`: the scenarios and strategies that there are. */
import { listScenarios, STRATEGIES } from '@kadmium/sim'
import type { Io } from '../io.ts'
import { Output } from '../output.ts'
import { explained } from './load.ts'
import type { ScenarioOptions } from './options.ts'

export async function list(io: Io, options: ScenarioOptions): Promise<void> {
  const output = new Output(io, options.json === true)
  const scenarios = await explained(() => listScenarios(options.scenarios))
  const strategies = STRATEGIES.map(({ name, summary }) => ({ name, summary }))
  const names = [...scenarios, ...strategies].map(({ name }) => name.length)
  const width = Math.max(...names) + 2
  await output.lines([
    'Scenarios:',
    ...scenarios.map(({ name, description }) => `  ${name.padEnd(width)}${description}`),
    '',
    'Strategies:',
    ...strategies.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`),
  ])
  await output.json({ command: 'sim list', ok: true, exitCode: 0, scenarios, strategies })
}
