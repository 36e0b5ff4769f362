/** The command line as a whole: all commands, their common manners, and what ends a run. */
import { Command, CommanderError } from 'commander'
import { addClosest } from './commands/closest.ts'
import { addFindPeer } from './commands/find-peer.ts'
import { addFindProviders } from './commands/find-providers.ts'
import { addGet } from './commands/get.ts'
import { addNode } from './commands/node.ts'
import { addProvide } from './commands/provide.ts'
import { addPut } from './commands/put.ts'
import { addSim } from './commands/sim.ts'
import { type CliError, EXIT, exitCodesText, messageOf, toCliError, usageError } from './errors.ts'
import type { Io } from './io.ts'
import { Output } from './output.ts'
import { VERSION } from './session.ts'
import type { Simulate } from './sim/options.ts'

/** All commands, in the order of the help. */
const COMMANDS: readonly [
  name: string,
  add: (program: Command, io: Io, simulate?: Simulate) => void,
][] = [
  ['node', addNode],
  ['put', addPut],
  ['get', addGet],
  ['provide', addProvide],
  ['find-providers', addFindProviders],
  ['find-peer', addFindPeer],
  ['closest', addClosest],
  ['sim', addSim],
]

const GUIDE = `
Try it on one machine:
  $ kadmium node --data a --listen /ip4/127.0.0.1/tcp/4101       prints its address
  $ export KADMIUM_BOOTSTRAP=/ip4/127.0.0.1/tcp/4101/p2p/12D3KooW…
  $ kadmium put --pk                                             prints its key
  $ kadmium get /pk/12D3KooW…
  $ kadmium sim run smoke                                        the same core, simulated

Exit codes:
${exitCodesText()}

Environment:
  KADMIUM_BOOTSTRAP   peers to enter by, separated by commas, where --bootstrap is not given
  KADMIUM_DEBUG=1     print the stack of an error`

/** Runs one command line; resolves with the exit code, and never rejects. `simulate` takes the place of the simulator. */
export async function run(args: readonly string[], io: Io, simulate?: Simulate): Promise<number> {
  const program = createProgram(io, simulate)
  try {
    await program.parseAsync(args, { from: 'user' })
    return EXIT.ok
  } catch (thrown) {
    if (thrown instanceof CommanderError && isHelp(thrown)) return thrown.exitCode && EXIT.usage
    const error = thrown instanceof CommanderError ? misuse(thrown, args) : toCliError(thrown)
    const output = new Output(io, args.includes('--json'))
    await output.failure(commandOf(args), error)
    return EXIT[error.exit]
  }
}

/** Whether the run ended by printing help or the version: asked for, or for want of a command. */
function isHelp(error: CommanderError): boolean {
  return error.exitCode === 0 || error.code === 'commander.help'
}

/** What commander says against the command line, as one line that ends in where to read on. */
function misuse(error: CommanderError, args: readonly string[]): CliError {
  const text = messageOf(error)
    .replace(/^error: /, '')
    .replace(/\.$/, '')
  const isBootstrap = error.code === 'commander.excessArguments' && text.includes('/p2p/')
  if (isBootstrap) return usageError(`${text}; repeat --bootstrap for each address`)
  const isKnown = COMMANDS.some(([name]) => name === args[0])
  return usageError(`${text}; see kadmium ${isKnown ? `${commandOf(args)} ` : ''}--help`)
}

/** The command of a command line: its first word, for `sim` the second one too. */
function commandOf([first = '', second = '']: readonly string[]): string {
  return first === 'sim' && /^[a-z]+$/.test(second) ? `sim ${second}` : first
}

function createProgram(io: Io, simulate?: Simulate): Command {
  const program = new Command('kadmium')
    .description('A Kademlia DHT for libp2p that remembers which peers deliver.')
    .version(VERSION)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      // Errors are told once, by `run`; what is left is the help that was not asked for.
      writeErr: (text) => io.stderr.write(text),
      outputError: () => {},
      getOutHelpWidth: () => io.stdout.columns ?? 100,
      getErrHelpWidth: () => io.stderr.columns ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
  for (const [, add] of COMMANDS) add(program, io, simulate)
  return program.addHelpText('after', GUIDE)
}
