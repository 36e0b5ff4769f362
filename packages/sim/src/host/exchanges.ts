/**
 * Requests that nodes have heard and not answered yet: where the answer goes, and what it needs to know.
 *
 * Bounded by: what nodes keep waiting, which is what their stores and judges have not answered: no time passes there.
 */

const ROW_BITS = 16
const ROWS_MAX = 1 << ROW_BITS
const ROW_MASK = ROWS_MAX - 1
/** Uses of a row before its numbers come again: an exchange's number stays a small integer. */
const TURN_MASK = 0x7fff
const START_ROWS = 64
const END = -1

// Words of a row.
const PEER = 0
const REQUEST = 1
const TRIP = 2
const SERVICE = 3
/** Grows with each use of a row, so that an old exchange is not taken for a new one. */
const TURN = 4
const NEXT = 5
const ROW_WORDS = 8

export class Exchanges {
  private words = new Int32Array(START_ROWS * ROW_WORDS)
  private free = END
  private rows = 0

  /** Returns the exchange's number, never negative. */
  open(peer: number, request: number, tripMs: number, serviceMs: number): number {
    const row = this.take()
    const { words } = this
    const at = row * ROW_WORDS
    words[at + PEER] = peer
    words[at + REQUEST] = request
    words[at + TRIP] = tripMs
    words[at + SERVICE] = serviceMs
    return ((words[at + TURN] as number) << ROW_BITS) | row
  }

  has(exchange: number): boolean {
    const row = exchange & ROW_MASK
    return row < this.rows && this.words[row * ROW_WORDS + TURN] === exchange >> ROW_BITS
  }

  peer(exchange: number): number {
    return this.words[(exchange & ROW_MASK) * ROW_WORDS + PEER] as number
  }

  request(exchange: number): number {
    return this.words[(exchange & ROW_MASK) * ROW_WORDS + REQUEST] as number
  }

  /** What the request took to come, ms. */
  tripMs(exchange: number): number {
    return this.words[(exchange & ROW_MASK) * ROW_WORDS + TRIP] as number
  }

  /** What the answer takes to be made, ms. */
  serviceMs(exchange: number): number {
    return this.words[(exchange & ROW_MASK) * ROW_WORDS + SERVICE] as number
  }

  close(exchange: number): void {
    const { words } = this
    const row = exchange & ROW_MASK
    const at = row * ROW_WORDS
    words[at + TURN] = ((words[at + TURN] as number) + 1) & TURN_MASK
    words[at + NEXT] = this.free
    this.free = row
  }

  private take(): number {
    if (this.free !== END) {
      const row = this.free
      this.free = this.words[row * ROW_WORDS + NEXT] as number
      return row
    }
    if ((this.rows + 1) * ROW_WORDS > this.words.length) this.grow()
    return this.rows++
  }

  private grow(): void {
    if (this.rows === ROWS_MAX) throw new RangeError('nodes keep more than 65,536 requests waiting')
    const grown = new Int32Array(this.words.length * 2)
    grown.set(this.words)
    this.words = grown
  }
}
