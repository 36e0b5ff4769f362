/**
 * Which of a worker's nodes hold a connection to whom, each side for itself: a slab with a chain for each node and one
 * for each hash of (node, peer).
 *
 * Bounded by: `connectionsMax` for each node; the longest idle one makes room.
 */

/** A dial is under way; the connection counts as open from `readyMs` on, if the peer is there. */
export const DIALLING = 1
/** We opened it. */
export const DIALLED = 2

const END = -1
const START_ROWS = 256
const START_HEADS = 1024

export class Connections {
  /** Connections of all nodes. */
  size = 0
  flags: Uint8Array<ArrayBuffer> = new Uint8Array(START_ROWS)
  /** From when on messages can go over it. */
  readyMs: Int32Array<ArrayBuffer> = new Int32Array(START_ROWS)
  /** When a message last went or came over it. */
  usedMs: Int32Array<ArrayBuffer> = new Int32Array(START_ROWS)
  /** When its idle timer runs out; a timer of another time is void. */
  timerMs: Int32Array<ArrayBuffer> = new Int32Array(START_ROWS)
  /** Of which node's connections this is one. */
  nodes: Int32Array<ArrayBuffer> = new Int32Array(START_ROWS)
  peers: Int32Array<ArrayBuffer> = new Int32Array(START_ROWS)
  private nextOfNode = new Int32Array(START_ROWS)
  private previousOfNode = new Int32Array(START_ROWS)
  private nextOfHash = new Int32Array(START_ROWS)
  private heads = new Int32Array(START_HEADS).fill(END)
  private readonly nodeHeads: Int32Array
  private readonly counts: Uint16Array
  private rows = 0
  private free = END

  constructor(nodes: number) {
    this.nodeHeads = new Int32Array(nodes).fill(END)
    this.counts = new Uint16Array(nodes)
  }

  /** The row of a connection, -1 for none. */
  find(node: number, peer: number): number {
    let row = this.heads[this.hash(node, peer)] as number
    while (row !== END && (this.nodes[row] !== node || this.peers[row] !== peer)) {
      row = this.nextOfHash[row] as number
    }
    return row
  }

  count(node: number): number {
    return this.counts[node] as number
  }

  /** The first of a node's connections, -1 for none; the others follow by `after`. */
  first(node: number): number {
    return this.nodeHeads[node] as number
  }

  after(row: number): number {
    return this.nextOfNode[row] as number
  }

  /** The node's connection that was used longest ago and is open; -1 for none. */
  longestIdle(node: number): number {
    let oldest = END
    for (let row = this.first(node); row !== END; row = this.after(row)) {
      if (((this.flags[row] as number) & DIALLING) !== 0) continue
      if (oldest === END || (this.usedMs[row] as number) < (this.usedMs[oldest] as number)) {
        oldest = row
      }
    }
    return oldest
  }

  /** Adds a connection that is not there yet. Returns its row. */
  add(node: number, peer: number, flags: number, readyMs: number, usedMs: number): number {
    if (this.size >= this.heads.length) this.rehash()
    const row = this.take()
    this.nodes[row] = node
    this.peers[row] = peer
    this.flags[row] = flags
    this.readyMs[row] = readyMs
    this.usedMs[row] = usedMs
    this.timerMs[row] = 0
    const hash = this.hash(node, peer)
    this.nextOfHash[row] = this.heads[hash] as number
    this.heads[hash] = row
    const first = this.nodeHeads[node] as number
    this.nextOfNode[row] = first
    this.previousOfNode[row] = END
    if (first !== END) this.previousOfNode[first] = row
    this.nodeHeads[node] = row
    this.counts[node] = (this.counts[node] as number) + 1
    this.size++
    return row
  }

  remove(row: number): void {
    const node = this.nodes[row] as number
    const hash = this.hash(node, this.peers[row] as number)
    let before = END
    let here = this.heads[hash] as number
    while (here !== row) {
      before = here
      here = this.nextOfHash[here] as number
    }
    const following = this.nextOfHash[row] as number
    if (before === END) this.heads[hash] = following
    else this.nextOfHash[before] = following
    const next = this.nextOfNode[row] as number
    const previous = this.previousOfNode[row] as number
    if (next !== END) this.previousOfNode[next] = previous
    if (previous === END) this.nodeHeads[node] = next
    else this.nextOfNode[previous] = next
    this.counts[node] = (this.counts[node] as number) - 1
    this.size--
    this.nodes[row] = END
    this.nextOfHash[row] = this.free
    this.free = row
  }

  /** Bytes of the slab and of the chains. */
  get bytes(): number {
    return this.peers.length * 33 + this.heads.length * 4 + this.nodeHeads.length * 6
  }

  private hash(node: number, peer: number): number {
    const mixed = Math.imul(node ^ Math.imul(peer, 0x9e3779b1), 0x85ebca6b)
    return (mixed ^ (mixed >>> 15)) & (this.heads.length - 1)
  }

  private take(): number {
    if (this.free !== END) {
      const row = this.free
      this.free = this.nextOfHash[row] as number
      return row
    }
    if (this.rows === this.peers.length) this.grow()
    return this.rows++
  }

  private rehash(): void {
    this.heads = new Int32Array(this.heads.length * 2).fill(END)
    for (let row = 0; row < this.rows; row++) {
      const node = this.nodes[row] as number
      if (node === END) continue
      const hash = this.hash(node, this.peers[row] as number)
      this.nextOfHash[row] = this.heads[hash] as number
      this.heads[hash] = row
    }
  }

  private grow(): void {
    const rows = this.peers.length * 2
    const wider = (column: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> => {
      const grown = new Int32Array(rows)
      grown.set(column)
      return grown
    }
    const flags = new Uint8Array(rows)
    flags.set(this.flags)
    this.flags = flags
    this.readyMs = wider(this.readyMs)
    this.usedMs = wider(this.usedMs)
    this.timerMs = wider(this.timerMs)
    this.nodes = wider(this.nodes)
    this.peers = wider(this.peers)
    this.nextOfNode = wider(this.nextOfNode)
    this.previousOfNode = wider(this.previousOfNode)
    this.nextOfHash = wider(this.nextOfHash)
  }
}
