/**
 * Self-centred tables of a column: bucket i holds peers that share exactly i leading bits with the node, the last one all
 * that share more. go's table begins with one bucket that splits when it overflows; what it then holds is what fixed
 * buckets of the same size hold, so buckets are fixed here.
 *
 * Bounded by: `buckets * seats` a node, allocated at once: 4 B a seat, 2 B for its stamp and, where wanted, 2 B for its RTT.
 */
import { commonPrefixLength, KEY_WORDS, type PeerBook, type PeerRef } from '@kadmium/core'
import { Nearest } from './nearest.ts'

/** Stamps count steps of so many ms: a table forgets after a week when a peer answered. */
const STAMP_MS = 10_000
const STAMP_MAX = 0xffff

/** Most peers that are asked for at once. */
const NEAREST_MAX = 64

export interface TableInit {
  book: PeerBook
  first: PeerRef
  rows: number
  buckets: number
  seats: number
  /** Whether round trips are kept. Default false. */
  keepsRtt?: boolean
}

/** Buckets beyond which a network of so many nodes leaves nothing to choose: those further on share the last. */
export function bucketsFor(nodes: number, seats: number): number {
  return Math.max(4, Math.ceil(Math.log2(Math.max(2, nodes / seats))) + 3)
}

export class BucketTable {
  readonly buckets: number
  readonly seatsPerBucket: number
  private readonly book: PeerBook
  private readonly first: PeerRef
  private readonly peers: Int32Array
  private readonly stamps: Uint16Array
  private readonly rtts: Uint16Array
  private readonly counts: Uint8Array
  private readonly nearest: Nearest

  constructor(init: TableInit) {
    this.book = init.book
    this.first = init.first
    this.buckets = init.buckets
    this.seatsPerBucket = init.seats
    const seats = init.rows * init.buckets * init.seats
    this.peers = new Int32Array(seats)
    this.stamps = new Uint16Array(seats)
    this.rtts = new Uint16Array(init.keepsRtt === true ? seats : 0)
    this.counts = new Uint8Array(init.rows * init.buckets)
    this.nearest = new Nearest(init.book, NEAREST_MAX)
  }

  get bytes(): number {
    const { peers, stamps, rtts, counts } = this
    return peers.byteLength + stamps.byteLength + rtts.byteLength + counts.byteLength
  }

  /** Which bucket of the node a peer belongs into. */
  bucketOf(row: number, peer: PeerRef): number {
    const { keys } = this.book
    const shared = commonPrefixLength(keys, (this.first + row) * KEY_WORDS, keys, peer * KEY_WORDS)
    return Math.min(shared, this.buckets - 1)
  }

  /** Which bucket of the node a key belongs into. */
  bucketOfKey(row: number, key: Uint32Array, keyAt: number): number {
    const shared = commonPrefixLength(this.book.keys, (this.first + row) * KEY_WORDS, key, keyAt)
    return Math.min(shared, this.buckets - 1)
  }

  /** Peers in a bucket. */
  count(row: number, bucket: number): number {
    return this.counts[row * this.buckets + bucket] as number
  }

  size(row: number): number {
    let size = 0
    for (let bucket = 0; bucket < this.buckets; bucket++) size += this.count(row, bucket)
    return size
  }

  /** The deepest bucket that holds somebody; -1 where there is nobody. */
  deepest(row: number): number {
    let bucket = this.buckets - 1
    while (bucket >= 0 && this.count(row, bucket) === 0) bucket--
    return bucket
  }

  /** Where a peer sits, to be used before the table changes; -1 where it does not. */
  find(row: number, peer: PeerRef): number {
    const bucket = this.bucketOf(row, peer)
    const begin = this.begin(row, bucket)
    const end = begin + this.count(row, bucket)
    for (let seat = begin; seat < end; seat++) if (this.peers[seat] === peer) return seat
    return -1
  }

  has(row: number, peer: PeerRef): boolean {
    return this.find(row, peer) >= 0
  }

