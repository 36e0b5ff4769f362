/**
 * A small world: n nodes, the network between them and what a host does for each, in simulated time. It
 * gives a node the inputs that a libp2p host would give, in an order that only the seed decides.
 *
 * Dead nodes swallow everything. NATed nodes dial out and can't be dialled. Every node speaks the
 * protocol, and tells so one round trip after a connection was made.
 *
 * Bounded by: what the nodes have under way; made for some thousand of them.
 */
import {
  type Config,
  compareDistance,
  type Input,
  KEY_BITS,
  KEY_WORDS,
  type Key,
  type MessageType,
  NO_PEER,
  type OperationType,
  Outbox,
  type Output,
  Random,
  type StartOperation,
  type Verdict,
} from '@kadmium/core'
import { shareBits } from './bits.ts'
import { judge } from './judge.ts'
import { Post } from './post.ts'
import { newRun, note, type OperationRun } from './run.ts'
import { type Seat, seatsApart, seatsInOneColumn } from './seats.ts'
import { Timeline } from './timeline.ts'
import { Wires } from './wires.ts'

export interface WorldInit {
  nodes: number
  seed: number
  config?: Partial<Config>
  /** One-way delays, drawn for each pair of nodes from [least, most], whole ms. Default 10..90. */
  delayMs?: readonly [number, number]
  /** Nodes that can't be dialled. */
  natted?: readonly number[]
  /** Each node is a column of one with a book of its own, as on real machines. Default: one column. */
  apart?: boolean
  /** What is said of records. Default: the newest version wins. */
  judge?: (record: Uint8Array, against: Uint8Array | null) => Verdict
  /** How long a verdict and a write take, ms. Default 0. */
  judgeMs?: number
  persistMs?: number
  /** Sees each step of each node. */
  onStep?: (step: Step) => void
}

/** One call of `handle`: what a node heard and what it asks for. Valid until the next. */
export interface Step {
  node: number
  nowMs: number
  input: Input
  outbox: Outbox
  deadlineMs: number
}

/** A place in the key space and what hashes to it, as far as anybody checks. */
export interface Subject {
  key: Key
  keyBytes: Uint8Array
}

type Limits = Partial<Pick<StartOperation, 'quorum' | 'countMax' | 'reach' | 'patienceMs'>>

/** What is asked of a node. */
export interface Ask extends Subject, Limits {
  type: OperationType
  record?: Uint8Array
  /** The node to find. */
  peer?: number
}

const START_MS = 1_000_000_000

/** Inputs that answer a question to the host. */
const OWED: ReadonlySet<Input['kind']> = new Set<Input['kind']>([
  'validated',
  'persisted',
  'keyPicked',
  'dialEnded',
])

/** A node that wants to be woken so often within one millisecond never comes to rest. */
const WAKES_MAX = 1000

/** An operation that takes longer will not end. */
const PATIENCE_MS = 120_000

export class World {
  readonly size: number
  /** Keys of the nodes, eight words each. */
  readonly keys: Uint32Array
  readonly seats: readonly Seat[]
  /** Requests sent so far, by type. */
  readonly sent: Record<MessageType, number>
  private readonly init: WorldInit
  private readonly timeline = new Timeline(START_MS)
  private readonly wires: Wires
  private readonly post: Post
  private readonly natted: ReadonlySet<number>
  private readonly dice: Random
  private readonly outbox = new Outbox()
  private readonly runs = new Map<number, OperationRun>() // BOUNDED: by what the test starts
  private sequence = 0
  private wakes = 0
  private wakesMs = 0

  constructor(init: WorldInit) {
    this.init = init
    this.size = init.nodes
    this.dice = new Random(init.seed)
    this.keys = Uint32Array.from({ length: init.nodes * KEY_WORDS }, () => this.dice.word())
    this.natted = new Set(init.natted)
    const { timeline } = this
    const delayMs = (a: number, b: number): number => this.delayMs(a, b)
    this.wires = new Wires({
      timeline,
      nodes: init.nodes,
      delayMs,
      isAlive: (node) => this.isAlive(node),
      isDialable: (node) => this.isAlive(node) && !this.natted.has(node),
      linkChanged: ({ node, peer, link, dialled }) => {
        const ref = this.seat(node).names.refOf(peer)
        this.give(node, { kind: 'linkChanged', peer: ref, link, dialled, ipGroup: 0 })
      },
      identified: (a, b) => {
        this.tellSpeaks(a, b)
        this.tellSpeaks(b, a)
      },
    })
    this.post = new Post({
      timeline,
      wires: this.wires,
      delayMs,
      seat: (node) => this.seat(node),
      give: (node, input) => this.give(node, input),
    })
    this.sent = this.post.sent
    const makeSeats = init.apart === true ? seatsApart : seatsInOneColumn
    this.seats = makeSeats({
      nodes: init.nodes,
      seed: init.seed,
      config: init.config ?? {},
      keys: this.keys,
      bytesOf: (node) => this.subjectOf(node).keyBytes,
    })
  }

