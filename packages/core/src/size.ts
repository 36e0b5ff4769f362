/**
 * How many nodes there are, as far as a node can tell from its own walks: the i-th nearest of N
 * uniform keys lies at about i/(N+1) of the key space, so a line through the origin fitted to the
 * distances of a result gives N (as go's estimator, peers.md §3.1; Kubo wants 5 samples, we 3).
 * Two numbers a node, in columns.
 */
import { distanceShare } from './key.ts'
import type { PeerBook } from './peers.ts'

/** Results needed before there is an estimate. */
const SAMPLES_MIN = 3

/** Weight of a new result once the mean is established. */
const SAMPLE_WEIGHT = 0.1

export class NetworkSize {
  private readonly book: PeerBook
  private readonly means: Float64Array // of ln N
  private readonly samples: Uint8Array

  constructor(nodes: number, book: PeerBook) {
    this.book = book
    this.means = new Float64Array(nodes)
    this.samples = new Uint8Array(nodes)
  }

  get bytes(): number {
    return this.means.byteLength + this.samples.byteLength
  }

  /**
   * A walk confirmed these as the nearest to the target, nearest first. Where they are fewer than the `k`
   * that were wanted, they are all there are.
   */
  observe(node: number, target: Uint32Array, peers: Int32Array, count: number, k: number): void {
    if (count === 0) return
    this.learn(node, count < k ? count : this.fit(target, peers, count))
  }

  /** Estimated number of nodes; 0 while there is too little to go by. */
  estimate(node: number): number {
    if ((this.samples[node] as number) < SAMPLES_MIN) return 0
    return Math.exp(this.means[node] as number)
  }

  private fit(target: Uint32Array, peers: Int32Array, count: number): number {
    let product = 0
    let squares = 0
    for (let i = 0; i < count; i++) {
      const share = distanceShare(target, 0, this.book.keys, this.book.at(peers[i] as number))
      product += (i + 1) * share
      squares += (i + 1) * (i + 1)
    }
    return product > 0 ? Math.max(count, squares / product - 1) : count
  }

  private learn(node: number, size: number): void {
    const samples = this.samples[node] as number
    const weight = Math.max(SAMPLE_WEIGHT, 1 / (samples + 1))
    const mean = this.means[node] as number
    this.means[node] = mean + weight * (Math.log(size) - mean)
    if (samples < 255) this.samples[node] = samples + 1
  }
}
