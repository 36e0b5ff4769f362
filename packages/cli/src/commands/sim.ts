/** `kadmium sim`: the core and its rivals in simulated worlds. The simulator itself is loaded when it is wanted. */
import { Argument, type Command, InvalidArgumentError, Option } from 'commander'
import type { Io } from '../io.ts'
import { positiveCount, repeatable } from '../options.ts'
import type { RunOptions, ScenarioOptions, Simulate, SweepOptions } from '../sim/options.ts'

const GUIDE = `
Examples:
  $ kadmium sim list                                       the scenarios and strategies that there are
  $ kadmium sim run smoke                                  seconds
  $ kadmium sim run nat-80 --report nat.html --out nat.json
  $ kadmium sim compare ipfs-2024 --strategies kadmium,go --nodes 2000
  $ kadmium sim sweep nat-80 --set world.reach.clientShare=0.2,0.5,0.8 --set world.link.loss=0,0.05

A scenario of one’s own is a YAML file: give its path, or its folder with --scenarios and its name.`

const RUN_EXAMPLES = `
Examples:
  $ kadmium sim run smoke
  $ kadmium sim run ./mine.yaml --seed 7 --threads 2 --report mine.html
  $ kadmium sim run nat-80 --set world.link.loss=0.02 --set phases.measure.seconds=60
  $ kadmium sim run smoke --strategies kadmium --trace trace.jsonl --trace-nodes 3,7

Ends with code 7 when an assertion of the scenario does not hold, and with 8 when a checker found something wrong.`

const COMPARE_EXAMPLES = `
Examples:
  $ kadmium sim compare smoke --strategies kadmium,go,js
  $ kadmium sim compare ipfs-2024 --strategies go,kadmium --nodes 2000 --json

Runs the strategies on the same world and prints their figures side by side, each beside the first as a ratio.`

const SWEEP_EXAMPLES = `
Examples:
  $ kadmium sim sweep smoke --set seed=1,2,3
  $ kadmium sim sweep nat-80 --set 'world.link.mix=[cloud-2024,home-2021]' --set nodes=1000,2000 --out runs.json

Runs the scenario with each combination of the values, as many at once as there are cores, each as a process of its own.
The values of a key are separated by commas, or are a YAML list.`

const LIST_EXAMPLES = `
Examples:
  $ kadmium sim list
  $ kadmium sim list --scenarios ./scenarios --json`

export function addSim(program: Command, io: Io, simulate?: Simulate): void {
  const sim = program
    .command('sim')
    .summary('simulate worlds of many nodes')
    .description('Run Kadmium and its rivals on simulated worlds of up to a million nodes.')
    .addHelpText('after', GUIDE)
  addRun(sim, io, simulate)
  addCompare(sim, io, simulate)
  addSweep(sim, io)
  addList(sim, io)
}

function addRun(sim: Command, io: Io, simulate?: Simulate): void {
  const command = sim
    .command('run')
    .summary('run a scenario')
    .description('Run every strategy of a scenario on the same world.')
  addRunOptions(addScenarioOptions(command))
    .addOption(strategiesOption('only these strategies (default: those of the scenario)'))
    .addHelpText('after', RUN_EXAMPLES)
    .action(async (scenario: string, options: RunOptions) => {
      const { run } = await import('../sim/run.ts')
      return run(io, scenario, options, simulate)
    })
}

function addCompare(sim: Command, io: Io, simulate?: Simulate): void {
  const command = sim
    .command('compare')
    .summary('run strategies side by side')
    .description('Run strategies on the same world and compare their figures with the first.')
  addRunOptions(addScenarioOptions(command))
    .addOption(strategiesOption('which, separated by commas').makeOptionMandatory())
    .addHelpText('after', COMPARE_EXAMPLES)
    .action(async (scenario: string, options: RunOptions) => {
      const { compare } = await import('../sim/run.ts')
      return compare(io, scenario, options, simulate)
    })
}

function addSweep(sim: Command, io: Io): void {
  const command = sim
    .command('sweep')
    .summary('run a scenario with many settings')
    .description('Run a scenario with every combination of the given values.')
  addScenarioOptions(command, 'values for a key: key=a,b,c; repeat it for more keys')
    .addOption(strategiesOption('only these strategies (default: those of the scenario)'))
    .option('-o, --out <file>', 'write the results to a file, as a JSON list')
    .option(
      '-j, --jobs <count>',
      'runs at once (default: as many as the cores and threads of the scenario allow)',
      positiveCount,
    )
    .addHelpText('after', SWEEP_EXAMPLES)
    .action(async (scenario: string, options: SweepOptions) => {
      const { sweep } = await import('../sim/sweep.ts')
      return sweep(io, scenario, options)
    })
}

function addList(sim: Command, io: Io): void {
  sim
    .command('list')
    .summary('list scenarios and strategies')
    .description('List the scenarios and the strategies that there are.')
    .addOption(scenariosOption())
    .option('--json', 'the last line of stdout is one JSON object')
    .addHelpText('after', LIST_EXAMPLES)
    .action(async (options: ScenarioOptions) => {
      const { list } = await import('../sim/list.ts')
      return list(io, options)
    })
}

function addScenarioOptions(
  command: Command,
  set = 'value for a key, such as world.link.loss=0.02; repeatable',
): Command {
  return command
    .addArgument(new Argument('<scenario>', 'name of a scenario, or path of its file'))
    .option('-n, --nodes <count>', 'nodes instead of the scenario’s', positiveCount)
    .option('-s, --seed <number>', 'seed instead of the scenario’s', wholeNumber)
    .option('-t, --threads <count>', 'worker threads instead of the scenario’s', positiveCount)
    .addOption(repeatable('--set <key=value>', set))
    .addOption(scenariosOption())
    .option('--json', 'the last line of stdout is one JSON object')
}

function addRunOptions(command: Command): Command {
  return command
    .option('-o, --out <file>', 'write the result to a file, as JSON')
    .option('-r, --report <file>', 'write a report with charts to a file, as HTML')
    .option('--trace <file>', 'write each input and output of the traced nodes, a line each')
    .addOption(
      new Option(
        '--trace-nodes <numbers>',
        'which nodes, separated by commas (default: those of the scenario, or node 0)',
      ).argParser((text) => text.split(',').map(wholeNumber)),
    )
}

function scenariosOption(): Option {
  return repeatable('--scenarios <dir>', 'folder with scenarios of your own; repeatable')
}

function strategiesOption(text: string): Option {
  return new Option('--strategies <names>', text).argParser((names) =>
    names.split(',').map((name) => name.trim()),
  )
}

/** A whole number from 0. */
function wholeNumber(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text.trim()) || !Number.isSafeInteger(value))
    throw new InvalidArgumentError('Give a whole number from 0.')
  return value
}
