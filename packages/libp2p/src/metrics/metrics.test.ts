import { HandClock } from '@kadmium/testkit'
import type { Metrics } from '@libp2p/interface'
import { describe, expect, test } from 'vitest'
import { DHTMetrics, type DHTMetricsInit } from './metrics.ts'
import { LEFT_OUT, OURS, THEIRS } from './names.ts'

/** Values by the name of the metric and the value of its label. */
type Values = Record<string, Record<string, number>>

/** The component `metrics`, as far as the service uses it. Timers count how often they were stopped. */
class FakeMetrics {
  readonly values: Values = {}
  readonly calculated: Record<string, () => unknown> = {}
  readonly registered: Record<string, string> = {}

  private readonly register =
    (kind: string) =>
    (name: string, options: { label?: string; calculate?: () => unknown } = {}): unknown => {
      expect(this.registered).not.toHaveProperty([name])
      this.registered[name] = `${kind} ${options.label ?? ''}`.trim()
      if (options.calculate !== undefined) this.calculated[name] = options.calculate
      const values: Record<string, number> = {}
      this.values[name] = values
      const add = (by: Record<string, number | true>, sign: number): void => {
        for (const [key, value] of Object.entries(by)) {
          values[key] = (values[key] ?? 0) + sign * (value === true ? 1 : value)
        }
      }
      return {
        increment: (by: Record<string, true>) => add(by, 1),
        decrement: (by: Record<string, true>) => add(by, -1),
        update: (to: Record<string, number>) => Object.assign(values, to),
        timer: (key: string) => () => add({ [key]: 1 }, 1),
      }
    }

  readonly registerMetric = this.register('gauge')
  readonly registerMetricGroup = this.register('gauge group')
  readonly registerCounterGroup = this.register('counter group')

  of(name: keyof typeof THEIRS | keyof typeof OURS): unknown {
    const full = `test_${name}`
    return this.calculated[full]?.() ?? this.values[full]
  }
}

type Bucket = ('good' | 'neutral' | 'benched')[]

class Rig {
  readonly fake = new FakeMetrics()
  readonly clock = new HandClock()
  readonly metrics: DHTMetrics

  constructor(buckets: Bucket[] = []) {
    const routing = {
      size: () => buckets.flat().length,
      bucketSize: (_: number, bucket: number) => buckets[bucket]?.length ?? 0,
      bucketStack: (_: number, bucket: number) => buckets[bucket]?.map((state) => ({ state })),
    }
    const nodes = { config: { buckets: 16 }, inFlight: () => 3, networkSize: () => 1234, routing }
    this.metrics = new DHTMetrics({
      metrics: this.fake as unknown as Metrics,
      prefix: 'test',
      clock: this.clock,
      nodes: nodes as unknown as DHTMetricsInit['nodes'],
      pooledPeers: () => 7,
      reprovideLoad: () => ({ running: 2, queued: 5 }),
    })
  }
}

async function* numbers(error?: Error): AsyncGenerator<number, void, undefined> {
  yield 1
  if (error !== undefined) throw error
  yield 2
}

async function read(source: AsyncIterable<number>): Promise<number[]> {
  const values: number[] = []
  for await (const value of source) values.push(value)
  return values
}

test('all that is named is registered, by its kind and label, and nothing else', () => {
  const shapes = Object.entries({ ...THEIRS, ...OURS }).map(([name, { kind, ...rest }]) => [
    `test_${name}`,
    [kind, ...Object.values(rest)].join(' '),
  ])
  expect(new Rig().fake.registered).toEqual(Object.fromEntries(shapes))
  for (const name of Object.keys(LEFT_OUT)) expect({ ...THEIRS, ...OURS }).not.toHaveProperty(name)
})

describe('operations', () => {
  test('are counted while they run, and timed when they end', async () => {
    const { fake, metrics } = new Rig()
    const query = metrics.operation('GET_VALUE', numbers())
    expect(fake.of('operations_total')).toEqual({})
    await query.next()
    expect(fake.of('operations_total')).toEqual({ GET_VALUE: 1 })
    expect(await read(query)).toEqual([2])
    expect(fake.of('operations_total')).toEqual({ GET_VALUE: 0 })
    expect(fake.of('operation_time_seconds')).toEqual({ GET_VALUE: 1 })
    expect(fake.of('operation_errors_total')).toEqual({})
  })

  test('that throw are errors, and are timed as such', async () => {
    const { fake, metrics } = new Rig()
    await expect(read(metrics.operation('FIND_PEER', numbers(new Error('no'))))).rejects.toThrow()
    expect(fake.of('operations_total')).toEqual({ FIND_PEER: 0 })
    expect(fake.of('operation_errors_total')).toEqual({ FIND_PEER: 1 })
    expect(fake.of('operation_error_time_seconds')).toEqual({ FIND_PEER: 1 })
    expect(fake.of('operation_time_seconds')).toEqual({})
  })

  test('that the caller leaves are none, and the query below is left too', async () => {
    const { fake, metrics } = new Rig()
    let left = false
    const query = async function* (): AsyncGenerator<number, void, undefined> {
      try {
        yield* numbers()
      } finally {
        left = true
      }
    }
    for await (const _ of metrics.operation('PROVIDE', query())) break
    expect(left).toBe(true)
    expect(fake.of('operations_total')).toEqual({ PROVIDE: 0 })
    expect(fake.of('operation_errors_total')).toEqual({})
    expect(fake.of('operation_time_seconds')).toEqual({ PROVIDE: 1 })
  })
})

