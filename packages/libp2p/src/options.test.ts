import { CONFIG_BOUNDS, type Config, DEFAULT_CONFIG } from '@kadmium/core'
import type * as Theirs from '@libp2p/kad-dht'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { passthroughMapper, removePrivateAddressesMapper } from './mappers.ts'
import { type Options, resolveOptions } from './options.ts'
import type { KadDHTInit } from './types.ts'

const FRACTION: readonly string[] = [
  'benchScore',
  'goodScore',
  'failureWeight',
  'creditMax',
  'loadedCreditMax',
]

/** Where an option lands, with a value for it; or a value that is refused and what the error must name. */
type Case =
  | { value: unknown; at: (options: Options) => unknown }
  | { value: unknown; instead: RegExp }

const select = (): number => 0
const judge = (): void => {}

/** Every option of `@libp2p/kad-dht`; the compiler asks for those that are missing here. */
const CASES: Record<keyof Theirs.KadDHTInit, Case> = {
  kBucketSize: { value: 7, at: ({ config }) => config.k },
  kBucketSplitThreshold: { value: 20, instead: /kadmium\.bucketGoodPeers/ },
  alpha: { value: 3, at: ({ config }) => config.alpha },
  disjointPaths: { value: 10, instead: /pass 1 or leave it out/ },
  routingTableUpdateQueueConcurrency: { value: 4, at: ({ config }) => config.probesMax },
  routingTableUpdateMaxQueueSize: { value: 9, instead: /kadmium\.memoryPeersMax/ },
  prefixLength: { value: 6, instead: /kadmium\.bucketGoodPeers/ },
  clientMode: { value: false, at: ({ clientMode }) => clientMode },
  selectors: { value: { a: select }, at: ({ selectors }) => selectors },
  validators: { value: { a: judge }, at: ({ validators }) => validators },
  querySelfInterval: { value: 5_000, at: ({ config }) => config.refreshIntervalMs },
  initialQuerySelfInterval: { value: 50, at: ({ config }) => config.joinIntervalMs },
  allowQueryWithZeroPeers: { value: true, at: (options) => options.allowQueryWithZeroPeers },
  protocol: { value: '/a/kad/1.0.0', at: ({ protocol }) => protocol },
  logPrefix: { value: 'a:b', at: ({ logPrefix }) => logPrefix },
  datastorePrefix: { value: '/a', at: ({ datastorePrefix }) => datastorePrefix },
  metricsPrefix: { value: 'a_b', at: ({ metricsPrefix }) => metricsPrefix },
  pingOldContactTimeout: { value: {}, instead: /onPeerConnectTimeout/ },
  pingOldContactConcurrency: { value: 10, instead: /routingTableUpdateQueueConcurrency/ },
  pingOldContactMaxQueueSize: { value: 10, instead: /leave it out/ },
  pingNewContactTimeout: { value: {}, instead: /onPeerConnectTimeout/ },
  pingNewContactConcurrency: { value: 10, instead: /routingTableUpdateQueueConcurrency/ },
  pingNewContactMaxQueueSize: { value: 10, instead: /leave it out/ },
  maxInboundStreams: { value: 5, at: (options) => options.maxInboundStreams },
  maxOutboundStreams: { value: 6, at: (options) => options.maxOutboundStreams },
  providers: { value: { cacheSize: 5 }, instead: /kadmium\.providerRecordsMax/ },
  reprovide: {
    value: { concurrency: 1, maxQueueSize: 2, threshold: 3, interval: 4, validity: 5 },
    at: ({ reprovide }) => reprovide,
  },
  peerInfoMapper: { value: passthroughMapper, at: ({ peerInfoMapper }) => peerInfoMapper },
  networkDialTimeout: { value: { minTimeout: 5 }, instead: /kadmium\.dialTimeoutMs/ },
  onPeerConnectTimeout: { value: 700, at: ({ config }) => config.probeTimeoutMs },
  incomingMessageTimeout: { value: 800, at: (options) => options.incomingMessageTimeoutMs },
}

const names = Object.keys(CASES) as (keyof Theirs.KadDHTInit)[]
const honoured = names.filter((name) => 'at' in CASES[name])
const refused = names.filter((name) => 'instead' in CASES[name])

test.each(honoured)('%s is honoured', (name) => {
  const option = CASES[name]
  if (!('at' in option)) throw new Error('not honoured')
  expect(option.at(resolveOptions({}))).not.toEqual(option.value)
  expect(option.at(resolveOptions({ [name]: option.value }))).toEqual(option.value)
  expect(resolveOptions({ [name]: undefined })).toEqual(resolveOptions({}))
})

