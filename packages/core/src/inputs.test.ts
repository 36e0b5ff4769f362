/**
 * What holds for a node under any sequence of inputs, with limits so small that all of them are met: it
 * never throws, asks for no more than it may, answers everything once, and leaves nothing behind.
 */
import {
  key8,
  OPERATION_TYPES,
  ownNames,
  type PlainOutput,
  plainOutput,
  sharedNames,
} from '@kadmium/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Config } from './config.ts'
import { KEY_WORDS } from './key.ts'
import {
  type FailureReason,
  type Input,
  type Link,
  Message,
  type MessageType,
  type ProviderOutcome,
  type Reach,
  type Verdict,
} from './messages.ts'
import { Nodes } from './node.ts'
import { Outbox } from './outbox.ts'
import { NO_PEER, type PeerBook, type PeerRef } from './peers.ts'

const CASES = { numRuns: 1000 }
const PEERS = 14

const CONFIG: Partial<Config> = {
  k: 3,
  alpha: 2,
  candidatesMax: 12,
  buckets: 4,
  bucketGoodPeers: [3, 2],
  bucketBenchSeats: 1,
  memoryPeersMax: 6,
  requestsMax: 5,
  operationsMax: 4,
  putReturnCount: 2,
  jobsMax: 4,
  recordsMax: 2,
  recordBytesMax: 4,
  providerKeysMax: 2,
  providersPerKeyMax: 2,
  providerRecordsMax: 3,
  probesMax: 2,
}

/** Keys of the peers; peer 0 is the node itself. */
const KEYS = new Uint32Array(PEERS * KEY_WORDS)
for (let i = 0; i < PEERS; i++) KEYS.set(key8((i * 37 + 11) & 0xff), i * KEY_WORDS)

/** A call of `handle`: what, after how long, and numbers that say the rest. */
interface Call {
  what: (typeof WHAT)[number]
  afterMs: number
  a: number
  b: number
  c: number
}

const WHAT = [
  ...(['wake', 'wake', 'start', 'stop', 'keyPicked'] as const),
  ...(['operation', 'operation', 'operation', 'operation', 'cancelOperation'] as const),
  ...(['requestArrived', 'requestArrived', 'answer', 'answer', 'answer', 'answer'] as const),
  ...(['answer', 'answer', 'fail', 'link', 'link', 'link', 'speaks', 'speaks', 'speaks'] as const),
  ...(['dialEnded', 'validated', 'validated', 'validated', 'persisted', 'persisted'] as const),
  ...(['validated', 'persisted', 'answer', 'answer', 'operation', 'operation'] as const),
  ...(['recordLoaded', 'providerLoaded', 'withdraw', 'peerLoaded', 'report'] as const),
]

const calls: fc.Arbitrary<Call[]> = fc.array(
  fc.record({
    what: fc.constantFrom(...WHAT),
    afterMs: fc.oneof(
      { weight: 20, arbitrary: fc.constantFrom(0, 0, 1, 40, 300) },
      { weight: 3, arbitrary: fc.constantFrom(1500, 6000, 20_000) },
      { weight: 1, arbitrary: fc.constantFrom(5_000_000, 200_000_000) },
    ),
    a: fc.nat(255),
    b: fc.nat(255),
    c: fc.nat(255),
  }),
  { minLength: 1, maxLength: 80, size: 'max' },
)

const TYPES: readonly MessageType[] = [
  'findNode',
  'getValue',
  'getProviders',
  'putValue',
  'addProvider',
  'ping',
]
const REACHES: readonly Reach[] = ['all', 'all', 'local', 'network']
const LINKS: readonly Link[] = ['cold', 'connected', 'connected', 'pooled', 'lost']
const VERDICTS: readonly Verdict[] = ['invalid', 'better', 'better', 'same', 'worse']
const OUTCOMES: readonly ProviderOutcome[] = ['served', 'failed', 'lied']
const REASONS: readonly FailureReason[] = [
  'dial',
  'timeout',
  'reset',
  'unsupported',
  'malformed',
  'cancelled',
]

function pick<T>(list: readonly T[], at: number): T {
  return list[at % list.length] as T
}

