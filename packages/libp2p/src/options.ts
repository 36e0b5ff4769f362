/**
 * What the options of a user mean. Each option of `@libp2p/kad-dht` is honoured here or refused with an
 * error that says what takes its place; none is ignored.
 */
import { type Config, configFault, DEFAULT_CONFIG } from '@kadmium/core'
import { InvalidParametersError } from '@libp2p/interface'
import { told } from './arguments.ts'
import { Faults, isKind, KIND_TEXTS, type Kind } from './faults.ts'
import { removePrivateAddressesMapper } from './mappers.ts'
import type { KadDHTInit, PeerInfoMapper, ReProvideInit, Selectors, Validators } from './types.ts'

/** The public Kademlia network of libp2p. */
export const PROTOCOL = '/ipfs/kad/1.0.0'

const HOUR_MS = 3_600_000

/** Streams, announcements at once and such: far above what is of use. */
const COUNT_MAX = 65_536

const MS_MAX = 365 * 24 * HOUR_MS

/** The options of a service, complete. */
export interface Options {
  protocol: string
  logPrefix: string
  datastorePrefix: string
  metricsPrefix: string
  /** Undefined: a client until the node has a public address. */
  clientMode: boolean | undefined
  allowQueryWithZeroPeers: boolean
  peerInfoMapper: PeerInfoMapper
  validators: Validators
  selectors: Selectors
  maxInboundStreams: number
  maxOutboundStreams: number
  incomingMessageTimeoutMs: number
  reprovide: Required<ReProvideInit>
  config: Config
}

/** Of a record's life, what it must gain to be written anew, at most; that of the defaults. */
const RENEWAL_SHARE = DEFAULT_CONFIG.renewalMinMs / DEFAULT_CONFIG.recordValidityMs

/** Options that steer a part which Kadmium does without, and what to do instead. */
const REFUSED: Partial<Record<keyof KadDHTInit, string>> = {
  kBucketSplitThreshold:
    'the table is not a tree that splits; how many peers each bucket aims for is kadmium.bucketGoodPeers',
  prefixLength:
    'the table is not a tree with a depth; how many peers each bucket aims for is kadmium.bucketGoodPeers',
  routingTableUpdateMaxQueueSize:
    'no updates of the table queue up; how many peers are remembered beside it is kadmium.memoryPeersMax',
  pingOldContactTimeout:
    'peers are judged by their answers to requests of the DHT and never pinged; how long a check by dialling may take is onPeerConnectTimeout',
  pingOldContactConcurrency:
    'peers are judged by their answers to requests of the DHT and never pinged; how many are checked by dialling at once is routingTableUpdateQueueConcurrency',
  pingOldContactMaxQueueSize:
    'peers are judged by their answers to requests of the DHT and never pinged: there is no queue, leave it out',
  pingNewContactTimeout:
    'newcomers are dialled and never pinged; how long that may take is onPeerConnectTimeout',
  pingNewContactConcurrency:
    'newcomers are dialled and never pinged; how many at once is routingTableUpdateQueueConcurrency',
  pingNewContactMaxQueueSize:
    'newcomers are dialled and never pinged: there is no queue, leave it out',
  networkDialTimeout:
    'each peer has a time-out of its own, from its round trips; the bounds are kadmium.rtoMinMs, kadmium.rtoMaxMs, kadmium.dialTimeoutMs and kadmium.requestTimeoutMs',
}

/** The same within `providers`, none of which ever had an effect. */
const REFUSED_PROVIDERS = {
  cacheSize: 'providers are held in memory, not in a cache; how many is kadmium.providerRecordsMax',
  cleanupInterval: 'a provider record goes at the time it expires: leave it out',
  provideValidity: 'how long a provider record lives is reprovide.validity, in milliseconds',
} as const

