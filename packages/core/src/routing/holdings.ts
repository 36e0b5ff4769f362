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
import { ANSWERED, BENCHED, DIALLED, EVIDENCE_BYTES, Evidence, MUTE, SPEAKS } from './evidence.ts'
import { Facts } from './facts.ts'
import { Memories } from './memory.ts'
import { Table } from './table.ts'
import { farther } from './walk.ts'

const MEMBER = SPEAKS | DIALLED | ANSWERED

export class Holdings {
  readonly table: Table
  readonly memories: Memories
  /** Where `locate` and `open` found the peer: valid until something is added or removed. */
  evidence: Evidence
  row = -1
  /** The bucket in which the peer belongs; -1 for ourselves and for a stale ref. */
  bucket = -1
  seated = false
  // Whom `row` is of, as long as no row has moved; -1 for nobody.
  private foundNode = -1
  private foundPeer: PeerRef = NO_PEER
  private foundMoves = 0
  private readonly book: PeerBook
  private readonly estimator: Estimator
  private readonly selfKeys: Uint32Array
  private readonly facts = new Facts()
  private readonly scratch: Evidence

  constructor(
    nodes: number,
    config: Config,
    book: PeerBook,
    estimator: Estimator,
    selfKeys: Uint32Array,
    allocate: (bytes: number) => ArrayBufferLike,
  ) {
    const { facts } = this
    this.table = new Table(nodes, config, book, estimator, selfKeys, facts, allocate)
    const peersMax = config.memoryPeersMax
    this.memories = new Memories(nodes, peersMax, book, estimator, selfKeys, facts, allocate)
    this.book = book
    this.estimator = estimator
    this.selfKeys = selfKeys
    const row = new ArrayBuffer(EVIDENCE_BYTES)
    this.scratch = new Evidence(row, true, facts, new Uint32Array(0), 1)
    this.scratch.reset(0, NO_PEER)
    this.evidence = this.scratch
  }

  /** Bytes of the columns for each node. */
  get bytesPerNode(): number {
    return this.table.bytesPerNode + this.memories.bytesPerNode
  }

  /** Bytes of what grows with what is learned. */
  get slabBytes(): number {
    return this.memories.bytes + this.facts.bytes
  }

  /** Finds a peer in the table or the memory. */
  locate(node: number, peer: PeerRef): boolean {
    // One input asks for the same peer again and again.
    if (node === this.foundNode && peer === this.foundPeer && this.foundMoves === this.moves) {
      return true
    }
    const found = this.search(node, peer)
    this.found(found ? node : -1, peer)
    return found
  }

  private search(node: number, peer: PeerRef): boolean {
    this.bucket = this.book.has(peer) ? this.table.bucketOf(node, peer) : -1
    if (this.bucket < 0) return false
    this.row = this.table.find(node, this.bucket, peer)
    this.seated = this.row >= 0
    this.evidence = this.table.evidence
    if (this.seated) return true
    this.row = this.memories.find(node, peer)
    this.evidence = this.memories.evidence
    return this.row >= 0
  }

  /** Finds a peer, or begins to remember it if the memory has room, or makes some from peers scored under `below`. */
  open(node: number, peer: PeerRef, nowS: number, below: number): boolean {
    if (this.locate(node, peer)) return true
    if (this.bucket < 0) return false
    const { memories } = this
    if (!memories.makeRoom(node, nowS, below)) return false
    this.book.pin(peer)
    this.row = memories.add(node, peer)
    this.evidence = memories.evidence
    this.found(node, peer)
    return true
  }

  /** Whether the remembered peer found last could have a seat, if there were one. */
  qualifies(): boolean {
    return qualifies(this.evidence, this.row)
  }

  /** Whether all that the remembered peer found last lacks for a place in the table is that we dial it. */
  lacksDial(node: number): boolean {
    const { evidence: e, row, bucket } = this
    return lacksDial(e, row) && this.hasPlace(node, bucket, e.group(row))
  }

  /** Whether a seat waits for the peer found last, which speaks, but for its first answer in this run. */
  lacksAnswer(node: number): boolean {
    const { evidence: e, row, bucket, seated } = this
    if (seated || (e.flags(row) & (SPEAKS | ANSWERED)) !== SPEAKS) return false
    return this.hasPlace(node, bucket, e.group(row))
  }

  /** Whether a newcomer of an IP group may take a place in a bucket. */
  hasPlace(node: number, bucket: number, group: number): boolean {
    return this.table.hasRoom(node, bucket) && this.table.groupFits(node, bucket, group, -1)
  }

