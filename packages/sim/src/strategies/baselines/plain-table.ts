/**
 * The tables of a plain column: bucket i of a node holds peers that share exactly i leading bits with it, the last one all
 * that share more. All of a bucket lies side by side, in one line of the processor's cache where it has 8 seats: what
 * a simulator with a million tables pays for is not arithmetic but the lines it has to fetch.
 *
 * Bounded by: `buckets * seats` a node, allocated at once: 64 B for a bucket of 8 seats.
 */
import { compareDistance, KEY_WORDS, NO_PEER, type PeerBook, type PeerRef } from '@kadmium/core'
import { alignedInts } from '../../host/lines.ts'

/** Stamps count steps of so many ms: a table forgets after a week when a peer answered. */
const STAMP_MS = 10_000
const STAMP_MAX = 0xffff

/** Most peers that are asked for at once. */
const NEAREST_MAX = 64

/** A bit of sign: distances of 32 bits are kept as signed words in the same order. */
const SIGN = 0x8000_0000

// Words of a bucket: how many, when last walked to, the peers, and their stamps, two in a word.
const COUNT = 0
const WALKED = 1
const PEERS = 2

/** The first 32 bits of a key, as distances are made of: `near ^ book.heads[peer]`, signed, the less the nearer. */
export function nearOf(key: Uint32Array, at: number): number {
  return (key[at] as number) ^ SIGN
}

export class PlainTable {
  readonly buckets: number
  readonly seats: number
  private readonly book: PeerBook
  private readonly first: PeerRef
  /** Words of a bucket. */
  private readonly stride: number
  private readonly words: Int32Array
  private readonly stamps: Uint16Array
  // What `closest` has found so far.
  private readonly peers = new Int32Array(NEAREST_MAX)
  private readonly distances = new Int32Array(NEAREST_MAX)
  private readonly target = new Uint32Array(KEY_WORDS)

  constructor(book: PeerBook, first: PeerRef, rows: number, buckets: number, seats: number) {
    this.book = book
    this.first = first
    this.buckets = buckets
    this.seats = seats
    this.stride = Math.ceil((PEERS + seats + seats / 2) / 4) * 4
    this.words = alignedInts(rows * buckets * this.stride)
    const { buffer, byteOffset, length } = this.words
    this.stamps = new Uint16Array(buffer, byteOffset, length * 2)
  }

  get bytes(): number {
    return this.words.byteLength
  }

  /** Which bucket of the node a peer belongs into. Beyond 32 shared bits there are no buckets. */
  bucketOf(row: number, peer: PeerRef): number {
    const { heads } = this.book
    const shared = Math.clz32((heads[this.first + row] as number) ^ (heads[peer] as number))
    return Math.min(shared, this.buckets - 1)
  }

  /** Which bucket of the node a key belongs into. */
  bucketOfKey(row: number, head: number): number {
    const shared = Math.clz32((this.book.heads[this.first + row] as number) ^ head)
    return Math.min(shared, this.buckets - 1)
  }

  /** The deepest bucket that holds somebody; -1 where there is nobody. */
  deepest(row: number): number {
    let bucket = this.buckets - 1
    while (bucket >= 0 && this.words[this.at(row, bucket) + COUNT] === 0) bucket--
    return bucket
  }

  /** When a lookup last went into a bucket, ms to ten seconds. */
  walkedAtMs(row: number, bucket: number): number {
    return (this.words[this.at(row, bucket) + WALKED] as number) * STAMP_MS
  }

  walked(row: number, bucket: number, nowMs: number): void {
    this.words[this.at(row, bucket) + WALKED] = stampOf(nowMs)
  }

  has(row: number, peer: PeerRef): boolean {
    return this.seatOf(this.at(row, this.bucketOf(row, peer)), peer) >= 0
  }

  /**
   * There is a sign of a peer: it is refreshed, or takes a free seat. Where its bucket is full: the member that has been
   * silent longest, if that is `ageMs` or more; `NO_PEER` otherwise.
   */
  meet(row: number, peer: PeerRef, nowMs: number, ageMs: number): PeerRef {
    const { words, seats } = this
    const at = this.at(row, this.bucketOf(row, peer))
    const seat = this.seatOf(at, peer)
    const count = words[at + COUNT] as number
    if (seat >= 0) this.stamp(at, seat, nowMs)
    else if (count < seats) this.put(at, count, peer, nowMs)
    else return this.silent(at, nowMs, ageMs)
    return NO_PEER
  }

  /** Fills an empty bucket with peers that belong there. */
  seat(row: number, bucket: number, peers: Int32Array, count: number, nowMs: number): void {
    const at = this.at(row, bucket)
    for (let i = 0; i < count; i++) this.put(at, i, peers[i] as PeerRef, nowMs)
  }

  /** Seats a peer that is not there in a free seat. False when its bucket is full. */
  add(row: number, peer: PeerRef, nowMs: number): boolean {
    const at = this.at(row, this.bucketOf(row, peer))
    const count = this.words[at + COUNT] as number
    if (count >= this.seats) return false
    this.put(at, count, peer, nowMs)
    return true
  }

