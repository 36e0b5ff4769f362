/** The Record of the libp2p Kademlia specification: a key, a value and when it was received. */
import { Libp2pRecord } from '@libp2p/record'

/** A record in its bytes. */
export function encodeRecord(key: Uint8Array, value: Uint8Array, timeReceived: Date): Uint8Array {
  return new Libp2pRecord(key, value, timeReceived).serialize()
}

/** The record that the bytes are, or null where they are none. Its key and value are views into them. */
export function decodeRecord(bytes: Uint8Array): Libp2pRecord | null {
  try {
    return Libp2pRecord.deserialize(bytes)
  } catch {
    return null
  }
}
