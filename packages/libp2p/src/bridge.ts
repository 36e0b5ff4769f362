/**
 * Between the core's messages (refs, keys, values) and those of the wire (ids, addresses, libp2p
 * records). The core sees values: the record around a value holds its key, which the message has anyway,
 * and the time at which its sender received it, which nobody relies on.
 */
import { type Key, keyFromBytes, type Message, NO_PEER, type PeerRef } from '@kadmium/core'
import { sha256 } from '@noble/hashes/sha2.js'
import { equals } from 'uint8arrays/equals'
import type { Directory } from './directory.ts'
import { decodeRecord, encodeRecord } from './records/record.ts'
import { encodeMessage, type WireMessage, type WirePeer } from './wire/codec.ts'

/** The place of a record key, CID multihash or peer id in the key space. */
export function keyOf(keyBytes: Uint8Array): Key {
  return keyFromBytes(sha256(keyBytes))
}

export interface BridgeInit {
  directory: Directory
  /** Wall time, ms. */
  now: () => number
  isConnected: (peer: PeerRef) => boolean
}

export class Bridge {
  private readonly directory: Directory
  private readonly now: () => number
  private readonly isConnected: (peer: PeerRef) => boolean

  constructor(init: BridgeInit) {
    this.directory = init.directory
    this.now = init.now
    this.isConnected = init.isConnected
  }

  /** A message of the core as bytes, without length prefix. */
  encode(message: Message): Uint8Array {
    const { type, keyBytes, record } = message
    return encodeMessage({
      type,
      keyBytes,
      record: record === null ? null : encodeRecord(keyBytes, record, new Date(this.now())),
      closer: this.peers(message.closer, message.closerCount),
      providers: this.peers(message.providers, message.providerCount),
    })
  }

  /** Fills a core message from a peer's request. False where it carries a record that is none or of another key. */
  decodeRequest(wire: WireMessage, into: Message): boolean {
    into.clear(wire.type)
    into.keyBytes = Uint8Array.from(wire.keyBytes)
    if (wire.type !== 'ping') into.key.set(keyOf(wire.keyBytes))
    return this.fill(wire, into, wire.keyBytes)
  }

  /** Fills a core message from the answer to a request for the key `asked`. False as for requests. */
  decodeAnswer(wire: WireMessage, into: Message, asked: Uint8Array): boolean {
    into.clear(wire.type)
    into.keyBytes = wire.keyBytes
    return this.fill(wire, into, asked)
  }

  /** Peers that are new get a ref, unless the message is refused. */
  private fill(wire: WireMessage, into: Message, keyBytes: Uint8Array): boolean {
    if (wire.record !== null) {
      into.record = unwrap(wire.record, keyBytes)
      if (into.record === null) return false
    }
    for (const peer of wire.closer) {
      const ref = this.directory.internWire(peer)
      if (ref !== NO_PEER) into.addCloser(ref)
    }
    for (const peer of wire.providers) {
      const ref = this.directory.internWire(peer)
      if (ref !== NO_PEER) into.addProvider(ref)
    }
    return true
  }

  private peers(refs: Int32Array, count: number): WirePeer[] {
    const peers: WirePeer[] = []
    for (let i = 0; i < count; i++) {
      const ref = refs[i] as PeerRef
      const peer = this.directory.wire(ref, this.isConnected(ref) ? 1 : 0)
      if (peer !== null) peers.push(peer)
    }
    return peers
  }
}

/** The value in a libp2p record, a copy of its own; null where the record is none or not for the key. */
function unwrap(bytes: Uint8Array, keyBytes: Uint8Array): Uint8Array | null {
  const record = decodeRecord(bytes)
  return record === null || !equals(record.key, keyBytes) ? null : Uint8Array.from(record.value)
}
