/** Registers metrics by the names and shapes of `names.ts`, so that no other can come to be. */
import type { CounterGroup, MetricGroup, Metrics } from '@libp2p/interface'
import { type MetricKind, type MetricName, type MetricShape, OURS, THEIRS } from './names.ts'

/** Metrics of a kind. */
type Named<K extends MetricKind> = {
  [N in MetricName]: (typeof THEIRS & typeof OURS)[N] extends { kind: K } ? N : never
}[MetricName]

const SHAPES: Record<MetricName, MetricShape> = { ...THEIRS, ...OURS }

export class Register {
  private readonly metrics: Metrics
  private readonly prefix: string

  constructor(metrics: Metrics, prefix: string) {
    this.metrics = metrics
    this.prefix = prefix
  }

  /** A number that is worked out whenever somebody looks. */
  gauge(name: Named<'gauge'>, calculate: () => number): void {
    this.metrics.registerMetric(this.nameOf(name), { calculate })
  }

  /** Numbers that are worked out whenever somebody looks. */
  gauges(name: Named<'gauge group'>, calculate: () => Record<string, number>): void {
    this.metrics.registerMetricGroup(this.nameOf(name), { ...labelOf(name), calculate })
  }

  group(name: Named<'gauge group'>): MetricGroup {
    return this.metrics.registerMetricGroup(this.nameOf(name), labelOf(name))
  }

  counters(name: Named<'counter group'>): CounterGroup {
    return this.metrics.registerCounterGroup(this.nameOf(name), labelOf(name))
  }

  private nameOf(name: MetricName): string {
    return `${this.prefix}_${name}`
  }
}

function labelOf(name: MetricName): { label?: string } {
  const { label } = SHAPES[name]
  return label === undefined ? {} : { label }
}
