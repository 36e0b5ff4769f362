/**
 * What nearly every input reads of a node: when its parts want to be woken, and a few counts. A row has 64 bytes, a line
 * of the processor's cache, since a column of a million nodes finds each node's state out of it: side by side these
 * cost one wait for memory, in columns of their own one each.
 *
 * Bounded by: one row a node.
 */

/** Bytes of a row. */
const ROW_BYTES = 64

/** Where the first row begins: large blocks of memory begin 16 B behind a page (glibc), and rows shall begin at a line. */
const FIRST_AT = ROW_BYTES - 16

// When a part of the node wants to be woken, ms: doubles 0..4. Infinity for never; may be early, never late.
export const REQUESTS_DUE = 0
export const OPERATIONS_DUE = 1
export const REFRESH_DUE = 2
export const RETRY_DUE = 3
export const PROBE_DUE = 4
const DUE_COUNT = 5
const DOUBLES: number = ROW_BYTES / 8

// Words of a row, the first behind those doubles.
export const SEQUENCE = 10
const WORDS: number = ROW_BYTES / 4

// Pairs of bytes.
export const TURN = 22
const HALVES: number = ROW_BYTES / 2

// Bytes.
export const ONLINE = 46
export const ROUND = 47
export const PROBING = 48
export const STARVED = 49

export class NodeRows {
  private readonly doubles: Float64Array
  private readonly words: Uint32Array
  private readonly halves: Uint16Array
  private readonly octets: Uint8Array

  constructor(
    nodes: number,
    allocate: (bytes: number) => ArrayBufferLike = (bytes) => new ArrayBuffer(bytes),
  ) {
    const buffer = allocate(FIRST_AT + nodes * ROW_BYTES)
    this.doubles = new Float64Array(buffer, FIRST_AT)
    this.words = new Uint32Array(buffer, FIRST_AT)
    this.halves = new Uint16Array(buffer, FIRST_AT)
    this.octets = new Uint8Array(buffer, FIRST_AT)
    for (let node = 0; node < nodes; node++) {
      const at = node * DOUBLES
      this.doubles.fill(Number.POSITIVE_INFINITY, at, at + DUE_COUNT)
    }
  }

  get bytes(): number {
    return this.octets.byteLength
  }

  /** When a part of the node wants to be woken. */
  due(node: number, part: number): number {
    return this.doubles[node * DOUBLES + part] as number
  }

  setDue(node: number, part: number, atMs: number): void {
    this.doubles[node * DOUBLES + part] = atMs
  }

  /** At that time at the latest. */
  lowerDue(node: number, part: number, atMs: number): void {
    const at = node * DOUBLES + part
    if (atMs < (this.doubles[at] as number)) this.doubles[at] = atMs
  }

  word(node: number, what: number): number {
    return this.words[node * WORDS + what] as number
  }

  setWord(node: number, what: number, word: number): void {
    this.words[node * WORDS + what] = word
  }

  half(node: number, what: number): number {
    return this.halves[node * HALVES + what] as number
  }

  setHalf(node: number, what: number, half: number): void {
    this.halves[node * HALVES + what] = half
  }

  octet(node: number, what: number): number {
    return this.octets[node * ROW_BYTES + what] as number
  }

  setOctet(node: number, what: number, octet: number): void {
    this.octets[node * ROW_BYTES + what] = octet
  }
}
