/**
 * Records, providers and what was learned of peers, in the node's datastore. Values and provider records
 * lie where `@libp2p/kad-dht` keeps them, so that an existing node's store is taken over:
 * `<prefix>/record/<base32 key>` = libp2p record, `<prefix>/provider/<base32 multihash>/<peer id>` =
 * time of arrival as varint ms. Beside them, in the form of peer-record.ts:
 * `<prefix>/kadmium/peer/<peer id>` what was learned of a peer, `<prefix>/kadmium/provider/<peer id>` where
 * a provider can be reached, so that its records are of use after a restart.
 *
 * A torn or foreign entry is skipped and counted, never an error.
 */
import type { ComponentLogger, Logger, PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
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
  provider: PeerId
  addresses: Multiaddr[]
  expiresAtMs: number
}

export class Storage {
  private readonly datastore: Datastore
  private readonly log: Logger
  private readonly prefix: string
  private readonly validityMs: number

  constructor(init: StorageInit) {
    this.datastore = init.datastore
    this.log = init.logger.forComponent(`${init.logPrefix}:storage`)
    this.prefix = init.prefix
    this.validityMs = init.validityMs
  }

  /** Resolves when the value is in the store (`value` null: no longer in it). */
  async putRecord(
    keyBytes: Uint8Array,
    value: Uint8Array | null,
    expiresAtMs: number,
  ): Promise<void> {
    const key = new Key(`${this.prefix}/record/${bytesToString(keyBytes, 'base32')}`, false)
    if (value === null) return await this.datastore.delete(key)
    const arrived = new Date(expiresAtMs - this.validityMs)
    await this.datastore.put(key, encodeRecord(keyBytes, value, arrived))
  }

  /** Resolves when the provider record is in the store (`expiresAtMs` 0: no longer in it). */
  async putProvider(
    keyBytes: Uint8Array,
    provider: string,
    expiresAtMs: number,
    addresses: readonly Multiaddr[],
  ): Promise<void> {
    const name = bytesToString(keyBytes, 'base32')
    const key = new Key(`${this.prefix}/provider/${name}/${provider}`, false)
    if (expiresAtMs === 0) return await this.datastore.delete(key)
    if (addresses.length > 0) {
      const bytes = addresses.map((address) => address.bytes)
      const saved = { evidence: NO_EVIDENCE, lastSeenMs: 0, ipGroup: 0, addresses: bytes }
      await this.datastore.put(this.providerAddressKey(provider), encodePeer(saved))
    }
    await this.datastore.put(key, varint.encode(expiresAtMs - this.validityMs))
  }

  /** All values in the store, also expired ones. */
  async *records(): AsyncGenerator<StoredRecord> {
    for await (const { key, value } of this.datastore.query({ prefix: `${this.prefix}/record/` })) {
      try {
        const record = decodeRecord(value)
        if (record === null) throw new Error('not a record')
        const expiresAtMs = record.timeReceived.getTime() + this.validityMs
        if (!Number.isFinite(expiresAtMs)) throw new Error('no time of arrival')
        yield { keyBytes: record.key, value: record.value, expiresAtMs }
      } catch (error) {
        this.log.error('skipped record %s - %e', key, error)
      }
    }
  }

  /** All provider records in the store, also expired ones. */
  async *providers(): AsyncGenerator<StoredProvider> {
    const prefix = `${this.prefix}/provider/`
    for await (const { key, value } of this.datastore.query({ prefix })) {
      try {
        const [provider, name] = key.list().reverse()
        if (provider === undefined || name === undefined) throw new Error('unknown form of key')
        const expiresAtMs = varint.decode(value) + this.validityMs
        const keyBytes = fromString(name, 'base32')
        const addresses = await this.providerAddresses(provider)
        yield { keyBytes, provider: peerIdFromString(provider), addresses, expiresAtMs }
      } catch (error) {
        this.log.error('skipped provider record %s - %e', key, error)
      }
    }
  }

  /** Writes what was learned of peers in one batch; those no longer in `peers` are removed. */
  async savePeers(peers: ReadonlyMap<string, SavedPeer>): Promise<void> {
    const prefix = `${this.prefix}/kadmium/peer/`
    const batch = this.datastore.batch()
    for await (const key of this.datastore.queryKeys({ prefix })) {
      if (!peers.has(key.name())) batch.delete(key)
    }
    for (const [peer, saved] of peers)
      batch.put(new Key(`${prefix}${peer}`, false), encodePeer(saved))
    await batch.commit()
  }

  /** What an earlier run wrote. */
  async *peers(): AsyncGenerator<{ peer: PeerId; saved: LoadedPeer }> {
    const prefix = `${this.prefix}/kadmium/peer/`
    let skipped = 0
    for await (const { key, value } of this.datastore.query({ prefix })) {
      const saved = decodePeer(value)
      const peer = parsePeerId(key.name())
      if (saved === null || peer === null) skipped++
      else yield { peer, saved: { ...saved, addresses: parseAddresses(saved) } }
    }
    if (skipped > 0) this.log.error('skipped %d damaged peer records', skipped)
  }

  private async providerAddresses(provider: string): Promise<Multiaddr[]> {
    const key = this.providerAddressKey(provider)
    if (!(await this.datastore.has(key))) return []
    const saved = decodePeer(await this.datastore.get(key))
    return saved === null ? [] : parseAddresses(saved)
  }

  private providerAddressKey(provider: string): Key {
    return new Key(`${this.prefix}/kadmium/provider/${provider}`, false)
  }
}

/** A saved peer with its addresses ready for use. */
export type LoadedPeer = Omit<SavedPeer, 'addresses'> & { addresses: Multiaddr[] }

const NO_EVIDENCE = { successes: 0, failures: 0, rttMs: 0, rttDeviationMs: 0, dialled: false }

function parsePeerId(text: string): PeerId | null {
  try {
    return peerIdFromString(text)
  } catch {
    return null
  }
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