  /** First seat of a bucket; its peers sit there and in the `count` that follow. */
  begin(row: number, bucket: number): number {
    return (row * this.buckets + bucket) * this.seatsPerBucket
  }

  peerAt(seat: number): PeerRef {
    return this.peers[seat] as number
  }

  rttAt(seat: number): number {
    return this.rtts[seat] as number
  }

  /** When the peer at a seat answered last, ms, to ten seconds. */
  answeredAtMs(seat: number): number {
    return (this.stamps[seat] as number) * STAMP_MS
  }

  /** Seats a peer that is not there in a free seat. False when its bucket is full. */
  add(row: number, peer: PeerRef, nowMs: number, rttMs = 0): boolean {
    const bucket = this.bucketOf(row, peer)
    const count = this.count(row, bucket)
    if (count >= this.seatsPerBucket) return false
    this.put(this.begin(row, bucket) + count, peer, nowMs, rttMs)
    this.counts[row * this.buckets + bucket] = count + 1
    return true
  }

  /** Gives a seat to another peer of the same bucket. */
  put(seat: number, peer: PeerRef, nowMs: number, rttMs: number): void {
    this.peers[seat] = peer
    this.touch(seat, nowMs, rttMs)
  }

  /** The peer at a seat has answered. `rttMs` below 0: nobody knows how fast. */
  touch(seat: number, nowMs: number, rttMs: number): void {
    this.stamps[seat] = Math.min(STAMP_MAX, Math.floor(nowMs / STAMP_MS))
    if (this.rtts.length > 0 && rttMs >= 0) this.rtts[seat] = Math.min(0xffff, Math.round(rttMs))
  }

  remove(row: number, peer: PeerRef): boolean {
    const seat = this.find(row, peer)
    if (seat < 0) return false
    const bucket = this.bucketOf(row, peer)
    const count = this.count(row, bucket) - 1
    const last = this.begin(row, bucket) + count
    // The order within a bucket decides nothing.
    this.peers[seat] = this.peers[last] as number
    this.stamps[seat] = this.stamps[last] as number
    if (this.rtts.length > 0) this.rtts[seat] = this.rtts[last] as number
    this.counts[row * this.buckets + bucket] = count
    return true
  }

  clear(row: number): void {
    this.counts.fill(0, row * this.buckets, (row + 1) * this.buckets)
  }

  members(row: number, out: Int32Array): number {
    let written = 0
    for (let bucket = 0; bucket < this.buckets; bucket++) {
      const begin = this.begin(row, bucket)
      const end = begin + this.count(row, bucket)
      for (let seat = begin; seat < end && written < out.length; seat++) {
        out[written++] = this.peers[seat] as number
      }
    }
    return written
  }

  /**
   * The nearest members to a key, nearest first, without `except`: the key's own bucket, then all deeper ones, and where
   * those are too few the shallower ones. All of a bucket nearer to the key is nearer than anything further out.
   */
  closest(
    row: number,
    key: Uint32Array,
    keyAt: number,
    count: number,
    except: PeerRef,
    out: Int32Array,
  ): number {
    const { keys } = this.book
    const shared = commonPrefixLength(keys, (this.first + row) * KEY_WORDS, key, keyAt)
    const own = Math.min(shared, this.buckets - 1)
    const nearest = this.nearest.begin(key, keyAt, count)
    this.offer(row, own, except)
    if (!nearest.full) for (let b = own + 1; b < this.buckets; b++) this.offer(row, b, except)
    for (let b = own - 1; b >= 0 && !nearest.full; b--) this.offer(row, b, except)
    return nearest.take(out)
  }

  private offer(row: number, bucket: number, except: PeerRef): void {
    const begin = this.begin(row, bucket)
    const end = begin + this.count(row, bucket)
    for (let seat = begin; seat < end; seat++) {
      const peer = this.peers[seat] as number
      if (peer !== except) this.nearest.offer(peer)
    }
  }
}
