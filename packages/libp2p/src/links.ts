/**
 * Tells the core which peers there are: who is connected, who dialled whom, who speaks the protocol.
 * Peers come with their full protocol lists from identify and identify-push; nothing is dialled just to
 * learn what it speaks. What is known already when the service starts is replayed.
 */
import type { Input, Link, PeerRef } from '@kadmium/core'
import { NO_PEER } from '@kadmium/core'
import type {
  Connection,
  IdentifyResult,
  Libp2pEvents,
  PeerId,
  PeerStore,
  PeerUpdate,
} from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { TypedEventTarget } from 'main-event'
import { openConnections } from './connections.ts'
import type { Directory } from './directory.ts'
import { ipGroup } from './ip-group.ts'

export interface LinksInit {
  directory: Directory
  connectionManager: ConnectionManager
  peerStore: PeerStore
  events: TypedEventTarget<Libp2pEvents>
  protocol: string
  dispatch: (input: Input) => void
  /** A peer told that it speaks the protocol. */
  onSpeaker: (peer: PeerRef) => void
}

export class Links {
  private readonly init: LinksInit
  /** Peers with a pooled stream. BOUNDED: by the streams in the pool. */
  private readonly pooled = new Set<string>()
  /** Agent of each connected peer, which decides how long a stream may idle. BOUNDED: by connections. */
  private readonly agents = new Map<string, string>()

  constructor(init: LinksInit) {
    this.init = init
  }

  async start(): Promise<void> {
    const { events, connectionManager, peerStore } = this.init
    events.addEventListener('peer:identify', this.onIdentify)
    events.addEventListener('peer:update', this.onUpdate)
    events.addEventListener('connection:open', this.onConnection)
    events.addEventListener('connection:close', this.onConnection)
    for (const connection of connectionManager.getConnections()) {
      const known = await peerStore.get(connection.remotePeer).catch(() => null)
      if (known === null || !known.protocols.includes(this.init.protocol)) continue
      this.speaks(
        connection.remotePeer,
        true,
        known.addresses.map((a) => a.multiaddr),
      )
    }
  }

  stop(): void {
    const { events } = this.init
    events.removeEventListener('peer:identify', this.onIdentify)
    events.removeEventListener('peer:update', this.onUpdate)
    events.removeEventListener('connection:open', this.onConnection)
    events.removeEventListener('connection:close', this.onConnection)
    this.pooled.clear()
    this.agents.clear()
  }

  /** The stream pool keeps a stream to the peer, or no longer does. */
  setPooled(peer: PeerId, pooled: boolean): void {
    const name = peer.toString()
    if (pooled) this.pooled.add(name)
    else this.pooled.delete(name)
    this.tell(peer)
  }

  isConnected(peer: PeerId): boolean {
    return openConnections(this.init.connectionManager, peer).length > 0
  }

  /** What identify said of the peer's software, or undefined. */
  agentOf(peer: PeerId): string | undefined {
    return this.agents.get(peer.toString())
  }

  private readonly onIdentify = (event: CustomEvent<IdentifyResult>): void => {
    const { peerId, protocols, listenAddrs, agentVersion, signedPeerRecord } = event.detail
    if (agentVersion !== undefined && this.isConnected(peerId)) {
      this.agents.set(peerId.toString(), agentVersion)
    }
    const addresses = signedPeerRecord?.addresses ?? listenAddrs
    this.speaks(peerId, protocols.includes(this.init.protocol), addresses)
  }

  /** Protocols that end are told here; new ones too, but identify was first. */
  private readonly onUpdate = (event: CustomEvent<PeerUpdate>): void => {
    const { peer, previous } = event.detail
    const before = previous?.protocols.includes(this.init.protocol) === true
    const now = peer.protocols.includes(this.init.protocol)
    if (before && !now) this.speaks(peer.id, false, [])
  }

  private readonly onConnection = (event: CustomEvent<Connection>): void => {
    const { remotePeer, status } = event.detail
    if (event.type === 'connection:close' && !this.isConnected(remotePeer)) {
      this.agents.delete(remotePeer.toString())
      this.pooled.delete(remotePeer.toString())
    }
    // Who closes in order is well; a reset or a time-out may be the end of the peer.
    this.tell(remotePeer, status === 'reset' || status === 'aborted')
  }

  private speaks(peerId: PeerId, speaks: boolean, addresses: readonly Multiaddr[]): void {
    const { directory, dispatch } = this.init
    if (!speaks && directory.find(peerId) === NO_PEER) return
    const peer = directory.internId(peerId)
    if (peer === NO_PEER) return
    directory.setAddresses(peer, addresses)
    if (speaks && directory.addresses(peer).length === 0) return // nobody could reach it
    dispatch({ kind: 'protocolChanged', peer, speaks })
    this.tell(peerId)
    if (speaks) this.init.onSpeaker(peer)
  }

  /** Tells the core how near a peer is now. */
  private tell(peerId: PeerId, broken = false): void {
    const { directory, connectionManager, dispatch } = this.init
    const peer = directory.find(peerId)
    if (peer === NO_PEER) return
    const open = openConnections(connectionManager, peerId)
    // A connection through a relay proves nothing and is too narrow for a table's traffic.
    const direct = open.filter((connection) => connection.limits === undefined)
    const dialled = direct.find((connection) => connection.direction === 'outbound')
    const pooled = this.pooled.has(peerId.toString())
    const gone: Link = broken ? 'lost' : 'cold'
    const link: Link = direct.length === 0 ? gone : pooled ? 'pooled' : 'connected'
    const address = (dialled ?? direct[0])?.remoteAddr
    dispatch({
      kind: 'linkChanged',
      peer,
      link,
      dialled: dialled !== undefined,
      ipGroup: address === undefined ? 0 : ipGroup(address),
    })
  }
}
