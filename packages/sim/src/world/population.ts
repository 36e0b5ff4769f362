/**
 * All identities of a run in columns over shared memory, 53 bytes each: who they are, where they live, what they can do,
 * and when they are up. An identity is its rank in key order. Worker threads open the same columns.
 */
import { KEY_WORDS, PeerBook } from '@kadmium/core'
import { REGIONS, type Region, type Scenario } from '../scenario/scenario.ts'
import { type Census, sizeOf, takeCensus } from './census.ts'
import { DRAW, draw, share } from './dice.ts'
import { Homes } from './homes.ts'
import { buildIndex, indexBits, Ranges } from './ranges.ts'
import { Sessions } from './sessions.ts'

/** What a worker is sent: structured-cloneable, the columns stay shared. */
export interface PopulationShared {
  size: number
  initial: number
  /** Groups of addresses that many servers share, numbered from 1 on. */
  groups: number
  keys: SharedArrayBuffer
  index: SharedArrayBuffer
  traits: SharedArrayBuffer
  regions: SharedArrayBuffer
  ipGroups: SharedArrayBuffer
  /** Identities, in the order in which they come. */
  guests: SharedArrayBuffer
  upFromMs: SharedArrayBuffer
  upUntilMs: SharedArrayBuffer
}

const SERVER = 1
const DIALABLE = 2
const SLOW = 4
const STABLE = 8
const TRANSPORT_SHIFT = 4
const KIND_SHIFT = 6

/** What an identity is when the run begins; it decides nothing later. */
export const KIND = { up: 0, away: 1, newcomer: 2, dead: 3 } as const

export class Population {
  readonly shared: PopulationShared
  /** All identities of the run: up at the start, away, newcomers and dead. */
  readonly size: number
  /** Identities that are up when the run begins. */
  readonly initial: number
  /** Fixed; the ref of an identity is its rank. */
  readonly book: PeerBook
  readonly ranges: Ranges
  /** Start of the current or next session, ms. */
  readonly upFromMs: Float64Array
  /** End of the current or last session, ms. */
  readonly upUntilMs: Float64Array
  /** Groups of addresses by identity; 0 for one that is alone in its group. */
  readonly sharedGroups: Uint16Array
  /** Those that come for one operation each, in the order of the operations. */
  readonly guests: Int32Array
  private visits: ReadonlySet<number> = new Set()
  private readonly traits: Uint8Array
  private readonly regions: Uint8Array

  private constructor(shared: PopulationShared) {
    this.shared = shared
    this.size = shared.size
    this.initial = shared.initial
    this.traits = new Uint8Array(shared.traits)
    this.regions = new Uint8Array(shared.regions)
    this.sharedGroups = new Uint16Array(shared.ipGroups)
    this.upFromMs = new Float64Array(shared.upFromMs)
    this.upUntilMs = new Float64Array(shared.upUntilMs)
    this.guests = new Int32Array(shared.guests)
    this.visits = new Set(this.guests)
    this.book = new PeerBook({ fixed: true, keys: new Uint32Array(shared.keys) })
    this.ranges = new Ranges(this.book.keys, this.size, new Uint32Array(shared.index))
  }

  /** Draws everybody from the scenario's seed. Throws a RangeError where there would be too many. */
  static create(scenario: Scenario): Population {
    const census = takeCensus(scenario)
    const size = sizeOf(census)
    const shared: PopulationShared = {
      size,
      initial: census.initial,
      groups: scenario.world.addresses.groups,
      keys: new SharedArrayBuffer(size * KEY_WORDS * 4),
      index: new SharedArrayBuffer((2 ** indexBits(size) + 1) * 4),
      traits: new SharedArrayBuffer(size),
      regions: new SharedArrayBuffer(size),
      ipGroups: new SharedArrayBuffer(size * 2),
      guests: new SharedArrayBuffer(census.guests * 4),
      upFromMs: new SharedArrayBuffer(size * 8),
      upUntilMs: new SharedArrayBuffer(size * 8),
    }
    const order = drawKeys(new Uint32Array(shared.keys), size, scenario.seed)
    buildIndex(new Uint32Array(shared.keys), size, new Uint32Array(shared.index))
    const population = new Population(shared)
    population.settle(scenario, census, order)
    population.begin(scenario, census)
    return population
  }

  /** The same population in another thread. */
  static open(shared: PopulationShared): Population {
    return new Population(shared)
  }

