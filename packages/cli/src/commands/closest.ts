/** `kadmium closest`: the peers nearest to a key. */
import type { PeerInfo } from '@libp2p/interface'
import type { Command } from 'commander'
import type { Io } from '../io.ts'
import { parseTarget } from '../keys.ts'
import { type Result, runOperation, type Task } from '../operation.ts'
import { addClientOptions, type ClientOptions } from '../options.ts'
import { peerFields, peerLine } from '../output.ts'

const EXAMPLES = `
Examples:
  $ kadmium closest 12D3KooW…
  $ kadmium closest bafkrei…
  $ kadmium closest /ipns/k51… --json

Prints the live peers nearest to the key by XOR distance, the nearest first: where its records belong.`

export function addClosest(program: Command, io: Io): void {
  const command = program
    .command('closest')
    .summary('find the peers nearest to a key')
    .description('Find the live peers that are nearest to a key.')
    .argument('<target>', 'peer id, CID, /pk/<peer id> or /ipns/<name>')
  addClientOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((text: string, options: ClientOptions) => {
      const target = parseTarget(text)
      const work = (task: Task) => closest(task, text, target)
      const title = 'looking for peers'
      return runOperation(io, { command: 'closest', title, options, work })
    })
}

async function closest(task: Task, text: string, target: Uint8Array): Promise<Result> {
  const { session, signal } = task
  // Bounded by k of the service: a lookup ends with that many.
  const peers: PeerInfo[] = []
  for await (const event of task.watch(session.dht.getClosestPeers(target, { signal }))) {
    if (event.name === 'FINAL_PEER') peers.push(event.peer)
  }
  if (peers.length === 0) throw task.nothingFound('no peer was found')
  return {
    fields: { target: text, closest: peers.map(peerFields) },
    print: () => task.output.lines(peers.map(peerLine)),
  }
}
