/**
 * What is remembered of peers, in columns: one row a peer, 26 bytes, in one buffer. The rows of a bucket,
 * and those of a memory, lie in the order of their keys; what they mean in numbers is `Estimator`'s
 * business.
 *
 * Bounded by: `capacity` rows, given at the start.
 */
import type { PeerRef } from '../peers.ts'

/** Bytes that one row takes. */
export const EVIDENCE_BYTES = 26

/** Identify told that the peer speaks our protocol. */
export const SPEAKS = 1
/** Identify told that it does not. Neither bit: nobody told anything. */
export const MUTE = 2
/** We once dialled it with success, at an address that others can dial as well. */
export const DIALLED = 4
/** It answered a request of ours in this run. */
export const ANSWERED = 8
/** Too many failures, and no answer since. */
export const BENCHED = 16
/** Named by `retries`; how that ended is not known yet. */
export const TRIED = 32
/** Two bits for the link: 0 cold, 1 connected, 2 pooled, 3 lost. */
export const LINK_SHIFT = 6
export const LINK_MASK: number = 3 << LINK_SHIFT

/** In `backoff`: it lied, and no answer ends the bench before its time, which is the longest there is. */
export const LIED = 0x80

/** One observation in the fixed point of the columns. */
export const ONE = 1024

const SECONDS_MAX = 0xffff_ffff

/** Milliseconds since the host's epoch as the whole seconds that columns hold: 0..2^32-1, whatever comes. */
export function toSeconds(ms: number): number {
  return ms > 0 ? Math.min(Math.floor(ms / 1000), SECONDS_MAX) : 0
}

export class Evidence {
  readonly capacity: number
  /** Whether a benched peer that fades to neutral is off the bench: not where benched peers are retried. */
  readonly fades: boolean
  readonly refs: Int32Array
  /** IP group of the address we reached the peer at, 0 for none. */
  readonly groups: Int32Array
  /** Seconds at which the counts were last brought up to date: the last try or answer. */
  readonly touched: Uint32Array
  /** Seconds of the last answer, 0 for never. */
  readonly lastSuccess: Uint32Array
  /** Decayed counts, in 1/1024 of an observation. */
  readonly successes: Uint16Array
  readonly failures: Uint16Array
  /** Smoothed round trip and its mean deviation, in quarters of a millisecond; `srtt` 0 when never measured. */
  readonly srtt: Uint16Array
  readonly rttvar: Uint16Array
  readonly flags: Uint8Array
  /** How often the back-off of a benched peer has been doubled, 0..30, or `LIED`. */
  readonly backoff: Uint8Array

  constructor(capacity: number, fades: boolean, allocate: (bytes: number) => ArrayBufferLike) {
    this.capacity = capacity
    this.fades = fades
    const buffer = allocate(capacity * EVIDENCE_BYTES)
    this.refs = new Int32Array(buffer, 0, capacity)
    this.groups = new Int32Array(buffer, capacity * 4, capacity)
    this.touched = new Uint32Array(buffer, capacity * 8, capacity)
    this.lastSuccess = new Uint32Array(buffer, capacity * 12, capacity)
    this.successes = new Uint16Array(buffer, capacity * 16, capacity)
    this.failures = new Uint16Array(buffer, capacity * 18, capacity)
    this.srtt = new Uint16Array(buffer, capacity * 20, capacity)
    this.rttvar = new Uint16Array(buffer, capacity * 22, capacity)
    this.flags = new Uint8Array(buffer, capacity * 24, capacity)
    this.backoff = new Uint8Array(buffer, capacity * 25, capacity)
  }

  /** Begins a row for a peer of whom nothing is known. */
  reset(row: number, peer: PeerRef, nowS: number): void {
    this.refs[row] = peer
    this.groups[row] = 0
    this.touched[row] = nowS
    this.lastSuccess[row] = 0
    this.successes[row] = 0
    this.failures[row] = 0
    this.srtt[row] = 0
    this.rttvar[row] = 0
    this.flags[row] = 0
    this.backoff[row] = 0
  }

  /** Begins rows from `row` on for peers that have answered once. */
  fill(
    row: number,
    peers: Int32Array,
    count: number,
    groups: Int32Array | null,
    flags: number,
    nowS: number,
  ): void {
    for (let i = 0; i < count; i++) {
      const peer = peers[i] as PeerRef
      const at = row + i
      this.reset(at, peer, nowS)
      this.groups[at] = groups === null ? 0 : (groups[peer] as number)
      this.flags[at] = flags
      this.lastSuccess[at] = nowS
      this.successes[at] = ONE
    }
  }

  /** Copies a row from another evidence. */
  copy(row: number, from: Evidence, fromRow: number): void {
    this.refs[row] = from.refs[fromRow] as number
    this.groups[row] = from.groups[fromRow] as number
    this.touched[row] = from.touched[fromRow] as number
    this.lastSuccess[row] = from.lastSuccess[fromRow] as number
    this.successes[row] = from.successes[fromRow] as number
    this.failures[row] = from.failures[fromRow] as number
    this.srtt[row] = from.srtt[fromRow] as number
    this.rttvar[row] = from.rttvar[fromRow] as number
    this.flags[row] = from.flags[fromRow] as number
    this.backoff[row] = from.backoff[fromRow] as number
  }

  /** Moves the rows [low, high) by `by` rows: +1 opens a gap at `low`, -1 closes the one before it. */
  shift(low: number, high: number, by: number): void {
    const to = low + by
    this.refs.copyWithin(to, low, high)
    this.groups.copyWithin(to, low, high)
    this.touched.copyWithin(to, low, high)
    this.lastSuccess.copyWithin(to, low, high)
    this.successes.copyWithin(to, low, high)
    this.failures.copyWithin(to, low, high)
    this.srtt.copyWithin(to, low, high)
    this.rttvar.copyWithin(to, low, high)
    this.flags.copyWithin(to, low, high)
    this.backoff.copyWithin(to, low, high)
  }

  /** Sets and clears bits of a row's flags. */
  mark(row: number, set: number, clear: number): void {
    this.flags[row] = ((this.flags[row] as number) & ~clear) | set
  }

  /** Whether all of these bits are set. */
  is(row: number, bits: number): boolean {
    return ((this.flags[row] as number) & bits) === bits
  }

  /** Whether there is a connection. */
  isLinked(row: number): boolean {
    const link = this.link(row)
    return link === 1 || link === 2
  }

  /** The link's two bits: 0 cold, 1 connected, 2 pooled, 3 lost. */
  link(row: number): number {
    return ((this.flags[row] as number) & LINK_MASK) >>> LINK_SHIFT
  }
}
