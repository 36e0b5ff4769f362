/**
 * Which peers a node holds, and where: a seat in the table or a row of its memory. Peers come in through
 * the memory; who qualifies moves to the table when there is room, who loses a seat moves back.
 *
 * A peer qualifies that speaks the protocol, has answered a request in this run, was dialled by us with
 * success, and is not benched. A seat is taken from nobody but a benched peer.
 *
 * Bounded by: the table's seats and `memoryPeersMax` for each node. Each peer held is pinned once for it.
 */
import { assert } from '../assert.ts'
import type { Config } from '../config.ts'
import { NO_PEER, type PeerBook, type PeerRef } from '../peers.ts'
import type { Estimator } from './estimator.ts'
import { ANSWERED, BENCHED, DIALLED, Evidence, MUTE, SPEAKS } from './evidence.ts'
import { PeerMemory } from './memory.ts'
import { Table } from './table.ts'
import { farther, isBefore } from './walk.ts'

const MEMBER = SPEAKS | DIALLED | ANSWERED

export class Holdings {
  readonly table: Table
  /** The memory of each node that has met somebody outside its table. BOUNDED: by nodes. */
  readonly memories: (PeerMemory | undefined)[] = []
  /** Where `locate` and `open` found the peer: valid until something is added or removed. */
  evidence: Evidence
  row = -1
  /** The bucket in which the peer belongs; -1 for ourselves and for a stale ref. */
  bucket = -1
  seated = false
  private readonly nodes: number
  private readonly book: PeerBook
  private readonly estimator: Estimator
  private readonly selfKeys: Uint32Array
  private readonly memoryPeersMax: number
  private readonly scratch: Evidence

  constructor(
    nodes: number,
    config: Config,
    book: PeerBook,
    estimator: Estimator,
    selfKeys: Uint32Array,
    allocate: (bytes: number) => ArrayBufferLike,
  ) {
    this.table = new Table(nodes, config, book, estimator, selfKeys, allocate)
    this.nodes = nodes
    this.book = book
    this.estimator = estimator
    this.selfKeys = selfKeys
    this.memoryPeersMax = config.memoryPeersMax
    this.scratch = new Evidence(1, true, (bytes) => new ArrayBuffer(bytes))
    this.evidence = this.scratch
  }

  get bytes(): number {
    const memories = this.memories.reduce((sum, memory) => sum + (memory?.bytes ?? 0), 0)
    return this.nodes * this.table.bytesPerNode + this.memories.length * 8 + memories
  }

  /** Finds a peer in the table or the memory. */
  locate(node: number, peer: PeerRef): boolean {
    this.bucket = this.book.has(peer) ? this.table.bucketOf(node, peer) : -1
    if (this.bucket < 0) return false
    this.row = this.table.find(node, this.bucket, peer)
    this.seated = this.row >= 0
    this.evidence = this.table.evidence
    if (this.seated) return true
    const memory = this.memories[node]
    if (memory === undefined) return false
    this.row = memory.find(peer)
    this.evidence = memory.evidence
    return this.row >= 0
  }

  /** Finds a peer, or begins to remember it if the memory has room, or makes some from peers scored under `below`. */
  open(node: number, peer: PeerRef, nowS: number, below: number): boolean {
    if (this.locate(node, peer)) return true
    if (this.bucket < 0) return false
    const memory = this.memoryOf(node)
    if (!memory.makeRoom(nowS, below)) return false
    this.book.pin(peer)
    this.row = memory.add(peer, nowS)
    this.evidence = memory.evidence
    return true
  }

  /** Whether the remembered peer found last could have a seat, if there were one. */
  qualifies(): boolean {
    return qualifies(this.evidence, this.row)
  }

  /** Whether all that the remembered peer found last lacks for a place in the table is that we dial it. */
  lacksDial(node: number): boolean {
    const { evidence: e, row, bucket } = this
    return lacksDial(e, row) && this.hasPlace(node, bucket, e.groups[row] as number)
  }

  /** Whether a newcomer of an IP group may take a place in a bucket. */
  hasPlace(node: number, bucket: number, group: number): boolean {
    return this.table.hasRoom(node, bucket) && this.table.groupFits(node, bucket, group, -1)
  }

  /** Gives the remembered peer found last a seat, if it qualifies and there is one for it. */
  admit(node: number, nowS: number): void {
    const { evidence: e, row, bucket } = this
    if (!qualifies(e, row)) return
    if (this.hasPlace(node, bucket, e.groups[row] as number)) this.raise(node, bucket, row, nowS)
  }

  /** Fills the free places of a bucket from the memory, the best first. */
  promote(node: number, bucket: number, nowS: number): void {
    while (this.table.hasRoom(node, bucket)) {
      const row = this.bestFor(node, bucket, nowS)
      if (row < 0) return
      this.raise(node, bucket, row, nowS)
    }
  }

  /** Takes a peer's seat; it is remembered as long as the memory has room for what it is worth. */
  expel(node: number, bucket: number, row: number, nowS: number): void {
    const e = this.table.evidence
    const memory = this.memoryOf(node)
    if (memory.makeRoom(nowS, this.estimator.score(e, row, nowS))) memory.insert(e, row)
    else this.book.unpin(e.refs[row] as PeerRef)
    this.table.remove(node, bucket, row)
  }

