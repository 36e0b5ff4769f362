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
import { directConnections } from './connections.ts'
import type { Directory } from './directory.ts'
import type { Arrival } from './driver.ts'
import { ipGroup } from './ip-group.ts'

export interface LinksInit {
  directory: Directory
  connectionManager: Pick<ConnectionManager, 'getConnections'>
  peerStore: Pick<PeerStore, 'get'>
  events: Pick<TypedEventTarget<Libp2pEvents>, 'addEventListener' | 'removeEventListener'>
  protocol: string
  dispatch: (arrival: Arrival) => void
  /** A peer that others can reach told that it speaks the protocol. */
  onSpeaker: (peer: PeerRef) => void
}

export class Links {
  private readonly init: LinksInit
  /** Peers with a pooled stream. BOUNDED: by the streams in the pool. */
  private readonly pooled = new Set<string>()
  /** Agent of each connected peer, which decides how long a stream may idle. BOUNDED: by connections. */
  private readonly agents = new Map<string, string>()
  private started = false

  constructor(init: LinksInit) {
    this.init = init
  }

  async start(): Promise<void> {
    const { events, connectionManager } = this.init
    this.started = true
    events.addEventListener('peer:identify', this.onIdentify)
    events.addEventListener('peer:update', this.onUpdate)
    events.addEventListener('connection:open', this.onConnection)
    events.addEventListener('connection:close', this.onConnection)
    const peers = new Map<string, PeerId>() // bounded by connections
    for (const { remotePeer } of connectionManager.getConnections()) {
      peers.set(remotePeer.toString(), remotePeer)
    }
    for (const peer of peers.values()) await this.replay(peer)
  }

  stop(): void {
    const { events } = this.init
    this.started = false
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

  /** Peers to whom a stream is kept open. */
  get pooledPeers(): number {
    return this.pooled.size
  }

  isConnected(peer: PeerId): boolean {
    return directConnections(this.init.connectionManager, peer).length > 0
  }

  /** What identify said of the peer's software, or undefined. */
  agentOf(peer: PeerId): string | undefined {
    return this.agents.get(peer.toString())
  }

  /** Tells what identify told before we listened. */
  private async replay(peerId: PeerId): Promise<void> {
    const known = await this.init.peerStore.get(peerId).catch(() => null)
    if (!this.started || known === null) return
    const agent = known.metadata.get('AgentVersion')
    if (agent !== undefined) this.noteAgent(peerId, new TextDecoder().decode(agent))
    if (!known.protocols.includes(this.init.protocol)) return
    const addresses = known.addresses.map(({ multiaddr }) => multiaddr)
    this.speaks(peerId, true, addresses)
  }

  private readonly onIdentify = (event: CustomEvent<IdentifyResult>): void => {
    const { peerId, protocols, listenAddrs, agentVersion, signedPeerRecord } = event.detail
    if (agentVersion !== undefined) this.noteAgent(peerId, agentVersion)
    // A push may tell of something else only; libp2p keeps the protocols then.
    if (protocols.length === 0) return
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
    const { remotePeer, status, limits } = event.detail
    if (event.type === 'connection:close' && !this.isConnected(remotePeer)) {
      this.agents.delete(remotePeer.toString())
      this.pooled.delete(remotePeer.toString())
    }
    // Who closes in order is well; a reset or a time-out may be the end of the peer, or of the relay.
    this.tell(remotePeer, limits === undefined && (status === 'reset' || status === 'aborted'))
  }

  private noteAgent(peer: PeerId, agent: string): void {
    if (this.isConnected(peer)) this.agents.set(peer.toString(), agent)
  }

  private speaks(peerId: PeerId, speaks: boolean, addresses: readonly Multiaddr[]): void {
    this.init.dispatch(() =>
      speaks ? this.speaking(peerId, addresses) : this.silent(peerId, addresses),
    )
    this.tell(peerId)
  }

  private speaking(peerId: PeerId, addresses: readonly Multiaddr[]): Input | null {
    const { directory, connectionManager, onSpeaker } = this.init
    const peer = directory.internId(peerId)
    if (peer === NO_PEER) return null
    directory.setAddresses(peer, addresses)
    // Where we reached it is of use even if it does not know that address itself.
    for (const { direction, remoteAddr } of directConnections(connectionManager, peerId)) {
      if (direction === 'outbound') directory.addAddress(peer, remoteAddr)
    }
    if (directory.addresses(peer).length === 0) return null // nobody could reach it
    onSpeaker(peer)
    return { kind: 'protocolChanged', peer, speaks: true }
  }

  private silent(peerId: PeerId, addresses: readonly Multiaddr[]): Input | null {
    const { directory } = this.init
    const peer = directory.find(peerId)
    if (peer === NO_PEER) return null
    directory.setAddresses(peer, addresses)
    return { kind: 'protocolChanged', peer, speaks: false }
  }

  /** Tells the core how near a peer is now, if it knows the peer. */
  private tell(peerId: PeerId, broken = false): void {
    this.init.dispatch(() => {
      const { directory, connectionManager } = this.init
      const peer = directory.find(peerId)
      if (peer === NO_PEER) return null
      const direct = directConnections(connectionManager, peerId)
      const dialled = direct.find(({ direction }) => direction === 'outbound')
      const address = (dialled ?? direct[0])?.remoteAddr
      return {
        kind: 'linkChanged',
        peer,
        link: direct.length > 0 ? this.linkOf(peerId) : broken ? 'lost' : 'cold',
        dialled: dialled !== undefined,
        ipGroup: address === undefined ? 0 : ipGroup(address),
      }
    })
  }

  private linkOf(connected: PeerId): Link {
    return this.pooled.has(connected.toString()) ? 'pooled' : 'connected'
  }
}
