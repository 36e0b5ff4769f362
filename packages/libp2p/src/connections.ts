/** What libp2p's connections to a peer amount to. */
import type { Connection, PeerId } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'

/** Connections to the peer that are open, also limited ones (through a relay). */
export function openConnections(
  manager: Pick<ConnectionManager, 'getConnections'>,
  peer: PeerId,
): Connection[] {
  return manager.getConnections(peer).filter((connection) => connection.status === 'open')
}
