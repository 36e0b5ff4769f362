/**
 * What is kept of one peer between runs, as bytes: a version, the evidence, the addresses, a checksum
 * (the first four bytes of the SHA-256 of all before it). A record that is torn, of another version or
 * nonsense is skipped, never an error: losing it costs some experience, refusing to start would cost the
 * node.
 */
import type { PeerEvidence } from '@kadmium/core'
import { sha256 } from '@noble/hashes/sha2.js'

/** A peer as it is written to the store. */
export interface SavedPeer {
  evidence: PeerEvidence
  /** Last answer, ms since 1970. */
  lastSeenMs: number
  ipGroup: number
  addresses: Uint8Array[]
}

const VERSION = 1
const HEAD_BYTES = 1 + 4 * 4 + 1 + 8 + 4 + 1
const CHECKSUM_BYTES = 4

/** Addresses written of one peer. */
const ADDRESSES_MAX = 16

export function encodePeer(peer: SavedPeer): Uint8Array {
  const addresses = peer.addresses
    .filter((bytes) => bytes.length < 0x1_0000)
    .slice(0, ADDRESSES_MAX)
  const addressBytes = addresses.reduce((sum, bytes) => sum + 2 + bytes.length, 0)
  const bytes = new Uint8Array(HEAD_BYTES + addressBytes + CHECKSUM_BYTES)
  const view = new DataView(bytes.buffer)
  const { evidence } = peer
  view.setUint8(0, VERSION)
  view.setFloat32(1, evidence.successes)
  view.setFloat32(5, evidence.failures)
  view.setFloat32(9, evidence.rttMs)
  view.setFloat32(13, evidence.rttDeviationMs)
  view.setUint8(17, evidence.dialled ? 1 : 0)
  view.setFloat64(18, peer.lastSeenMs)
  view.setInt32(26, peer.ipGroup)
  view.setUint8(30, addresses.length)
  let at = HEAD_BYTES
  for (const address of addresses) {
    view.setUint16(at, address.length)
    bytes.set(address, at + 2)
    at += 2 + address.length
  }
  bytes.set(checksum(bytes.subarray(0, at)), at)
  return bytes
}

/** The peer that the bytes are, or null. */
export function decodePeer(bytes: Uint8Array): SavedPeer | null {
  const end = bytes.length - CHECKSUM_BYTES
  if (end < HEAD_BYTES || bytes[0] !== VERSION) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const sum = checksum(bytes.subarray(0, end))
  if (!sum.every((byte, i) => byte === bytes[end + i])) return null
  const addresses = decodeAddresses(bytes, view, end)
  if (addresses === null) return null
  const evidence: PeerEvidence = {
    successes: view.getFloat32(1),
    failures: view.getFloat32(5),
    rttMs: view.getFloat32(9),
    rttDeviationMs: view.getFloat32(13),
    dialled: view.getUint8(17) === 1,
  }
  const lastSeenMs = view.getFloat64(18)
  const numbers = [evidence.successes, evidence.failures, evidence.rttMs, evidence.rttDeviationMs]
  if (!numbers.every((n) => Number.isFinite(n) && n >= 0) || !Number.isFinite(lastSeenMs))
    return null
  return { evidence, lastSeenMs, ipGroup: view.getInt32(26), addresses }
}

function decodeAddresses(bytes: Uint8Array, view: DataView, end: number): Uint8Array[] | null {
  const addresses: Uint8Array[] = []
  let at = HEAD_BYTES
  for (let i = 0; i < view.getUint8(30); i++) {
    if (at + 2 > end) return null
    const length = view.getUint16(at)
    if (at + 2 + length > end) return null
    addresses.push(bytes.slice(at + 2, at + 2 + length))
    at += 2 + length
  }
  return at === end ? addresses : null
}

function checksum(bytes: Uint8Array): Uint8Array {
  return sha256(bytes).subarray(0, CHECKSUM_BYTES)
}
