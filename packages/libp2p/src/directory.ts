/**
 * Who the core's peer refs are: ids and addresses. A peer is known by the bytes of its id; objects for
 * ids and addresses are made only when somebody wants them, since most peers that are heard of are never
 * dialled.
 *
 * Bounded by: the core, which says `forget` when nothing holds a ref any more; addresses by
 * `ADDRESSES_KEPT_MAX` a peer.
 */
import { keyFromBytes, NO_PEER, type PeerBook, type PeerRef } from '@kadmium/core'
import type { PeerId, PeerInfo } from '@libp2p/interface'
import { CODE_P2P, type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { sha256 } from '@noble/hashes/sha2.js'
import type { PeerInfoMapper } from './types.ts'
import type { WirePeer } from './wire/codec.ts'
import { toPeerId } from './wire/ids.ts'

/** Addresses kept of one peer. */
const ADDRESSES_KEPT_MAX = 16

interface Entry {
  idBytes: Uint8Array
  idText: string
  peerId: PeerId | null
  addresses: Multiaddr[] // BOUNDED: by ADDRESSES_KEPT_MAX
  known: Set<string> // BOUNDED: by ADDRESSES_KEPT_MAX; texts of the bytes of what was seen, kept or not
}

export interface DirectoryInit {
  book: PeerBook
  /** Run on each peer that comes in, and on ourselves. */
  mapper: PeerInfoMapper
  self: PeerId
  /** Our own addresses as libp2p knows them now, with our id at the end or without. */
  ownAddresses: () => readonly Multiaddr[]
}

export class Directory {
  /** Ourselves: our addresses are those of the moment. */
  readonly self: PeerRef
  private readonly book: PeerBook
  private readonly mapper: PeerInfoMapper
  private readonly ownAddresses: () => readonly Multiaddr[]
  private readonly refs = new Map<string, PeerRef>() // BOUNDED: by the peer book
  private readonly entries = new Map<PeerRef, Entry>() // BOUNDED: by the peer book

  constructor(init: DirectoryInit) {
    this.book = init.book
    this.mapper = init.mapper
    this.ownAddresses = init.ownAddresses
    this.self = this.internId(init.self)
  }

  /** The peer with an id of these bytes; `NO_PEER` when the book is full. */
  intern(idBytes: Uint8Array): PeerRef {
    const idText = textOf(idBytes)
    const known = this.refs.get(idText)
    if (known !== undefined) return known
    const ref = this.book.add(keyFromBytes(sha256(idBytes)))
    if (ref === NO_PEER) return NO_PEER
    this.refs.set(idText, ref)
    this.entries.set(ref, {
      idBytes: Uint8Array.from(idBytes),
      idText,
      peerId: null,
      addresses: [],
      known: new Set(),
    })
    return ref
  }

  /** As `intern`, for an id object. */
  internId(peerId: PeerId): PeerRef {
    const ref = this.intern(peerId.toMultihash().bytes)
    const entry = this.entries.get(ref)
    if (entry !== undefined) entry.peerId ??= peerId
    return ref
  }

  /** The peer if it is known already, else `NO_PEER`. */
  find(peerId: PeerId): PeerRef {
    return this.refs.get(textOf(peerId.toMultihash().bytes)) ?? NO_PEER
  }

  /** A peer as named in a message, with its addresses added to what is known. */
  internWire(peer: WirePeer): PeerRef {
    const ref = this.intern(peer.id)
    const entry = this.entries.get(ref)
    if (entry !== undefined) for (const address of peer.multiaddrs) this.addBytes(entry, address)
    return ref
  }

  /** The peer's own word on its addresses (identify): replaces what was hearsay. */
  setAddresses(ref: PeerRef, addresses: readonly Multiaddr[]): void {
    const entry = this.entries.get(ref)
    if (entry === undefined || addresses.length === 0) return
    const kept = this.map(entry, addresses.slice(0, ADDRESSES_KEPT_MAX))
    if (kept.length === 0) return
    entry.addresses = kept
    entry.known = new Set(kept.map((address) => textOf(address.bytes)))
  }

  addAddress(ref: PeerRef, address: Multiaddr): void {
    const entry = this.entries.get(ref)
    if (entry !== undefined) this.addBytes(entry, address.bytes)
  }

  addresses(ref: PeerRef): readonly Multiaddr[] {
    const entry = this.entries.get(ref)
    if (entry === undefined) return []
    if (ref !== this.self) return entry.addresses
    const own = this.ownAddresses().map((address) => address.decapsulateCode(CODE_P2P))
    return this.map(entry, own.slice(0, ADDRESSES_KEPT_MAX))
  }

  /** The id of a peer; null where its bytes have the form of an id but are none. */
  peerId(ref: PeerRef): PeerId | null {
    const entry = this.entries.get(ref)
    if (entry === undefined) return null
    entry.peerId ??= toPeerId(entry.idBytes)
    return entry.peerId
  }

  idBytes(ref: PeerRef): Uint8Array | null {
    return this.entries.get(ref)?.idBytes ?? null
  }

  /** A peer for callers: its id and the addresses known now. */
  info(ref: PeerRef): PeerInfo | null {
    const id = this.peerId(ref)
    return id === null ? null : { id, multiaddrs: [...this.addresses(ref)] }
  }

  /** A peer for the wire. */
  wire(ref: PeerRef, connection: WirePeer['connection']): WirePeer | null {
    const entry = this.entries.get(ref)
    if (entry === undefined) return null
    return {
      id: entry.idBytes,
      multiaddrs: this.addresses(ref).map((address) => address.bytes),
      connection,
    }
  }

  /** The core no longer knows the ref. */
  forget(ref: PeerRef): void {
    const entry = this.entries.get(ref)
    if (entry === undefined) return
    this.entries.delete(ref)
    this.refs.delete(entry.idText)
  }

  get size(): number {
    return this.entries.size
  }

  private addBytes(entry: Entry, bytes: Uint8Array): void {
    const text = textOf(bytes)
    if (entry.known.has(text) || entry.known.size >= ADDRESSES_KEPT_MAX) return
    entry.known.add(text)
    let address: Multiaddr
    try {
      address = multiaddr(Uint8Array.from(bytes))
    } catch {
      return
    }
    entry.addresses.push(...this.map(entry, [address]))
  }

  private map(entry: Entry, addresses: Multiaddr[]): Multiaddr[] {
    entry.peerId ??= toPeerId(entry.idBytes)
    if (entry.peerId === null) return []
    return this.mapper({ id: entry.peerId, multiaddrs: addresses }).multiaddrs
  }
}

/** Bytes as a text for map keys: one character a byte. */
function textOf(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i] as number)
  return text
}
