/**
 * Who there is in a network that stands still: N nodes with random keys, a share of them dead, places that give round trips,
 * and tables filled with random members of each sibling subtree, dead ones too.
 */
import { KEY_WORDS, NO_PEER, PeerBook, type PeerRef, Random } from '@kadmium/core'
import type { Column, Strategy, StrategyInit, Truth } from '../src/strategies/strategy.ts'

export interface StaticNetworkInit {
  nodes: number
  deadPercent: number
  seed: number
  /** Mean round trip, ms. Default 100. */
  rttMs?: number
  /** Round trips go by places in a square, as `truth` tells them, instead of at random. Default false. */
  places?: boolean
  /** Time after which a dial of a dead peer fails, ms. Default eight mean round trips. */
  dialFailsMs?: number
}

export class StaticWorld {
  readonly size: number
  readonly book: PeerBook
  readonly truth: Truth
  protected readonly random: Random
  private readonly dead: Uint8Array
  private readonly spots: Float64Array

  constructor(init: StaticNetworkInit) {
    this.random = new Random(init.seed)
    this.size = init.nodes
    this.book = new PeerBook({ keys: sortedKeys(init.nodes, this.random), fixed: true })
    this.dead = new Uint8Array(init.nodes)
    for (let left = Math.round((init.nodes * init.deadPercent) / 100); left > 0; ) {
      const node = this.random.below(init.nodes)
      if (this.dead[node] === 1) continue
      this.dead[node] = 1
      left--
    }
    this.spots = Float64Array.from({ length: init.nodes * 2 }, () => this.random.below(1000) / 1000)
    this.truth = {
      isReachable: (peer) => this.dead[peer] === 0,
      rttMs: (a, b) => this.distanceMs(a, b),
      closestLive: (key, keyAt, count, _nowMs, out) => this.closestLive(key, keyAt, count, out),
    }
  }

  /** Columns of a strategy over all nodes; those that answer are told by `serveBy`. */
  column(
    strategy: Strategy,
    options: Record<string, unknown> = {},
    changes: Partial<StrategyInit> = {},
  ): Column {
    return strategy.create({
      book: this.book,
      first: 0,
      count: this.size,
      seed: 1,
      isServer: () => true,
      ipGroup: () => 0,
      truth: this.truth,
      options,
      ...changes,
    })
  }

  /** Fills a node's table: random members of each sibling subtree, dead or not. `seats`: at most so many a bucket. */
  fill(column: Column, row: number, seats = Number.POSITIVE_INFINITY): void {
    let low = 0
    let high = this.size
    for (let bucket = 0; high - low > 1; bucket++) {
      const middle = this.split(low, high, bucket)
      const isLow = row < middle
      const drawn = isLow
        ? this.draw(middle, high, column, bucket, seats)
        : this.draw(low, middle, column, bucket, seats)
      if (drawn.length > 0) column.seat(row, bucket, drawn, drawn.length, 0, null)
      if (isLow) high = middle
      else low = middle
    }
  }

  isDead(peer: PeerRef): boolean {
    return this.dead[peer] === 1
  }

  liveNode(random: Random): PeerRef {
    for (;;) {
      const node = random.below(this.size)
      if (!this.isDead(node)) return node
    }
  }

  protected distanceMs(a: PeerRef, b: PeerRef): number {
    const { spots } = this
    const x = (spots[a * 2] as number) - (spots[b * 2] as number)
    const y = (spots[a * 2 + 1] as number) - (spots[b * 2 + 1] as number)
    return 10 + 200 * Math.hypot(x, y)
  }

  /** The nearest live ones: the narrowest range around the key that holds enough is sorted. */
  closestLive(
    key: Uint32Array,
    keyAt: number,
    count: number,
    out: Int32Array,
    except: PeerRef = NO_PEER,
  ): number {
    const { keys } = this.book
    const ranges: [number, number][] = [[0, this.size]]
    for (let depth = 0; depth < 40; depth++) {
      const [low, high] = ranges[depth] as [number, number]
      const middle = this.split(low, high, depth)
      const bit = ((key[keyAt + (depth >>> 5)] as number) >>> (31 - (depth & 31))) & 1
      ranges.push(bit === 1 ? [middle, high] : [low, middle])
    }
    for (let depth = 40; ; depth--) {
      const [low, high] = ranges[depth] as [number, number]
      const live: [number, number][] = []
      for (let node = low; node < high; node++) {
        const isMeant = !this.isDead(node) && node !== except
        if (isMeant) live.push([xor(key, keyAt, keys, node * KEY_WORDS), node])
      }
      if (live.length < count && depth > 0) continue
      live.sort((a, b) => a[0] - b[0])
      for (let i = 0; i < Math.min(count, live.length); i++)
        out[i] = (live[i] as [number, number])[1]
      return Math.min(count, live.length)
    }
  }

  private draw(
    low: number,
    high: number,
    column: Column,
    bucket: number,
    seats: number,
  ): Int32Array {
    const count = Math.min(high - low, column.bucketSeats(bucket), seats)
    const chosen = new Set<number>()
    for (let i = high - low - count; i < high - low; i++) {
      const drawn = low + this.random.below(i + 1)
      chosen.add(chosen.has(drawn) ? low + i : drawn)
    }
    return Int32Array.from(chosen).sort()
  }

  /** The first node of a range that shares `depth` bits whose next bit is set. */
  private split(low: number, high: number, depth: number): number {
    const { keys } = this.book
    let from = low
    let to = high
    while (from < to) {
      const middle = (from + to) >>> 1
      const word = keys[middle * KEY_WORDS + (depth >>> 5)] as number
      if (((word >>> (31 - (depth & 31))) & 1) === 1) to = middle
      else from = middle + 1
    }
    return from
  }
}

function sortedKeys(count: number, random: Random): Uint32Array {
  const drawn = Array.from({ length: count }, () =>
    Uint32Array.from({ length: KEY_WORDS }, () => random.word()),
  )
  drawn.sort((a, b) => (a[0] as number) - (b[0] as number) || (a[1] as number) - (b[1] as number))
  const keys = new Uint32Array(count * KEY_WORDS)
  for (const [i, key] of drawn.entries()) keys.set(key, i * KEY_WORDS)
  return keys
}

function xor(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): number {
  const high = ((a[aAt] as number) ^ (b[bAt] as number)) >>> 0
  const low = ((a[aAt + 1] as number) ^ (b[bAt + 1] as number)) >>> 11
  return high * 0x20_0000 + low
}
