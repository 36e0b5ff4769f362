/**
 * Which operations begin when, by whom, and on what: drawn for each operation by its number, so that every worker knows
 * all of them and takes those of its own nodes.
 */
import { ASKER, CHOICE, OPERATION, OWNER } from '../engine/draws.ts'
import {
  OPERATIONS,
  type OperationName,
  REGIONS,
  type Scenario,
  type WorkloadSettings,
} from '../scenario/scenario.ts'
import { below, draw, share } from '../world/dice.ts'
import type { Population } from '../world/population.ts'
import { CONTENT, freshSubject, NAME, type SubjectKind, storedSubject, VALUE } from './subjects.ts'

/** One operation of a user, to begin at `atMs`. */
export interface Task {
  /** 1 or more, in the order of time; over the whole run. */
  number: number
  name: OperationName
  atMs: number
  asker: number
  /** What is stored or looked for; -1 where a peer is. */
  subject: number
  /** Who is looked for; -1 otherwise. */
  peer: number
  phase: number
}

/** An asker that is away is drawn anew so often before the operation is left out. */
const TRIES = 16

/** Subjects of each kind are of these operations. */
const KIND_OF: Partial<Record<OperationName, SubjectKind>> = {
  get: VALUE,
  put: VALUE,
  provide: CONTENT,
  findProviders: CONTENT,
  ipns: NAME,
  bulk: CONTENT,
}

export class Workload {
  private readonly scenario: Scenario
  private readonly population: Population
  private readonly startMs: number
  private readonly skewed: Skew[]
  /** Whom an operation may be drawn for; null for everybody. BOUNDED: by identities */
  private readonly askers: Int32Array[]
  private phase = 0
  private phaseStartMs: number
  private drawn = 0
  private number = 0
  /** Guests that have come before this phase. */
  private came = 0

  /** The first phase begins at `startMs`. */
  constructor(scenario: Scenario, population: Population, startMs: number) {
    this.scenario = scenario
    this.population = population
    this.startMs = startMs
    this.phaseStartMs = startMs
    this.skewed = scenario.phases.map(({ workload }) => new Skew(workload))
    this.askers = scenario.phases.map(({ workload }) => this.chooseAskers(workload))
  }

  /** When the last phase ends. */
  get endMs(): number {
    return this.startMs + this.scenario.phases.reduce((sum, { seconds }) => sum + seconds * 1000, 0)
  }

  /**
   * Hands over the operations that begin before `untilMs`, each once, in order. Who is up is judged by `knownMs`, up to
   * which all workers know of each other.
   */
  until(untilMs: number, knownMs: number, begin: (task: Task) => void): void {
    for (let phase = this.scenario.phases[this.phase]; phase !== undefined; ) {
      const { seconds, workload } = phase
      const count = Math.floor(workload.perSecond * seconds)
      while (this.drawn < count) {
        const atMs = this.atMs(this.drawn, workload.perSecond)
        if (atMs >= untilMs) return
        this.drawn++
        this.number++
        const guest = workload.clients === 'cold' ? this.came + this.drawn - 1 : -1
        const asker = this.asker(this.number, knownMs, this.phase, guest)
        const task = this.task(this.number, atMs, knownMs, this.phase, workload, asker)
        if (task !== null) begin(task)
      }
      if (this.phaseStartMs + seconds * 1000 > untilMs) return
      this.phaseStartMs += seconds * 1000
      if (workload.clients === 'cold') this.came += count
      this.drawn = 0
      this.phase++
      phase = this.scenario.phases[this.phase]
    }
  }

  /** Evenly spread, each somewhere within its own stretch. */
  private atMs(index: number, perSecond: number): number {
    const { seed } = this.scenario
    const part = share(draw(seed, this.number + 1, 0, OPERATION))
    return this.phaseStartMs + Math.floor(((index + part) * 1000) / perSecond)
  }

  private task(
    number: number,
    atMs: number,
    knownMs: number,
    phase: number,
    workload: WorkloadSettings,
    asker: number,
  ): Task | null {
    const name = this.nameOf(number, workload)
    if (asker < 0 || name === null) return null
    const task: Task = { number, name, atMs, asker, subject: -1, peer: -1, phase }
    if (name === 'findPeer') {
      task.peer = this.anybody(number, knownMs)
      return task.peer < 0 || task.peer === asker ? null : task
    }
    const kind = KIND_OF[name] as SubjectKind
    // Where nothing was stored finds look for keys that nobody has.
    const isNew = name === 'put' || name === 'provide' || workload.subjects === 0
    task.subject = isNew
      ? freshSubject(kind, number)
      : storedSubject(kind, this.chosen(number, phase, workload.subjects))
    return task
  }