describe('requests', () => {
  test('to peers: one that nobody needs any more is no error', () => {
    const { fake, clock, metrics } = new Rig()
    const startedMs = clock.now()
    for (const outcome of ['answered', 'timeout', 'cancelled', 'dial'] as const) {
      metrics.requestSent('findNode')
      metrics.requestEnded('findNode', outcome, startedMs - 40)
    }
    expect(fake.of('outbound_rpc_requests_total')).toEqual({ FIND_NODE: 4 })
    expect(fake.of('outbound_rpc_errors_total')).toEqual({ FIND_NODE: 2 })
    const outcomes = { answered: 1, timeout: 1, cancelled: 1, dial: 1 }
    expect(fake.of('outbound_rpc_outcomes_total')).toEqual(outcomes)
    expect(fake.of('network_message_send_times_milliseconds')).toMatchObject({
      success: 40,
      successMovingAverage: 40,
      failure: 40,
      failureMovingAverage: 40,
    })
  })

  test('of peers: those answered and those refused, each timed once', () => {
    const { fake, metrics } = new Rig()
    const heard: unknown[] = []
    const exchange = {
      reply: (bytes: Uint8Array) => heard.push(bytes),
      conclude: (reset: boolean) => heard.push(reset),
    }
    metrics.requestServed('getValue', exchange).reply(Uint8Array.of(1))
    metrics.requestServed('addProvider', exchange).conclude(false)
    metrics.requestServed('putValue', exchange).conclude(true)
    expect(heard).toEqual([Uint8Array.of(1), false, true])
    const each = { GET_VALUE: 1, ADD_PROVIDER: 1, PUT_VALUE: 1 }
    expect(fake.of('inbound_rpc_requests_total')).toEqual(each)
    expect(fake.of('inbound_rpc_time_seconds')).toEqual(each)
    expect(fake.of('inbound_rpc_errors_total')).toEqual({ PUT_VALUE: 1 })
  })
})

test('dials and announcements are counted while they run, and timed', () => {
  const { fake, clock, metrics } = new Rig()
  const first = metrics.dialBegan('new')
  const second = metrics.dialBegan('old')
  const third = metrics.announcementBegan()
  const one = { size: 1, running: 1, queued: 0 }
  const names = ['ping_new_contact_queue', 'ping_old_contact_queue'] as const
  expect(fake.of('reprovide_queue')).toEqual({ size: 7, running: 2, queued: 5 })
  for (const name of names) expect(fake.of(name)).toEqual(one)
  clock.advance(5)
  first(true)
  second(false)
  third(true)
  for (const name of names) expect(fake.of(name)).toEqual({ size: 0, running: 0, queued: 0 })
  expect(fake.of('kad_bucket_events_total')).toEqual({
    ping_new_contact: 1,
    ping_old_contact: 1,
    ping_old_contact_error: 1,
  })
  const newTimes = fake.of('routing_table_ping_new_contact_time_milliseconds')
  expect(newTimes).toMatchObject({ success: 5 })
  const oldTimes = fake.of('routing_table_ping_old_contact_time_milliseconds')
  expect(oldTimes).toMatchObject({ failure: 5 })
  expect(fake.of('reprovide_timeout_milliseconds')).toMatchObject({ success: 5 })
})

describe('the table', () => {
  const numbersOf = (fake: FakeMetrics): unknown[] => [
    fake.of('routing_table_size'),
    fake.of('routing_table_kad_bucket_total'),
    fake.of('routing_table_kad_bucket_average_occupancy'),
    fake.of('routing_table_kad_bucket_min_occupancy'),
    fake.of('routing_table_kad_bucket_max_occupancy'),
    fake.of('routing_table_kad_bucket_max_depth'),
    fake.of('routing_table_peers'),
  ]

  test('is read off when somebody looks', () => {
    const { fake } = new Rig([['good', 'good', 'neutral', 'benched'], [], ['good']])
    expect(numbersOf(fake)).toEqual([5, 2, 3, 1, 4, 2, { good: 3, neutral: 1, benched: 1 }])
    const { fake: empty } = new Rig()
    expect(numbersOf(empty)).toEqual([0, 0, 0, 0, 0, 0, { good: 0, neutral: 0, benched: 0 }])
    expect(fake.of('network_size_estimate')).toBe(1234)
    expect(fake.of('outbound_rpc_in_flight')).toBe(3)
    expect(fake.of('pooled_streams_peers')).toBe(7)
  })

  test('counts who comes and goes', () => {
    const { fake, metrics } = new Rig()
    for (const change of ['added', 'added', 'removed', 'benched', 'returned'] as const) {
      metrics.tableChanged(change)
    }
    expect(fake.of('kad_bucket_events_total')).toEqual({ peer_added: 2, peer_removed: 1 })
    expect(fake.of('routing_table_standing_total')).toEqual({ benched: 1, returned: 1 })
  })
})
