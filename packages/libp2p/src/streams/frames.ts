/**
 * Messages on a stream: each has its length before it as an unsigned varint. A stream gives chunks
 * that know nothing of messages; `FrameReader` makes messages of them. What a stranger announces is
 * checked before anything is allocated, and no more is allocated than one and a half times what came.
 */
import type { Uint8ArrayList } from 'uint8arraylist'
import { varintLength } from '../wire/length.ts'

/** Bytes that came and were not read yet, over all readers that share it. */
export class ByteBudget {
  private left: number

  constructor(bytesMax: number) {
    this.left = bytesMax
  }

  take(bytes: number): boolean {
    if (bytes > this.left) return false
    this.left -= bytes
    return true
  }

  give(bytes: number): void {
    this.left += bytes
  }
}

/** `oversized`: a message announces more than the bound. `budget`: there is no room to keep what came. */
export type FrameFault = 'oversized' | 'budget'

const NO_BYTES = new Uint8Array(0)

/** Varints of lengths take at most so many bytes: up to 256 MiB, which is over any bound. */
const PREFIX_BYTES_MAX = 4

export class FrameReader {
  /** Why the stream is of no use any more; null while it is. */
  fault: FrameFault | null = null
  private readonly bytesMax: number
  private readonly budget: ByteBudget
  /** What came and was not read, from `at` to `end`. BOUNDED: by the budget, and by who stops to push. */
  private buffer: Uint8Array = NO_BYTES
  private at = 0
  private end = 0
  /** The buffer is ours and has room, where it is not a chunk of the stream's. */
  private owned = false

  constructor(bytesMax: number, budget: ByteBudget) {
    this.bytesMax = bytesMax
    this.budget = budget
  }

  /** Bytes that came and were not read. After `next` gave null: part of a message. */
  get unreadBytes(): number {
    return this.end - this.at
  }

  /** Takes what came. */
  push(data: Uint8Array | Uint8ArrayList): void {
    if (this.fault !== null) return
    const chunk = data instanceof Uint8Array ? data : data.subarray()
    if (this.at === this.end) {
      this.replace(chunk, chunk.length, false)
    } else {
      this.reserve(chunk.length)
      if (this.fault === null) this.buffer.set(chunk, this.end)
      this.end += chunk.length
    }
  }

  /** The next message, in an array of its own; null when it is not there whole. */
  next(): Uint8Array | null {
    if (this.fault !== null) return null
    let length = 0
    let at = this.at
    for (let bytes = 0, byte = 0x80; byte >= 0x80; bytes++) {
      if (at === this.end) return null
      byte = this.buffer[at++] as number
      length |= (byte & 0x7f) << (7 * bytes)
      if (bytes === PREFIX_BYTES_MAX || length > this.bytesMax) {
        this.fault = 'oversized'
        return null
      }
    }
    if (this.end - at < length) return null
    const message = copyOf(this.buffer, at, at + length)
    this.at = at + length
    if (this.at === this.end) this.replace(NO_BYTES, 0, false)
    return message
  }

  /** Lets go of what has come. Nothing is read any more. */
  close(): void {
    this.replace(NO_BYTES, 0, false)
    this.fault ??= 'budget'
  }

  /** Makes room behind what is not read. */
  private reserve(bytes: number): void {
    if (this.owned && this.buffer.length - this.end >= bytes) return
    const unread = this.buffer.subarray(this.at, this.end)
    const needed = unread.length + bytes
    // Half as much again, so that a message that comes in crumbs is not copied for each of them.
    const buffer = new Uint8Array(needed + (needed >> 1))
    buffer.set(unread)
    this.replace(buffer, unread.length, true)
  }

  private replace(buffer: Uint8Array, end: number, owned: boolean): void {
    this.budget.give(this.buffer.length)
    const fits = this.budget.take(buffer.length)
    if (!fits) this.fault = 'budget'
    this.buffer = fits ? buffer : NO_BYTES
    this.at = 0
    this.end = fits ? end : 0
    this.owned = owned
  }
}

/** Not `slice`: that of a Buffer is a view, and a view of 100 bytes keeps the muxer's whole chunk. */
function copyOf(chunk: Uint8Array, at: number, end: number): Uint8Array {
  const copy = new Uint8Array(end - at)
  copy.set(chunk.subarray(at, end))
  return copy
}

/** The messages one behind the other, each with its length before it. */
export function frame(...messages: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const message of messages) length += varintLength(message.length) + message.length
  const bytes = new Uint8Array(length)
  let at = 0
  for (const message of messages) {
    let rest = message.length
    for (; rest >= 0x80; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80
    bytes[at++] = rest
    bytes.set(message, at)
    at += message.length
  }
  return bytes
}