  /** Gives the remembered peer found last a seat, if it qualifies and there is one for it. */
  admit(node: number, nowS: number): void {
    const { evidence: e, row, bucket } = this
    if (!qualifies(e, row)) return
    if (this.hasPlace(node, bucket, e.group(row))) this.raise(node, bucket, row, nowS)
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
    const { memories } = this
    const isBenched = e.is(row, BENCHED)
    if (memories.makeRoom(node, nowS, this.estimator.score(e, row, nowS))) {
      memories.take(node, e, row)
    } else {
      this.book.unpin(e.refs[row] as PeerRef)
      e.release(row)
    }
    this.table.remove(node, bucket, row, isBenched)
  }

  /** Forgets the remembered peer found last if there is nothing to be remembered of it. */
  dropIfBlank(node: number): void {
    const { evidence: e, row } = this
    const known = e.is(row, SPEAKS) || e.isLinked(row)
    if (known || e.successes(row) !== 0 || e.failures(row) !== 0) return
    this.memories.forget(node, row)
  }

  /** Seats a peer that need not have been met, as if it had just answered. False when there is no place for it. */
  place(node: number, peer: PeerRef, group: number, nowS: number): boolean {
    const found = this.locate(node, peer)
    if (found && this.seated) return true
    const { bucket, row } = this
    if (bucket < 0 || !this.hasPlace(node, bucket, group)) return false
    const { scratch, memories } = this
    if (found) {
      scratch.take(0, memories.evidence, row)
      memories.remove(node, row)
    } else {
      scratch.reset(0, peer)
      this.book.pin(peer)
    }
    scratch.setGroup(0, group)
    this.estimator.pardon(scratch, 0)
    this.estimator.success(scratch, 0, nowS)
    scratch.mark(0, MEMBER, MUTE)
    this.seat(node, bucket, nowS)
    return true
  }

  /**
   * Fills an empty bucket with peers in the order of their keys, as `place` would one by one, but without a
   * look at what the memory has of them or at their groups' shares. `groups` and `steps` (of `stepOf`) in their order.
   */
  fill(
    node: number,
    bucket: number,
    peers: Int32Array,
    count: number,
    groups: Int32Array | null,
    steps: Uint8Array | null,
    nowS: number,
  ): void {
    const { table, book } = this
    assert(table.count(node, bucket) === 0, 'only an empty bucket is filled')
    assert(count <= table.goodSeats(bucket), 'a bucket is filled with as many as it holds')
    if (count === 0) return
    const isLast = bucket === table.buckets - 1
    for (let i = 0; i < count; i++) {
      const peer = peers[i] as PeerRef
      assert(i === 0 || book.compare(peers[i - 1] as PeerRef, peer) < 0, 'peers come in key order')
      // Keys of one bucket are neighbours: what lies between two of them belongs there too, but for ourselves.
      if (isLast || i === 0 || i === count - 1) {
        assert(book.has(peer), 'a bucket is filled with peers of the book')
        assert(table.bucketOf(node, peer) === bucket, 'a peer is seated in its bucket')
      }
      book.pin(peer)
    }
    table.fill(node, bucket, peers, count, groups, steps, MEMBER, nowS)
  }

  /** From the memory to the table. There is a place. */
  private raise(node: number, bucket: number, row: number, nowS: number): void {
    const { memories } = this
    this.scratch.take(0, memories.evidence, row)
    memories.remove(node, row)
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
    this.found(node, this.evidence.refs[this.row] as PeerRef)
  }

  /** Where a peer lies now; `node` -1 for nowhere. */
  private found(node: number, peer: PeerRef): void {
    this.foundNode = node
    this.foundPeer = peer
    this.foundMoves = this.moves
  }

  /** Grows whenever a row moves. */
  private get moves(): number {
    return this.table.revision + this.memories.moves
  }

  private bestFor(node: number, bucket: number, nowS: number): number {
    const { evidence: e } = this.memories
    const first = this.memories.first(node)
    const end = first + this.memories.size(node)
    let best = -1
    let bestScore = 0
    let bestPeer = NO_PEER
    for (let row = first; row < end; row++) {
      if (!qualifies(e, row)) continue
      const peer = e.refs[row] as PeerRef
      if (this.table.bucketOf(node, peer) !== bucket) continue
      const score = this.estimator.score(e, row, nowS)
      if (best >= 0 && score < bestScore) continue
      if (best >= 0 && score === bestScore) {
        if (!farther(this.book, this.selfKeys, node, bestPeer, peer)) continue
      }
      if (!this.table.groupFits(node, bucket, e.group(row), -1)) continue
      best = row
      bestScore = score
      bestPeer = peer
    }
    return best
  }
}

function qualifies(e: Evidence, row: number): boolean {
  return (e.flags(row) & (MEMBER | BENCHED)) === MEMBER
}

/** Whether a remembered peer is fit for the table but for being dialled: it speaks, and answered us or is connected. */
export function lacksDial(e: Evidence, row: number): boolean {
  const flags = e.flags(row)
  const wanting = (flags & (SPEAKS | DIALLED | BENCHED)) === SPEAKS
  return wanting && (e.is(row, ANSWERED) || e.isLinked(row))
}
