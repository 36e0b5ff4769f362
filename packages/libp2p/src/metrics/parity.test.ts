/** A node of `@libp2p/kad-dht` and one of ours do the same; what a dashboard of theirs reads is there in both. */
import { readFileSync } from 'node:fs'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { Notes } from '@kadmium/testkit'
import { identify } from '@libp2p/identify'
import type { Libp2p, Logger } from '@libp2p/interface'
import { passthroughMapper, kadDHT as theirs } from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import { prometheusMetrics } from '@libp2p/prometheus-metrics'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { Registry } from 'prom-client'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { kadDHT as ours } from '../index.ts'
import type { KadDHTInit, SingleKadDHT } from '../types.ts'
import { LEFT_OUT, OPERATION_NAMES, OURS, THEIRS } from './names.ts'

const PREFIX = 'parity'
const VALUE = Uint8Array.of(1, 2, 3)
const utf8 = new TextEncoder()

/** Names of logs, behind the prefix. */
const OUR_LOGS = [
  ...['', ':network', ':rpc', ':routing-table', ':routing-table:refresh', ':query-self'],
  ...[':reprovider', ':content-fetching', ':content-routing', ':peer-routing'],
]

type Node = Libp2p<{ dht: SingleKadDHT }>

const nodes: Node[] = []

afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.stop()))
})

/** Names of spans and of loggers that the nodes asked for. */
class Names {
  spans = (): string[] => []
  readonly logs = new Set<string>()

  metrics(registry: Registry): ReturnType<typeof prometheusMetrics> {
    const make = prometheusMetrics({ registry, collectDefaultMetrics: false })
    return (components) => {
      const metrics = make(components)
      const { calls } = vi.spyOn(metrics, 'traceFunction').mock
      this.spans = () => [...new Set(calls.map(([name]) => name))].filter(isOfDHT).toSorted()
      return metrics
    }
  }

  readonly logger = {
    forComponent: (name: string): Logger => {
      if (name.startsWith(PREFIX)) this.logs.add(name.slice(PREFIX.length))
      return new Notes().forComponent(name)
    },
  }
}

const isOfDHT = (span: string): boolean => span.startsWith('libp2p.kadDHT.')

async function start(make: typeof ours, registry: Registry | null, names: Names): Promise<Node> {
  const init: KadDHTInit = {
    protocol: '/parity/kad/1.0.0',
    metricsPrefix: PREFIX,
    logPrefix: PREFIX,
    clientMode: false,
    peerInfoMapper: passthroughMapper,
    validators: { x: () => {} },
    selectors: { x: () => 0 },
    initialQuerySelfInterval: 10,
  }
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify(), ping: ping(), dht: make(init) },
    ...(registry !== null && { metrics: names.metrics(registry), logger: names.logger }),
  })
  nodes.push(node)
  return node
}

async function read(source: AsyncIterable<{ name: string }>): Promise<string[]> {
  const names: string[] = []
  for await (const { name } of source) names.push(name)
  return names
}

interface Seen {
  type: string
  labels: string[]
  values: Record<string, number>
}

/** Name without prefix, type, labels and values of all that the DHT of a node told. */
async function seen(registry: Registry): Promise<Record<string, Seen>> {
  const all: Record<string, Seen> = {}
  for (const metric of await registry.getMetricsAsJSON()) {
    if (!metric.name.startsWith(`${PREFIX}_`)) continue
    const labels: string[] = Reflect.get(registry.getSingleMetric(metric.name) ?? {}, 'labelNames')
    const values = metric.values.map(({ value, labels: of }) => [Object.values(of).join(), value])
    all[metric.name.slice(PREFIX.length + 1)] = {
      type: String(metric.type),
      labels,
      values: Object.fromEntries(values),
    }
  }
  return all
}

/** Details of the self-queries that the nodes told of, with who told. */
const selfQueries: { of: unknown; detail: unknown }[] = []

/** Two puts, a get, a get of what is not there, and one each of the others; the other node asks too. */
async function scenario(make: typeof ours, names: Names): Promise<Record<string, Seen>> {
  const registry = new Registry()
  const [node, other] = [await start(make, registry, names), await start(make, null, names)]
  node.addEventListener('kad-dht:query:self' as never, (event: CustomEvent) => {
    selfQueries.push({ of: make, detail: event.detail })
  })
  await node.dial(other.getMultiaddrs())
  const known = (): number[] => [node, other].map(({ services }) => services.dht.routingTable.size)
  await vi.waitFor(() => expect(known()).toEqual([1, 1]), { timeout: 20_000 })
  const { dht } = node.services
  const cid = CID.createV1(0x55, identity.digest(utf8.encode('content')))
  await read(dht.put(utf8.encode('/x/a'), VALUE))
  await read(dht.put(utf8.encode('/x/b'), VALUE))
  expect(await read(dht.get(utf8.encode('/x/a')))).toContain('VALUE')
  expect(await read(dht.get(utf8.encode('/x/none'))).catch(() => [])).not.toContain('VALUE')
  await read(dht.provide(cid))
  await read(dht.findProviders(cid))
  await read(dht.findPeer(other.peerId))
  await read(dht.getClosestPeers(utf8.encode('somewhere')))
  expect(await read(other.services.dht.get(utf8.encode('/x/a')))).toContain('VALUE')
  await expect(read(dht.findPeer(await stranger()))).rejects.toThrow()
  await vi.waitFor(() => expect(selfQueries.map(({ of }) => of)).toContain(make), 10_000)
  return seen(registry)
}