  get nowMs(): number {
    return this.timeline.nowMs
  }

  isAlive(node: number): boolean {
    return this.seat(node).alive
  }

  /** One-way delay between two nodes, ms: from the seed and the pair alone. */
  delayMs(a: number, b: number): number {
    const [least, most] = this.init.delayMs ?? [10, 90]
    const pair = Math.min(a, b) * this.size + Math.max(a, b)
    return least + new Random(this.init.seed, pair).below(most - least + 1)
  }

  /** Gives a node an input now. A dead one misses it, but for what its own host was asked for. */
  give(node: number, input: Input): void {
    const seat = this.seat(node)
    if (!seat.alive) {
      if (OWED.has(input.kind)) seat.owed.push(input)
      return
    }
    const { nowMs, outbox } = this
    outbox.clear()
    seat.nodes.handle(seat.row, nowMs, input, outbox)
    const deadlineMs = seat.nodes.deadline(seat.row)
    this.init.onStep?.({ node, nowMs, input, outbox, deadlineMs })
    for (let i = 0; i < outbox.count; i++) this.carryOut(seat, outbox.at(i))
    this.wakeBy(seat, deadlineMs)
  }

  /** Everything that happens in the next `ms`. */
  runFor(ms: number): void {
    this.runUntil(() => false, this.nowMs + ms)
  }

  /** Runs until something holds or the time has come. True when it holds. */
  runUntil(holds: () => boolean, untilMs: number): boolean {
    while (!holds()) if (!this.timeline.step(untilMs)) return false
    return true
  }

  /** Starts an operation. */
  start(node: number, ask: Ask): OperationRun {
    const run = newRun(++this.sequence, node, ask.type, this.nowMs)
    this.runs.set(run.id, run)
    const subject = ask.type === 'provide' ? node : ask.peer
    this.give(node, {
      kind: 'startOperation',
      operation: run.id,
      record: null,
      quorum: 0,
      countMax: 0,
      reach: 'all',
      patienceMs: 0,
      ...ask,
      peer: subject === undefined ? NO_PEER : this.seat(node).names.refOf(subject),
    })
    return run
  }

  /** Starts an operation and runs the world until it has ended for its caller. */
  perform(node: number, ask: Ask): OperationRun {
    const run = this.start(node, ask)
    if (!this.runUntil(() => run.outcome !== null, this.nowMs + PATIENCE_MS))
      throw new Error(`${run.type} does not end`)
    return run
  }

  /** A subject of its own: a random key, and key bytes that begin with `prefix`. */
  subject(prefix: string): Subject {
    const key = Uint32Array.from({ length: KEY_WORDS }, () => this.dice.word())
    const text = `${prefix}${++this.sequence}`
    return { key, keyBytes: Uint8Array.from(text, (letter) => letter.charCodeAt(0)) }
  }

  /** A node's own key as a subject. */
  subjectOf(node: number): Subject {
    const key = this.keys.slice(node * KEY_WORDS, (node + 1) * KEY_WORDS)
    return { key, keyBytes: Uint8Array.from([node & 0xff, node >>> 8]) }
  }

  /** The truth: live nodes that can be dialled, nearest to a key first, without `except`. */
  nearest(key: Key, count: number, except = -1): number[] {
    const { keys } = this
    return this.live()
      .filter((node) => node !== except && !this.natted.has(node))
      .sort((a, b) => compareDistance(key, 0, keys, a * KEY_WORDS, keys, b * KEY_WORDS))
      .slice(0, count)
  }

  /** All live nodes. */
  live(): number[] {
    return this.seats.filter(({ alive }) => alive).map(({ index }) => index)
  }

  /** The host dials a peer of its own accord, as it does with a bootstrapper. */
  connect(node: number, peer: number): void {
    this.wires.dial(node, peer, 5_000, () => {})
  }

  /** From now on the node swallows everything. Its connections break, or (`silently`) nobody notices. */
  kill(node: number, silently = false): void {
    if (!silently) this.disconnect(node, 'lost')
    this.seat(node).alive = false
  }

  /** A dead node is back, with all that it knew and without connections. */
  revive(node: number): void {
    const seat = this.seat(node)
    seat.alive = true
    this.disconnect(node, 'lost')
    for (const input of seat.owed.splice(0)) this.give(node, input)
    this.wakeBy(seat, seat.nodes.deadline(seat.row))
  }

