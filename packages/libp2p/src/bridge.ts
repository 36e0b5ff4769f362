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
  isConnected: (peer: PeerRef) => boolean
}

export class Bridge {
  private readonly directory: Directory
  private readonly isConnected: (peer: PeerRef) => boolean

  constructor(init: BridgeInit) {
    this.directory = init.directory
    this.isConnected = init.isConnected
  }

  /** A message of the core as bytes, without length prefix. */
  encode(message: Message): Uint8Array {
    return encodeMessage({
      type: message.type,
      keyBytes: message.keyBytes,
      record:
        message.record === null ? null : encodeRecord(message.keyBytes, message.record, new Date()),
      closer: this.peers(message.closer, message.closerCount),
      providers: this.peers(message.providers, message.providerCount),
    })
  }

  /**
   * Fills a core message from the wire; peers that are new get a ref. False where it carries a record
   * that is none or belongs to another key.
   */
  decode(wire: WireMessage, into: Message, isRequest: boolean): boolean {
    into.clear(wire.type)
    into.keyBytes = isRequest ? Uint8Array.from(wire.keyBytes) : wire.keyBytes
    if (isRequest && wire.type !== 'ping') into.key.set(keyOf(wire.keyBytes))
    for (const peer of wire.closer) {
      const ref = this.directory.internWire(peer)
      if (ref !== NO_PEER) into.addCloser(ref)
    }
    for (const peer of wire.providers) {
      const ref = this.directory.internWire(peer)
      if (ref !== NO_PEER) into.addProvider(ref)
    }
    if (wire.record === null) return true
    into.record = unwrap(wire.record, wire.keyBytes)
    return into.record !== null
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
  if (record === null || (keyBytes.length > 0 && !equals(record.key, keyBytes))) return null
  return Uint8Array.from(record.value)
}
