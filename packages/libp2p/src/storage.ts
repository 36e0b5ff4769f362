/**
 * Records, providers and what was learned of peers, in the node's datastore. Values and provider records
 * lie where `@libp2p/kad-dht` keeps them, so that an existing node's store is taken over:
 * `<prefix>/record/<base32 key>` = libp2p record, `<prefix>/provider/<base32 multihash>/<peer id>` =
 * time of arrival as varint ms. Beside them, in the form of peer-record.ts:
 * `<prefix>/kadmium/peer/<peer id>` what was learned of a peer, `<prefix>/kadmium/provider/<peer id>` where
 * a provider can be reached, so that its records are of use after a restart.
 *
 * Writes to one key land in the order of the calls, whatever the datastore makes of two at once. A torn
 * or foreign entry is skipped and counted, never an error.
 */
import type { ComponentLogger, Logger } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { type Datastore, Key } from 'interface-datastore'
import * as varint from 'uint8-varint'
import { fromString } from 'uint8arrays/from-string'
import { toString as bytesToString } from 'uint8arrays/to-string'
import { decodePeer, encodePeer, type SavedPeer } from './peer-record.ts'
import { decodeRecord, encodeRecord } from './records/record.ts'

export interface StorageInit {
  datastore: Datastore
  logger: ComponentLogger
  logPrefix: string
  /** Where in the datastore; `/dht` by default, as in `@libp2p/kad-dht`. */
  prefix: string
  /** How long records live from their arrival, ms. */
  validityMs: number
}

export interface StoredRecord {
  keyBytes: Uint8Array
  value: Uint8Array
  expiresAtMs: number
}

export interface StoredProvider {
  keyBytes: Uint8Array
  /** The peer id as text, not looked into. */
  provider: string
  expiresAtMs: number
}

/** A peer as an earlier run knew it; `name` is its id as text, not looked into. */
export type LoadedPeer = Omit<SavedPeer, 'addresses'> & { name: string; addresses: Multiaddr[] }

export class Storage {
  private readonly datastore: Datastore
  private readonly log: Logger
  private readonly root: string
  private readonly validityMs: number
  /** The last write to each key. BOUNDED: by the writes under way */
  private readonly writes = new Map<string, Promise<void>>()
  /** Checksum of the addresses stored of each provider. BOUNDED: by the providers that the core holds */
  private readonly providerSums = new Map<string, number>()
  /** The same of each peer stored; null when that is not known. BOUNDED: by the peers of the last save */
  private peerSums: Map<string, number> | null = null

  constructor(init: StorageInit) {
    this.datastore = init.datastore
    this.log = init.logger.forComponent(`${init.logPrefix}:storage`)
    this.root = new Key(init.prefix).toString()
    this.validityMs = init.validityMs
  }

  /** Resolves when the value is in the store (`value` null: no longer in it). */
  putRecord(keyBytes: Uint8Array, value: Uint8Array | null, expiresAtMs: number): Promise<void> {
    const key = new Key(`${this.root}/record/${bytesToString(keyBytes, 'base32')}`, false)
    return this.write(key, async () => {
      if (value === null) await this.datastore.delete(key)
      else {
        const arrived = new Date(expiresAtMs - this.validityMs)
        await this.datastore.put(key, encodeRecord(keyBytes, value, arrived))
      }
    })
  }

  /** Resolves when the provider record is in the store (`expiresAtMs` 0: no longer in it). */
  putProvider(
    keyBytes: Uint8Array,
    provider: string,
    expiresAtMs: number,
    addresses: readonly Multiaddr[],
  ): Promise<void> {
    const key = this.providerKey(keyBytes, provider)
    return this.write(key, async () => {
      if (expiresAtMs === 0) return await this.datastore.delete(key)
      // First, so that no record is ever without: it would be of no use after a restart.
      await this.putAddresses(provider, addresses)
      await this.putArrival(key, expiresAtMs)
    })
  }