  /** All connections of a node end, in order or not, and requests under way on them fail. */
  disconnect(node: number, how: 'cold' | 'lost'): void {
    for (const peer of this.wires.disconnect(node, how)) {
      this.post.failAll(this.seat(node), peer)
      this.post.failAll(this.seat(peer), node)
    }
  }

  /** An oracle fills the tables: each node has met all who can be dialled, in random order. */
  fillTables(): void {
    const others = this.live().filter((node) => !this.natted.has(node))
    this.shuffle(others)
    for (const { index, nodes, row, names } of this.seats) {
      const from = this.dice.below(others.length)
      for (let i = 0; i < others.length; i++) {
        const peer = others[(from + i) % others.length] as number
        if (peer === index) continue
        nodes.routing.place(row, names.refOf(peer), this.nowMs, 2 * this.delayMs(index, peer), 0)
      }
    }
  }

  /** Nodes go online and join through node 0, one after the other; then all have `ms` to walk. */
  join(everyMs: number, ms: number): void {
    for (const node of this.live()) {
      this.give(node, { kind: 'start' })
      if (node > 0) this.connect(node, 0)
      this.runFor(everyMs)
    }
    this.runFor(ms)
  }

  private carryOut(seat: Seat, output: Output): void {
    const { init, post } = this
    const { index, names } = seat
    const soon = (delayMs: number, input: Input): void =>
      this.timeline.later(delayMs, () => this.give(index, input))
    switch (output.kind) {
      case 'send':
        post.send(seat, output, names.indexOf(output.to))
        break
      case 'cancelRequest':
        post.cancel(seat, output.request, output.expired)
        break
      case 'respond':
        post.answer(seat, output.exchange, output.message)
        break
      case 'accept':
        post.answer(seat, output.exchange, null)
        break
      case 'refuse':
        post.refuse(seat, output.exchange)
        break
      case 'dial':
        this.dialBack(seat, output.peer, output.timeoutMs)
        break
      case 'pickKey':
        soon(0, { kind: 'keyPicked', ...this.keyInBucket(index, output.bits) })
        break
      case 'validate': {
        const verdict = (init.judge ?? judge)(output.record, output.against)
        soon(init.judgeMs ?? 0, { kind: 'validated', job: output.job, verdict })
        break
      }
      case 'persistRecord':
      case 'persistProvider':
        if (output.job !== 0)
          soon(init.persistMs ?? 0, { kind: 'persisted', job: output.job, ok: true })
        break
      case 'forget':
        names.forget(output.peer)
        break
      case 'walkEnded':
        break
      default:
        note(this.runs.get(output.operation) as OperationRun, output, this.nowMs, names)
    }
  }

  private dialBack(seat: Seat, peer: number, timeoutMs: number): void {
    const { index, names } = seat
    const to = names.indexOf(peer)
    this.timeline.later(0, () =>
      this.wires.dial(index, to, timeoutMs, (ok) =>
        this.give(index, { kind: 'dialEnded', peer, ok, ipGroup: 0 }),
      ),
    )
  }

  private tellSpeaks(node: number, peer: number): void {
    const ref = this.seat(node).names.refOf(peer)
    this.give(node, { kind: 'protocolChanged', peer: ref, speaks: true })
  }

  private wakeBy(seat: Seat, deadlineMs: number): void {
    const atMs = Math.max(this.nowMs, Math.ceil(deadlineMs))
    if (atMs >= seat.wakeAtMs) return
    seat.wakeAtMs = atMs
    this.timeline.at(atMs, () => {
      if (seat.wakeAtMs !== atMs) return
      seat.wakeAtMs = Number.POSITIVE_INFINITY
      if (this.wakesMs !== atMs) this.wakes = 0
      this.wakesMs = atMs
      if (++this.wakes > WAKES_MAX + this.size) throw new Error('a node does not come to rest')
      this.give(seat.index, { kind: 'wake' })
    })
  }

  /** The answer to `pickKey`. */
  private keyInBucket(node: number, bits: number): Subject {
    const own = this.subjectOf(node)
    const subject = bits === KEY_BITS ? own : this.subject('')
    if (bits < KEY_BITS) shareBits(subject.key, own.key, bits)
    return subject
  }

  private shuffle(list: number[]): void {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.dice.below(i + 1)
      const here = list[i] as number
      list[i] = list[j] as number
      list[j] = here
    }
  }

  private seat(node: number): Seat {
    const seat = this.seats[node]
    if (seat === undefined) throw new RangeError(`there is no node ${node}`)
    return seat
  }
}
