/**
 * What the node has in its store: carries out the core's writes, and hands the core at start what an
 * earlier run wrote. Before that has been read nothing that was learned of peers is written over it.
 */
import {
  type Input,
  NO_PEER,
  type Nodes,
  type OperationEvent,
  type Output,
  type PeerRef,
} from '@kadmium/core'
import type { Logger, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { fromString } from 'uint8arrays/from-string'
import { keyOf } from './bridge.ts'
import type { Directory } from './directory.ts'
import type { Arrival, DriverClock } from './driver.ts'
import type { SavedPeer } from './peer-record.ts'
import type { LoadedPeer, Storage } from './storage.ts'
import type { StoredPeer } from './tags.ts'
import { isPeerId } from './wire/ids.ts'

type PersistRecord = Extract<Exclude<Output, OperationEvent>, { kind: 'persistRecord' }>
type PersistProvider = Extract<Exclude<Output, OperationEvent>, { kind: 'persistProvider' }>

/** Reads the peer store of libp2p: who was a member of our table, and those who are asked for. */
export type ReadPeers = (isWanted: (name: string) => boolean) => Promise<readonly StoredPeer[]>

const NO_EVIDENCE = { successes: 0, failures: 0, rttMs: 0, rttDeviationMs: 0, dialled: false }

export interface ArchiveInit {
  peerId: PeerId
  storage: Storage
  directory: Directory
  nodes: Nodes
  clock: DriverClock
  log: Logger
  dispatch: (arrival: Arrival) => void
}

export class Archive {
  private readonly init: ArchiveInit
  private readonly selfName: string
  /** Providers whose addresses are in the store. BOUNDED: by the core, which forgets them */
  private readonly addressed = new Set<PeerRef>()
  /** The end of the latest write of a provider record that nobody took: whether it is in the store. */
  private announced: Promise<boolean> | null = null
  private loaded = false

  constructor(init: ArchiveInit) {
    this.init = init
    this.selfName = init.peerId.toString()
  }

  persistRecord(output: PersistRecord): void {
    const { job, keyBytes, record, expiresAtMs } = output
    void this.tell(job, this.init.storage.putRecord(keyBytes, record, expiresAtMs))
  }

  persistProvider(output: PersistProvider): void {
    const { job, keyBytes, provider, expiresAtMs } = output
    const { storage, directory } = this.init
    // What we provide the announcer writes, by whether it was announced, and it stays in the store until
    // it is withdrawn: if it expires, because we were offline for too long, it is announced anew.
    if (provider === directory.self) return
    const name = directory.peerId(provider)?.toString()
    if (name === undefined) return
    const addresses = directory.addresses(provider)
    if (addresses.length > 0) this.addressed.add(provider)
    this.announced = this.tell(job, storage.putProvider(keyBytes, name, expiresAtMs, addresses))
  }

  /**
   * For an announcement, in the step that asked for its write: resolves when it is in the store, to false
   * if it can't be. What asked for no write is there already.
   */
  async takeAnnounced(): Promise<boolean> {
    const { announced } = this
    this.announced = null
    return (await announced) ?? true
  }

  /** We no longer provide the key. Resolves when the store knows. */
  async withdraw(keyBytes: Uint8Array): Promise<void> {
    const { storage, directory, dispatch } = this.init
    dispatch({ kind: 'withdrawProvider', key: keyOf(keyBytes), provider: directory.self })
    await storage.putProvider(keyBytes, this.selfName, 0, [])
  }

  /** Resolves when every write asked for so far has ended. */
  settled(): Promise<void> {
    return this.init.storage.settled()
  }

  /** The core holds the peer no more: it has no record here, so where it can be reached is of no use. */
  forget(peer: PeerRef): void {
    if (!this.addressed.delete(peer)) return
    const name = this.init.directory.peerId(peer)?.toString() ?? ''
    void this.tell(0, this.init.storage.forgetProvider(name))
  }

  /**
   * Hands the core everything that the store holds from an earlier run. `readPeers` tells who was in the
   * table of that run, and where those can be reached of whom it is asked: providers that a run of
   * `@libp2p/kad-dht` has left without addresses.
   */
  async load(readPeers: ReadPeers): Promise<void> {
    const { storage, dispatch } = this.init
    const known = new Set<string>() // BOUNDED: by the peers in the store
    const bare = new Set<string>() // BOUNDED: by the providers in the store
    for await (const { keyBytes, value, expiresAtMs } of storage.records()) {
      const key = keyOf(keyBytes)
      dispatch({ kind: 'recordLoaded', key, keyBytes, record: value, expiresAtMs })
    }
    for await (const { keyBytes, provider: name, expiresAtMs } of storage.providers()) {
      if (name !== this.selfName) bare.add(name)
      dispatch(() => {
        const provider = this.intern(name)
        if (provider === NO_PEER) return null
        return { kind: 'providerLoaded', key: keyOf(keyBytes), keyBytes, provider, expiresAtMs }
      })
    }
    for await (const { provider, addresses } of storage.providerAddresses()) {
      bare.delete(provider)
      dispatch(() => this.addressesLoaded(provider, addresses))
    }
    for await (const peer of storage.peers()) {
      known.add(peer.name)
      dispatch(() => this.peerLoaded(peer))
    }
    this.loaded = true
    const left = await readPeers((name) => bare.has(name)).catch((error) => {
      this.init.log.error('could not read the peer store - %e', error)
      return []
    })
    for (const peer of left) {
      const name = peer.id.toString()
      if (bare.has(name)) await this.providerFound(name, peer)
      if (peer.wasMember && !known.has(name)) dispatch(() => this.formerMember(name, peer))
    }
  }

  /** Writes what was learned of peers. */
  async savePeers(): Promise<void> {
    const { nodes, directory, storage } = this.init
    if (!this.loaded) return
    const peers = new Map<string, SavedPeer>()
    for (const { peer, evidence, lastSeenMs, ipGroup } of nodes.routing.exportPeers(0)) {
      const name = directory.peerId(peer)?.toString()
      const addresses = directory.addresses(peer).map((address) => address.bytes)
      if (name === undefined || addresses.length === 0) continue
      peers.set(name, { evidence, lastSeenMs, ipGroup, addresses })
    }
    await storage.savePeers(peers)
  }

  /** Another run left a provider's addresses elsewhere: libp2p drops them within the hour, so we take them. */
  private async providerFound(name: string, { id, addresses }: StoredPeer): Promise<void> {
    const { directory, storage } = this.init
    const provider = directory.find(id)
    if (provider === NO_PEER) return // the core has not taken its records
    for (const address of addresses) directory.addAddress(provider, address)
    const kept = directory.addresses(provider)
    if (kept.length === 0) return
    this.addressed.add(provider)
    await this.tell(0, storage.putAddresses(name, kept))
  }

  /** It was in the table, so it has answered: no more is known. */
  private formerMember(name: string, { addresses }: StoredPeer): Input | null {
    if (addresses.length === 0) return null
    const evidence = { ...NO_EVIDENCE, successes: 1 }
    return this.peerLoaded({
      name,
      addresses,
      evidence,
      lastSeenMs: this.init.clock.now(),
      ipGroup: 0,
    })
  }

  private addressesLoaded(name: string, addresses: readonly Multiaddr[]): Input {
    const provider = this.intern(name)
    if (provider === NO_PEER) void this.tell(0, this.init.storage.forgetProvider(name))
    else this.addressed.add(provider)
    for (const address of addresses) this.init.directory.addAddress(provider, address)
    return { kind: 'wake' } // lets go of a provider that has no record: see `forget`
  }

  private peerLoaded(saved: LoadedPeer): Input | null {
    const { directory, clock } = this.init
    const peer = this.intern(saved.name)
    if (peer === NO_PEER) return null
    for (const address of saved.addresses) directory.addAddress(peer, address)
    const ageMs = Math.max(0, clock.now() - saved.lastSeenMs)
    const { evidence, ipGroup } = saved
    return { kind: 'peerLoaded', peer, evidence, ageMs, ipGroup }
  }

  /** Without an object for the id: most peers in a store are never dialled again. */
  private intern(name: string): PeerRef {
    try {
      const idBytes = fromString(name, 'base58btc')
      return isPeerId(idBytes) ? this.init.directory.intern(idBytes) : NO_PEER
    } catch {
      return NO_PEER
    }
  }

  /** Tells the core how a write ended; job 0 wants no answer. */
  private async tell(job: number, write: Promise<void>): Promise<boolean> {
    const ok = await write.then(
      () => true,
      (error: unknown) => {
        this.init.log.error('could not write to the datastore - %e', error)
        return false
      },
    )
    if (job !== 0) this.init.dispatch({ kind: 'persisted', job, ok })
    return ok
  }
}