async function stranger(): Promise<Node['peerId']> {
  const node = await createLibp2p({})
  await node.stop()
  return node.peerId
}

describe('what is told', () => {
  const names = { theirs: new Names(), ours: new Names() }
  const told: Record<'theirs' | 'ours', Record<string, Seen>> = { theirs: {}, ours: {} }

  beforeAll(async () => {
    told.theirs = await scenario(theirs as unknown as typeof ours, names.theirs)
    told.ours = await scenario(ours, names.ours)
  }, 120_000)

  const shape = ({ type, labels }: Seen): string => [type, ...labels].join(' ')

  test('each metric of theirs is one of ours, by name, type and label, or on the list of those left out', () => {
    expect(Object.keys(told.theirs).length).toBeGreaterThan(20)
    const shapes = (all: Record<string, Seen>): Record<string, string> =>
      Object.fromEntries(Object.entries(all).map(([name, each]) => [name, shape(each)]))
    const { ours: mine, theirs: other } = { ours: shapes(told.ours), theirs: shapes(told.theirs) }
    const expected = Object.keys(other).filter((name) => !(name in LEFT_OUT))
    expect(Object.keys(THEIRS).toSorted()).toEqual(expected.toSorted())
    for (const name of expected) expect([name, mine[name]]).toEqual([name, other[name]])
    for (const name of Object.keys(LEFT_OUT)) expect(other).toHaveProperty([name])
    expect(Object.keys(mine).toSorted()).toEqual(Object.keys({ ...THEIRS, ...OURS }).toSorted())
  })

  test('a self-query is an event of the same shape', () => {
    expect(new Set(selfQueries.map(({ of }) => of)).size).toBe(2)
    for (const { detail } of selfQueries) {
      expect(detail).toEqual({ peers: expect.any(Number), duration: expect.any(Number) })
    }
  })

  test('spans have the same names', () => {
    expect(names.theirs.spans()).toHaveLength(8)
    expect(names.ours.spans()).toEqual(names.theirs.spans())
  })

  test('logs have names of theirs, but for the datastore', () => {
    expect([...names.ours.logs].toSorted()).toEqual([...OUR_LOGS, ':storage'].toSorted())
    expect([...names.theirs.logs]).toEqual(expect.arrayContaining(OUR_LOGS))
  })

  test('labels have the same values', () => {
    const valuesOf = (whose: 'theirs' | 'ours', name: string): string[] =>
      Object.keys(told[whose][name]?.values ?? {}).toSorted()
    for (const name of ['operations_total', 'operation_time_seconds']) {
      const expected = [...Object.values(OPERATION_NAMES), 'SELF_QUERY'].toSorted()
      expect(valuesOf('theirs', name)).toEqual(expected)
      expect(valuesOf('ours', name)).toEqual(expected)
    }
    for (const whose of ['theirs', 'ours'] as const) {
      expect(valuesOf(whose, 'outbound_rpc_requests_total')).toEqual(
        ['ADD_PROVIDER', 'FIND_NODE', 'GET_PROVIDERS', 'GET_VALUE', 'PUT_VALUE'].toSorted(),
      )
      const asked = valuesOf(whose, 'inbound_rpc_requests_total')
      expect(asked).toEqual(expect.arrayContaining(['FIND_NODE', 'GET_VALUE']))
      expect(valuesOf(whose, 'kad_bucket_events_total')).toContain('peer_added')
    }
  })

  test('the counts are those of what was done', () => {
    const of = (name: string): Record<string, number> => told.ours[name]?.values ?? {}
    expect(new Set(Object.values(of('operations_total')))).toEqual(new Set([0]))
    expect(of('operation_errors_total')).toEqual({ GET_VALUE: 1, FIND_PEER: 1 })
    expect(of('outbound_rpc_requests_total')).toMatchObject({
      PUT_VALUE: 2,
      GET_VALUE: 2,
      ADD_PROVIDER: 1,
      GET_PROVIDERS: 1,
    })
    expect(of('outbound_rpc_errors_total')).toEqual({})
    expect(of('inbound_rpc_requests_total')).toMatchObject({ GET_VALUE: 1 })
    expect(of('inbound_rpc_errors_total')).toEqual({})
    expect(of('routing_table_size')).toEqual({ '': 1 })
    expect(of('kad_bucket_events_total')).toMatchObject({ peer_added: 1 })
    const answered = of('outbound_rpc_outcomes_total').answered ?? 0
    const asked = Object.values(of('outbound_rpc_requests_total')).reduce((a, b) => a + b, 0)
    expect(answered + (of('outbound_rpc_outcomes_total').cancelled ?? 0)).toBe(asked)
    expect(of('outbound_rpc_in_flight')).toEqual({ '': 0 })
  })
})

test('docs/metrics.md tells of each', () => {
  const page = readFileSync(new URL('../../../../docs/metrics.md', import.meta.url), 'utf8')
  const rows = page.split('\n').filter((line) => line.startsWith('| `'))
  const row = (name: string): string => rows.find((line) => line.includes(`\`${name}\``)) ?? ''
  for (const [name, { kind, ...rest }] of Object.entries({ ...THEIRS, ...OURS })) {
    expect(row(name)).toContain(kind)
    for (const label of Object.values(rest)) expect(row(name)).toContain(`\`${label}\``)
  }
  for (const [name, why] of Object.entries(LEFT_OUT)) expect(row(name)).toContain(why)
  for (const name of OUR_LOGS) expect(page).toContain(`\`<prefix>${name}\``)
  const count = Object.keys({ ...THEIRS, ...OURS, ...LEFT_OUT }).length
  expect(rows).toHaveLength(count)
})
