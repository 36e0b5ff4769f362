/**
 * js's table: not centred on the node but a trie of the whole key space, at most 64 leaves of 20 by the first six bits. What
 * it holds it keeps: only newcomers to a full leaf cause members to be looked at (peers.md §3.3).
 *
 * Bounded by: 1,280 seats a row, 6 B each, allocated at once.
 */
import { KEY_WORDS, type PeerBook, type PeerRef } from '@kadmium/core'
import { Nearest } from './nearest.ts'

export const LEAF_BITS = 6
const LEAVES: number = 1 << LEAF_BITS
const STAMP_MS = 10_000

export class TrieTable {
  readonly seatsPerLeaf: number
  private readonly book: PeerBook
  private readonly peers: Int32Array
  private readonly stamps: Uint16Array
  private readonly counts: Uint8Array
  private readonly nearest: Nearest

  constructor(book: PeerBook, rows: number, seatsPerLeaf: number) {
    this.book = book
    this.seatsPerLeaf = seatsPerLeaf
    this.peers = new Int32Array(rows * LEAVES * seatsPerLeaf)
    this.stamps = new Uint16Array(this.peers.length)
    this.counts = new Uint8Array(rows * LEAVES)
    this.nearest = new Nearest(book, 64)
  }

  get bytes(): number {
    return this.peers.byteLength + this.stamps.byteLength + this.counts.byteLength
  }

  isEmpty(row: number): boolean {
    for (let leaf = 0; leaf < LEAVES; leaf++)
      if (this.counts[row * LEAVES + leaf] !== 0) return false
    return true
  }

  has(row: number, peer: PeerRef): boolean {
    return this.find(row, peer) >= 0
  }

  isFull(row: number, peer: PeerRef): boolean {
    return this.counts[this.leafOf(row, peer)] === this.seatsPerLeaf
  }

  /** Seats a peer that has just been pinged with success. False where its leaf is full. */
  add(row: number, peer: PeerRef, nowMs: number): boolean {
    const seat = this.find(row, peer)
    if (seat >= 0) {
      this.stamps[seat] = stampOf(nowMs)
      return true
    }
    const leaf = this.leafOf(row, peer)
    const count = this.counts[leaf] as number
    if (count === this.seatsPerLeaf) return false
    this.peers[leaf * this.seatsPerLeaf + count] = peer
    this.stamps[leaf * this.seatsPerLeaf + count] = stampOf(nowMs)
    this.counts[leaf] = count + 1
    return true
  }

  remove(row: number, peer: PeerRef): void {
    const seat = this.find(row, peer)
    if (seat < 0) return
    const leaf = this.leafOf(row, peer)
    const count = (this.counts[leaf] as number) - 1
    const last = leaf * this.seatsPerLeaf + count
    this.peers[seat] = this.peers[last] as number
    this.stamps[seat] = this.stamps[last] as number
    this.counts[leaf] = count
  }

  /** The members of a peer's leaf that were pinged longest ago, and not since `beforeMs`; at most as many as `out` holds. */
  stalest(row: number, peer: PeerRef, beforeMs: number, out: Int32Array): number {
    const begin = this.leafOf(row, peer) * this.seatsPerLeaf
    const end = begin + (this.counts[begin / this.seatsPerLeaf] as number)
    let chosen = 0
    while (chosen < out.length) {
      let oldest = -1
      for (let seat = begin; seat < end; seat++) {
        const isOld = (this.stamps[seat] as number) * STAMP_MS < beforeMs
        if (!isOld || out.subarray(0, chosen).includes(this.peers[seat] as number)) continue
        const isOlder =
          oldest < 0 || (this.stamps[seat] as number) < (this.stamps[oldest] as number)
        if (isOlder) oldest = seat
      }
      if (oldest < 0) break
      out[chosen++] = this.peers[oldest] as number
    }
    return chosen
  }

  members(row: number, out: Int32Array): number {
    let written = 0
    for (let leaf = row * LEAVES; leaf < (row + 1) * LEAVES; leaf++) {
      const begin = leaf * this.seatsPerLeaf
      for (let i = 0; i < (this.counts[leaf] as number) && written < out.length; i++) {
        out[written++] = this.peers[begin + i] as number
      }
    }
    return written
  }

  /** The nearest of the whole table: leaves in the order of their distance, until there are enough. */
  closest(
    row: number,
    key: Uint32Array,
    keyAt: number,
    count: number,
    except: PeerRef,
    out: Int32Array,
  ): number {
    const own = (key[keyAt] as number) >>> (32 - LEAF_BITS)
    const nearest = this.nearest.begin(key, keyAt, count)
    for (let away = 0; away < LEAVES && !nearest.full; away++) {
      const leaf = row * LEAVES + (own ^ away)
      const begin = leaf * this.seatsPerLeaf
      for (let i = 0; i < (this.counts[leaf] as number); i++) {
        const peer = this.peers[begin + i] as number
        if (peer !== except) nearest.offer(peer)
      }
    }
    return nearest.take(out)
  }

  private leafOf(row: number, peer: PeerRef): number {
    return row * LEAVES + ((this.book.keys[peer * KEY_WORDS] as number) >>> (32 - LEAF_BITS))
  }

  private find(row: number, peer: PeerRef): number {
    const leaf = this.leafOf(row, peer)
    const begin = leaf * this.seatsPerLeaf
    const end = begin + (this.counts[leaf] as number)
    for (let seat = begin; seat < end; seat++) if (this.peers[seat] === peer) return seat
    return -1
  }
}

function stampOf(nowMs: number): number {
  return Math.min(0xffff, Math.floor(nowMs / STAMP_MS))
}
