/** What callers pass, checked where a wrong type would come out as an error that says nothing. */
import { InvalidParametersError, isPeerId, type PeerId } from '@libp2p/interface'
import { CID } from 'multiformats/cid'
import type { Ask } from './queries.ts'

/** The multihash of a CID. @throws InvalidParametersError */
export function multihashOf(cid: CID): Uint8Array {
  const known = CID.asCID(cid)
  if (known !== null) return known.multihash.bytes
  throw new InvalidParametersError(
    `Content is named by a CID, not by ${told(cid)}: pass CID.parse('bafy…')`,
  )
}

/** @throws InvalidParametersError where it is no peer id */
export function checkPeerId(peer: PeerId): void {
  if (isPeerId(peer)) return
  throw new InvalidParametersError(
    `A peer is named by a PeerId, not by ${told(peer)}: pass peerIdFromString('12D3…') of @libp2p/peer-id`,
  )
}

/** @throws InvalidParametersError where the key is not bytes, or the value of a put */
export function checkAsk(ask: Pick<Ask, 'type' | 'keyBytes' | 'value'>): void {
  checkBytes('key', ask.keyBytes)
  if (ask.type === 'putValue') checkBytes('value', ask.value)
}

function checkBytes(what: 'key' | 'value', bytes: unknown): void {
  if (bytes instanceof Uint8Array) return
  throw new InvalidParametersError(`The ${what} must be a Uint8Array, and is ${told(bytes)}`)
}

/** A value as an error calls it. */
export function told(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
