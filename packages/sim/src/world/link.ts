/** What a message meets on its way: how long it takes, whether it is lost, how long the other end needs to answer. */
import { type LinkSettings, REGIONS } from '../scenario/scenario.ts'
import { DRAW, draw, share } from './dice.ts'
import { exponential } from './maths.ts'
import type { Population } from './population.ts'
import { KNOTS, regionKnots } from './regions.ts'

/**
 * Round trips before the first request of a new connection: QUIC, TCP with Noise and a muxer, datagram session. To the
 * handshake of the first two (1 and 4) comes one until both know what the other speaks: identify, or the negotiation of
 * the stream. peers.md §3.1: about 2 and 4-5 before the first byte; go-libp2p#797 counts 6 with the request over TCP.
 */
const HANDSHAKE_TRIPS: readonly number[] = [2, 5, 1]

/** Of two who live in one large group of addresses, a data centre, the round trip is this much above the least at most, ms. */
const NEIGHBOUR_MS = 2

export class Link {
  private readonly population: Population
  private readonly settings: LinkSettings
  private readonly seed: number
  private readonly knots: Float64Array
  private readonly leastRttMs: number
  private readonly lossWords: number

  constructor(population: Population, settings: LinkSettings, seed: number) {
    this.population = population
    this.settings = settings
    this.seed = seed
    this.leastRttMs = 2 * settings.minOneWayMs
    this.knots = regionKnots(this.leastRttMs)
    this.lossWords = settings.loss * 0x1_0000_0000
  }

  /** The pair's round trip without jitter, ms: the same in both directions and at any time, at least twice the least one-way time. */
  rttMs(a: number, b: number): number {
    if (a === b) return this.leastRttMs
    const { model } = this.settings
    const chance = share(a < b ? this.pairWord(a, b) : this.pairWord(b, a))
    if (model === 'regions') return this.regionMs(a, b, chance)
    const [min, max] = this.settings.constantMs
    const distanceMs = model === 'square' ? this.squareMs(a, b) : 0
    return Math.max(this.leastRttMs, 2 * (distanceMs + min + (max - min) * chance))
  }

  /** Whether messages of one pair differ in what they take. */
  get jitters(): boolean {
    return this.settings.jitter > 0
  }

  /** Whether messages are lost. */
  get loses(): boolean {
    return this.lossWords > 0
  }

  /** Whether answering takes time. */
  get serves(): boolean {
    return this.settings.serviceMs > 0
  }

  /** How long one message takes, whole ms: half the round trip, up or down by the jitter that 32 dice bits say. */
  oneWayMs(from: number, to: number, word: number): number {
    const { jitter, minOneWayMs } = this.settings
    if (jitter === 0) return Math.max(minOneWayMs, Math.round(this.rttMs(from, to) / 2))
    const swing = 1 + jitter * (2 * share(word) - 1)
    return Math.max(minOneWayMs, Math.round((this.rttMs(from, to) / 2) * swing))
  }

  /** Whether a message is lost, by 32 dice bits. */
  isLost(word: number): boolean {
    return word < this.lossWords
  }

  /** How long a peer takes to answer, whole ms, by 32 dice bits: exponential, slow peers `slowFactor` times that. */
  serviceMs(peer: number, word: number): number {
    const { serviceMs, slowFactor } = this.settings
    const mean = this.population.isSlow(peer) ? serviceMs * slowFactor : serviceMs
    return Math.round(exponential(word) * mean)
  }

  /** Round trips before the first request, by the transport of the one who is dialled. */
  handshakeTrips(transport: number): number {
    return HANDSHAKE_TRIPS[transport] as number
  }

  private pairWord(low: number, high: number): number {
    return draw(this.seed, low, high, DRAW.pair)
  }

  /** The quantile function of the pair of regions, straight between its knots. */
  private regionMs(a: number, b: number, chance: number): number {
    const { sharedGroups } = this.population
    const group = sharedGroups[a] as number
    if (group !== 0 && group === sharedGroups[b]) return this.leastRttMs + NEIGHBOUR_MS * chance
    const { knots } = this
    const row = this.population.region(a) * REGIONS.length + this.population.region(b)
    const at = row * KNOTS
    if (chance < 0.1) return between(knots, at, chance * 10)
    if (chance < 0.5) return between(knots, at + 1, (chance - 0.1) * 2.5)
    if (chance < 0.9) return between(knots, at + 2, (chance - 0.5) * 2.5)
    return between(knots, at + 3, (chance - 0.9) * 10)
  }

  /** One way between two points of the square, ms. */
  private squareMs(a: number, b: number): number {
    const x = this.place(a, DRAW.placeX) - this.place(b, DRAW.placeX)
    const y = this.place(a, DRAW.placeY) - this.place(b, DRAW.placeY)
    return Math.sqrt((x * x + y * y) / 2) * this.settings.squareMs
  }

  private place(peer: number, purpose: number): number {
    return share(draw(this.seed, peer, 0, purpose))
  }
}

function between(knots: Float64Array, at: number, part: number): number {
  const low = knots[at] as number
  return low + ((knots[at + 1] as number) - low) * part
}
