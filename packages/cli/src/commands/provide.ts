/** `kadmium provide`: announce that this node has a content. */
import type { Command } from 'commander'
import type { CID } from 'multiformats/cid'
import { aborted } from '../abort.ts'
import { usageError } from '../errors.ts'
import type { Io } from '../io.ts'
import { parseCid } from '../keys.ts'
import { type Result, runOperation, type Task } from '../operation.ts'
import {
  addClientOptions,
  addListenOptions,
  type ClientOptions,
  type ListenOptions,
} from '../options.ts'
import { counted } from '../output.ts'

interface ProvideOptions extends ClientOptions, ListenOptions {
  stay?: boolean
}

const DEFAULT_LISTEN = '/ip4/0.0.0.0/tcp/0'

const EXAMPLES = `
Examples:
  $ kadmium provide bafkrei… --data ~/.kadmium
  $ kadmium provide bafkrei… --announce /ip4/203.0.113.7/tcp/4001
  $ kadmium provide bafkrei… --stay

Others find this node's peer id and addresses for 48 hours. Without --data the identity ends with the
command; with --stay the node stays up and renews the announcement until it is interrupted.`

export function addProvide(program: Command, io: Io): void {
  const command = program
    .command('provide')
    .summary('announce that this node has a content')
    .description('Announce to the network that this node has the content of a CID.')
    .argument('<cid>', 'CID of the content')
    .option('--stay', 'stay up after the announcement')
  addClientOptions(addListenOptions(command, DEFAULT_LISTEN))
    .addHelpText('after', EXAMPLES)
    .action((text: string, options: ProvideOptions) => {
      const cid = parseCid(text)
      const work = (task: Task) => provide(task, cid, io, options)
      const operation = { command: 'provide', title: 'announcing', options, work }
      return runOperation(io, { ...operation, defaultListen: DEFAULT_LISTEN })
    })
}

async function provide(task: Task, cid: CID, io: Io, options: ProvideOptions): Promise<Result> {
  const { session, signal } = task
  const addresses = reachableAddresses(task)
  let told = 0
  for await (const event of task.watch(session.dht.provide(cid, { signal }))) {
    if (event.name === 'PEER_RESPONSE' && event.messageName === 'ADD_PROVIDER') told++
  }
  if (told === 0) throw task.nothingFound('no peer took the announcement')
  const id = session.node.peerId.toString()
  return {
    fields: { cid: cid.toString(), provider: { id, addresses }, stored: told },
    print: () => task.output.lines([`${cid} announced on ${counted(told, 'peer')} as ${id}`]),
    linger: () => linger(task, io, options),
  }
}

/** The addresses that others will find; peers ignore providers without any. */
function reachableAddresses(task: Task): string[] {
  const { node, network } = task.session
  const self = { id: node.peerId, multiaddrs: node.getMultiaddrs() }
  const addresses = network.peerInfoMapper(self).multiaddrs.map(String)
  if (addresses.length > 0) return addresses
  const advice = 'give one that leads here with --announce /ip4/<address>/tcp/<port>'
  throw usageError(`this node has no address for the network '${network.name}': ${advice}`)
}

/** After the result: stays up, or says what the announcement is worth when we don't. */
async function linger(task: Task, io: Io, options: ProvideOptions): Promise<void> {
  if (options.stay === true) {
    await task.output.note('staying up until interrupted')
    await aborted(io.interrupt)
  } else if (options.data === undefined) {
    const advice = 'keep its identity with --data, or the node up with --stay'
    await task.output.note(`the announced peer ends with this command: ${advice}`)
  }
}
