/**
 * What our own experience has taught of peers, a record of 32 bytes each: one half of a cache line, since who
 * reads one field reads the others too. Only peers of whom there is something to tell have one (`Evidence`
 * says when), so that a table of peers that were never asked costs nine bytes a row.
 *
 * Bounded by: the rows of the tables and memories that it serves; it starts small and doubles.
 */

/** Bytes of one record. */
export const FACTS_BYTES = 32

// Where the fields of record `at` lie in `words`, from `at * 8` on.
/** Seconds at which the counts were last brought up to date: the last try or answer. */
export const TOUCHED = 0
/** Seconds of the last answer, 0 for never. */
export const LAST_SUCCESS = 1
/** IP group of the address we reached the peer at, 0 for none: 32 bits. */
export const GROUP = 2
/** Second from which a dial back may be tried. */
export const PROBE_AT = 3

// In `halves`, from `at * 16` on.
/** Decayed counts, in 1/1024 of an observation. */
export const SUCCESSES = 8
export const FAILURES = 9
/** Smoothed round trip and its mean deviation, in quarters of a millisecond; `SRTT` 0 when never measured. */
export const SRTT = 10
export const RTTVAR = 11

// In `octets`, from `at * 32` on.
/** How often the back-off of a benched peer has been doubled, 0..30, or `LIED`. */
export const BACKOFF = 25
/** How often the back-off of dials back has been doubled. */
export const PROBES = 26

const START_RECORDS = 64

export class Facts {
  // Views of one buffer, replaced when it grows.
  words: Uint32Array
  halves: Uint16Array
  octets: Uint8Array
  /** Records given out so far, free ones among them. */
  private count = 0
  /** The first free record, whose first word names the next; -1 for none. */
  private free = -1

  constructor() {
    const buffer = new ArrayBuffer(START_RECORDS * FACTS_BYTES)
    this.words = new Uint32Array(buffer)
    this.halves = new Uint16Array(buffer)
    this.octets = new Uint8Array(buffer)
  }

  get bytes(): number {
    return this.octets.length
  }

  /** Records in use. */
  get size(): number {
    let size = this.count
    for (let at = this.free; at >= 0; at = (this.words[at * 8] as number) - 1) size--
    return size
  }

  /** A record of zeros, by its number. */
  open(): number {
    const at = this.free
    if (at >= 0) {
      this.free = (this.words[at * 8] as number) - 1
      this.words.fill(0, at * 8, at * 8 + 8)
      return at
    }
    if (this.count * FACTS_BYTES === this.octets.length) this.grow()
    return this.count++
  }

  /** Gives a record back. */
  close(at: number): void {
    this.words[at * 8] = this.free + 1
    this.free = at
  }

  private grow(): void {
    const octets = new Uint8Array(this.octets.length * 2)
    octets.set(this.octets)
    this.octets = octets
    this.words = new Uint32Array(octets.buffer)
    this.halves = new Uint16Array(octets.buffer)
  }
}
