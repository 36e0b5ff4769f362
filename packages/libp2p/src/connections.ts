/** What libp2p's connections to a peer amount to. */
import type { Connection, PeerId } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'

/**
 * Connections to the peer that are open and of use. One through a relay is not: it proves nothing about
 * the peer, and is too narrow for the traffic of a table.
 */
export function directConnections(
  manager: Pick<ConnectionManager, 'getConnections'>,
  peer: PeerId,
): Connection[] {
  return manager
    .getConnections(peer)
    .filter(({ status, limits }) => status === 'open' && limits === undefined)
}
