/** Opens a stream of the protocol to a peer, on a connection that there is or on a new one. */
import type { Connection, PeerId, Stream } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import { CODE_P2P, type Multiaddr } from '@multiformats/multiaddr'
import { RequestError, requestError } from './errors.ts'

/** What is needed of libp2p's connection manager. */
export type Connector = Pick<ConnectionManager, 'getConnections' | 'openConnection'>

export interface OpenOptions {
  connector: Connector
  protocol: string
  maxOutboundStreams: number
  /**
   * Where to dial the peer; without this the peer store knows. A peer with an empty list is not
   * dialled: libp2p would look for it with a lookup of its own, which would ask us.
   */
  addresses: readonly Multiaddr[] | undefined
  /** Of the dial among others; libp2p's own default is 50. */
  priority: number
  /** Ends the attempt wherever it is. */
  signal: AbortSignal
  /** There is a connection; what follows is the stream. */
  onConnected: () => void
}

/**
 * The stream, its protocol negotiated.
 *
 * @throws RequestError with `dial`, `unsupported` or `reset`.
 */
export async function openStream(peer: PeerId, options: OpenOptions): Promise<Stream> {
  const { protocol, maxOutboundStreams, signal } = options
  for (let attempt = 1; ; attempt++) {
    const connection = await connect(peer, options)
    options.onConnected()
    try {
      return await connection.newStream(protocol, { signal, maxOutboundStreams })
    } catch (cause) {
      // The connection may have been closing already when it was picked: that is not the peer's fault.
      if (attempt === 1 && connection.status !== 'open' && !signal.aborted) continue
      const isForeign = cause instanceof Error && cause.name === 'UnsupportedProtocolError'
      throw requestError(cause, isForeign ? 'unsupported' : 'reset')
    }
  }
}

async function connect(peer: PeerId, options: OpenOptions): Promise<Connection> {
  const { connector, addresses, priority, signal } = options
  const usable = connector.getConnections(peer).filter(isUsable)
  const existing = usable.find((connection) => connection.direct) ?? usable[0]
  if (existing !== undefined) return existing
  if (addresses?.length === 0) throw new RequestError('dial', 'no address to dial')
  const target = addresses === undefined ? peer : namedAddresses(addresses, peer)
  let connection: Connection
  try {
    connection = await connector.openConnection(target, { signal, priority })
  } catch (cause) {
    throw requestError(cause, 'dial')
  }
  if (connection.limits !== undefined) throw new RequestError('dial', 'only through a relay')
  return connection
}

/** Not through a relay: that is too narrow for the traffic of a DHT. */
function isUsable(connection: Connection): boolean {
  return connection.status === 'open' && connection.limits === undefined
}

/** All addresses of a dial must name the peer, so that nobody else can answer in its place. */
export function namedAddresses(addresses: readonly Multiaddr[], peer: PeerId): Multiaddr[] {
  const suffix = `/p2p/${peer.toString()}`
  return addresses.map((address) =>
    address.getComponents().at(-1)?.code === CODE_P2P ? address : address.encapsulate(suffix),
  )
}