/** Parameters of the core that have an option with a name of their own. */
const NAMED = {
  k: 'kBucketSize',
  alpha: 'alpha',
  recordValidityMs: 'reprovide.validity',
  refreshIntervalMs: 'querySelfInterval',
  joinIntervalMs: 'initialQuerySelfInterval',
  probesMax: 'routingTableUpdateQueueConcurrency',
  probeTimeoutMs: 'onPeerConnectTimeout',
} as const satisfies Partial<Record<keyof Config, string>>

/** What an option of a plain type must be. */
const KINDS = {
  protocol: 'text',
  logPrefix: 'text',
  datastorePrefix: 'text',
  metricsPrefix: 'text',
  clientMode: 'boolean',
  allowQueryWithZeroPeers: 'boolean',
  peerInfoMapper: 'function',
  validators: 'functions',
  selectors: 'functions',
  providers: 'object',
  reprovide: 'object',
  kadmium: 'object',
} as const satisfies Partial<Record<keyof KadDHTInit, Kind>>

/** Options that are numbers; their ranges are looked at where they are used. */
const NUMBERS: readonly (keyof KadDHTInit)[] = [
  'kBucketSize',
  'alpha',
  'disjointPaths',
  'querySelfInterval',
  'initialQuerySelfInterval',
  'routingTableUpdateQueueConcurrency',
  'onPeerConnectTimeout',
  'maxInboundStreams',
  'maxOutboundStreams',
  'incomingMessageTimeout',
]

const OPTIONS: readonly string[] = [...Object.keys(KINDS), ...Object.keys(REFUSED), ...NUMBERS]

const REPROVIDE = ['concurrency', 'maxQueueSize', 'threshold', 'interval', 'validity']

/**
 * @throws InvalidParametersError that names every option which is refused, not known, of the wrong type or
 * out of its range, and says what to do
 */
export function resolveOptions(given: KadDHTInit): Options {
  const faults = new Faults()
  const init = wellTyped(given, faults)
  refuse(init, faults)
  const { reprovide = {} } = init
  const count = (name: string, value: number | undefined, otherwise: number): number =>
    within(faults, name, value ?? otherwise, COUNT_MAX)
  const millis = (name: string, value: number | undefined, otherwise: number): number =>
    within(faults, name, value ?? otherwise, MS_MAX)
  const options: Options = {
    protocol: init.protocol ?? PROTOCOL,
    logPrefix: init.logPrefix ?? 'libp2p:kad-dht',
    datastorePrefix: init.datastorePrefix ?? '/dht',
    metricsPrefix: init.metricsPrefix ?? 'libp2p_kad_dht',
    clientMode: init.clientMode,
    allowQueryWithZeroPeers: init.allowQueryWithZeroPeers ?? false,
    peerInfoMapper: init.peerInfoMapper ?? removePrivateAddressesMapper,
    validators: init.validators ?? {},
    selectors: init.selectors ?? {},
    maxInboundStreams: count('maxInboundStreams', init.maxInboundStreams, 32),
    maxOutboundStreams: count('maxOutboundStreams', init.maxOutboundStreams, 64),
    incomingMessageTimeoutMs: millis('incomingMessageTimeout', init.incomingMessageTimeout, 10_000),
    reprovide: {
      concurrency: count('reprovide.concurrency', reprovide.concurrency, 10),
      maxQueueSize: count('reprovide.maxQueueSize', reprovide.maxQueueSize, 16_384),
      threshold: millis('reprovide.threshold', reprovide.threshold, 24 * HOUR_MS),
      interval: millis('reprovide.interval', reprovide.interval, HOUR_MS),
      validity: millis('reprovide.validity', reprovide.validity, DEFAULT_CONFIG.recordValidityMs),
    },
    config: resolveConfig(init, faults),
  }
  faults.throwIfAny()
  return options
}

