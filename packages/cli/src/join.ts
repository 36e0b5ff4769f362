/** Entering the network: bootstrap peers are dialled, and identify tells whether they speak the DHT. */
import type { IdentifyResult, PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Multiaddr } from '@multiformats/multiaddr'
import { peerIdOf } from './addresses.ts'
import { CliError, codeOf, messageOf } from './errors.ts'
import { optionsFor } from './network.ts'
import type { Session } from './session.ts'

/** How long a bootstrap peer that we reached may take to say what it speaks. */
const IDENTIFY_TIMEOUT_MS = 10_000

/** A bootstrap peer with all addresses given for it. */
interface BootstrapPeer {
  peer: PeerId
  addresses: Multiaddr[]
}

/** Why a bootstrap peer is of no use. */
class Useless extends Error {
  /** What it speaks instead, when it was reached. */
  readonly protocols: readonly string[]

  constructor(message: string, protocols: readonly string[]) {
    super(message)
    this.protocols = protocols
  }
}

/**
 * Contacts all bootstrap peers at once and resolves with the first that speaks the protocol; the
 * others go on in the background. Fails with `noPeers` when none does.
 */
export async function joinNetwork(session: Session, signal: AbortSignal): Promise<void> {
  const peers = bootstrapPeers(session)
  if (peers.length === 0) return
  try {
    await Promise.any(peers.map((peer) => contact(session, peer, signal)))
  } catch (error) {
    signal.throwIfAborted()
    const reasons = error instanceof AggregateError ? error.errors : [error]
    throw noPeersError(reasons)
  }
}

/** Contacts all bootstrap peers at once; resolves, when all are done, with how many speak the protocol. */
export async function contactAll(
  session: Session,
  signal: AbortSignal,
): Promise<{ reached: number; of: number; reason?: string }> {
  const peers = bootstrapPeers(session)
  const results = await Promise.allSettled(peers.map((peer) => contact(session, peer, signal)))
  const failed = results.filter((result) => result.status === 'rejected')
  const reached = results.length - failed.length
  const reason = failed[0] === undefined ? {} : { reason: messageOf(failed[0].reason) }
  return { reached, of: results.length, ...reason }
}

function bootstrapPeers(session: Session): BootstrapPeer[] {
  // Bounded by the number of addresses on the command line.
  const peers = new Map<string, BootstrapPeer>()
  for (const address of session.network.bootstrap) {
    const id = peerIdOf(address) as string
    if (id === session.node.peerId.toString()) continue
    const known = peers.get(id) ?? { peer: peerIdFromString(id), addresses: [] }
    known.addresses.push(address)
    peers.set(id, known)
  }
  return [...peers.values()]
}

async function contact(session: Session, to: BootstrapPeer, signal: AbortSignal): Promise<void> {
  const { node, network } = session
  const isConnected = node.getConnections(to.peer).length > 0
  const identified = isConnected ? null : nextIdentify(session, to.peer, signal)
  let protocols: readonly string[]
  try {
    await node.dial(to.addresses, { signal })
    const result = await identified?.promise
    protocols = result?.protocols ?? (await node.peerStore.get(to.peer)).protocols
  } catch (error) {
    throw new Useless(`${to.addresses[0]}: ${dialReason(error)}`, [])
  } finally {
    identified?.cancel()
  }
  if (protocols.includes(network.protocol)) return
  throw new Useless(`${to.addresses[0]}: ${spokenInstead(network.protocol, protocols)}`, protocols)
}

/** The next identify of a peer; listening starts at once, so that nothing is missed while we dial. */
function nextIdentify(
  session: Session,
  peer: PeerId,
  signal: AbortSignal,
): { promise: Promise<IdentifyResult>; cancel: () => void } {
  const { promise, resolve, reject } = Promise.withResolvers<IdentifyResult>()
  // The caller may leave before it waits (the dial failed): that is no unhandled rejection.
  promise.catch(() => {})
  const limit = AbortSignal.any([signal, AbortSignal.timeout(IDENTIFY_TIMEOUT_MS)])
  const onIdentify = (event: CustomEvent<IdentifyResult>) => {
    if (event.detail.peerId.equals(peer)) resolve(event.detail)
  }
  const onAbort = () => reject(new Error('said nothing about itself'))
  session.node.addEventListener('peer:identify', onIdentify)
  limit.addEventListener('abort', onAbort, { once: true })
  const cancel = () => {
    session.node.removeEventListener('peer:identify', onIdentify)
    limit.removeEventListener('abort', onAbort)
  }
  return { promise, cancel }
}

/** Why a dial failed, in few words. */
function dialReason(error: unknown): string {
  const first = error instanceof AggregateError ? (error.errors[0] ?? error) : error
  const words: Record<string, string> = {
    ECONNREFUSED: 'nobody listens there',
    ECONNRESET: 'it closed the connection',
    ENETUNREACH: 'there is no way to that network',
    EHOSTUNREACH: 'there is no way to that host',
    ETIMEDOUT: 'no answer',
    ENOTFOUND: 'no such name: is this machine online?',
    EAI_AGAIN: 'the name can’t be resolved: is this machine online?',
  }
  const known = words[codeOf(first) ?? '']
  if (known !== undefined) return known
  const name = first instanceof Error ? first.name : ''
  if (name === 'TimeoutError' || name === 'AbortError') return 'no answer in time'
  const text = messageOf(first)
  // The handshake of Noise has no name of its own for it.
  if (/does not match expected remote identity/.test(text) || name === 'UnexpectedPeerError') {
    return 'another peer answers there: check the peer id'
  }
  return /timeout|timed out|aborted/i.test(text) ? 'no answer in time' : text
}

/** What is wrong with a peer that does not speak `wanted`, and what to do. */
function spokenInstead(wanted: string, protocols: readonly string[]): string {
  const other = protocols.find((name) => name.includes('/kad/'))
  if (other !== undefined) return `speaks ${other} and not ${wanted}: try ${optionsFor(other)}`
  return `does not speak ${wanted}: if it is a client, start it with --mode server`
}

function noPeersError(reasons: readonly unknown[]): CliError {
  const reached = reasons.find((each) => each instanceof Useless && each.protocols.length > 0)
  if (reached !== undefined) return new CliError('noPeers', messageOf(reached))
  const [first, ...more] = reasons.map(messageOf)
  const others = more.length === 0 ? '' : `; and ${more.length} more failed`
  const advice = 'check the network, or give other peers with --bootstrap'
  return new CliError(
    'noPeers',
    `no bootstrap peer could be reached (${first}${others}): ${advice}`,
  )
}
