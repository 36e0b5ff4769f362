/**
 * Counts the messages in a stream of length-prefixed protobuf frames, whatever pieces the bytes come in, and
 * reads of each no more than the Kademlia message type. Nothing is kept but a few numbers.
 *
 * Wire: unsigned varint length, then the message; field 1 (tag 0x08) is the type, which writers put first and
 * leave out when it is 0 (PUT_VALUE).
 */

const TYPE_TAG = 0x08

/** Types of Kademlia messages by number, as in the protobuf of the specification. */
export const MESSAGE_TYPES = [
  'PUT_VALUE',
  'GET_VALUE',
  'ADD_PROVIDER',
  'GET_PROVIDERS',
  'FIND_NODE',
  'PING',
] as const

export class FrameCounter {
  private readonly onFrame: (type: number) => void
  private lengthSoFar = 0
  private shift = 0
  /** Bytes of the frame still to come; -1 while its length is read. */
  private rest = -1
  /** Bytes of the frame seen, counted to 2 only. */
  private seen = 0
  private tag = 0
  private type = 0

  /** `onFrame` hears the message type of each whole frame. */
  constructor(onFrame: (type: number) => void) {
    this.onFrame = onFrame
  }

  /** The next bytes of the stream. */
  push(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length) {
      if (this.rest < 0) this.readLength(bytes[at++] as number)
      else at = this.readBody(bytes, at)
      if (this.rest === 0) this.endFrame()
    }
  }

  private readLength(byte: number): void {
    this.lengthSoFar += (byte & 0x7f) * 2 ** this.shift
    this.shift += 7
    if (byte < 0x80) this.rest = this.lengthSoFar
  }

  private readBody(bytes: Uint8Array, at: number): number {
    while (this.seen < 2 && this.rest > 0 && at < bytes.length) {
      const byte = bytes[at++] as number
      if (this.seen === 0) this.tag = byte
      else if (this.tag === TYPE_TAG) this.type = byte
      this.seen++
      this.rest--
    }
    const skipped = Math.min(this.rest, bytes.length - at)
    this.rest -= skipped
    return at + skipped
  }

  private endFrame(): void {
    const { type } = this
    this.lengthSoFar = 0
    this.shift = 0
    this.rest = -1
    this.seen = 0
    this.tag = 0
    this.type = 0
    this.onFrame(type)
  }
}
