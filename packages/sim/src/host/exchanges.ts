/**
 * Requests that nodes have heard and not answered yet: where the answer goes, and what it needs to know.
 *
 * Bounded by: what nodes keep waiting, which is what their stores and judges have not answered: no time passes there.
 */

const START_ROWS = 64
const END = -1

export class Exchanges {
  private peers = new Int32Array(START_ROWS)
  private requests = new Int32Array(START_ROWS)
  private trips = new Int32Array(START_ROWS)
  private services = new Int32Array(START_ROWS)
  /** Grows with each use of a row, so that an old exchange is not taken for a new one. */
  private turns = new Int32Array(START_ROWS)
  private next = new Int32Array(START_ROWS)
  private free = END
  private rows = 0

  /** Returns the exchange's number, never negative. */
  open(peer: number, request: number, tripMs: number, serviceMs: number): number {
    const row = this.take()
    this.peers[row] = peer
    this.requests[row] = request
    this.trips[row] = tripMs
    this.services[row] = serviceMs
    return (this.turns[row] as number) * 0x1_0000 + row
  }

  has(exchange: number): boolean {
    const row = exchange % 0x1_0000
    return row < this.rows && this.turns[row] === Math.floor(exchange / 0x1_0000)
  }

  peer(exchange: number): number {
    return this.peers[exchange % 0x1_0000] as number
  }

  request(exchange: number): number {
    return this.requests[exchange % 0x1_0000] as number
  }

  /** What the request took to come, ms. */
  tripMs(exchange: number): number {
    return this.trips[exchange % 0x1_0000] as number
  }

  /** What the answer takes to be made, ms. */
  serviceMs(exchange: number): number {
    return this.services[exchange % 0x1_0000] as number
  }

  close(exchange: number): void {
    const row = exchange % 0x1_0000
    this.turns[row] = (this.turns[row] as number) + 1
    this.next[row] = this.free
    this.free = row
  }

  private take(): number {
    if (this.free !== END) {
      const row = this.free
      this.free = this.next[row] as number
      return row
    }
    if (this.rows === this.peers.length) this.grow()
    return this.rows++
  }

  private grow(): void {
    const rows = this.peers.length * 2
    if (rows > 0x1_0000) throw new RangeError('nodes keep more than 65,536 requests waiting')
    const wider = (column: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> => {
      const grown = new Int32Array(rows)
      grown.set(column)
      return grown
    }
    this.peers = wider(this.peers)
    this.requests = wider(this.requests)
    this.trips = wider(this.trips)
    this.services = wider(this.services)
    this.turns = wider(this.turns)
    this.next = wider(this.next)
  }
}
