/**
 * What is remembered of peers, one row a peer: nine bytes, its ref, one word and its flags. The rows of a bucket,
 * and those of a memory, lie in the order of their keys; what they mean in numbers is `Estimator`'s business.
 *
 * The word of most rows says it all: of peers that are only known by their links and protocols, and of those
 * that were seated at once (`fill`) and not asked since. Where there is more to tell it names a record of
 * `Facts`. Which of the two a row has shows nowhere: `own` turns one into the other.
 *
 * Bounded by: `capacity` rows.
 */
import type { PeerRef } from '../peers.ts'
import {
  BACKOFF,
  FACTS_BYTES,
  FAILURES,
  type Facts,
  GROUP,
  LAST_SUCCESS,
  PROBE_AT,
  PROBES,
  RTTVAR,
  SRTT,
  SUCCESSES,
  TOUCHED,
} from './facts.ts'
import { roundTripOf } from './round-trips.ts'

/** Bytes that one row takes, its facts not counted. */
export const EVIDENCE_BYTES = 9

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

/** Links as their bits. */
export const COLD = 0
export const LOST = 3

/** In `backoff`: it lied, and no answer ends the bench before its time, which is the longest there is. */
export const LIED = 0x80

/** One observation in the fixed point of the counts. */
export const ONE = 1024

// A word that is not negative is the number of the row's facts. Another says all itself:
const PLAIN = 1 << 31
/** Bits 0..7: the round trip in steps of `roundTripOf`, 0 when never measured. */
const RTT_MASK = 0xff
/** It answered once, at the second at which its node's table was filled. */
const SEATED = 1 << 8
/** Bits 9..24: the IP group. */
const GROUP_SHIFT = 9
const GROUP_MAX = 0xffff

const SECONDS_MAX = 0xffff_ffff

/** Milliseconds since the host's epoch as the whole seconds that columns hold: 0..2^32-1, whatever comes. */
export function toSeconds(ms: number): number {
  return ms > 0 ? Math.min(Math.floor(ms / 1000), SECONDS_MAX) : 0
}

function groupOf(word: number): number {
  return (word >>> GROUP_SHIFT) & GROUP_MAX
}

export class Evidence {
  /** Whether a benched peer that fades to neutral is off the bench: not where benched peers are retried. */
  readonly fades: boolean
  readonly facts: Facts
  /** Replaced when the rows become more. */
  refs: Int32Array
  private words: Int32Array
  private marks: Uint8Array
  /** One more than the second when the rows of a node were filled, 0 before; a node has `rowsPerNode`. Empty where none are. */
  private readonly filled: Uint32Array
  private readonly rowsPerNode: number

  /** Rows in `buffer`, `EVIDENCE_BYTES` each. */
  constructor(
    buffer: ArrayBufferLike,
    fades: boolean,
    facts: Facts,
    filled: Uint32Array,
    rowsPerNode: number,
  ) {
    const rows = buffer.byteLength / EVIDENCE_BYTES
    this.fades = fades
    this.facts = facts
    this.refs = new Int32Array(buffer, 0, rows)
    this.words = new Int32Array(buffer, rows * 4, rows)
    this.marks = new Uint8Array(buffer, rows * 8, rows)
    this.filled = filled
    this.rowsPerNode = rowsPerNode
  }

  get capacity(): number {
    return this.refs.length
  }

  /** Moves to a larger buffer. */
  grow(buffer: ArrayBufferLike): void {
    const rows = buffer.byteLength / EVIDENCE_BYTES
    const refs = new Int32Array(buffer, 0, rows)
    const words = new Int32Array(buffer, rows * 4, rows)
    const marks = new Uint8Array(buffer, rows * 8, rows)
    refs.set(this.refs)
    words.set(this.words)
    marks.set(this.marks)
    this.refs = refs
    this.words = words
    this.marks = marks
  }

  /** Begins a row for a peer of whom nothing is known. */
  reset(row: number, peer: PeerRef): void {
    this.refs[row] = peer
    this.words[row] = PLAIN
    this.marks[row] = 0
  }

