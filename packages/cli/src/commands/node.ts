/** `kadmium node`: a long-running node. */
import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { aborted, within } from '../abort.ts'
import { parseOwnAddress } from '../addresses.ts'
import { openDataFolder } from '../data-folder.ts'
import { CliError } from '../errors.ts'
import type { Io } from '../io.ts'
import { chooseNetwork, type NetworkOptions } from '../network.ts'
import { keepNode } from '../node-events.ts'
import { addListenOptions, addNetworkOptions, type ListenOptions } from '../options.ts'
import { type Mode, openSession, type Session } from '../session.ts'

interface NodeOptions extends NetworkOptions, ListenOptions {
  data?: string
  mode: Mode
  json?: boolean
}

/** The port of Kubo, so that forwarded ports and firewalls fit. */
const DEFAULT_LISTEN = ['/ip4/0.0.0.0/tcp/4001', '/ip6/::/tcp/4001'] as const

/** A node that does not stop by then is ended. */
const STOP_TIMEOUT_MS = 10_000

const MODES: readonly Mode[] = ['auto', 'server', 'client']

const EXAMPLES = `
Examples:
  $ kadmium node                                        on the public network, data in ~/.kadmium
  $ kadmium node --data a --listen /ip4/127.0.0.1/tcp/4101
                                                        the first node of a network on this machine
  $ kadmium node --data b --listen /ip4/127.0.0.1/tcp/4102 --bootstrap /ip4/127.0.0.1/tcp/4101/p2p/12D3KooW…
                                                        the second one

Ctrl-C stops the node, a second Ctrl-C ends it at once. With --json each line of stdout is an event:
listening, bootstrap, addresses, mode, status (once a minute), stopping, stopped.`

export function addNode(program: Command, io: Io): void {
  const command = program
    .command('node')
    .summary('run a node')
    .description('Run a node of the DHT until it is interrupted.')
    .option('-d, --data <dir>', 'identity, records and scores of peers (default: ~/.kadmium)')
    .addOption(
      new Option(
        '-m, --mode <mode>',
        'server answers others, client only asks, auto is a server once it can be reached',
      )
        .choices(MODES)
        .default('auto'),
    )
  addNetworkOptions(addListenOptions(command, DEFAULT_LISTEN.join(' and ')))
    .option('--json', 'each line of stdout is one JSON object')
    .addHelpText('after', EXAMPLES)
    .action((options: NodeOptions) => runNode(io, options))
}

async function runNode(io: Io, options: NodeOptions): Promise<void> {
  const given = (options.listen ?? []).map(parseOwnAddress)
  const announce = (options.announce ?? []).map(parseOwnAddress)
  const network = chooseNetwork(options, given, io)
  const listen = given.length > 0 ? given : DEFAULT_LISTEN.map(parseOwnAddress)
  const data = await openDataFolder(options.data ?? join(io.home, '.kadmium'))
  const session = await openSession({ network, mode: options.mode, listen, announce, data })
  const about = { data: data.path, mode: options.mode }
  const events = keepNode(io, session, { ...about, isJson: options.json === true })
  await aborted(io.interrupt)
  await events.stopping()
  await stop(session)
  await events.stopped()
}

async function stop(session: Session): Promise<void> {
  if (await within(session.stop(), STOP_TIMEOUT_MS)) return
  throw new CliError('internal', `the node did not stop within ${STOP_TIMEOUT_MS / 1000} s`)
}