/** The options without those that are not what their names ask for, which are noted. */
function wellTyped(given: KadDHTInit, faults: Faults): KadDHTInit {
  if (!isKind('object', given)) {
    throw new InvalidParametersError(
      `The options of kadDHT must be an object, or be left out, and are ${told(given)}`,
    )
  }
  const taken = Object.entries(given).filter(([name, value]) => {
    if (value === undefined) return false
    if (!OPTIONS.includes(name)) faults.note(name, 'is not known')
    const kind = Object.hasOwn(KINDS, name) ? KINDS[name as keyof typeof KINDS] : null
    const isTaken = kind === null || isKind(kind, value)
    if (!isTaken) faults.note(name, `must be ${KIND_TEXTS[kind]}, and is ${told(value)}`)
    return isTaken
  })
  const init: KadDHTInit = Object.fromEntries(taken)
  for (const [name, value] of Object.entries(init.reprovide ?? {})) {
    if (value !== undefined && !REPROVIDE.includes(name)) {
      faults.note(`reprovide.${name}`, `is not known: there are ${REPROVIDE.join(', ')}`)
    }
  }
  for (const [name, value] of Object.entries(init.providers ?? {})) {
    if (value !== undefined && !Object.hasOwn(REFUSED_PROVIDERS, name)) {
      faults.note(`providers.${name}`, 'is not known')
    }
  }
  return init
}

function refuse(init: KadDHTInit, faults: Faults): void {
  for (const [name, instead] of Object.entries(REFUSED)) {
    if (init[name as keyof KadDHTInit] !== undefined) faults.refuse(name, instead)
  }
  for (const [name, instead] of Object.entries(REFUSED_PROVIDERS)) {
    if (init.providers?.[name as keyof typeof REFUSED_PROVIDERS] !== undefined) {
      faults.refuse(`providers.${name}`, instead)
    }
  }
  if (init.disjointPaths !== undefined && init.disjointPaths !== 1) {
    faults.refuse(
      'disjointPaths',
      'a lookup walks one path and confirms its result: pass 1 or leave it out',
    )
  }
}

function resolveConfig(init: KadDHTInit, faults: Faults): Config {
  const config: Config = { ...DEFAULT_CONFIG }
  const set = <K extends keyof Config>(
    key: K,
    name: string,
    value: Config[K] | undefined,
  ): void => {
    if (value === undefined) return
    const fault = configFault(key, value)
    if (fault === null) config[key] = value
    else faults.note(name, fault)
  }
  set('k', NAMED.k, init.kBucketSize)
  set('alpha', NAMED.alpha, init.alpha)
  config.recordValidityMs = init.reprovide?.validity ?? config.recordValidityMs
  set('refreshIntervalMs', NAMED.refreshIntervalMs, init.querySelfInterval)
  set('joinIntervalMs', NAMED.joinIntervalMs, init.initialQuerySelfInterval)
  set('probesMax', NAMED.probesMax, init.routingTableUpdateQueueConcurrency)
  set('probeTimeoutMs', NAMED.probeTimeoutMs, init.onPeerConnectTimeout)
  for (const [key, value] of Object.entries(init.kadmium ?? {})) {
    const name = `kadmium.${key}`
    if (Object.hasOwn(NAMED, key))
      faults.refuse(name, `its name is ${NAMED[key as keyof typeof NAMED]}`)
    // An unknown name has a fault, so that what is set has the type that its name asks for.
    else set(key as keyof Config, name, value as never)
  }
  // Records that live shorter must be renewed sooner, or none would be before it runs out.
  const renewalMs = config.recordValidityMs * RENEWAL_SHARE
  if (init.kadmium?.renewalMinMs === undefined) {
    config.renewalMinMs = Math.min(config.renewalMinMs, renewalMs)
  }
  return config
}

function within(faults: Faults, name: string, value: number, max: number): number {
  if (!Number.isSafeInteger(value) || value < 1 || value > max) {
    faults.note(name, `must be a whole number from 1 to ${max}, and is ${told(value)}`)
  }
  return value
}
