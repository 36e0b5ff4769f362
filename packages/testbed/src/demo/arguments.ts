/** The demo's command line. */
import { parseArgs } from 'node:util'
import { IMPLEMENTATION_IDS, type ImplementationId } from '../implementations.ts'

export interface DemoArguments {
  nodes: number
  seed: number
  json: boolean
  only: ImplementationId | undefined
}

/**
 * A record lies on its 20 nearest live nodes and a reader must have none, so with 30 % unreachable fewer nodes have
 * no readers; more do not fit the memory and the time.
 */
const NODES_MIN = 32
const NODES_MAX = 100
const SEED_MAX = 0xffff_ffff

export const HELP: string = `Kadmium and @libp2p/kad-dht on the same network of real libp2p nodes over an emulated WAN.

Usage: npm run demo [-- options]

Options:
  --nodes <count>   nodes in each network, ${NODES_MIN} to ${NODES_MAX} (default 40)
  --only <which>    run one implementation only: ${IMPLEMENTATION_IDS.join(' or ')}
  --seed <number>   0 to ${SEED_MAX}; keys, regions and choices follow from it (default 1)
  --json            the last line on stdout is the result as JSON; the table goes to stderr
  --help            this text

Examples:
  npm run demo
  npm run demo -- --only kadmium --json
  npm run demo -- --nodes 50 --seed 7
`

/** A mistake on the command line, in one line for the user. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** Throws `UsageError`; returns 'help' when help is asked for. */
export function parseArguments(args: readonly string[]): DemoArguments | 'help' {
  const { values } = parsed(args)
  if (values.help === true) return 'help'
  return {
    nodes: wholeNumber('--nodes', values.nodes ?? '40', NODES_MIN, NODES_MAX),
    seed: wholeNumber('--seed', values.seed ?? '1', 0, SEED_MAX),
    json: values.json === true,
    only: implementationId(values.only),
  }
}

function parsed(args: readonly string[]): ReturnType<typeof parse> {
  try {
    return parse(args)
  } catch (error) {
    // Node's message goes on with advice; its first sentence is the matter.
    const message = error instanceof Error ? error.message : String(error)
    throw new UsageError(`${message.split(/\.\s/)[0]} (see --help)`)
  }
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: {
      nodes: { type: 'string' },
      only: { type: 'string' },
      seed: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
}

function wholeNumber(option: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= min && value <= max)) {
    throw new UsageError(`${option} takes a whole number from ${min} to ${max}, not "${text}"`)
  }
  return value
}

function implementationId(text: string | undefined): ImplementationId | undefined {
  if (text === undefined) return undefined
  const id = IMPLEMENTATION_IDS.find((known) => known === text)
  if (id === undefined) {
    throw new UsageError(`--only takes ${IMPLEMENTATION_IDS.join(' or ')}, not "${text}"`)
  }
  return id
}