  /** The guest of that number where clients are cold, else somebody who is up to ask; -1 where nobody was found. */
  private asker(number: number, atMs: number, phase: number, guest: number): number {
    if (guest >= 0) return this.population.guests[guest] ?? -1
    const { seed } = this.scenario
    const askers = this.askers[phase] as Int32Array
    const choices = askers.length > 0 ? askers.length : this.population.size
    for (let i = 0; i < TRIES; i++) {
      const at = below(draw(seed, number, i, ASKER), choices)
      const asker = askers.length > 0 ? (askers[at] as number) : at
      if (this.population.isUp(asker, atMs) && !this.population.isGuest(asker)) return asker
    }
    return -1
  }

  /** A server that is up and can be found; -1 where none was. */
  private anybody(number: number, atMs: number): number {
    const { population } = this
    for (let i = 0; i < TRIES; i++) {
      const peer = below(draw(this.scenario.seed, number, i, OWNER), population.size)
      const isThere = population.isUp(peer, atMs) && population.isDialable(peer)
      if (isThere && population.isServer(peer)) return peer
    }
    return -1
  }

  private nameOf(number: number, workload: WorkloadSettings): OperationName | null {
    const { mix } = workload
    const total = OPERATIONS.reduce((sum, name) => sum + (mix[name] ?? 0), 0)
    let left = share(draw(this.scenario.seed, number, 1, OPERATION)) * total
    for (const name of OPERATIONS) {
      const weight = mix[name] ?? 0
      if (weight > 0 && left < weight) return name
      left -= weight
    }
    return null
  }

  private chosen(number: number, phase: number, subjects: number): number {
    const word = draw(this.scenario.seed, number, 0, CHOICE)
    return Math.min((this.skewed[phase] as Skew).choose(word), subjects - 1)
  }

  /** Of each wanted region as many as of the others, as a measuring campaign has it; where one has too few, more of the others. */
  private chooseAskers(workload: WorkloadSettings): Int32Array {
    const { askers, askerRegions } = workload
    const { population } = this
    if (askers === 0 && askerRegions.length === 0) return new Int32Array(0)
    const wanted = askerRegions.map((region) => REGIONS.indexOf(region))
    const most = askers === 0 ? population.size : askers
    const share = wanted.length === 0 ? most : Math.ceil(most / wanted.length)
    const chosen: number[] = [] // BOUNDED: by `askers`, or the identities
    const seen = new Set<number>() // BOUNDED: by identities
    const fromRegion = new Int32Array(REGIONS.length)
    for (const limit of [share, most]) {
      for (let i = 0; i < population.size * 4 && chosen.length < most; i++) {
        const peer = below(draw(this.scenario.seed, i, 2, ASKER), population.size)
        if (seen.has(peer) || !population.isUp(peer, this.startMs)) continue
        const region = population.region(peer)
        if (wanted.length > 0 && !wanted.includes(region)) continue
        if ((fromRegion[region] as number) >= limit && wanted.length > 0) continue
        fromRegion[region] = (fromRegion[region] as number) + 1
        seen.add(peer)
        chosen.push(peer)
      }
    }
    return Int32Array.from(chosen)
  }
}

/** How often which subject is looked for. */
class Skew {
  private readonly workload: WorkloadSettings
  /** Cumulated weights. BOUNDED: by `subjects` */
  private readonly cumulated: Float64Array

  constructor(workload: WorkloadSettings) {
    const { keys, subjects, skew } = workload
    this.workload = workload
    this.cumulated = new Float64Array(keys === 'zipf' ? subjects : 0)
    let sum = 0
    for (let i = 0; i < this.cumulated.length; i++) {
      sum += (i + 1) ** -skew
      this.cumulated[i] = sum
    }
  }

  /** The subject of 32 dice bits. */
  choose(word: number): number {
    const { keys, subjects, skew } = this.workload
    const part = share(word)
    if (keys === 'uniform') return Math.floor(part * subjects)
    if (keys === 'hotspot') {
      return part < skew ? 0 : Math.floor(((part - skew) / (1 - skew)) * subjects)
    }
    const wanted = part * (this.cumulated[subjects - 1] as number)
    let low = 0
    let high = subjects - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.cumulated[middle] as number) < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}
