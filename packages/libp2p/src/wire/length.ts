/**
 * How long a message is on the wire, from the lengths of its parts alone. It needs no codec, so that
 * whoever has no bytes to encode (a simulator, a budget) counts what the real codec would write.
 */

/** Bytes of an unsigned varint, for 0..2^31-1. */
export function varintLength(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  if (value < 0x20_0000) return 3
  return value < 0x1000_0000 ? 4 : 5
}

/** Bytes of a field with a length before it, all field numbers of the protocol being under 16. */
function fieldLength(bytes: number): number {
  return 1 + varintLength(bytes) + bytes
}

/**
 * Bytes of one encoded peer: its id, its addresses, and whether its connection type is one to be
 * written (any but "not connected").
 */
export function peerLength(
  idBytes: number,
  addressBytes: readonly number[],
  hasConnection: boolean,
): number {
  let length = fieldLength(idBytes) + (hasConnection ? 2 : 0)
  for (const bytes of addressBytes) length += fieldLength(bytes)
  return length
}

/** The lengths of the parts of a message. */
export interface MessageShape {
  /** PUT_VALUE is type 0, which is not written. */
  isPutValue: boolean
  /** 0 where there is no key. */
  keyBytes: number
  /** -1 where there is no record. */
  recordBytes: number
  /** Encoded closer peers, as by `peerLength`. */
  closerBytes: readonly number[]
  /** Encoded providers, as by `peerLength`. */
  providerBytes: readonly number[]
}

/** Bytes of an encoded message, without the varint that stands before it on a stream. */
export function encodedLength(shape: MessageShape): number {
  let length = shape.isPutValue ? 0 : 2
  if (shape.keyBytes > 0) length += fieldLength(shape.keyBytes)
  if (shape.recordBytes >= 0) length += fieldLength(shape.recordBytes)
  for (const bytes of shape.closerBytes) length += fieldLength(bytes)
  for (const bytes of shape.providerBytes) length += fieldLength(bytes)
  return length
}
