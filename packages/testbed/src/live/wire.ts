/**
 * The messages of `/ipfs/kad/1.0.0`, made and read by hand from the protobuf of the specification, so that
 * what is said to a node is whatever a test wants to say, and what it answers is read by other code than its
 * own.
 */

/** Message types by name. */
export const TYPE = {
  putValue: 0,
  getValue: 1,
  addProvider: 2,
  getProviders: 3,
  findNode: 4,
  ping: 5,
} as const

/** A peer in a message. */
export interface RawPeer {
  readonly id: Uint8Array
  readonly addresses?: readonly Uint8Array[]
  readonly connection?: number
}

/** What a message is made of; what is left out is not written. */
export interface RawMessage {
  readonly type?: number
  readonly key?: Uint8Array
  /** A serialized record. */
  readonly record?: Uint8Array
  readonly closer?: readonly RawPeer[]
  readonly providers?: readonly RawPeer[]
}

/** What a message was read as. */
export interface ReadMessage {
  type: number
  key: Uint8Array
  record: Uint8Array | null
  closer: ReadPeer[]
  providers: ReadPeer[]
}

export interface ReadPeer {
  id: Uint8Array
  addresses: Uint8Array[]
  connection: number
}

/** The message as protobuf, without its length. */
export function writeMessage(message: RawMessage): Uint8Array {
  const { type = 0, key, record, closer = [], providers = [] } = message
  return Buffer.concat([
    number(1, type),
    key === undefined ? NOTHING : bytes(2, key),
    record === undefined ? NOTHING : bytes(3, record),
    ...closer.map((peer) => bytes(8, writePeer(peer))),
    ...providers.map((peer) => bytes(9, writePeer(peer))),
  ])
}

/** A record of a key, as PUT_VALUE and the answers to GET_VALUE carry it. */
export function writeRecord(key: Uint8Array, value: Uint8Array): Uint8Array {
  const received = Buffer.from(new Date().toISOString())
  return Buffer.concat([bytes(1, key), bytes(2, value), bytes(5, received)])
}

/** The value in a record. */
export function valueIn(record: Uint8Array): Uint8Array | undefined {
  return fields(record).find(({ field }) => field === 2)?.value
}

/** A message with its length before it, as it stands on a stream. */
export function frame(message: Uint8Array): Uint8Array {
  return Buffer.concat([varint(message.length), message])
}

/** The whole frames at the start of some bytes, and how many bytes they take. */
export function unframe(from: Uint8Array): { frames: Uint8Array[]; taken: number } {
  const frames: Uint8Array[] = []
  let taken = 0
  for (;;) {
    const length = readVarint(from, taken)
    if (length === null || length.end + length.value > from.length) return { frames, taken }
    frames.push(from.slice(length.end, length.end + length.value))
    taken = length.end + length.value
  }
}

/** @throws Error where the bytes are no message. */
export function readMessage(from: Uint8Array): ReadMessage {
  const message: ReadMessage = {
    type: 0,
    key: NOTHING,
    record: null,
    closer: [],
    providers: [],
  }
  for (const { field, value, numeric } of fields(from)) {
    if (field === 1) message.type = numeric
    else if (field === 2) message.key = value
    else if (field === 3) message.record = value
    else if (field === 8) message.closer.push(readPeer(value))
    else if (field === 9) message.providers.push(readPeer(value))
  }
  return message
}

const NOTHING = new Uint8Array(0)

function writePeer(peer: RawPeer): Uint8Array {
  const { id, addresses = [], connection } = peer
  return Buffer.concat([
    bytes(1, id),
    ...addresses.map((address) => bytes(2, address)),
    connection === undefined ? NOTHING : number(3, connection),
  ])
}

function readPeer(from: Uint8Array): ReadPeer {
  const peer: ReadPeer = { id: NOTHING, addresses: [], connection: 0 }
  for (const { field, value, numeric } of fields(from)) {
    if (field === 1) peer.id = value
    else if (field === 2) peer.addresses.push(value)
    else if (field === 3) peer.connection = numeric
  }
  return peer
}

function number(field: number, value: number): Uint8Array {
  return Buffer.concat([varint(field << 3), varint(value)])
}

function bytes(field: number, value: Uint8Array): Uint8Array {
  return Buffer.concat([varint((field << 3) | 2), varint(value.length), value])
}

interface Field {
  field: number
  value: Uint8Array
  numeric: number
}

function fields(from: Uint8Array): Field[] {
  const found: Field[] = []
  for (let at = 0; at < from.length; ) {
    const tag = readVarint(from, at)
    const head = tag === null ? null : readVarint(from, tag.end)
    if (tag === null || head === null) throw new Error('a message ends within a field')
    const wireType = tag.value & 7
    if (wireType !== 0 && wireType !== 2) throw new Error(`unexpected wire type ${wireType}`)
    const end = wireType === 0 ? head.end : head.end + head.value
    if (end > from.length) throw new Error('a field is longer than its message')
    const value = wireType === 0 ? NOTHING : from.slice(head.end, end)
    found.push({ field: tag.value >> 3, value, numeric: head.value })
    at = end
  }
  return found
}

/** A number as varint. */
export function varint(value: number): Uint8Array {
  const out: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) out.push((rest % 128) | 0x80)
  out.push(rest)
  return Uint8Array.from(out)
}

function readVarint(from: Uint8Array, start: number): { value: number; end: number } | null {
  let value = 0
  for (let at = start, scale = 1; at < from.length; at++, scale *= 128) {
    const byte = from[at] as number
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return { value, end: at + 1 }
  }
  return null
}
