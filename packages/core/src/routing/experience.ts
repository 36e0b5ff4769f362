/**
 * What a node has seen over all of its peers, in columns: the distribution of round trips, which is the
 * prior for peers never measured, and the share of requests that fail.
 *
 * Bounded by: one row a node.
 */

/** Peers over which the distribution of round trips is averaged. */
const RTT_WINDOW = 32

/** Requests over which the share of failures is averaged. */
const REQUEST_WINDOW = 64

/** A node begins as if so many requests had been answered: one early failure is no catastrophe. */
const REQUESTS_ASSUMED = 4

export class Experience {
  readonly bytesPerNode: number = 14
  private readonly rttPriorMs: number
  private readonly rttMean: Float32Array
  private readonly rttDeviation: Float32Array
  private readonly failed: Float32Array
  private readonly rttCount: Uint8Array
  private readonly requestCount: Uint8Array

  constructor(nodes: number, rttPriorMs: number, allocate: (bytes: number) => ArrayBufferLike) {
    this.rttPriorMs = rttPriorMs
    this.rttMean = new Float32Array(allocate(nodes * 4))
    this.rttDeviation = new Float32Array(allocate(nodes * 4))
    this.failed = new Float32Array(allocate(nodes * 4))
    this.rttCount = new Uint8Array(allocate(nodes))
    this.requestCount = new Uint8Array(allocate(nodes))
  }

  /** A peer's first measured round trip: one sample a peer, so that those often asked do not count more. */
  met(node: number, rttMs: number): void {
    const count = Math.min((this.rttCount[node] as number) + 1, RTT_WINDOW)
    this.rttCount[node] = count
    if (count === 1) {
      this.rttMean[node] = rttMs
      this.rttDeviation[node] = rttMs / 2
      return
    }
    const mean = this.rttMean[node] as number
    const deviation = this.rttDeviation[node] as number
    this.rttMean[node] = mean + (rttMs - mean) / count
    this.rttDeviation[node] = deviation + (Math.abs(rttMs - mean) - deviation) / count
  }

  /** Round trip to expect of a peer never measured, ms. */
  rttMs(node: number): number {
    return this.rttCount[node] === 0 ? this.rttPriorMs : (this.rttMean[node] as number)
  }

  /** Its mean deviation, ms. */
  rttDeviationMs(node: number): number {
    return this.rttCount[node] === 0 ? this.rttPriorMs / 2 : (this.rttDeviation[node] as number)
  }

  /** A request ended: `failed` 0 or 1, with a weight of 0..1. */
  requested(node: number, failed: number, weight: number): void {
    const count = Math.min((this.requestCount[node] as number) + 1, REQUEST_WINDOW)
    this.requestCount[node] = count
    const share = this.failed[node] as number
    const gain = weight / Math.min(count + REQUESTS_ASSUMED, REQUEST_WINDOW)
    this.failed[node] = share + (failed - share) * gain
  }

  /** Share of failed among recent requests, 0..1. */
  failureShare(node: number): number {
    return this.failed[node] as number
  }
}