/** What the node asked its host for and has not heard of yet. */
interface Asked {
  requests: Map<number, MessageType>
  verdicts: Set<number>
  writes: Set<number>
  dials: PeerRef[]
  exchanges: Set<number>
  operations: Set<number>
  /** Walks of the node's own under way. */
  walks: number
}

interface World {
  nodes: Nodes
  row: number
  refOf: (peer: number) => PeerRef
  forget: (ref: PeerRef) => void
}

/** Turns calls into inputs for one node, and watches what it asks for. */
class Driver {
  nowMs = 1_000_000
  readonly asked: Asked = {
    requests: new Map(),
    verdicts: new Set(),
    writes: new Set(),
    dials: [],
    exchanges: new Set(),
    operations: new Set(),
    walks: 0,
  }
  /** All outputs and deadlines, as text. */
  readonly trace: string[] = []
  private readonly world: World
  private readonly prompt: boolean
  private readonly outbox = new Outbox()
  private sequence = 0
  private online = false
  private readonly started: number[] = []
  private readonly ended = new Set<number>()
  private readonly sent: number[] = []

  /** `prompt`: the host answers what it is asked for at once, and nearly always as one would wish. */
  constructor(world: World, prompt: boolean) {
    this.world = world
    this.prompt = prompt
  }

  /** The node meets peers 1 to `count`: it dialled them, and they speak. */
  meet(count: number): void {
    for (let i = 1; i <= count; i++) {
      const peer = this.world.refOf(i)
      this.give({ kind: 'linkChanged', peer, link: 'connected', dialled: true, ipGroup: 0 })
      this.give({ kind: 'protocolChanged', peer, speaks: true })
    }
  }

  call({ what, afterMs, a, b, c }: Call): void {
    this.nowMs += afterMs
    this.give(this.inputOf(what, a, b, c))
    if (this.prompt) this.answerJobs()
  }

  give(input: Input): void {
    const { outbox, nowMs, world } = this
    outbox.clear()
    if (input.kind === 'answerArrived' || input.kind === 'requestFailed')
      this.asked.requests.delete(input.request)
    if (input.kind === 'validated') this.asked.verdicts.delete(input.job)
    if (input.kind === 'persisted') this.asked.writes.delete(input.job)
    if (input.kind === 'start' || input.kind === 'stop') this.online = input.kind === 'start'
    if (input.kind === 'stop') this.asked.walks = 0
    if (input.kind === 'keyPicked' && this.online) this.asked.walks++
    world.nodes.handle(world.row, nowMs, input, outbox)
    for (const output of outbox) {
      const plain = plainOutput(output)
      this.trace.push(JSON.stringify(plain))
      this.watch(plain)
    }
    const deadlineMs = world.nodes.deadline(world.row)
    this.trace.push(`until ${deadlineMs}`)
    expect(deadlineMs).not.toBeNaN()
    expect(world.nodes.inFlight(world.row)).toBe(this.asked.requests.size)
    expect(this.asked.requests.size).toBeLessThanOrEqual(CONFIG.requestsMax as number)
  }

  /** Lets everything end: no peer answers any more, the host answers what it was asked for. */
  drain(): void {
    for (let round = 0; round < 400; round++) {
      const { verdicts, writes, dials, requests, operations, exchanges } = this.asked
      this.answerJobs()
      for (const peer of dials.splice(0))
        this.give({ kind: 'dialEnded', peer, ok: false, ipGroup: 0 })
      const jobs = exchanges.size + verdicts.size + writes.size
      const open = requests.size + operations.size + this.asked.walks + jobs
      if (open === 0) return
      this.nowMs = Math.max(this.nowMs, Math.min(this.deadlineMs(), this.nowMs + 60_000))
      this.give({ kind: 'wake' })
    }
    throw new Error(`something is left: ${JSON.stringify(this.asked, setsAsLists)}`)
  }

