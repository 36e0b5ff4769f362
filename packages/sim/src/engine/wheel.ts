/**
 * What is to happen when: events by whole milliseconds of simulated time, in two wheels of slots, and a list of those
 * that lie beyond both. An event is five integers; what happens within one millisecond is put in an order that depends
 * on the events alone, never on who added them first: by node, kind, source and the source's own sequence.
 *
 * Times are whole ms, 0..`LAST_MS`; what is to happen later than that is not kept, since no run lasts so long.
 *
 * Bounded by: what is scheduled; the slab doubles and its rows are used again.
 */

/** The last time that there is, ms: 24 days. */
export const LAST_MS: number = 2 ** 31 - 1

const FINE_BITS = 13
const FINE = 1 << FINE_BITS
const FINE_MASK = FINE - 1
const COARSE = 1 << 13
const END = -1

/** More events than one millisecond has. */
const INDEX_SPAN = 0x100_0000

/** Room for so many at the start. */
const START_ROWS = 1024

export class Wheel {
  /** The millisecond that is taken out next: all before it is over. */
  nowMs: number
  /** Events scheduled. */
  size = 0
  private readonly fine = new Int32Array(FINE).fill(END)
  private readonly coarse = new Int32Array(COARSE).fill(END)
  private beyond = END
  // The slab; rows are linked by `next`, free ones too.
  private next = new Int32Array(START_ROWS)
  private atMs = new Int32Array(START_ROWS)
  private nodes = new Int32Array(START_ROWS)
  private kinds = new Int32Array(START_ROWS)
  private sources = new Int32Array(START_ROWS)
  private sequences = new Int32Array(START_ROWS)
  private payloads = new Int32Array(START_ROWS)
  private free = END
  private rows = 0
  private order = new Float64Array(64) // scratch
  private due = new Int32Array(64) // rows taken out last
  private held = 0
  private scratch = new Int32Array(64)

  constructor(nowMs: number) {
    this.nowMs = nowMs
  }

  /**
   * At `atMs` (not before `nowMs`, and never if after `LAST_MS`) this happens to a node. `payload` goes along and orders
   * nothing.
   */
  add(
    atMs: number,
    node: number,
    kind: number,
    source: number,
    sequence: number,
    payload: number,
  ): void {
    if (atMs > LAST_MS) return
    const row = this.take()
    this.atMs[row] = Math.max(atMs, this.nowMs)
    this.nodes[row] = node
    this.kinds[row] = kind
    this.sources[row] = source
    this.sequences[row] = sequence
    this.payloads[row] = payload
    this.size++
    this.link(row)
  }

  /**
   * Takes out all events of the present millisecond and moves on to the next; they are read by `node`, `kind`, `source`,
   * `sequence` and `payload` with 0..count-1 until the next call. Events added meanwhile come later. Returns how many.
   */
  advance(): number {
    this.release()
    const slot = this.nowMs & FINE_MASK
    let count = 0
    for (let row = this.fine[slot] as number; row !== END; row = this.next[row] as number) {
      if (count === this.due.length) this.widen()
      this.due[count++] = row
    }
    this.fine[slot] = END
    this.size -= count
    if (count > 1) this.sort(count)
    this.held = count
    this.nowMs++
    if ((this.nowMs & FINE_MASK) === 0) this.refill()
    return count
  }

  node(index: number): number {
    return this.nodes[this.due[index] as number] as number
  }

  kind(index: number): number {
    return this.kinds[this.due[index] as number] as number
  }

  source(index: number): number {
    return this.sources[this.due[index] as number] as number
  }

  sequence(index: number): number {
    return this.sequences[this.due[index] as number] as number
  }

  payload(index: number): number {
    return this.payloads[this.due[index] as number] as number
  }

  /** Bytes of the slab and the slots. */
  get bytes(): number {
    return this.next.length * 28 + (FINE + COARSE) * 4
  }

  private link(row: number): void {
    const turn = this.turnOf(this.atMs[row] as number)
    const now = this.turnOf(this.nowMs)
    if (turn === now) {
      const slot = (this.atMs[row] as number) & FINE_MASK
      this.next[row] = this.fine[slot] as number
      this.fine[slot] = row
    } else if (turn - now < COARSE) {
      const slot = turn & (COARSE - 1)
      this.next[row] = this.coarse[slot] as number
      this.coarse[slot] = row
    } else {
      this.next[row] = this.beyond
      this.beyond = row
    }
  }

  private turnOf(atMs: number): number {
    return atMs >>> FINE_BITS
  }

  /** A turn of the fine wheel begins: what lies in it moves there. */
  private refill(): void {
    const slot = this.turnOf(this.nowMs) & (COARSE - 1)
    this.relink(this.coarse[slot] as number, () => {
      this.coarse[slot] = END
    })
    if (slot === 0) {
      this.relink(this.beyond, () => {
        this.beyond = END
      })
    }
  }

  private relink(first: number, clear: () => void): void {
    clear()
    for (let row = first; row !== END; ) {
      const next = this.next[row] as number
      this.link(row)
      row = next
    }
  }

  /** By node with the engine's own numeric sort; the few that are of one node by all of their parts. */
  private sort(count: number): void {
    const { due, order, nodes, scratch } = this
    for (let i = 0; i < count; i++) {
      scratch[i] = due[i] as number
      order[i] = (nodes[due[i] as number] as number) * INDEX_SPAN + i
    }
    const sorted = order.subarray(0, count).sort()
    for (let i = 0; i < count; i++) due[i] = scratch[(sorted[i] as number) % INDEX_SPAN] as number
    for (let i = 1; i < count; i++) {
      const row = due[i] as number
      let at = i
      while (at > 0 && this.isBefore(row, due[at - 1] as number)) {
        due[at] = due[at - 1] as number
        at--
      }
      due[at] = row
    }
  }

  private isBefore(a: number, b: number): boolean {
    const { nodes, kinds, sources, sequences } = this
    if (nodes[a] !== nodes[b]) return (nodes[a] as number) < (nodes[b] as number)
    if (kinds[a] !== kinds[b]) return (kinds[a] as number) < (kinds[b] as number)
    if (sources[a] !== sources[b]) return (sources[a] as number) < (sources[b] as number)
    return (sequences[a] as number) < (sequences[b] as number)
  }

  private take(): number {
    if (this.free !== END) {
      const row = this.free
      this.free = this.next[row] as number
      return row
    }
    if (this.rows === this.next.length) this.grow()
    return this.rows++
  }

  /** Rows taken out stay readable until the next `advance`, which gives them back. */
  private release(): void {
    for (let i = 0; i < this.held; i++) {
      const row = this.due[i] as number
      this.next[row] = this.free
      this.free = row
    }
    this.held = 0
  }

  private grow(): void {
    const rows = this.next.length * 2
    const wider = (column: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> => {
      const grown = new Int32Array(rows)
      grown.set(column)
      return grown
    }
    this.next = wider(this.next)
    this.atMs = wider(this.atMs)
    this.nodes = wider(this.nodes)
    this.kinds = wider(this.kinds)
    this.sources = wider(this.sources)
    this.sequences = wider(this.sequences)
    this.payloads = wider(this.payloads)
  }

  private widen(): void {
    const due = new Int32Array(this.due.length * 2)
    due.set(this.due)
    this.due = due
    this.order = new Float64Array(due.length)
    this.scratch = new Int32Array(due.length)
  }
}