  /** Begins rows from `first` on for peers that have answered once; `groups` and `steps` (of `stepOf`) in their order. */
  seat(
    first: number,
    peers: Int32Array,
    count: number,
    flags: number,
    groups: Int32Array | null,
    steps: Uint8Array | null,
    nowS: number,
  ): void {
    const { refs, words, marks } = this
    const node = Math.floor(first / this.rowsPerNode)
    if (this.filled[node] === 0) this.filled[node] = nowS + 1
    const isPlain = this.filled[node] === nowS + 1
    for (let i = 0; i < count; i++) {
      const peer = peers[i] as PeerRef
      refs[first + i] = peer
      marks[first + i] = flags
      const group = groups === null ? 0 : (groups[i] as number)
      const word = PLAIN | SEATED | (steps === null ? 0 : (steps[i] as number))
      const fits = isPlain && group >>> 0 <= GROUP_MAX
      words[first + i] = fits ? word | (group << GROUP_SHIFT) : word
      if (!fits) this.tell(first + i, group, nowS)
    }
  }

  /** Writes down what the word of a seated row has no room for. */
  private tell(row: number, group: number, seatedS: number): void {
    const at = this.own(row) * 8
    const { words } = this.facts
    words[at + GROUP] = group
    words[at + TOUCHED] = seatedS
    words[at + LAST_SUCCESS] = seatedS
  }

  /** A row's facts, to be read; -1 while it has none. */
  at(row: number): number {
    return Math.max(this.words[row] as number, -1)
  }

  /** A row's facts, to be written to. */
  own(row: number): number {
    const word = this.words[row] as number
    if (word >= 0) return word
    const { facts } = this
    const at = facts.open()
    facts.words[at * 8 + GROUP] = groupOf(word)
    if ((word & SEATED) !== 0) {
      const seatedS = this.seatedS(row)
      facts.words[at * 8 + TOUCHED] = seatedS
      facts.words[at * 8 + LAST_SUCCESS] = seatedS
      facts.halves[at * 16 + SUCCESSES] = ONE
      const srtt = roundTripOf(word & RTT_MASK)
      facts.halves[at * 16 + SRTT] = srtt
      facts.halves[at * 16 + RTTVAR] = srtt >>> 1
    }
    this.words[row] = at
    return at
  }

  /** Lets go of what a row has, but for its ref: the row is to be removed or begun anew. */
  release(row: number): void {
    const word = this.words[row] as number
    if (word >= 0) this.facts.close(word)
    this.words[row] = PLAIN
  }

  /** Takes over a row of another evidence, which is to be removed there. */
  take(row: number, from: Evidence, fromRow: number): void {
    // When it was filled is known there only.
    if (from.filled !== this.filled && from.isSeated(fromRow)) from.own(fromRow)
    this.refs[row] = from.refs[fromRow] as number
    this.words[row] = from.words[fromRow] as number
    this.marks[row] = from.marks[fromRow] as number
  }

  /** Moves the rows [low, high) by `by` rows: +1 opens a gap at `low`, -1 closes the one before it. */
  shift(low: number, high: number, by: 1 | -1): void {
    const { refs, words, marks } = this
    // A loop: the built-in move costs more than a bucket's rows do.
    if (by === 1) {
      for (let row = high; row > low; row--) {
        refs[row] = refs[row - 1] as number
        words[row] = words[row - 1] as number
        marks[row] = marks[row - 1] as number
      }
      return
    }
    for (let row = low; row < high; row++) {
      refs[row - 1] = refs[row] as number
      words[row - 1] = words[row] as number
      marks[row - 1] = marks[row] as number
    }
  }

  /** Whether the row's peer answered once, when its node's table was filled, and all that is in its word. */
  isSeated(row: number): boolean {
    const word = this.words[row] as number
    return word < 0 && (word & SEATED) !== 0
  }

  /** When that was, seconds. */
  seatedS(row: number): number {
    return (this.filled[Math.floor(row / this.rowsPerNode)] as number) - 1
  }

  flags(row: number): number {
    return this.marks[row] as number
  }

