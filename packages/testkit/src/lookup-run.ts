/** Runs lookups against a model network, with answers in random order, and measures them. */
import { KEY_WORDS, NO_PEER, PeerBook, type PeerRef, Random } from '@kadmium/core'
import { Agenda } from './agenda.ts'
import { answerDelay } from './baselines.ts'
import type { Network } from './network.ts'

const K = 20

const ROUND_TRIP_MS = 150

/** Round trips after which a request is late: 1 + 4 x 0.4, mean and mean deviation of the answers' delays (Jacobson/Karels). */
const RTO = 2.6

/** Round trips after which a request is given up: 10 s. */
const REQUEST_TIMEOUT = 10_000 / ROUND_TRIP_MS

/** What `Lookup` offers. */
interface LookupMachine {
  begin(key: Uint32Array, keyAt: number, self: PeerRef, failureShare: number): void
  add(peer: PeerRef, costMs: number): boolean
  next(): PeerRef
  answered(peer: PeerRef): boolean
  failed(peer: PeerRef): boolean
  late(peer: PeerRef): boolean
  readonly done: boolean
  closest(out: Int32Array): number
}

export interface LookupRun {
  /** Requests sent, with those to dead peers. */
  rpcs: number
  /** The result, nearest first. */
  found: number[]
  /** Time until `done`, in mean round trips. */
  rounds: number
}

/** The identities of a network: the ref of node i is i. */
export function networkBook(network: Network): PeerBook {
  const book = new PeerBook({ fixed: true, capacity: network.size, capacityMax: network.size })
  for (let node = 0; node < network.size; node++) book.add(network.keys, node * KEY_WORDS)
  return book
}

/**
 * Runs a lookup of a node that has nothing but its table: its 20 nearest entries are the seeds. A dead
 * peer is late after the RTO and fails at the request's time-out. With `roundTripOf` (in mean round
 * trips) each peer has a round trip of its own, which the node knows; without, all delays are drawn
 * and the node, being fresh, expects the same of all.
 */
export function runLookup(
  lookup: LookupMachine,
  network: Network,
  asker: number,
  target: Uint32Array,
  random: Random,
  roundTripOf?: (node: number) => number,
): LookupRun {
  const flights = new Agenda<{ node: number; event: 'answered' | 'failed' | 'late' }>()
  const named = new Int32Array(K)
  let rpcs = 0
  const hearFrom = (node: number): void => {
    const count = network.closest(node, target, 0, K, named)
    for (const peer of named.subarray(0, count))
      lookup.add(peer, ROUND_TRIP_MS * (roundTripOf?.(peer) ?? 1))
  }
  const send = (node: number): void => {
    rpcs++
    if (network.isDead(node)) {
      flights.enter(RTO, { node, event: 'late' })
      flights.enter(REQUEST_TIMEOUT, { node, event: 'failed' })
    } else {
      flights.enter(roundTripOf?.(node) ?? answerDelay(random), { node, event: 'answered' })
    }
  }
  lookup.begin(target, 0, asker, 0)
  hearFrom(asker)
  while (!lookup.done) {
    for (let node = lookup.next(); node !== NO_PEER; node = lookup.next()) send(node)
    const flight = flights.take()
    if (flight === undefined) throw new Error('a lookup with nothing in flight must be done')
    lookup[flight.event](flight.node)
    if (flight.event === 'answered') hearFrom(flight.node)
  }
  const out = new Int32Array(K)
  const count = lookup.closest(out)
  return { rpcs, found: [...out.subarray(0, count)], rounds: flights.now }
}

/** Means over many lookups. */
export interface LookupMeans {
  rpcs: number
  /** Share of the 20 live nodes nearest to the target, without the asker, that were found: 0..1. */
  recall: number
  /** In mean round trips; NaN for a model that doesn't tell. */
  rounds: number
}

/** Runs lookups of random keys by random live nodes. Each rule gets the same ones. */
export function lookupMeans(
  network: Network,
  lookups: number,
  run: (
    asker: number,
    target: Uint32Array,
    random: Random,
  ) => { rpcs: number; found: number[]; rounds?: number },
): LookupMeans {
  const draws = new Random(7)
  const truth = new Int32Array(K)
  const means = { rpcs: 0, recall: 0, rounds: 0 }
  for (let i = 0; i < lookups; i++) {
    const asker = network.liveNode(draws)
    const target = Uint32Array.from({ length: KEY_WORDS }, () => draws.word())
    const { rpcs, found, rounds } = run(asker, target, new Random(i))
    const count = network.nearestLive(target, 0, K, asker, truth)
    const hits = found.filter((node) => truth.subarray(0, count).includes(node))
    means.rpcs += rpcs / lookups
    means.recall += hits.length / count / lookups
    means.rounds += (rounds ?? Number.NaN) / lookups
  }
  return means
}