  /** Gives the provider record a new time to expire, where it is in the store. */
  renewProvider(keyBytes: Uint8Array, provider: string, expiresAtMs: number): Promise<void> {
    const key = this.providerKey(keyBytes, provider)
    return this.write(key, async () => {
      if (await this.datastore.has(key)) await this.putArrival(key, expiresAtMs)
    })
  }

  /** Resolves when the store knows where a provider can be reached. */
  async putAddresses(provider: string, addresses: readonly Multiaddr[]): Promise<void> {
    if (addresses.length === 0) return
    const bytes = addresses.map((address) => address.bytes)
    const encoded = encodePeer({ ...NOTHING_LEARNED, addresses: bytes })
    const sum = sumOf(encoded)
    if (this.providerSums.get(provider) === sum) return
    this.providerSums.set(provider, sum)
    const key = this.providerAddressKey(provider)
    try {
      await this.write(key, async () => {
        await this.datastore.put(key, encoded)
      })
    } catch (error) {
      this.providerSums.set(provider, Number.NaN)
      throw error
    }
  }

  /** The provider has no record here any more: where it can be reached is not kept either. */
  async forgetProvider(provider: string): Promise<void> {
    if (!this.providerSums.delete(provider)) return
    const key = this.providerAddressKey(provider)
    await this.write(key, async () => await this.datastore.delete(key))
  }

  /** All values in the store, also expired ones. */
  async *records(): AsyncGenerator<StoredRecord> {
    const prefix = `${this.root}/record/`
    let skipped = 0
    for await (const { key, value } of this.datastore.query({ prefix })) {
      const record = decodeRecord(value)
      const name = record === null ? '' : bytesToString(record.key, 'base32')
      const expiresAtMs = Number(record?.timeReceived) + this.validityMs
      if (record === null || key.toString() !== prefix + name || !Number.isFinite(expiresAtMs))
        skipped++
      else yield { keyBytes: record.key, value: record.value, expiresAtMs }
    }
    this.tellSkipped(skipped, 'values')
  }

  /** All provider records in the store, also expired ones. Nothing but the records is read. */
  async *providers(): AsyncGenerator<StoredProvider> {
    const prefix = `${this.root}/provider/`
    let skipped = 0
    for await (const { key, value } of this.datastore.query({ prefix })) {
      const record = this.readProvider(key.toString().slice(prefix.length), value)
      if (record === null) skipped++
      else yield record
    }
    this.tellSkipped(skipped, 'provider records')
  }

  /** When the provider's record of the key expires, ms since 1970; 0 where there is none. */
  async providerUntilMs(keyBytes: Uint8Array, provider: string): Promise<number> {
    const key = this.providerKey(keyBytes, provider)
    try {
      const name = key.toString().slice(`${this.root}/provider/`.length)
      return this.readProvider(name, await this.datastore.get(key))?.expiresAtMs ?? 0
    } catch (error) {
      if (error instanceof Error && error.name === 'NotFoundError') return 0
      throw error
    }
  }

  /** Where the providers in the store can be reached; those with no record there too. */
  async *providerAddresses(): AsyncGenerator<{ provider: string; addresses: Multiaddr[] }> {
    for await (const { name, addresses, sum } of this.peersAt('provider')) {
      this.providerSums.set(name, sum)
      yield { provider: name, addresses }
    }
  }

  /** What an earlier run wrote. */
  async *peers(): AsyncGenerator<LoadedPeer> {
    yield* this.peersAt('peer')
  }

  /**
   * Writes what was learned of peers, by their ids as text, in one batch: what changed since the last
   * time. Those no longer in `peers` are removed.
   */
  savePeers(peers: ReadonlyMap<string, SavedPeer>): Promise<void> {
    return this.write(new Key(`${this.root}/kadmium/peer`, false), () => this.saveChanges(peers))
  }

