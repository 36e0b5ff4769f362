/**
 * Messages of `/ipfs/kad/1.0.0` to bytes and back. What comes in is a stranger's: `decodeMessage`
 * bounds its length before it reads, its lists while it reads and the cost of rubbish in them, and
 * throws nothing but `MalformedMessageError`. Names and numbers that only newer nodes know are borne:
 * unknown fields are skipped, an unknown connection type reads as "not connected", a peer or an
 * address that does not parse is left out.
 */
import {
  CLOSER_MAX,
  KEY_BYTES_MAX,
  PROVIDERS_MAX,
  type MessageType as RpcType,
} from '@kadmium/core'
import { MaxLengthError } from 'protons-runtime'
import { isMultiaddr } from './addresses.ts'
import { Message as MessageCodec, MessageType, Peer as PeerCodec } from './dht.ts'
import { MalformedMessageError } from './errors.ts'
import { isPeerId } from './ids.ts'
import {
  ADDRESSES_MAX,
  ANSWER_BYTES_MAX,
  EXAMINED_PER_KEPT,
  LIST_MAX,
  PEER_BYTES_MAX,
} from './limits.ts'

/** What the sender knows of its link to a peer: 0 not connected, 1 connected, 2 can, 3 cannot connect. */
export type ConnectionType = 0 | 1 | 2 | 3

/** A peer as a message names it. */
export interface WirePeer {
  /** The bytes of the peer id, in the form of one (see `isPeerId`). */
  id: Uint8Array
  /** Binary multiaddrs, at most 32, each in the form of one. */
  multiaddrs: Uint8Array[]
  connection: ConnectionType
}

/** A message in plain data. After `decodeMessage` all bytes are views into what was decoded. */
export interface WireMessage {
  type: RpcType
  /** At most 80 bytes; empty where there is none. */
  keyBytes: Uint8Array
  /** A serialized Record, not looked into. */
  record: Uint8Array | null
  /** At most 40. */
  closer: WirePeer[]
  /** At most 128. */
  providers: WirePeer[]
}

/** The name of each RPC in the public events and in metrics. */
export const MESSAGE_NAMES: Readonly<Record<RpcType, MessageType>> = {
  putValue: MessageType.PUT_VALUE,
  getValue: MessageType.GET_VALUE,
  addProvider: MessageType.ADD_PROVIDER,
  getProviders: MessageType.GET_PROVIDERS,
  findNode: MessageType.FIND_NODE,
  ping: MessageType.PING,
}

/** RPCs by their number on the wire. */
const TYPES: readonly RpcType[] = [
  'putValue',
  'getValue',
  'addProvider',
  'getProviders',
  'findNode',
  'ping',
]

const NO_BYTES = new Uint8Array(0)

/** The message as protobuf, without the varint that stands before it on a stream. */
export function encodeMessage(message: WireMessage): Uint8Array {
  return MessageCodec.encode({
    type: TYPES.indexOf(message.type),
    ...(message.keyBytes.length > 0 && { key: message.keyBytes }),
    ...(message.record !== null && { record: message.record }),
    closer: message.closer.map(encodePeer),
    providers: message.providers.map(encodePeer),
  } as MessageCodec)
}

function encodePeer(peer: WirePeer): Uint8Array {
  return PeerCodec.encode({
    id: peer.id,
    multiaddrs: peer.multiaddrs,
    ...(peer.connection !== 0 && { connection: peer.connection }),
  } as PeerCodec)
}

/**
 * The message that the bytes are. Nothing is copied: whoever keeps a part of it copies that.
 *
 * @param bytesMax - longer input is refused unread. Default 4 MiB.
 * @throws MalformedMessageError, and nothing else, where the bytes are no message.
 */
export function decodeMessage(bytes: Uint8Array, bytesMax: number = ANSWER_BYTES_MAX): WireMessage {
  if (bytes.length > bytesMax) {
    throw new MalformedMessageError('oversized', `message of ${bytes.length} bytes`)
  }
  const raw = parse(bytes)
  const type = TYPES[raw.type]
  if (type === undefined) throw new MalformedMessageError('type', `message type ${raw.type}`)
  const keyBytes = raw.key ?? NO_BYTES
  if (keyBytes.length > KEY_BYTES_MAX) {
    throw new MalformedMessageError('key', `key of ${keyBytes.length} bytes`)
  }
  return {
    type,
    keyBytes,
    record: raw.record ?? null,
    closer: readPeers(raw.closer, CLOSER_MAX),
    providers: readPeers(raw.providers, PROVIDERS_MAX),
  }
}

function parse(bytes: Uint8Array): MessageCodec {
  try {
    return MessageCodec.decode(bytes, { limits: { closer: LIST_MAX, providers: LIST_MAX } })
  } catch (cause) {
    if (cause instanceof MaxLengthError) {
      throw new MalformedMessageError('count', 'a list has too many entries', { cause })
    }
    throw new MalformedMessageError('syntax', 'not a protobuf message', { cause })
  }
}

/** The first valid peers of a list. BOUNDED: by `keptMax`; what is looked at by four times that. */
function readPeers(list: readonly Uint8Array[], keptMax: number): WirePeer[] {
  const peers: WirePeer[] = []
  const examined = Math.min(list.length, keptMax * EXAMINED_PER_KEPT)
  for (let i = 0; i < examined && peers.length < keptMax; i++) {
    const peer = readPeer(list[i] as Uint8Array)
    if (peer !== null) peers.push(peer)
  }
  return peers
}

function readPeer(bytes: Uint8Array): WirePeer | null {
  if (bytes.length > PEER_BYTES_MAX) return null
  let raw: PeerCodec
  try {
    raw = PeerCodec.decode(bytes, { limits: { multiaddrs: LIST_MAX } })
  } catch {
    return null
  }
  if (!isPeerId(raw.id)) return null
  return {
    id: raw.id,
    multiaddrs: readAddresses(raw.multiaddrs),
    connection: readConnection(raw.connection),
  }
}

/** The first valid addresses of a peer. BOUNDED: by `ADDRESSES_MAX`. */
function readAddresses(list: readonly Uint8Array[]): Uint8Array[] {
  const addresses: Uint8Array[] = []
  const examined = Math.min(list.length, ADDRESSES_MAX * EXAMINED_PER_KEPT)
  for (let i = 0; i < examined && addresses.length < ADDRESSES_MAX; i++) {
    const address = list[i] as Uint8Array
    if (isMultiaddr(address)) addresses.push(address)
  }
  return addresses
}

function readConnection(value: number | undefined): ConnectionType {
  return value === 1 || value === 2 || value === 3 ? value : 0
}
