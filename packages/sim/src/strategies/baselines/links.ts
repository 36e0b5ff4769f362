/**
 * Who of a column's nodes is connected to whom: a set of (row, peer) in one open-addressing table, so that a node without
 * connections costs nothing. Bounded by: the connections that the host keeps open.
 */
import type { PeerRef } from '@kadmium/core'

const EMPTY = -1

export class Links {
  private rows: Int32Array = new Int32Array(1024).fill(EMPTY)
  private peers: Int32Array = new Int32Array(1024)
  private used = 0

  get bytes(): number {
    return this.rows.byteLength + this.peers.byteLength
  }

  has(row: number, peer: PeerRef): boolean {
    return this.rows[this.slot(row, peer)] !== EMPTY
  }

  add(row: number, peer: PeerRef): void {
    const at = this.slot(row, peer)
    if (this.rows[at] !== EMPTY) return
    this.rows[at] = row
    this.peers[at] = peer
    this.used++
    if (this.used * 2 > this.rows.length) this.grow()
  }

  remove(row: number, peer: PeerRef): void {
    let hole = this.slot(row, peer)
    if (this.rows[hole] === EMPTY) return
    this.used--
    const mask = this.rows.length - 1
    // Later members of the same run move up, so that no search stops short of them.
    for (let at = (hole + 1) & mask; this.rows[at] !== EMPTY; at = (at + 1) & mask) {
      const home = this.home(this.rows[at] as number, this.peers[at] as number)
      if (((at - home) & mask) < ((at - hole) & mask)) continue
      this.rows[hole] = this.rows[at] as number
      this.peers[hole] = this.peers[at] as number
      hole = at
    }
    this.rows[hole] = EMPTY
  }

  private home(row: number, peer: PeerRef): number {
    let mixed = Math.imul(row, 0x9e3779b1) ^ Math.imul(peer, 0x85ebca77)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d)
    return (mixed ^ (mixed >>> 13)) & (this.rows.length - 1)
  }

  private slot(row: number, peer: PeerRef): number {
    const mask = this.rows.length - 1
    let at = this.home(row, peer)
    while (this.rows[at] !== EMPTY && (this.rows[at] !== row || this.peers[at] !== peer)) {
      at = (at + 1) & mask
    }
    return at
  }

  private grow(): void {
    const { rows, peers } = this
    this.rows = new Int32Array(rows.length * 2).fill(EMPTY)
    this.peers = new Int32Array(rows.length * 2)
    for (let at = 0; at < rows.length; at++) {
      if (rows[at] === EMPTY) continue
      const to = this.slot(rows[at] as number, peers[at] as number)
      this.rows[to] = rows[at] as number
      this.peers[to] = peers[at] as number
    }
  }
}
