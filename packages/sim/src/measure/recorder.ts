/**
 * The samples of one worker: one number for each operation and figure, kept in typed arrays that double, so that a million
 * operations cost tens of megabytes and no objects. Those of several workers are joined and sorted: which worker
 * measured what makes no difference.
 *
 * Bounded by: the operations of the run.
 */
import type { Distribution } from './result.ts'

const START = 256
/** Points of a curve that is drawn. */
const CURVE_POINTS = 200

/** Numbers that are gathered. */
export class Samples {
  private values = new Float32Array(START)
  count = 0

  add(value: number): void {
    if (this.count === this.values.length) {
      const grown = new Float32Array(this.count * 2)
      grown.set(this.values)
      this.values = grown
    }
    this.values[this.count++] = value
  }

  /** The numbers themselves, in the order in which they came. */
  get all(): Float32Array {
    return this.values.subarray(0, this.count)
  }
}

/** Sorted samples of all workers. */
export class Sorted {
  readonly values: Float32Array

  constructor(parts: readonly Float32Array[]) {
    const values = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const part of parts) {
      values.set(part, at)
      at += part.length
    }
    this.values = values.sort()
  }

  get count(): number {
    return this.values.length
  }

  /** The smallest value that `share` (0..1) of all are not above; NaN where there are none. */
  quantile(share: number): number {
    const { values } = this
    if (values.length === 0) return Number.NaN
    const rank = Math.ceil(share * values.length) - 1
    return values[Math.min(Math.max(rank, 0), values.length - 1)] as number
  }

  mean(): number {
    let sum = 0
    for (const value of this.values) sum += value
    return sum / this.values.length
  }

  /** The curve of how many are at most so large, in at most `CURVE_POINTS` points. */
  distribution(): Distribution {
    const value: number[] = []
    const share: number[] = []
    const points = Math.min(CURVE_POINTS, this.count)
    for (let i = 1; i <= points; i++) {
      const part = i / points
      const here = this.quantile(part)
      if (value.at(-1) === here) share[share.length - 1] = part
      else {
        value.push(here)
        share.push(part)
      }
    }
    return { value, share }
  }
}
