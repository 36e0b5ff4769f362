/**
 * A plain model of a whole network for tests of lookups: N nodes with random 256-bit keys, a share of
 * them dead, and for each a self-centred table with buckets of 20 that an oracle has filled: all
 * members of a bucket's range when it has at most 20, else 20 at random. Dead nodes stand in tables
 * like all others, as they do in a network that nobody has cleaned.
 *
 * A node is its rank in key order, so that a bucket is a contiguous range of nodes: all those that
 * share the first i bits with a node and differ in the next.
 */
import { commonPrefixLength, compareDistance, copyKey, KEY_WORDS, Random } from '@kadmium/core'

export interface NetworkInit {
  nodes: number
  /** Dead nodes, in percent of all. */
  deadPercent: number
  seed: number
}

const BUCKET_SIZE = 20

/** Longest prefix that two of a million random keys may share, with a wide margin. */
const BUCKETS_MAX = 64

export class Network {
  readonly size: number
  /** Keys in ascending order, eight words each: of node i at `keys[i * 8 ...]`. */
  readonly keys: Uint32Array
  private readonly dead: Uint8Array
  /** Entries of bucket b of node i: `entries[starts[i * 65 + b] ... starts[i * 65 + b + 1])`. */
  private readonly starts: Int32Array
  private entries: Int32Array
  private readonly nearest: Nearest

  constructor(init: NetworkInit) {
    const random = new Random(init.seed)
    this.size = init.nodes
    this.keys = sortedKeys(init.nodes, random)
    this.dead = chosen(init.nodes, Math.round((init.nodes * init.deadPercent) / 100), random)
    this.starts = new Int32Array(init.nodes * (BUCKETS_MAX + 1))
    this.entries = new Int32Array(init.nodes * BUCKET_SIZE)
    this.nearest = new Nearest(this.keys)
    let used = 0
    for (let node = 0; node < init.nodes; node++) used = this.fillTable(node, used, random)
  }

  isDead(node: number): boolean {
    return this.dead[node] === 1
  }

  /** A live node. */
  liveNode(random: Random): number {
    for (;;) {
      const node = random.below(this.size)
      if (!this.isDead(node)) return node
    }
  }

  /** What a node answers to FIND_NODE: up to `count` entries of its table, nearest to the target first. */
  closest(
    node: number,
    target: Uint32Array,
    targetAt: number,
    count: number,
    out: Int32Array,
  ): number {
    const prefix = commonPrefixLength(this.keys, node * KEY_WORDS, target, targetAt)
    const own = Math.min(prefix, BUCKETS_MAX)
    const nearest = this.nearest.begin(target, targetAt, count)
    // Everything in the target's own bucket is nearer than everything in the deeper ones, and those
    // are nearer than the shallower ones, deepest first.
    if (own < BUCKETS_MAX) this.offerBuckets(node, own, own + 1)
    if (!nearest.full) this.offerBuckets(node, own + 1, BUCKETS_MAX)
    for (let b = own - 1; b >= 0 && !nearest.full; b--) this.offerBuckets(node, b, b + 1)
    return nearest.take(out)
  }

  /** The truth: the `count` live nodes nearest to a target, without `except`. */
  nearestLive(
    target: Uint32Array,
    targetAt: number,
    count: number,
    except: number,
    out: Int32Array,
  ): number {
    // Go up from the narrowest range around the target until one holds enough live nodes.
    const ranges: [number, number][] = [[0, this.size]]
    for (let depth = 0; depth < BUCKETS_MAX; depth++) {
      const [low, high] = ranges[depth] as [number, number]
      const middle = this.split(low, high, depth)
      const bit = ((target[targetAt + (depth >>> 5)] as number) >>> (31 - (depth & 31))) & 1
      ranges.push(bit === 1 ? [middle, high] : [low, middle])
    }
    for (let depth = BUCKETS_MAX; ; depth--) {
      const [low, high] = ranges[depth] as [number, number]
      const nearest = this.nearest.begin(target, targetAt, count)
      for (let node = low; node < high; node++)
        if (!this.isDead(node) && node !== except) nearest.offer(node)
      if (nearest.full || depth === 0) return nearest.take(out)
    }
  }

  private offerBuckets(node: number, from: number, to: number): void {
    const row = node * (BUCKETS_MAX + 1)
    const end = this.starts[row + to] as number
    for (let i = this.starts[row + from] as number; i < end; i++)
      this.nearest.offer(this.entries[i] as number)
  }

