/** `kadmium find-providers`: who has a content. */
import type { PeerInfo } from '@libp2p/interface'
import { type Command, Option } from 'commander'
import type { CID } from 'multiformats/cid'
import type { Io } from '../io.ts'
import { parseCid } from '../keys.ts'
import { type Result, runOperation, type Task } from '../operation.ts'
import { addClientOptions, type ClientOptions, positiveCount } from '../options.ts'
import { peerFields, peerLine } from '../output.ts'

interface FindProvidersOptions extends ClientOptions {
  count: number
}

const EXAMPLES = `
Examples:
  $ kadmium find-providers bafkrei…
  $ kadmium find-providers bafkrei… --count 1 --json

Each provider is printed as soon as it is found: its peer id and addresses on one line.`

export function addFindProviders(program: Command, io: Io): void {
  const command = program
    .command('find-providers')
    .summary('find who has a content')
    .description('Find peers that announced the content of a CID.')
    .argument('<cid>', 'CID of the content')
    .addOption(
      new Option('-c, --count <number>', 'stop at so many').default(20).argParser(positiveCount),
    )
  addClientOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((text: string, options: FindProvidersOptions) => {
      const cid = parseCid(text)
      const work = (task: Task) => findProviders(task, cid, options.count)
      const title = 'looking for providers'
      return runOperation(io, { command: 'find-providers', title, options, work })
    })
}

async function findProviders(task: Task, cid: CID, count: number): Promise<Result> {
  // Bounded by count.
  const found = new Map<string, PeerInfo>()
  try {
    await collect(task, cid, count, found)
  } catch (error) {
    // What was found in time is a result all the same.
    if (!task.isTimedOut || found.size === 0) throw error
    await task.output.note('the time ran out: there may be more')
  }
  if (found.size === 0) throw task.nothingFound(`nobody announced ${cid}`)
  const providers = [...found.values()].map(peerFields)
  const complete = !task.isTimedOut
  return { fields: { cid: cid.toString(), providers, complete }, print: async () => {} }
}

async function collect(
  task: Task,
  cid: CID,
  count: number,
  found: Map<string, PeerInfo>,
): Promise<void> {
  const { session, signal } = task
  for await (const event of task.watch(session.dht.findProviders(cid, { signal }))) {
    if (event.name !== 'PROVIDER') continue
    for (const peer of event.providers) {
      if (found.has(peer.id.toString())) continue
      found.set(peer.id.toString(), peer)
      task.print(peerLine(peer))
      if (found.size >= count) return
    }
  }
}
