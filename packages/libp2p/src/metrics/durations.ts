/** How long something takes, as a group of gauges with the keys of the adaptive time-outs of `@libp2p/utils`. */
import type { MetricGroup } from '@libp2p/interface'
import { MovingAverage } from '@libp2p/utils'

/** Span of the moving averages, ms: theirs. */
const SPAN_MS = 5_000

export class Durations {
  private readonly group: MetricGroup
  private readonly success = new MovingAverage(SPAN_MS)
  private readonly failure = new MovingAverage(SPAN_MS)

  constructor(group: MetricGroup) {
    this.group = group
  }

  /** Something that began at `startedMs` ended now. */
  ended(ok: boolean, startedMs: number, nowMs: number): void {
    const average = ok ? this.success : this.failure
    const name = ok ? 'success' : 'failure'
    const tookMs = nowMs - startedMs
    average.push(tookMs, nowMs)
    this.group.update({
      [name]: tookMs,
      [`${name}MovingAverage`]: average.movingAverage,
      [`${name}Deviation`]: average.deviation,
      [`${name}Forecast`]: average.forecast,
      [`${name}Variance`]: average.variance,
    })
  }
}