  remove(row: number, peer: PeerRef): void {
    const { words, stamps } = this
    const at = this.at(row, this.bucketOf(row, peer))
    const seat = this.seatOf(at, peer)
    if (seat < 0) return
    const last = (words[at + COUNT] as number) - 1
    // The order within a bucket decides nothing.
    words[at + PEERS + seat] = words[at + PEERS + last] as number
    const stampsAt = (at + PEERS + this.seats) * 2
    stamps[stampsAt + seat] = stamps[stampsAt + last] as number
    words[at + COUNT] = last
  }

  /** Forgets everybody, and where walks went. */
  clear(row: number): void {
    for (let bucket = 0; bucket < this.buckets; bucket++) {
      this.words[this.at(row, bucket) + COUNT] = 0
    }
  }

  members(row: number, out: Int32Array): number {
    const { words } = this
    let written = 0
    for (let bucket = 0; bucket < this.buckets; bucket++) {
      const at = this.at(row, bucket)
      const end = at + PEERS + (words[at + COUNT] as number)
      for (let seat = at + PEERS; seat < end && written < out.length; seat++) {
        out[written++] = words[seat] as number
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
    key: Uint32Array | Int32Array,
    keyAt: number,
    count: number,
    except: PeerRef,
    out: Int32Array,
    outAt: number,
  ): number {
    const { target } = this
    for (let i = 0; i < KEY_WORDS; i++) target[i] = key[keyAt + i] as number
    const own = this.bucketOfKey(row, target[0] as number)
    const limit = Math.min(count, NEAREST_MAX)
    let found = this.offer(row, own, 0, limit, except)
    if (found < limit) {
      for (let b = own + 1; b < this.buckets; b++) found = this.offer(row, b, found, limit, except)
    }
    for (let b = own - 1; b >= 0 && found < limit; b--) {
      found = this.offer(row, b, found, limit, except)
    }
    const { peers } = this
    for (let i = 0; i < found; i++) out[outAt + i] = peers[i] as number
    return found
  }

  /** All of a bucket. `found`: how many have been found so far. Returns how many then. */
  private offer(
    row: number,
    bucket: number,
    before: number,
    limit: number,
    except: PeerRef,
  ): number {
    const { words, peers, distances } = this
    const { heads } = this.book
    const near = (this.target[0] as number) ^ SIGN
    const at = this.at(row, bucket)
    const end = at + PEERS + (words[at + COUNT] as number)
    let found = before
    for (let seat = at + PEERS; seat < end; seat++) {
      const peer = words[seat] as number
      if (peer === except) continue
      const distance = near ^ (heads[peer] as number)
      let place = found
      while (place > 0) {
        const here = distances[place - 1] as number
        if (distance > here) break
        if (distance === here && !this.isNearer(peer, peers[place - 1] as number)) break
        place--
      }
      if (place === limit) continue
      if (found < limit) found++
      for (let i = found - 1; i > place; i--) {
        peers[i] = peers[i - 1] as number
        distances[i] = distances[i - 1] as number
      }
      peers[place] = peer
      distances[place] = distance
    }
    return found
  }

  /** Which of two is nearer to the target, where 32 bits do not tell. */
  private isNearer(one: PeerRef, other: PeerRef): boolean {
    const { keys } = this.book
    const order = compareDistance(this.target, 0, keys, one * KEY_WORDS, keys, other * KEY_WORDS)
    return order < 0
  }

  private at(row: number, bucket: number): number {
    return (row * this.buckets + bucket) * this.stride
  }

  /** Which seat of the bucket at `at` a peer has; -1 for none. */
  private seatOf(at: number, peer: PeerRef): number {
    const { words } = this
    const count = words[at + COUNT] as number
    for (let seat = 0; seat < count; seat++) if (words[at + PEERS + seat] === peer) return seat
    return -1
  }

  private put(at: number, seat: number, peer: PeerRef, nowMs: number): void {
    this.words[at + PEERS + seat] = peer
    this.words[at + COUNT] = seat + 1
    this.stamp(at, seat, nowMs)
  }

  /** Who of a full bucket has been silent longest, if that is long enough; `NO_PEER` otherwise. */
  private silent(at: number, nowMs: number, ageMs: number): PeerRef {
    const { words, stamps, seats } = this
    const stampsAt = (at + PEERS + seats) * 2
    let oldest = 0
    for (let seat = 1; seat < seats; seat++) {
      if ((stamps[stampsAt + seat] as number) < (stamps[stampsAt + oldest] as number)) oldest = seat
    }
    const silentMs = nowMs - (stamps[stampsAt + oldest] as number) * STAMP_MS
    return silentMs >= ageMs ? (words[at + PEERS + oldest] as number) : NO_PEER
  }

  private stamp(at: number, seat: number, nowMs: number): void {
    this.stamps[(at + PEERS + this.seats) * 2 + seat] = stampOf(nowMs)
  }
}

function stampOf(nowMs: number): number {
  return Math.min(STAMP_MAX, Math.max(1, Math.floor(nowMs / STAMP_MS)))
}
