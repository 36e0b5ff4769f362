/** The nearest of the peers it is offered, sorted by insertion: for lists of some tens. One object serves a column. */
import { compareDistance, KEY_WORDS, type PeerBook, type PeerRef } from '@kadmium/core'

/** The first 53 bits of an XOR distance, as a whole number: order among a million random keys. */
export function distance53(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): number {
  const high = ((a[aAt] as number) ^ (b[bAt] as number)) >>> 0
  const low = ((a[aAt + 1] as number) ^ (b[bAt + 1] as number)) >>> 11
  return high * 0x20_0000 + low
}

/** The whole distance where 53 bits do not tell: negative when a is nearer to the target. */
export function compareExactly(
  book: PeerBook,
  target: Uint32Array,
  targetAt: number,
  a: PeerRef,
  b: PeerRef,
): number {
  const { keys } = book
  return compareDistance(target, targetAt, keys, a * KEY_WORDS, keys, b * KEY_WORDS)
}

export class Nearest {
  private readonly book: PeerBook
  private readonly peers: Int32Array
  private readonly distances: Float64Array
  private target: Uint32Array = new Uint32Array(KEY_WORDS)
  private targetAt = 0
  private limit = 0
  private count = 0

  constructor(book: PeerBook, limitMax: number) {
    this.book = book
    this.peers = new Int32Array(limitMax)
    this.distances = new Float64Array(limitMax)
  }

  begin(target: Uint32Array, targetAt: number, limit: number): this {
    this.target = target
    this.targetAt = targetAt
    this.limit = Math.min(limit, this.peers.length)
    this.count = 0
    return this
  }

  get full(): boolean {
    return this.count === this.limit
  }

  offer(peer: PeerRef): void {
    const { peers, distances, limit } = this
    const distance = distance53(this.target, this.targetAt, this.book.keys, peer * KEY_WORDS)
    if (this.count === limit && this.isNearer(limit - 1, distance, peer)) return
    let i = this.count === limit ? limit - 1 : this.count++
    while (i > 0 && !this.isNearer(i - 1, distance, peer)) {
      peers[i] = peers[i - 1] as number
      distances[i] = distances[i - 1] as number
      i--
    }
    peers[i] = peer
    distances[i] = distance
  }

  /** Writes what is nearest, nearest first. Returns how many. */
  take(out: Int32Array): number {
    const count = Math.min(this.count, out.length)
    for (let i = 0; i < count; i++) out[i] = this.peers[i] as number
    return count
  }

  /** Whether the peer at a place is at least as near as another one at a distance. */
  private isNearer(place: number, distance: number, peer: PeerRef): boolean {
    const here = this.distances[place] as number
    if (here !== distance) return here < distance
    const other = this.peers[place] as number
    return compareExactly(this.book, this.target, this.targetAt, other, peer) <= 0
  }
}