  /** Resolves when every write asked for so far has ended. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.writes.values())
  }

  private async saveChanges(peers: ReadonlyMap<string, SavedPeer>): Promise<void> {
    const stored = this.peerSums ?? (await this.storedPeers())
    const sums = new Map<string, number>()
    const batch = this.datastore.batch()
    for (const name of stored.keys()) if (!peers.has(name)) batch.delete(this.peerKey(name))
    for (const [name, peer] of peers) {
      const bytes = encodePeer(peer)
      const sum = sumOf(bytes)
      sums.set(name, sum)
      if (stored.get(name) !== sum) batch.put(this.peerKey(name), bytes)
    }
    this.peerSums = null // until the batch is through
    await batch.commit()
    this.peerSums = sums
  }

  /** The peers in the store, as if all of them had changed. */
  private async storedPeers(): Promise<Map<string, number>> {
    const prefix = `${this.root}/kadmium/peer/`
    const names = new Map<string, number>()
    for await (const key of this.datastore.queryKeys({ prefix })) {
      names.set(key.toString().slice(prefix.length), Number.NaN)
    }
    return names
  }

  private readProvider(name: string, value: Uint8Array): StoredProvider | null {
    const [keyText = '', provider = '', ...more] = name.split('/')
    if (provider === '' || more.length > 0) return null
    try {
      const expiresAtMs = varint.decode(value) + this.validityMs
      return { keyBytes: fromString(keyText, 'base32'), provider, expiresAtMs }
    } catch {
      return null
    }
  }

  private async *peersAt(
    folder: 'peer' | 'provider',
  ): AsyncGenerator<LoadedPeer & { sum: number }> {
    const prefix = `${this.root}/kadmium/${folder}/`
    let skipped = 0
    for await (const { key, value } of this.datastore.query({ prefix })) {
      const saved = decodePeer(value)
      const name = key.toString().slice(prefix.length)
      if (saved === null) skipped++
      else yield { ...saved, name, addresses: parseAddresses(saved), sum: sumOf(value) }
    }
    this.tellSkipped(skipped, `entries of ${prefix}`)
  }

  /** Writes to one key go one after the other, whatever became of those before. */
  private write(key: Key, act: () => Promise<void>): Promise<void> {
    const name = key.toString()
    const before = this.writes.get(name)
    const run = async (): Promise<void> => {
      await before?.catch(() => {})
      await act()
    }
    const done = run().finally(() => {
      if (this.writes.get(name) === done) this.writes.delete(name)
    })
    this.writes.set(name, done)
    return done
  }

  private async putArrival(key: Key, expiresAtMs: number): Promise<void> {
    const arrivedMs = Math.max(0, Math.floor(expiresAtMs - this.validityMs))
    await this.datastore.put(key, varint.encode(arrivedMs))
  }

  private providerKey(keyBytes: Uint8Array, provider: string): Key {
    const name = bytesToString(keyBytes, 'base32')
    return new Key(`${this.root}/provider/${name}/${provider}`, false)
  }

  private peerKey(name: string): Key {
    return new Key(`${this.root}/kadmium/peer/${name}`, false)
  }

  private providerAddressKey(provider: string): Key {
    return new Key(`${this.root}/kadmium/provider/${provider}`, false)
  }

  private tellSkipped(count: number, what: string): void {
    if (count > 0) this.log.error('skipped %d damaged or foreign %s', count, what)
  }
}

/** Of a provider only the addresses are kept. */
const NOTHING_LEARNED = {
  evidence: { successes: 0, failures: 0, rttMs: 0, rttDeviationMs: 0, dialled: false },
  lastSeenMs: 0,
  ipGroup: 0,
}

/** The checksum that a peer record ends with, as a number. */
function sumOf(encoded: Uint8Array): number {
  return new DataView(encoded.buffer, encoded.byteOffset).getUint32(encoded.length - 4)
}

/** Those of the addresses that this version can read. */
function parseAddresses(saved: SavedPeer): Multiaddr[] {
  const addresses: Multiaddr[] = []
  for (const bytes of saved.addresses) {
    try {
      addresses.push(multiaddr(bytes))
    } catch {}
  }
  return addresses
}
