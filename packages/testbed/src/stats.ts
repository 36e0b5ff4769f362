/** Percentiles by the nearest rank: the value below or at which so many percent of the values lie. */

/** `percent` in 0..100; undefined for no values. With fewer than 20 values the 95th is the maximum. */
export function percentile(values: readonly number[], percent: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  const rank = Math.max(1, Math.ceil((percent / 100) * sorted.length))
  return sorted[rank - 1]
}

/** The 50th percentile; undefined for no values. */
export function median(values: readonly number[]): number | undefined {
  return percentile(values, 50)
}