  /** Forgets the remembered peer found last if there is nothing to be remembered of it. */
  dropIfBlank(node: number): void {
    const { evidence: e, row } = this
    const known = e.is(row, SPEAKS) || e.isLinked(row)
    if (known || e.successes[row] !== 0 || e.failures[row] !== 0) return
    this.book.unpin(e.refs[row] as PeerRef)
    ;(this.memories[node] as PeerMemory).remove(row)
  }

  /** Seats a peer that need not have been met, as if it had just answered. False when there is no place for it. */
  place(node: number, peer: PeerRef, group: number, nowS: number): boolean {
    const found = this.locate(node, peer)
    if (found && this.seated) return true
    const { bucket, row } = this
    if (bucket < 0 || !this.hasPlace(node, bucket, group)) return false
    if (found) {
      this.scratch.copy(0, this.evidence, row)
      ;(this.memories[node] as PeerMemory).remove(row)
    } else {
      this.scratch.reset(0, peer, nowS)
      this.book.pin(peer)
    }
    this.scratch.groups[0] = group
    this.scratch.backoff[0] = 0 // whatever it is benched for
    this.estimator.success(this.scratch, 0, nowS)
    this.scratch.mark(0, MEMBER, MUTE)
    this.seat(node, bucket, nowS)
    return true
  }

  /**
   * Fills an empty bucket with peers in the order of their keys, as `place` would one by one, but without a
   * look at what the memory has of them or at their groups' shares. `groups` by ref, null for none.
   */
  fill(
    node: number,
    bucket: number,
    peers: Int32Array,
    count: number,
    groups: Int32Array | null,
    nowS: number,
  ): number {
    const { table, book } = this
    assert(table.count(node, bucket) === 0, 'only an empty bucket is filled')
    assert(count <= table.goodSeats(bucket), 'a bucket is filled with as many as it holds')
    for (let i = 0; i < count; i++) {
      const peer = peers[i] as PeerRef
      assert(book.has(peer), 'a bucket is filled with peers of the book')
      const before = i === 0 ? NO_PEER : (peers[i - 1] as PeerRef)
      assert(before === NO_PEER || isBefore(book, before, peer), 'peers come in key order')
      book.pin(peer)
    }
    // Keys of one bucket are neighbours: what lies between two of them belongs there too, but for ourselves.
    const ends = count === 0 ? [] : [peers[0] as PeerRef, peers[count - 1] as PeerRef]
    const isLast = bucket === table.buckets - 1
    for (const peer of isLast ? peers.subarray(0, count) : ends)
      assert(table.bucketOf(node, peer) === bucket, 'a peer is seated in its bucket')
    return table.fill(node, bucket, peers, count, groups, MEMBER, nowS)
  }

  /** From the memory to the table. There is a place. */
  private raise(node: number, bucket: number, row: number, nowS: number): void {
    const memory = this.memories[node] as PeerMemory
    this.scratch.copy(0, memory.evidence, row)
    memory.remove(row)
    this.seat(node, bucket, nowS)
  }

  private seat(node: number, bucket: number, nowS: number): void {
    if (this.table.isFull(node, bucket)) {
      this.expel(node, bucket, this.table.worstBenched(node, bucket, nowS), nowS)
    }
    this.row = this.table.insert(node, bucket, this.scratch, 0)
    this.evidence = this.table.evidence
    this.bucket = bucket
    this.seated = true
  }

  private bestFor(node: number, bucket: number, nowS: number): number {
    const memory = this.memories[node]
    if (memory === undefined) return -1
    const { evidence: e, size } = memory
    let best = -1
    let bestScore = 0
    let bestPeer = NO_PEER
    for (let row = 0; row < size; row++) {
      if (!qualifies(e, row)) continue
      const peer = e.refs[row] as PeerRef
      if (this.table.bucketOf(node, peer) !== bucket) continue
      const score = this.estimator.score(e, row, nowS)
      if (best >= 0 && score < bestScore) continue
      if (best >= 0 && score === bestScore) {
        if (!farther(this.book, this.selfKeys, node, bestPeer, peer)) continue
      }
      if (!this.table.groupFits(node, bucket, e.groups[row] as number, -1)) continue
      best = row
      bestScore = score
      bestPeer = peer
    }
    return best
  }

  private memoryOf(node: number): PeerMemory {
    let memory = this.memories[node]
    if (memory === undefined) {
      const { book, estimator, selfKeys } = this
      memory = new PeerMemory(node, this.memoryPeersMax, book, estimator, selfKeys)
      this.memories[node] = memory
    }
    return memory
  }
}

function qualifies(e: Evidence, row: number): boolean {
  return ((e.flags[row] as number) & (MEMBER | BENCHED)) === MEMBER
}

/** Whether a remembered peer is fit for the table but for being dialled: it speaks, and answered us or is connected. */
export function lacksDial(e: Evidence, row: number): boolean {
  const flags = e.flags[row] as number
  const wanting = (flags & (SPEAKS | DIALLED | BENCHED)) === SPEAKS
  return wanting && (e.is(row, ANSWERED) || e.isLinked(row))
}