test.each(refused)('%s is refused, and the error says what to do', (name) => {
  const option = CASES[name]
  if (!('instead' in option)) throw new Error('not refused')
  const init: KadDHTInit = { [name]: option.value }
  expect(() => resolveOptions(init)).toThrow(name)
  expect(() => resolveOptions(init)).toThrow(option.instead)
  expect(() => resolveOptions(init)).toThrow(
    expect.objectContaining({ name: 'InvalidParametersError' }),
  )
  expect(resolveOptions({ [name]: undefined })).toEqual(resolveOptions({}))
})

test('what is refused in part is taken where it changes nothing', () => {
  expect(resolveOptions({ disjointPaths: 1, providers: {} })).toEqual(resolveOptions({}))
  expect(() => resolveOptions({ providers: { cleanupInterval: 5 } })).toThrow('expires')
  expect(() => resolveOptions({ providers: { provideValidity: 5 } })).toThrow('reprovide.validity')
})

test('without options it is a node of the public network', () => {
  expect(resolveOptions({})).toMatchObject({
    protocol: '/ipfs/kad/1.0.0',
    clientMode: undefined,
    peerInfoMapper: removePrivateAddressesMapper,
    config: DEFAULT_CONFIG,
  })
})

describe('parameters of Kadmium', () => {
  test('reach the core', () => {
    const kadmium = { explorePercent: 5, bucketGoodPeers: [256, 20], benchScore: 0.25 }
    expect(resolveOptions({ kadmium }).config).toEqual({ ...DEFAULT_CONFIG, ...kadmium })
  })

  test('of renewal keep to the life of a record', () => {
    const renewalOf = (init: KadDHTInit): number => resolveOptions(init).config.renewalMinMs
    expect(renewalOf({})).toBe(DEFAULT_CONFIG.renewalMinMs)
    expect(renewalOf({ reprovide: { validity: 48_000 } })).toBe(1_000)
    expect(renewalOf({ reprovide: { validity: 2 * DEFAULT_CONFIG.recordValidityMs } })).toBe(
      DEFAULT_CONFIG.renewalMinMs,
    )
    const kadmium = { renewalMinMs: 7_000 }
    expect(renewalOf({ reprovide: { validity: 48_000 }, kadmium })).toBe(7_000)
  })

  test('are refused where they have an option with another name', () => {
    const kadmium: Partial<Config> = { recordValidityMs: 5 }
    expect(() => resolveOptions({ kadmium })).toThrow('its name is reprovide.validity')
  })

  test('are refused where nobody knows them', () => {
    for (const name of ['explorePercentage', 'constructor', '__proto__']) {
      const kadmium = JSON.parse(`{"${name}": 5}`)
      expect(() => resolveOptions({ kadmium })).toThrow(`kadmium.${name} is not known`)
    }
  })

  test('are taken in their bounds and refused outside, with the bounds', () => {
    const bounds = Object.entries(CONFIG_BOUNDS)
    fc.assert(
      fc.property(fc.constantFrom(...bounds), fc.double(), ([name, [min, max]], drawn) => {
        const option = optionFor(name)
        for (const value of [drawn, Math.round(drawn), min, max, min - 1, max + 1]) {
          const fits =
            value >= min && value <= max && (Number.isSafeInteger(value) || FRACTION.includes(name))
          const resolve = (): Options => resolveOptions(option(value))
          if (fits) expect(resolve().config).toMatchObject({ [name]: value })
          else expect(resolve).toThrow(/must be a (whole )?number/)
        }
      }),
      { numRuns: 1_000 },
    )
  })

  test.each([[[]], [[0]], [[1.5]], [5], [[20, '20']]])('buckets are not %j', (bucketGoodPeers) => {
    const kadmium = JSON.parse(JSON.stringify({ bucketGoodPeers }))
    expect(() => resolveOptions({ kadmium })).toThrow('kadmium.bucketGoodPeers must be a list')
  })
})

test.each([0, -1, 1.5, 1e12, Number.NaN, Number.POSITIVE_INFINITY])('no count is %d', (value) => {
  expect(() => resolveOptions({ maxInboundStreams: value })).toThrow('maxInboundStreams')
  expect(() => resolveOptions({ reprovide: { interval: value } })).toThrow('reprovide.interval')
})

/** How a user sets a parameter of the core. */
function optionFor(name: string): (value: number) => KadDHTInit {
  const named: Record<string, (value: number) => KadDHTInit> = {
    k: (kBucketSize) => ({ kBucketSize }),
    alpha: (alpha) => ({ alpha }),
    recordValidityMs: (validity) => ({ reprovide: { validity } }),
    refreshIntervalMs: (querySelfInterval) => ({ querySelfInterval }),
    joinIntervalMs: (initialQuerySelfInterval) => ({ initialQuerySelfInterval }),
    probesMax: (value) => ({ routingTableUpdateQueueConcurrency: value }),
    probeTimeoutMs: (onPeerConnectTimeout) => ({ onPeerConnectTimeout }),
  }
  return named[name] ?? ((value) => ({ kadmium: { [name]: value } }))
}