  private answerJobs(): void {
    const { verdicts, writes } = this.asked
    for (let round = 0; round < 20 && verdicts.size + writes.size > 0; round++) {
      for (const job of [...verdicts]) {
        const verdict = job % 6 === 0 ? 'invalid' : job % 5 === 0 ? 'worse' : 'better'
        this.give({ kind: 'validated', job, verdict })
      }
      for (const job of [...writes]) this.give({ kind: 'persisted', job, ok: job % 9 > 0 })
    }
  }

  private deadlineMs(): number {
    return this.world.nodes.deadline(this.world.row)
  }

  private watch(output: PlainOutput): void {
    const { asked } = this
    const id = (output.request ?? output.exchange ?? output.operation ?? output.job) as number
    switch (output.kind) {
      case 'send':
        expect(this.sent).not.toContain(id)
        this.sent.push(id)
        asked.requests.set(id, (output.message as { type: MessageType }).type)
        break
      case 'cancelRequest':
        expect(asked.requests.delete(id)).toBe(true)
        break
      case 'respond':
      case 'refuse':
      case 'accept':
        expect(asked.exchanges.delete(id)).toBe(true)
        break
      case 'dial':
        asked.dials.push(output.peer as PeerRef)
        break
      case 'validate':
        asked.verdicts.add(id)
        break
      case 'persistRecord':
      case 'persistProvider':
        if (id !== 0) asked.writes.add(id)
        break
      case 'operationEnded':
        expect(asked.operations.delete(id)).toBe(true)
        expect(this.ended.has(id)).toBe(false)
        this.ended.add(id)
        break
      case 'walkEnded':
        expect(asked.walks).toBeGreaterThan(0)
        asked.walks--
        break
      case 'valueFound':
      case 'providersFound':
      case 'peerFound':
      case 'closestFound':
        expect(asked.operations.has(id)).toBe(true)
        break
      case 'forget':
        this.world.forget(output.peer as PeerRef)
    }
  }

  private inputOf(what: Call['what'], a: number, b: number, c: number): Input {
    const { asked } = this
    switch (what) {
      case 'operation':
        return this.operationOf(a, b, c)
      case 'cancelOperation':
        return { kind: 'cancelOperation', operation: pick([...this.started, 0, 99_999], a) }
      case 'requestArrived': {
        const exchange = ++this.sequence
        asked.exchanges.add(exchange)
        const message = this.messageOf(pick(TYPES, a), b, c)
        return { kind: 'requestArrived', exchange, from: this.anyPeer(c), message }
      }
      case 'answer': {
        // Mostly one that is awaited; now and then one that never was, or was answered already.
        const request = pick([...asked.requests.keys(), ...this.sent.slice(0, 1), 77_777], a)
        const type = asked.requests.get(request) ?? pick(TYPES, b)
        const message = this.messageOf(b > 250 ? pick(TYPES, b) : type, b, c)
        return { kind: 'answerArrived', request, message, rttMs: pick([-1, 20, 90, 4000], c) }
      }
      case 'fail': {
        const request = pick([...asked.requests.keys(), 77_777], a)
        return { kind: 'requestFailed', request, reason: pick(REASONS, b) }
      }
      case 'link':
        return {
          kind: 'linkChanged',
          peer: this.anyPeer(a),
          link: pick(LINKS, b),
          dialled: b % 2 === 0,
          ipGroup: c % 4,
        }
      case 'speaks':
        return { kind: 'protocolChanged', peer: this.anyPeer(a), speaks: b % 5 !== 0 }
      case 'dialEnded': {
        const peer = asked.dials.shift() ?? this.anyPeer(a)
        return { kind: 'dialEnded', peer, ok: b % 2 === 0, ipGroup: c % 4 }
      }
      case 'validated': {
        const job = pick([...asked.verdicts, 55_555], a)
        return { kind: 'validated', job, verdict: pick(VERDICTS, b) }
      }
      case 'persisted':
        return { kind: 'persisted', job: pick([...asked.writes, 55_555], a), ok: b % 4 !== 0 }
      default:
        return this.loadedOf(what, a, b, c)
    }
  }