  private fillTable(node: number, from: number, random: Random): number {
    const row = node * (BUCKETS_MAX + 1)
    let used = from
    let low = 0
    let high = this.size
    for (let depth = 0; depth < BUCKETS_MAX; depth++) {
      this.starts[row + depth] = used
      if (high - low > 1) {
        const middle = this.split(low, high, depth)
        used =
          node < middle
            ? this.draw(middle, high, used, random)
            : this.draw(low, middle, used, random)
        if (node < middle) high = middle
        else low = middle
      }
    }
    this.starts[row + BUCKETS_MAX] = used
    return used
  }

  /** Writes up to 20 different nodes of a range to the end of `entries` (Floyd's sampling). */
  private draw(low: number, high: number, from: number, random: Random): number {
    if (from + BUCKET_SIZE > this.entries.length) {
      const wider = new Int32Array(this.entries.length * 2)
      wider.set(this.entries)
      this.entries = wider
    }
    const count = Math.min(high - low, BUCKET_SIZE)
    for (let i = 0; i < count; i++) {
      const last = high - count + i
      let node = count === high - low ? last : low + random.below(last - low + 1)
      for (let j = 0; j < i; j++) if (this.entries[from + j] === node) node = last
      this.entries[from + i] = node
    }
    return from + count
  }

  /** The first node of a range, all of which share `depth` bits, whose next bit is set. */
  private split(low: number, high: number, depth: number): number {
    const word = depth >>> 5
    const shift = 31 - (depth & 31)
    let from = low
    let to = high
    while (from < to) {
      const middle = (from + to) >>> 1
      if ((((this.keys[middle * KEY_WORDS + word] as number) >>> shift) & 1) === 1) to = middle
      else from = middle + 1
    }
    return from
  }
}

/** The nearest of the nodes it is offered, sorted by insertion; for lists of some tens. */
class Nearest {
  private readonly keys: Uint32Array
  private target: Uint32Array = new Uint32Array(KEY_WORDS)
  private targetAt = 0
  private limit = 0
  private count = 0
  private readonly nodes: number[] = [] // BOUNDED: by limit
  /** The first 53 bits of each distance, as a whole number. */
  private readonly distances: number[] = [] // BOUNDED: by limit

  constructor(keys: Uint32Array) {
    this.keys = keys
  }

  begin(target: Uint32Array, targetAt: number, limit: number): this {
    this.target = target
    this.targetAt = targetAt
    this.limit = limit
    this.count = 0
    return this
  }

  get full(): boolean {
    return this.count === this.limit
  }

  offer(node: number): void {
    const at = node * KEY_WORDS
    const high = ((this.keys[at] as number) ^ (this.target[this.targetAt] as number)) >>> 0
    const low = ((this.keys[at + 1] as number) ^ (this.target[this.targetAt + 1] as number)) >>> 11
    const distance = high * 0x20_0000 + low
    if (this.full && this.isNearer(this.limit - 1, distance, node)) return
    let i = this.full ? this.limit - 1 : this.count++
    while (i > 0 && !this.isNearer(i - 1, distance, node)) {
      this.nodes[i] = this.nodes[i - 1] as number
      this.distances[i] = this.distances[i - 1] as number
      i--
    }
    this.nodes[i] = node
    this.distances[i] = distance
  }

  take(out: Int32Array): number {
    for (let i = 0; i < this.count; i++) out[i] = this.nodes[i] as number
    return this.count
  }

  /** Whether the node at a place is nearer than another one at a distance. */
  private isNearer(place: number, distance: number, node: number): boolean {
    const here = this.distances[place] as number
    if (here !== distance) return here < distance
    const hereAt = (this.nodes[place] as number) * KEY_WORDS
    const at = node * KEY_WORDS
    return compareDistance(this.target, this.targetAt, this.keys, hereAt, this.keys, at) < 0
  }
}

function sortedKeys(count: number, random: Random): Uint32Array {
  const drawn = new Uint32Array(count * KEY_WORDS)
  for (let i = 0; i < drawn.length; i++) drawn[i] = random.word()
  const zero = new Uint32Array(KEY_WORDS)
  const order = Array.from({ length: count }, (_, i) => i * KEY_WORDS)
  order.sort((a, b) => compareDistance(zero, 0, drawn, a, drawn, b))
  const keys = new Uint32Array(drawn.length)
  for (let i = 0; i < count; i++) copyKey(drawn, order[i] as number, keys, i * KEY_WORDS)
  return keys
}

/** Marks `count` of `size` nodes, each choice equally likely. */
function chosen(size: number, count: number, random: Random): Uint8Array {
  const marks = new Uint8Array(size)
  for (let last = size - count; last < size; last++) {
    const node = random.below(last + 1)
    marks[marks[node] === 1 ? last : node] = 1
  }
  return marks
}
