/**
 * js's one deadline for all peers: a moving average of what requests took over a window of 5 s, failures counted double, a
 * fifth more, within 5 s and 60 s. Bounded by: 12 B a row.
 */
const WINDOW_MS = 5_000
const FACTOR = 1.2
const MIN_MS = 5_000
const MAX_MS = 60_000
const FAILURE_FACTOR = 2

export class AdaptiveDeadline {
  private readonly averagesMs: Float32Array
  private readonly notedAtMs: Float64Array

  constructor(rows: number) {
    this.averagesMs = new Float32Array(rows)
    this.notedAtMs = new Float64Array(rows).fill(Number.NaN)
  }

  get bytes(): number {
    return this.averagesMs.byteLength + this.notedAtMs.byteLength
  }

  deadlineMs(row: number): number {
    const wanted = Math.round((this.averagesMs[row] as number) * FACTOR)
    return Math.min(MAX_MS, Math.max(MIN_MS, wanted))
  }

  note(row: number, nowMs: number, tookMs: number, ok: boolean): void {
    const before = this.notedAtMs[row] as number
    const weight = Number.isNaN(before) ? 1 : 1 - Math.exp((before - nowMs) / WINDOW_MS)
    const average = this.averagesMs[row] as number
    const sampleMs = ok ? tookMs : tookMs * FAILURE_FACTOR
    this.averagesMs[row] = average + weight * (sampleMs - average)
    this.notedAtMs[row] = nowMs
  }
}