  private loadedOf(what: Call['what'], a: number, b: number, c: number): Input {
    const { key, keyBytes } = subjectOf(a)
    const expiresAtMs = this.nowMs + c * 1_000_000
    switch (what) {
      case 'start':
      case 'stop':
        return { kind: what }
      case 'keyPicked':
        return { kind: what, key, keyBytes }
      case 'recordLoaded':
        return { kind: what, key, keyBytes, record: recordOf(b), expiresAtMs }
      case 'providerLoaded':
        return { kind: what, key, keyBytes, provider: this.anyPeer(b), expiresAtMs }
      case 'withdraw':
        return { kind: 'withdrawProvider', key, provider: this.anyPeer(b) }
      case 'report':
        return { kind: 'providerReported', key, peer: this.anyPeer(b), outcome: pick(OUTCOMES, c) }
      case 'peerLoaded': {
        const evidence = {
          successes: a % 60,
          failures: b % 60,
          rttMs: c,
          rttDeviationMs: c / 2,
          dialled: c % 2 === 0,
        }
        const peer = this.anyPeer(b)
        return { kind: 'peerLoaded', peer, evidence, ageMs: c * 100_000, ipGroup: c % 4 }
      }
      default:
        return { kind: 'wake' }
    }
  }

  private operationOf(a: number, b: number, c: number): Input {
    // Ids are taken in turn; a quarter of them is used a second time while the first may be live.
    const again = c % 4 === 0 ? this.started.at(-1) : undefined
    const operation = again ?? this.started.length + 1
    const isNew = !this.started.includes(operation)
    if (isNew) {
      this.started.push(operation)
      this.asked.operations.add(operation)
    } else if (!this.asked.operations.has(operation)) return { kind: 'wake' }
    const type = pick(OPERATION_TYPES, a)
    return {
      kind: 'startOperation',
      operation,
      type,
      ...subjectOf(b),
      record: c % 7 === 0 ? null : recordOf(c),
      peer: type === 'provide' && c % 3 > 0 ? this.world.refOf(0) : this.anyPeer(b),
      quorum: c % 3,
      countMax: b % 3,
      reach: pick(REACHES, c),
      patienceMs: pick([0, 0, 700, 20_000], a + b),
    }
  }

  private messageOf(type: MessageType, a: number, b: number): Message {
    const message = new Message().clear(type)
    const { key, keyBytes } = subjectOf(a)
    message.key.set(key)
    message.keyBytes = keyBytes
    if (b % 3 > 0) message.record = recordOf(b)
    for (let i = 0; i < a % 5; i++) message.addCloser(this.anyPeer(b + i * 3))
    for (let i = 0; i < b % 4; i++) message.addProvider(this.anyPeer(a + i * 5))
    return message
  }

  /** A peer, the node itself among them, and at times nobody or a ref that nobody has. */
  private anyPeer(at: number): PeerRef {
    if (at > 250) return at === 255 ? NO_PEER : (1 << 30) + at
    return this.world.refOf(at % PEERS)
  }
}

/** One of six subjects, the last of which can't go over the wire. */
function subjectOf(at: number): { key: Uint32Array; keyBytes: Uint8Array } {
  const which = at % 6
  const prefix = which < 2 ? [0x2f, 0x70, 0x6b, 0x2f] : []
  return {
    key: key8(which * 40 + 3),
    keyBytes: Uint8Array.from(which === 5 ? [] : [...prefix, which]),
  }
}

function recordOf(at: number): Uint8Array {
  return new Uint8Array(1 + (at % 5)).fill(at)
}

function setsAsLists(_key: string, value: unknown): unknown {
  return value instanceof Set || value instanceof Map ? [...value] : value
}

/** A node alone, with a book of its own. */
function nodeApart(): World & { book: PeerBook } {
  const { book, refOf, forget } = ownNames(KEYS)
  const nodes = new Nodes({ book, selves: [refOf(0)], config: CONFIG, seed: 7 })
  return { nodes, row: 0, refOf, forget, book }
}

/** A row of a column of `count` nodes, all of one book: row `row` has the key of peer 0. */
function nodesOfColumn(count: number, row: number): World[] {
  const { book, refOf, forget } = sharedNames(KEYS)
  const selves = Array.from({ length: count }, (_, i) => (i === row ? 0 : i + 1))
  const nodes = new Nodes({ book, selves, config: CONFIG, seed: 7 })
  return selves.map((_, i) => ({ nodes, row: i, refOf, forget }))
}

