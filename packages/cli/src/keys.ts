/**
 * Names on the command line and the bytes that they stand for: record keys (`/pk/…`, `/ipns/…`), peer
 * ids, CIDs, and values in hexadecimal.
 */

import type { PeerId } from '@libp2p/interface'
import { peerIdFromCID, peerIdFromString } from '@libp2p/peer-id'
import { CID } from 'multiformats/cid'
import { usageError } from './errors.ts'

/** The namespaces of records that the public DHT keeps (libp2p kad-dht spec). */
const NAMESPACES = ['pk', 'ipns'] as const

/** The key of a record. */
export interface RecordKey {
  namespace: (typeof NAMESPACES)[number]
  /** Whose record it is. */
  peer: PeerId
  /** As on the wire: `/namespace/` and the bytes of the peer id's multihash. */
  bytes: Uint8Array
  /** As people write it. */
  text: string
}

/** The key of `peer`'s record in a namespace. */
export function recordKey(namespace: RecordKey['namespace'], peer: PeerId): RecordKey {
  const prefix = new TextEncoder().encode(`/${namespace}/`)
  const name = peer.toMultihash().bytes
  const bytes = new Uint8Array(prefix.length + name.length)
  bytes.set(prefix)
  bytes.set(name, prefix.length)
  return { namespace, peer, bytes, text: `/${namespace}/${peer.toString()}` }
}

/** Reads `/pk/<peer id>` or `/ipns/<name>`; a name is a peer id in any of its spellings. */
export function parseRecordKey(text: string): RecordKey {
  const [empty, namespace, name, ...rest] = text.split('/')
  if (empty !== '' || namespace === undefined || !name || rest.length > 0) {
    throw usageError(`bad key '${text}': write /pk/<peer id> or /ipns/<name>`)
  }
  const known = NAMESPACES.find((candidate) => candidate === namespace)
  if (known === undefined) {
    throw usageError(`bad key '${text}': the DHT keeps records under /pk/ and /ipns/ only`)
  }
  return recordKey(known, parsePeerId(name))
}

/** Reads a peer id: base58 (`12D3KooW…`, `Qm…`) or a CID with the codec libp2p-key (`k51…`, `bafz…`). */
export function parsePeerId(text: string): PeerId {
  const peer = peerIdFromBase58(text) ?? peerIdFromCidText(text)
  if (peer === undefined || peer.type === 'url') {
    const hint = isCid(text) ? 'it is the CID of content' : 'write 12D3KooW…, Qm… or k51…'
    throw usageError(`bad peer id '${text}': ${hint}`)
  }
  return peer
}

function peerIdFromBase58(text: string): PeerId | undefined {
  try {
    return peerIdFromString(text)
  } catch {
    return undefined
  }
}

function peerIdFromCidText(text: string): PeerId | undefined {
  try {
    return peerIdFromCID(CID.parse(text))
  } catch {
    return undefined
  }
}

function isCid(text: string): boolean {
  try {
    CID.parse(text)
    return true
  } catch {
    return false
  }
}

/** Reads a CID of content. */
export function parseCid(text: string): CID {
  if (!isCid(text)) throw usageError(`bad CID '${text}': write bafy…, bafk… or Qm…`)
  return CID.parse(text)
}

/** Reads what `closest` looks for (a record key, a peer id or a CID) as the bytes that are hashed. */
export function parseTarget(text: string): Uint8Array {
  if (text.startsWith('/')) return parseRecordKey(text).bytes
  const peer = peerIdFromBase58(text)
  if (peer !== undefined && peer.type !== 'url') return peer.toMultihash().bytes
  if (isCid(text)) return CID.parse(text).multihash.bytes
  throw usageError(`bad target '${text}': give a peer id, a CID, /pk/<peer id> or /ipns/<name>`)
}

/** Reads bytes in hexadecimal, with or without `0x`. */
export function parseHex(text: string): Uint8Array {
  const digits = text.replace(/^0x/i, '')
  if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits)) {
    throw usageError('bad --value-hex: give pairs of the digits 0-9 and a-f')
  }
  return new Uint8Array(Buffer.from(digits, 'hex'))
}
