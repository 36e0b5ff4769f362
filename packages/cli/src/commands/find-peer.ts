/** `kadmium find-peer`: the addresses of a peer. */
import type { PeerId, PeerInfo } from '@libp2p/interface'
import type { Command } from 'commander'
import type { Io } from '../io.ts'
import { parsePeerId } from '../keys.ts'
import { type Result, runOperation, type Task } from '../operation.ts'
import { addClientOptions, type ClientOptions } from '../options.ts'
import { fullAddresses, peerFields } from '../output.ts'

const EXAMPLES = `
Examples:
  $ kadmium find-peer 12D3KooW…
  $ kadmium find-peer 12D3KooW… --json

Prints the addresses of the peer, one a line, each as it can be given to --bootstrap.`

export function addFindPeer(program: Command, io: Io): void {
  const command = program
    .command('find-peer')
    .summary('find the addresses of a peer')
    .description('Find the addresses of a peer by its id.')
    .argument('<peer>', 'peer id')
  addClientOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((text: string, options: ClientOptions) => {
      const peer = parsePeerId(text)
      const work = (task: Task) => findPeer(task, peer)
      return runOperation(io, {
        command: 'find-peer',
        title: 'looking for the peer',
        options,
        work,
      })
    })
}

async function findPeer(task: Task, peer: PeerId): Promise<Result> {
  const { session, signal } = task
  let found: PeerInfo | undefined
  for await (const event of task.watch(session.dht.findPeer(peer, { signal }))) {
    if (event.name !== 'FINAL_PEER' || !event.peer.id.equals(peer)) continue
    found = event.peer
    break
  }
  if (found === undefined) throw task.nothingFound(`nobody knows the peer ${peer}`)
  const lines = fullAddresses(found)
  return { fields: { peer: peerFields(found) }, print: () => task.output.lines(lines) }
}