/** Who is held by the table, the memory, the records, and as the node itself. */
function heldBy(nodes: Nodes, self: PeerRef): Set<PeerRef> {
  const held = new Set<PeerRef>([self])
  const holdings = Reflect.get(nodes.routing, 'holdings')
  const { table, memories } = holdings
  for (let bucket = 0; bucket < table.buckets; bucket++) {
    const from = table.first(0, bucket)
    for (let i = 0; i < table.count(0, bucket); i++) held.add(table.evidence.refs[from + i])
  }
  for (let i = 0; i < memories.size(0); i++) held.add(memories.evidence.refs[memories.first(0) + i])
  const providers = Reflect.get(nodes.records, 'provided')[0]
  if (providers !== undefined)
    for (const peer of Reflect.get(providers, 'byPeer').keys()) held.add(peer)
  return held
}

/** Facts that are in use, and those that rows of table and memory have. */
function factsOf(nodes: Nodes): [used: number, named: number] {
  const { table, memories, facts } = Reflect.get(nodes.routing, 'holdings')
  let named = 0
  for (let bucket = 0; bucket < table.buckets; bucket++) {
    const from = table.first(0, bucket)
    for (let i = 0; i < table.count(0, bucket); i++) if (table.evidence.at(from + i) >= 0) named++
  }
  for (let i = 0; i < memories.size(0); i++)
    if (memories.evidence.at(memories.first(0) + i) >= 0) named++
  return [facts.size, named]
}

function pinsOf(book: PeerBook): number {
  return (Reflect.get(book, 'pins') as Uint16Array).reduce((sum, count) => sum + count, 0)
}

test('any sequence of inputs ends with nothing left behind, and each peer forgotten once', () => {
  fc.assert(
    fc.property(calls, fc.nat(8), fc.boolean(), fc.boolean(), (sequence, met, prompt, stops) => {
      const world = nodeApart()
      const driver = new Driver(world, prompt)
      driver.meet(met)
      for (const call of sequence) driver.call(call)
      if (stops) {
        driver.give({ kind: 'stop' })
        expect(world.nodes.inFlight(0)).toBe(0)
        expect([...driver.asked.operations]).toEqual([])
      }
      driver.drain()
      const held = heldBy(world.nodes, world.refOf(0))
      for (const ref of held) expect(world.book.has(ref)).toBe(true)
      expect(world.book.size).toBe(held.size)
      const [used, named] = factsOf(world.nodes)
      expect(used).toBe(named)
      // Who is in table or memory is pinned once for it, who has records once more.
      const providers = Reflect.get(world.nodes.records, 'provided')[0]
      const provided = providers === undefined ? 0 : Reflect.get(providers, 'byPeer').size
      const seats = held.size - 1 - onlyProviders(world.nodes, held)
      expect(pinsOf(world.book)).toBe(1 + seats + provided)
    }),
    CASES,
  )
})

/** Of those held, who is neither in the table nor in the memory, without the node itself. */
function onlyProviders(nodes: Nodes, held: Set<PeerRef>): number {
  let count = 0
  for (const ref of held) if (!nodes.routing.knows(0, ref)) count++
  return count - 1
}

test('a node in a column of three, among others that hear other things, does what it does alone', () => {
  fc.assert(
    fc.property(calls, calls, fc.nat(8), fc.nat(2), (sequence, others, met, row) => {
      const alone = new Driver(nodesOfColumn(1, 0)[0] as World, true)
      const column = nodesOfColumn(3, row).map((world) => new Driver(world, true))
      for (const driver of [alone, ...column]) driver.meet(met)
      for (const [i, call] of sequence.entries()) {
        alone.call(call)
        column[row]?.call(call)
        column[(row + 1) % 3]?.call(pick(others, i))
        column[(row + 2) % 3]?.call(pick(others, i * 7))
      }
      expect(column[row]?.trace).toEqual(alone.trace)
    }),
    CASES,
  )
})
