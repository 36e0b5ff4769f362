/** The options that commands share, declared once. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { NETWORK_NAMES, type NetworkOptions } from './network.ts'

/** Options of every command that asks the network something and ends. */
export interface ClientOptions extends NetworkOptions {
  data?: string
  /** Seconds. */
  timeout: number
  json?: boolean
}

/** Options of a command that can be reached by others. */
export interface ListenOptions {
  listen?: readonly string[]
  announce?: readonly string[]
}

/** Longest `--timeout`, seconds: a timer of Node takes 2^31 - 1 milliseconds. */
const TIMEOUT_SECONDS_MAX = 2_147_483

export function addNetworkOptions(command: Command): Command {
  return command
    .addOption(
      repeatable(
        '-b, --bootstrap <multiaddr>',
        'peer to enter by; repeat it, or separate with commas (env: KADMIUM_BOOTSTRAP; default: the public list)',
      ),
    )
    .addOption(
      new Option(
        '-n, --network <name>',
        'public: public addresses; local: private ones, protocol /ipfs/lan/kad/1.0.0; any: all addresses (default: any if all bootstrap or listen addresses are private, else public)',
      ).choices(NETWORK_NAMES),
    )
    .option('--protocol <id>', 'DHT protocol of a network of your own (default: that of --network)')
}

export function addClientOptions(command: Command): Command {
  return addNetworkOptions(command)
    .option('-d, --data <dir>', 'keep identity and what was learnt of peers (default: in memory)')
    .addOption(
      new Option('-t, --timeout <seconds>', 'give up after this').default(60).argParser(seconds),
    )
    .option('--json', 'the last line of stdout is one JSON object')
}

export function addListenOptions(command: Command, defaultListen: string): Command {
  return command
    .addOption(
      repeatable(
        '-l, --listen <multiaddr>',
        `where to listen; repeatable (default: ${defaultListen})`,
      ),
    )
    .addOption(
      repeatable(
        '--announce <multiaddr>',
        'address to tell others, such as a forwarded port; repeatable',
      ),
    )
}

/** An option that may be given several times; it takes one value each, so that it eats no argument. */
export function repeatable(flags: string, description: string): Option {
  const collect = (value: string, previous: readonly string[] | undefined) => [
    ...(previous ?? []),
    value,
  ]
  return new Option(flags, description).argParser(collect)
}

function seconds(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value > 0) || value > TIMEOUT_SECONDS_MAX) {
    throw new InvalidArgumentError('Give a number of seconds above 0.')
  }
  return value
}

/** A whole number from 1. */
export function positiveCount(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < 1 || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError('Give a whole number from 1.')
  }
  return value
}
