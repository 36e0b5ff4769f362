/**
 * Every parameter of a node, with its unit, its default and where it comes from. The defaults are one
 * object; a host overrides what it must and a test what matters to it.
 */

/** The parameters of a node: times in ms, sizes in bytes, shares in percent where the name does not say otherwise. */
export interface Config {
  /** Replication and result size, k of Kademlia. Default 20 (libp2p kad-dht spec). */
  k: number
  /** Requests of one lookup in flight. Default 10 (libp2p kad-dht spec). */
  alpha: number
  /** Good peers aimed for in bucket i; the last number holds for all further buckets. Default 128, 64, 32, 20 (design §4.2). */
  bucketGoodPeers: readonly number[]
  /** Seats that a bucket has besides, so that benched peers are kept without costing a good one its seat. Default 8. */
  bucketBenchSeats: number
  /** Buckets of a table; peers that share more bits with us than that lie in the last. Default 24, enough for 10^8 nodes. */
  buckets: number
  /** Peers of one IP group in a bucket. Default 2 (as go). */
  groupPerBucketMax: number
  /** Peers of one IP group in a table. Default 3 (as go). */
  groupPerTableMax: number
  /** Peers remembered outside the table, with their scores. Default 5,000 (design §4.2). */
  memoryPeersMax: number
  /** Observations that a peer can have to its credit. Default 50: nobody becomes untouchable (design §4.1). */
  creditMax: number
  /** Observations that evidence of an earlier run counts for at most. Default 5: a prior, not a verdict (measurements §3.4). */
  loadedCreditMax: number
  /** A failure weighs as so many successes. Default 2 (measurements §3.4: losses weighted 2-5x). */
  failureWeight: number
  /** Evidence is halved after so long without news. Default 24 h. */
  evidenceHalfLifeMs: number
  /** Under this score a peer is benched. Default 0.4. */
  benchScore: number
  /** From this score on a peer is good. Default 0.6. */
  goodScore: number
  /** A benched peer is tried again after this, doubled with each further failure. Default 5 s. */
  retryMinMs: number
  /** The longest back-off. Default 4 h. */
  retryMaxMs: number
  /** Least time after which a request frees its slot, whatever its peer's round trips. Default 200 ms (design §4.1). */
  rtoMinMs: number
  /** A request has at least so long beyond its expected time for each round trip, ms. Default 100: work and pauses at both ends. */
  rtoSlackMs: number
  /** Longest time after which a request frees its slot. Default 5 s (design §4.1). */
  rtoMaxMs: number
  /** Round trip assumed before anything was measured. Default 150 ms (median between two random peers, measurements §1.5). */
  rttPriorMs: number
  /** After this a request is given up and its stream reset. Default 10 s. */
  requestTimeoutMs: number
  /** After this a dial is given up. Default 5 s (go-libp2p's TCP connect time-out). */
  dialTimeoutMs: number
  /** Requests of one node in flight. Default 512. */
  requestsMax: number
  /** Operations of one node at once. Default 512; one more ends as `busy`. */
  operationsMax: number
  /** Candidates that a lookup keeps, nearest first, at least 4k. Default 256. */
  candidatesMax: number
  /** Acknowledgements after which a put returns to its caller, of k. Default 15 (as go's optimistic provide). */
  putReturnCount: number
  /** Chance that a choice explores, in percent. Default 20 (the proposal's 80/20). */
  explorePercent: number
  /** Quorum for records that change (`/ipns`). Default 3. */
  mutableQuorum: number
  /** Longest wait for the quorum once there is a value. Default 1 s. */
  quorumTimeoutMs: number
  /**
   * A find in vain, or for all that there is, waits so long for peers that are late once the k nearest
   * others have answered. Default 1 s.
   */
  lateGraceMs: number
  /** How long records live. Default 48 h (libp2p kad-dht spec). */
  recordValidityMs: number
  /** Largest value, bytes. Default 65,536 (as rust). */
  recordBytesMax: number
  /** Values kept for strangers. Default 16,384. */
  recordsMax: number
  /** Bytes of values kept for strangers. Default 64 MiB. */
  recordsBytesMax: number
  /** Keys with providers. Default 262,144. */
  providerKeysMax: number
  /** Providers of one key. Default 128. */
  providersPerKeyMax: number
  /** Provider records that one stranger may place. Default 65,536. */
  providerRecordsPerPeerMax: number
  /** Provider records kept for strangers, over all keys. Default 524,288: two a key, and four of five CIDs have one provider (measurements §1.1). */
  providerRecordsMax: number
  /** A provider that has not announced itself for so long gives its place to a newcomer when there is no other. Default 24 h: the 22 h cycle and 2 h of grace. */
  providerSilenceMs: number
  /** A record announced again is written again only if that adds so much to its life, so that repeating costs us no writes. Default 1 h. */
  renewalMinMs: number
  /** Validations and writes that wait for the host. Default 256; what comes above is refused. */
  jobsMax: number
  /** Time between two refreshes of the table. Default 10 min (as go). */
  refreshIntervalMs: number
  /** From the first peer met to the first walk, and between the walks of the first round. Default 1 s (as js). */
  joinIntervalMs: number
  /** Reachability checks (dials back, and again where a connection broke) at once. Default 16. */
  probesMax: number
  /** After this a reachability check is given up. Default 5 s. */
  probeTimeoutMs: number
}