  /** Where it lives: an index of `REGIONS`. */
  region(peer: number): number {
    return this.regions[peer] as number
  }

  /** The best transport that it offers: 0 QUIC, 1 TCP, 2 datagram. */
  transport(peer: number): number {
    return ((this.traits[peer] as number) >>> TRANSPORT_SHIFT) & 3
  }

  /** The group of its address: many servers live in one of the first, everybody else is alone, which is told as 0. */
  ipGroup(peer: number): number {
    return this.sharedGroups[peer] as number
  }

  /** Whether it announces itself as a server. Some do that behind a NAT. */
  isServer(peer: number): boolean {
    return ((this.traits[peer] as number) & SERVER) !== 0
  }

  /** Whether it can be dialled: it is not behind a NAT. */
  isDialable(peer: number): boolean {
    return ((this.traits[peer] as number) & DIALABLE) !== 0
  }

  /** Whether it comes for one operation. */
  isGuest(peer: number): boolean {
    return this.visits.size > 0 && this.visits.has(peer)
  }

  /** Whether it takes long to answer. */
  isSlow(peer: number): boolean {
    return ((this.traits[peer] as number) & SLOW) !== 0
  }

  /** Whether it is of the class that stays long. */
  isStable(peer: number): boolean {
    return ((this.traits[peer] as number) & STABLE) !== 0
  }

  /** What it is when the run begins, one of `KIND`. */
  kind(peer: number): number {
    return (this.traits[peer] as number) >>> KIND_SHIFT
  }

  /**
   * Whether it is up: from `upFromMs` on, and no more from `upUntilMs` on. Where the last session ended before the next one
   * begins, both are known: a thread that is a window ahead or behind sees the same, since no state is shorter than a window.
   */
  isUp(peer: number, nowMs: number): boolean {
    const from = this.upFromMs[peer] as number
    const until = this.upUntilMs[peer] as number
    return from < until ? from <= nowMs && nowMs < until : nowMs < until || from <= nowMs
  }

  /** What each identity is, by the order in which it was drawn: so more newcomers change nobody else. */
  private settle(scenario: Scenario, census: Census, order: Uint32Array): void {
    const { seed, world } = scenario
    const home = new Homes(scenario)
    for (let rank = 0; rank < this.size; rank++) {
      const id = order[rank] as number
      const kind = kindOf(id, census)
      const chance = (purpose: number): number => share(draw(seed, id, 0, purpose))
      // Who stays for one operation serves nobody: whoever asks must not change the world that is measured.
      const guest = id - (this.size - census.guests)
      if (guest >= 0) this.guests[guest] = rank
      const client =
        guest >= 0 || (kind !== KIND.dead && chance(DRAW.role) < world.reach.clientShare)
      let traits = kind << KIND_SHIFT
      if (!client) traits |= SERVER | DIALABLE
      else if (guest < 0 && chance(DRAW.wrongServer) < world.reach.wrongServerShare)
        traits |= SERVER
      if (chance(DRAW.slow) < world.link.slowShare) traits |= SLOW
      if (chance(DRAW.stable) < stableShare(kind, census)) traits |= STABLE
      const { quic, tcp, datagram } = world.transports
      const transport = chance(DRAW.transport) * (quic + tcp + datagram)
      traits |= (transport < quic ? 0 : transport < quic + tcp ? 1 : 2) << TRANSPORT_SHIFT
      this.traits[rank] = traits
      const region =
        guest < 0 ? home.region(chance(DRAW.region)) : guestRegion(scenario, home, guest, id)
      this.regions[rank] = region
      this.sharedGroups[rank] = client ? 0 : home.group(region, chance(DRAW.group))
    }
  }

  /** When each identity is up first. */
  private begin(scenario: Scenario, census: Census): void {
    const { churn } = scenario.world
    const sessions = new Sessions(churn, scenario.seed)
    this.visits = new Set(this.guests)
    for (let peer = 0; peer < this.size; peer++) {
      const kind = this.kind(peer)
      this.upFromMs[peer] = kind === KIND.up ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
      this.upUntilMs[peer] = kind === KIND.up ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
      if (churn.model === 'none' || kind === KIND.dead || this.isGuest(peer)) continue
      if (kind === KIND.newcomer) this.upFromMs[peer] = sessions.arrivalMs(peer, census.runMs)
      else if (churn.model === 'sessions') this.beginSession(peer, kind, sessions)
      else if (!this.isStable(peer)) this.beginFlap(peer, kind, sessions)
    }
  }

