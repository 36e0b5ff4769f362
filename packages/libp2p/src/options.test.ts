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

describe('options that are wrong', () => {
  /** As users of JavaScript write them. */
  const given = (init: object | null): KadDHTInit => init as KadDHTInit

  test.each([null, 5, 'a', []])('%j in their place', (init) => {
    const resolve = (): Options => resolveOptions(JSON.parse(JSON.stringify(init)))
    expect(resolve).toThrow('The options of kadDHT must be an object')
  })

  test('are all told at once, each with what is expected', () => {
    const init = {
      kbucketSize: 5,
      clientMode: 'yes',
      protocol: '',
      validators: { greeting: true },
      peerInfoMapper: null,
      kBucketSize: 'many',
      prefixLength: 6,
      networkDialTimeout: {},
      providers: 5,
      reprovide: { intervall: 5, interval: '1h' },
      kadmium: [],
      maxInboundStreams: undefined,
    }
    const texts = [
      'kbucketSize is not known',
      'clientMode must be true or false, and is "yes"',
      'protocol must be a text that is not empty, and is ""',
      'validators must be an object of functions',
      'peerInfoMapper must be a function, and is null',
      'kBucketSize must be a whole number from 1 to 40, and is many',
      'prefixLength has no place in Kadmium',
      'networkDialTimeout has no place in Kadmium',
      'providers must be an object, and is 5',
      'reprovide.intervall is not known: there are concurrency',
      'reprovide.interval must be a whole number',
      'kadmium must be an object, and is a list',
    ]
    let message = ''
    try {
      resolveOptions(given(init))
    } catch (error) {
      if (error instanceof Error) message = error.message
    }
    for (const text of texts) expect(message).toContain(`The option ${text}`)
    expect(message.match(/The option /g)).toHaveLength(texts.length)
  })

  test('may be undefined, whatever their names', () => {
    expect(resolveOptions(given({ nobodyKnowsIt: undefined }))).toEqual(resolveOptions({}))
  })
})
