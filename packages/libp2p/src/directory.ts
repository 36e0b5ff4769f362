/**
 * Who the core's peer refs are: ids and addresses. A peer is known by the bytes of its id; objects for
 * ids and addresses are made only when somebody wants them, since most peers that are heard of are never
 * dialled.
 *
 * Addresses are kept without the peer's own id behind them, so that one address is one entry however it
 * was written. What a peer said of itself (identify) stands first and replaces what was hearsay before;
 * of hearsay the newest stays where there is too much, so that a peer that moved can be found again.
 *
 * Bounded by: the core, which says `forget` when nothing holds a ref any more; `ADDRESSES_MAX` addresses
 * and `SEEN_MAX` remembered ones a peer.
 */
import { keyFromBytes, NO_PEER, type PeerBook, type PeerRef } from '@kadmium/core'
import type { PeerId, PeerInfo } from '@libp2p/interface'
import { CODE_P2P, CODE_P2P_CIRCUIT, type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { sha256 } from '@noble/hashes/sha2.js'
import type { PeerInfoMapper } from './types.ts'
import type { WirePeer } from './wire/codec.ts'
import { toPeerId } from './wire/ids.ts'

/** Addresses kept of one peer. */
const ADDRESSES_MAX = 16

/** Addresses heard of one peer that are known at sight, kept or not: as many as one message may name. */
const SEEN_MAX = 32

/** How a component that holds a peer id begins: its code as varint. The length and the id follow. */
const P2P_PREFIX: readonly number[] = [0xa5, 0x03]

interface Entry {
  idBytes: Uint8Array
  idText: string
  peerId: PeerId | null
  /** Its own word first, then hearsay, the newest last. BOUNDED: by ADDRESSES_MAX */
  addresses: Multiaddr[]
  /** How many of the addresses are its own word. */
  toldCount: number
  /** Texts of the bytes of what was heard, so that it need not be read again. BOUNDED: by SEEN_MAX */
  seen: Set<string>
}

export interface DirectoryInit {
  book: PeerBook
  mapper: PeerInfoMapper
  /** Ourselves. */
  peerId: PeerId
  /** Our addresses now. */
  ownAddresses: () => readonly Multiaddr[]
}

export class Directory {
  /** Ourselves. */
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
    this.self = this.internId(init.peerId)
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
      toldCount: 0,
      seen: new Set(),
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
    if (entry !== undefined) for (const address of peer.multiaddrs) this.hear(entry, address)
    return ref
  }

  /** The peer's own word on its addresses: replaces all others, unless none of them is of use. */
  setAddresses(ref: PeerRef, addresses: readonly Multiaddr[]): void {
    const entry = this.entries.get(ref)
    if (entry === undefined) return
    const kept = this.usable(entry, addresses)
    if (kept.length === 0) return
    entry.addresses = kept
    entry.toldCount = kept.length
    entry.seen.clear()
  }

  /** An address that somebody else names. */
  addAddress(ref: PeerRef, address: Multiaddr): void {
    const entry = this.entries.get(ref)
    if (entry !== undefined) this.hear(entry, address.bytes)
  }

  /** Where the peer can be dialled, without its id behind it; the best known first. */
  addresses(ref: PeerRef): readonly Multiaddr[] {
    const entry = this.entries.get(ref)
    if (entry === undefined) return []
    return ref === this.self ? this.usable(entry, this.ownAddresses()) : entry.addresses
  }

  /** The id of a peer; null where its bytes have the form of an id but are none. */
  peerId(ref: PeerRef): PeerId | null {
    const entry = this.entries.get(ref)
    if (entry === undefined) return null
    entry.peerId ??= toPeerId(entry.idBytes)
    return entry.peerId
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

  private hear(entry: Entry, bytes: Uint8Array): void {
    if (entry.toldCount >= ADDRESSES_MAX) return
    const text = textOf(withoutId(bytes, entry.idBytes))
    if (entry.seen.has(text)) return
    if (entry.seen.size >= SEEN_MAX) entry.seen.delete(entry.seen.values().next().value as string)
    entry.seen.add(text)
    for (const address of this.usable(entry, [bytes])) {
      if (entry.addresses.some((known) => known.equals(address))) continue
      entry.addresses.push(address)
      if (entry.addresses.length > ADDRESSES_MAX) this.dropOldest(entry)
    }
  }

  /** Among hearsay. */
  private dropOldest(entry: Entry): void {
    const [dropped] = entry.addresses.splice(entry.toldCount, 1)
    // Named once more it is news again.
    if (dropped !== undefined) entry.seen.delete(textOf(dropped.bytes))
  }

  /** Those that lead to the peer and that the mapper keeps, each once. */
  private usable(entry: Entry, addresses: readonly (Multiaddr | Uint8Array)[]): Multiaddr[] {
    entry.peerId ??= toPeerId(entry.idBytes)
    if (entry.peerId === null) return []
    const read = addresses.map((address) => readAddress(address, entry.idBytes))
    const multiaddrs = read.filter((address) => address !== null)
    if (multiaddrs.length === 0) return []
    const kept: Multiaddr[] = []
    for (const address of this.mapper({ id: entry.peerId, multiaddrs }).multiaddrs) {
      if (kept.length >= ADDRESSES_MAX) break
      if (!kept.some((known) => known.equals(address))) kept.push(address)
    }
    return kept
  }
}

/** The address without the peer's id at its end; null where it is none or leads to somebody else. */
function readAddress(given: Multiaddr | Uint8Array, idBytes: Uint8Array): Multiaddr | null {
  const bytes = given instanceof Uint8Array ? given : given.bytes
  const own = withoutId(bytes, idBytes)
  if (own.length === 0) return null
  if (own.length === bytes.length && !(given instanceof Uint8Array)) {
    return namesAnother(given) ? null : given
  }
  try {
    const address = multiaddr(Uint8Array.from(own))
    return namesAnother(address) ? null : address
  } catch {
    return null
  }
}

/** The bytes of an address up to `/p2p/<the peer itself>` at its end. */
function withoutId(bytes: Uint8Array, idBytes: Uint8Array): Uint8Array {
  const end = bytes.length - idBytes.length
  const start = end - P2P_PREFIX.length - 1
  if (start < 0 || bytes[end - 1] !== idBytes.length) return bytes
  const isSuffix =
    P2P_PREFIX.every((byte, i) => bytes[start + i] === byte) &&
    idBytes.every((byte, i) => bytes[end + i] === byte)
  return isSuffix ? bytes.subarray(0, start) : bytes
}

/** Whether an address leads to a peer of its own: one that it names, and not only as a relay. */
function namesAnother(address: Multiaddr): boolean {
  const codes = address.getComponents().map(({ code }) => code)
  return codes.lastIndexOf(CODE_P2P) > codes.lastIndexOf(CODE_P2P_CIRCUIT)
}

/** Bytes as a text for map keys: one character a byte. */
function textOf(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i] as number)
  return text
}