/** What `NodesInit.config` overrides. */
export const DEFAULT_CONFIG: Config = {
  k: 20,
  alpha: 10,
  bucketGoodPeers: [128, 64, 32, 20],
  bucketBenchSeats: 8,
  buckets: 24,
  groupPerBucketMax: 2,
  groupPerTableMax: 3,
  memoryPeersMax: 5000,
  creditMax: 50,
  loadedCreditMax: 5,
  failureWeight: 2,
  evidenceHalfLifeMs: 24 * 3_600_000,
  benchScore: 0.4,
  goodScore: 0.6,
  retryMinMs: 5_000,
  retryMaxMs: 4 * 3_600_000,
  rtoMinMs: 200,
  rtoSlackMs: 100,
  rtoMaxMs: 5_000,
  rttPriorMs: 150,
  requestTimeoutMs: 10_000,
  dialTimeoutMs: 5_000,
  requestsMax: 512,
  operationsMax: 512,
  candidatesMax: 256,
  putReturnCount: 15,
  explorePercent: 20,
  mutableQuorum: 3,
  quorumTimeoutMs: 1_000,
  lateGraceMs: 1_000,
  recordValidityMs: 48 * 3_600_000,
  recordBytesMax: 65_536,
  recordsMax: 16_384,
  recordsBytesMax: 64 * 1024 * 1024,
  providerKeysMax: 262_144,
  providersPerKeyMax: 128,
  providerRecordsPerPeerMax: 65_536,
  providerRecordsMax: 524_288,
  providerSilenceMs: 24 * 3_600_000,
  renewalMinMs: 3_600_000,
  jobsMax: 256,
  refreshIntervalMs: 600_000,
  joinIntervalMs: 1_000,
  probesMax: 16,
  probeTimeoutMs: 5_000,
}

/** A parameter that is one number. */
export type ConfigNumber = Exclude<keyof Config, 'bucketGoodPeers'>

const MS_MAX = 365 * 24 * 3_600_000
const COUNT_MAX = 2 ** 31 - 1
const K_MAX = 40

/** The least and the greatest value of each parameter, both allowed. */
export const CONFIG_BOUNDS: Readonly<Record<ConfigNumber, readonly [min: number, max: number]>> = {
  k: [1, K_MAX],
  alpha: [1, 128],
  bucketBenchSeats: [0, 256],
  buckets: [1, 64],
  groupPerBucketMax: [1, COUNT_MAX],
  groupPerTableMax: [1, COUNT_MAX],
  memoryPeersMax: [0, 1_000_000],
  creditMax: [1, 1_000],
  loadedCreditMax: [0, 1_000],
  failureWeight: [0, 100],
  evidenceHalfLifeMs: [1, MS_MAX],
  benchScore: [0, 1],
  goodScore: [0, 1],
  retryMinMs: [1, MS_MAX],
  retryMaxMs: [1, MS_MAX],
  rtoMinMs: [1, MS_MAX],
  rtoSlackMs: [0, MS_MAX],
  rtoMaxMs: [1, MS_MAX],
  rttPriorMs: [1, MS_MAX],
  requestTimeoutMs: [1, MS_MAX],
  dialTimeoutMs: [1, MS_MAX],
  requestsMax: [1, 65_536],
  operationsMax: [1, 65_536],
  // A lookup needs room for 4k candidates, whatever k is.
  candidatesMax: [4 * K_MAX, 4_096],
  putReturnCount: [1, 40],
  explorePercent: [0, 100],
  mutableQuorum: [1, 40],
  quorumTimeoutMs: [0, MS_MAX],
  lateGraceMs: [0, MS_MAX],
  recordValidityMs: [1, MS_MAX],
  recordBytesMax: [1, 1_048_576],
  recordsMax: [0, COUNT_MAX],
  recordsBytesMax: [0, Number.MAX_SAFE_INTEGER],
  providerKeysMax: [0, COUNT_MAX],
  providersPerKeyMax: [1, 128],
  providerRecordsPerPeerMax: [1, COUNT_MAX],
  providerRecordsMax: [0, COUNT_MAX],
  providerSilenceMs: [1, MS_MAX],
  renewalMinMs: [0, MS_MAX],
  jobsMax: [1, 65_536],
  refreshIntervalMs: [1, MS_MAX],
  joinIntervalMs: [0, MS_MAX],
  probesMax: [0, 4_096],
  probeTimeoutMs: [1, MS_MAX],
}

/** Parameters that are shares or weights; all others are whole numbers. */
const FRACTIONS = new Set<ConfigNumber>([
  'benchScore',
  'goodScore',
  'failureWeight',
  'creditMax',
  'loadedCreditMax',
])

/** Peers of a bucket at most. */
const BUCKET_PEERS_MAX = 4_096

/**
 * What is wrong with a parameter, as the end of a sentence that begins with its name; null where
 * nothing is. Unknown names are wrong.
 */
export function configFault(name: string, value: unknown): string | null {
  if (name === 'bucketGoodPeers') return bucketsFault(value)
  const bounds = Object.hasOwn(CONFIG_BOUNDS, name) ? CONFIG_BOUNDS[name as ConfigNumber] : null
  if (bounds === null) return 'is not known'
  const [min, max] = bounds
  const whole = !FRACTIONS.has(name as ConfigNumber)
  const isNumber = whole ? Number.isSafeInteger(value) : Number.isFinite(value)
  if (isNumber && (value as number) >= min && (value as number) <= max) return null
  return `must be a ${whole ? 'whole ' : ''}number from ${min} to ${max}, and is ${String(value)}`
}

function bucketsFault(value: unknown): string | null {
  const isCount = (count: unknown): boolean =>
    Number.isSafeInteger(count) && (count as number) >= 1 && (count as number) <= BUCKET_PEERS_MAX
  if (Array.isArray(value) && value.length > 0 && value.every(isCount)) return null
  return `must be a list of one or more whole numbers from 1 to ${BUCKET_PEERS_MAX}`
}