  private beginSession(peer: number, kind: number, sessions: Sessions): void {
    if (kind === KIND.away) {
      this.upFromMs[peer] = sessions.awayMs(peer, 0)
      return
    }
    const { ageMs, untilMs } = sessions.underWayMs(peer, this.isStable(peer))
    this.upFromMs[peer] = -ageMs
    this.upUntilMs[peer] = untilMs
  }

  private beginFlap(peer: number, kind: number, sessions: Sessions): void {
    const leftMs = sessions.flapLeftMs(peer)
    if (kind === KIND.away) {
      this.upFromMs[peer] = leftMs
      this.upUntilMs[peer] = leftMs - sessions.flapMs
    } else {
      this.upFromMs[peer] = leftMs - sessions.flapMs
      this.upUntilMs[peer] = leftMs
    }
  }
}

/** Guests live where the askers of their phase do, as many in each region. */
function guestRegion(scenario: Scenario, home: Homes, guest: number, id: number): number {
  let left = guest
  const phase = scenario.phases.find(({ workload, seconds }) => {
    if (workload.clients !== 'cold') return false
    left -= Math.floor(workload.perSecond * seconds)
    return left < 0
  })
  const wanted = phase?.workload.askerRegions ?? []
  if (wanted.length > 0) return REGIONS.indexOf(wanted[guest % wanted.length] as Region)
  return home.region(share(draw(scenario.seed, id, 0, DRAW.region)))
}

function kindOf(id: number, { initial, away, newcomers, dead }: Census): number {
  if (id < initial) return KIND.up
  if (id < initial + away) return KIND.away
  const isDead = id >= initial + away + newcomers && id < initial + away + newcomers + dead
  return isDead ? KIND.dead : KIND.newcomer
}

function stableShare(kind: number, census: Census): number {
  if (kind === KIND.up) return census.stableOfInitial
  return kind === KIND.away ? census.stableOfAway : census.stableOfNewcomers
}

/**
 * Uniform keys in order. Returns who got which: the number that an identity was drawn with, by rank. Sorted by the first
 * word in two passes of 16 bits; the few that share it are put in order one by one.
 */
function drawKeys(keys: Uint32Array, size: number, seed: number): Uint32Array {
  const tops = new Uint32Array(size)
  for (let id = 0; id < size; id++) tops[id] = draw(seed, id, 0, DRAW.key)
  let order = new Uint32Array(size)
  for (let id = 0; id < size; id++) order[id] = id
  for (const shift of [0, 16]) {
    const next = new Uint32Array(65_537)
    for (let i = 0; i < size; i++) {
      const digit = ((tops[i] as number) >>> shift) & 0xffff
      next[digit + 1] = (next[digit + 1] as number) + 1
    }
    for (let digit = 0; digit < 65_536; digit++)
      next[digit + 1] = (next[digit + 1] as number) + (next[digit] as number)
    const sorted = new Uint32Array(size)
    for (let i = 0; i < size; i++) {
      const id = order[i] as number
      const digit = ((tops[id] as number) >>> shift) & 0xffff
      const place = next[digit] as number
      next[digit] = place + 1
      sorted[place] = id
    }
    order = sorted
  }
  for (let rank = 1; rank < size; rank++) sinkTie(order, rank, tops, seed)
  for (let rank = 0; rank < size; rank++) {
    const id = order[rank] as number
    keys[rank * KEY_WORDS] = tops[id] as number
    for (let word = 1; word < KEY_WORDS; word++)
      keys[rank * KEY_WORDS + word] = draw(seed, id, word, DRAW.key)
  }
  return order
}

/** Moves an identity before those with the same first word and a larger rest. */
function sinkTie(order: Uint32Array, rank: number, tops: Uint32Array, seed: number): void {
  for (let at = rank; at > 0; at--) {
    const id = order[at] as number
    const before = order[at - 1] as number
    if (tops[id] !== tops[before]) return
    let word = 1
    while (
      word < KEY_WORDS &&
      draw(seed, id, word, DRAW.key) === draw(seed, before, word, DRAW.key)
    )
      word++
    if (draw(seed, id, word, DRAW.key) >= draw(seed, before, word, DRAW.key)) return
    order[at] = before
    order[at - 1] = id
  }
}
