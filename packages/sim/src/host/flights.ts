/**
 * Messages on their way: one row of 32-bit words each, the same layout in a worker's slab and in the mailboxes between
 * workers, so that a message crosses over by a copy of words.
 *
 * Bounded by: what is in flight; rows are used again, and the slab doubles. Providers above `PROVIDERS_HERE` are left
 * out (a workload of the simulator names fewer).
 */
import { CLOSER_MAX, KEY_WORDS, type Message, type MessageType } from '@kadmium/core'
import { alignedInts, widenedInts } from './lines.ts'

/** What a flight is. */
export const REQUEST = 0
export const ANSWER = 1
/** ADD_PROVIDER was handled. */
export const ACCEPTED = 2
/** The stream or the connection was reset. */
export const RESET = 3
/** The sender closed the connection. */
export const CLOSE = 4
/** A dial that carries no request: is the peer reachable? And its answer. */
export const DIAL = 5
export const DIAL_ANSWER = 6
/** Measurement, not simulated: does the node hold that record? And its answer. */
export const PROBE = 7
export const PROBE_ANSWER = 8

// Words of a flight.
export const KIND = 0
export const FROM = 1
export const TO = 2
/** When it arrives, ms. */
export const AT = 3
/** The sender's sequence. */
export const SEQUENCE = 4
/** The id of the request that it is, or answers. */
export const REQUEST_ID = 5
/** 1: its first message of a new connection. */
export const OPENS = 6
/** Whole ms of one round trip, as the asker's host will report it. */
export const RTT = 7
export const TYPE = 8
/** The subject of the workload that the key is of, -1 for another key. */
export const SUBJECT = 9
/** The version of the record that it carries, 0 for none. */
export const VERSION = 10
export const CLOSER_COUNT = 11
const PROVIDER_COUNT = 12
export const KEY = 13
export const CLOSER: number = KEY + KEY_WORDS
const PROVIDERS: number = CLOSER + CLOSER_MAX

const PROVIDERS_HERE = 16

/** Words of a row: whole lines of the cache. */
const FLIGHT_WORDS: number = Math.ceil((PROVIDERS + PROVIDERS_HERE) / 16) * 16

const TYPES: readonly MessageType[] = [
  'putValue',
  'getValue',
  'addProvider',
  'getProviders',
  'findNode',
  'ping',
]

export const GET_VALUE = 1
export const FIND_NODE = 4

const START_ROWS = 256
const END = -1

export class Flights {
  /** All rows; row r begins at `r * FLIGHT_WORDS`. Replaced when the slab grows. */
  words: Int32Array = alignedInts(START_ROWS * FLIGHT_WORDS)
  private rows = 0
  private free = END

  /** A row to be filled. */
  take(): number {
    if (this.free !== END) {
      const row = this.free
      this.free = this.words[row * FLIGHT_WORDS] as number
      return row
    }
    if ((this.rows + 1) * FLIGHT_WORDS > this.words.length) {
      this.words = widenedInts(this.words, this.words.length * 2)
    }
    return this.rows++
  }

  release(row: number): void {
    this.words[row * FLIGHT_WORDS] = this.free
    this.free = row
  }

  /** Where a row begins. */
  at(row: number): number {
    return row * FLIGHT_WORDS
  }

  /** Words of a row that are in use: lists end early. */
  length(row: number): number {
    const at = this.at(row)
    const providers = this.words[at + PROVIDER_COUNT] as number
    if (providers > 0) return PROVIDERS + providers
    return CLOSER + (this.words[at + CLOSER_COUNT] as number)
  }

  /** Takes over a flight from another worker's letter. Returns its row. */
  receive(from: Int32Array, start: number, count: number): number {
    const row = this.take()
    const at = this.at(row)
    const { words } = this
    for (let i = 0; i < count; i++) words[at + i] = from[start + i] as number
    return row
  }

  /** Writes a message into a row. Its record and key bytes are the host's to translate. */
  pack(row: number, message: Message): void {
    const { words } = this
    const at = this.at(row)
    words[at + TYPE] = codeOf(message.type)
    for (let i = 0; i < KEY_WORDS; i++) words[at + KEY + i] = message.key[i] as number
    const { closerCount } = message
    words[at + CLOSER_COUNT] = closerCount
    for (let i = 0; i < closerCount; i++) words[at + CLOSER + i] = message.closer[i] as number
    const providerCount = Math.min(message.providerCount, PROVIDERS_HERE)
    words[at + PROVIDER_COUNT] = providerCount
    for (let i = 0; i < providerCount; i++) {
      words[at + PROVIDERS + i] = message.providers[i] as number
    }
  }

  /** Empties what `pack` would fill. */
  blank(row: number): void {
    const { words } = this
    const at = this.at(row)
    words[at + TYPE] = TYPES.length - 1
    words[at + CLOSER_COUNT] = 0
    words[at + PROVIDER_COUNT] = 0
  }

  /** Reads a row into a message, but for its record and key bytes. */
  unpack(row: number, message: Message): void {
    const { words } = this
    const at = this.at(row)
    message.type = TYPES[words[at + TYPE] as number] as MessageType
    for (let i = 0; i < KEY_WORDS; i++) message.key[i] = words[at + KEY + i] as number
    const closerCount = words[at + CLOSER_COUNT] as number
    message.closerCount = closerCount
    for (let i = 0; i < closerCount; i++) message.closer[i] = words[at + CLOSER + i] as number
    const providerCount = words[at + PROVIDER_COUNT] as number
    message.providerCount = providerCount
    for (let i = 0; i < providerCount; i++) {
      message.providers[i] = words[at + PROVIDERS + i] as number
    }
  }
}

/** The index of a type in `TYPES`; most are the last ones. */
function codeOf(type: MessageType): number {
  if (type === 'findNode') return FIND_NODE
  if (type === 'getValue') return GET_VALUE
  return TYPES.indexOf(type)
}