  /** Sets and clears bits of a row's flags. */
  mark(row: number, set: number, clear: number): void {
    this.marks[row] = ((this.marks[row] as number) & ~clear) | set
  }

  /** Whether all of these bits are set. */
  is(row: number, bits: number): boolean {
    return (this.flags(row) & bits) === bits
  }

  /** Whether there is a connection. */
  isLinked(row: number): boolean {
    const link = this.link(row)
    return link === 1 || link === 2
  }

  /** The link's two bits: 0 cold, 1 connected, 2 pooled, 3 lost. */
  link(row: number): number {
    return (this.flags(row) & LINK_MASK) >>> LINK_SHIFT
  }

  /** IP group of the address we reached the peer at, 0 for none. */
  group(row: number): number {
    const word = this.words[row] as number
    return word < 0 ? groupOf(word) : (this.facts.words[word * 8 + GROUP] as number) | 0
  }

  setGroup(row: number, group: number): void {
    const word = this.words[row] as number
    if (word < 0 && group >>> 0 <= GROUP_MAX) {
      this.words[row] = (word & ~(GROUP_MAX << GROUP_SHIFT)) | (group << GROUP_SHIFT)
    } else {
      this.facts.words[this.own(row) * 8 + GROUP] = group
    }
  }

  /** Decayed successes as of the last try, in 1/1024. */
  successes(row: number): number {
    const word = this.words[row] as number
    if (word < 0) return (word & SEATED) === 0 ? 0 : ONE
    return this.facts.halves[word * 16 + SUCCESSES] as number
  }

  /** Decayed failures as of the last try, in 1/1024. */
  failures(row: number): number {
    const word = this.words[row] as number
    return word < 0 ? 0 : (this.facts.halves[word * 16 + FAILURES] as number)
  }

  /** Smoothed round trip, in quarters of a millisecond, 0 when never measured. */
  srtt(row: number): number {
    const word = this.words[row] as number
    if (word < 0) return roundTripOf(word & RTT_MASK)
    return this.facts.halves[word * 16 + SRTT] as number
  }

  /** Its mean deviation, in quarters of a millisecond. */
  rttvar(row: number): number {
    const word = this.words[row] as number
    if (word < 0) return roundTripOf(word & RTT_MASK) >>> 1
    return this.facts.halves[word * 16 + RTTVAR] as number
  }

  /** Seconds of the last try or answer; 0 where there was none. */
  touched(row: number): number {
    const at = this.at(row)
    if (at >= 0) return this.facts.words[at * 8 + TOUCHED] as number
    return this.isSeated(row) ? this.seatedS(row) : 0
  }

  /** Seconds of the last answer, 0 for never. */
  lastSuccess(row: number): number {
    const at = this.at(row)
    if (at >= 0) return this.facts.words[at * 8 + LAST_SUCCESS] as number
    return this.isSeated(row) ? this.seatedS(row) : 0
  }

  /** How often the back-off has been doubled, or `LIED`. */
  backoff(row: number): number {
    const at = this.at(row)
    return at < 0 ? 0 : (this.facts.octets[at * FACTS_BYTES + BACKOFF] as number)
  }

  /** Second from which a dial back may be tried. */
  probeAt(row: number): number {
    const at = this.at(row)
    return at < 0 ? 0 : (this.facts.words[at * 8 + PROBE_AT] as number)
  }

  /** How often the back-off of dials back has been doubled. */
  probes(row: number): number {
    const at = this.at(row)
    return at < 0 ? 0 : (this.facts.octets[at * FACTS_BYTES + PROBES] as number)
  }

  /** The next dial back comes not before this second. */
  delayProbe(row: number, atS: number, probes: number): void {
    const at = this.own(row)
    this.facts.words[at * 8 + PROBE_AT] = atS
    this.facts.octets[at * FACTS_BYTES + PROBES] = probes
  }

  /** No dial back is put off any more. */
  clearProbe(row: number): void {
    if (this.at(row) >= 0) this.delayProbe(row, 0, 0)
  }
}
