/** Whatever a node hears, in whatever order: nothing late, doubled or unknown changes anything, and all that begins ends once. */
import {
  type FailureReason,
  type Input,
  KEY_WORDS,
  Message,
  type MessageType,
  NO_PEER,
  type OperationType,
  Outbox,
  PeerBook,
  Random,
  type Verdict,
} from '@kadmium/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { STRATEGIES } from '../index.ts'
import type { Column, Strategy, StrategyInit } from '../strategy.ts'

const PEERS = 24
const TYPES: readonly OperationType[] = [
  'getClosest',
  'findPeer',
  'getValue',
  'putValue',
  'findProviders',
  'provide',
]
const MESSAGES: readonly MessageType[] = [
  'putValue',
  'getValue',
  'addProvider',
  'getProviders',
  'findNode',
  'ping',
]
const REASONS: readonly FailureReason[] = [
  'dial',
  'timeout',
  'reset',
  'unsupported',
  'malformed',
  'cancelled',
]
const VERDICTS: readonly Verdict[] = ['invalid', 'better', 'same', 'worse']

const random = new Random(9)
const keys = new Uint32Array(PEERS * KEY_WORDS)
const firstWords = Array.from({ length: PEERS }, () => random.word()).sort((a, b) => a - b)
for (let i = 0; i < PEERS; i++) {
  keys.set([firstWords[i] as number, random.word(), random.word()], i * KEY_WORDS)
}
const book = new PeerBook({ keys, fixed: true })

/** What happens next; `a` and `b` choose among what there is to choose from. */
interface Happening {
  what: string
  a: number
  b: number
}

const WHAT = [
  'start',
  'stop',
  'operate',
  'operate',
  'answer',
  'answer',
  'answer',
  'fail',
  'late answer',
  'late failure',
  'verdict',
  'written',
  'late verdict',
  'wake',
  'wake',
  'link',
  'speaks',
  'request',
  'cancel',
  'key',
  'again',
  'unknown',
]

const happenings = fc.array(
  fc.record({
    what: fc.constantFrom(...WHAT),
    a: fc.nat(1_000),
    b: fc.nat(1_000),
  }),
  { maxLength: 60 },
)

class Node {
  readonly column: Column
  nowMs = 0
  readonly requests: number[] = []
  readonly ended: number[] = []
  readonly judging: number[] = []
  readonly writing: number[] = []
  readonly jobsDone: number[] = []
  readonly operations = new Map<number, boolean>()
  private readonly sent = new Set<number>()
  private readonly outbox = new Outbox()
  private started = 0

  constructor(strategy: Strategy, options: Record<string, unknown>) {
    const init: StrategyInit = {
      book,
      first: 0,
      count: PEERS,
      seed: 4,
      isServer: (peer) => peer % 5 !== 4,
      ipGroup: (peer) => peer % 7,
      truth: {
        isReachable: (peer) => peer % 3 !== 0,
        rttMs: (a, b) => 10 + ((a * 7 + b * 13) % 90),
        closestLive: (_key, _at, count, _now, out) => {
          let written = 0
          for (let peer = 1; peer < PEERS && written < count; peer += 3) out[written++] = peer
          return written
        },
      },
      options,
    }
    this.column = strategy.create(init)
    for (let bucket = 0, low = 1; low < PEERS; bucket++, low *= 2) {
      const seats = Math.min(this.column.bucketSeats(bucket), 3)
      const peers = Int32Array.from({ length: seats }, (_, i) => (low + i) % PEERS).sort()
      if (seats > 0) this.column.seat(0, bucket, peers, seats, 0, null)
    }
  }

  give(input: Input): number {
    const { outbox } = this
    outbox.clear()
    this.column.handle(0, this.nowMs, input, outbox)
    for (const output of outbox) {
      if (output.kind === 'send') {
        expect(this.sent.has(output.request)).toBe(false)
        this.sent.add(output.request)
        this.requests.push(output.request)
      } else if (output.kind === 'cancelRequest') this.drop(output.request)
      else if (output.kind === 'validate') this.judging.push(output.job)
      else if (output.kind === 'persistRecord' && output.job !== 0) this.writing.push(output.job)
      else if (output.kind === 'operationEnded') {
        expect(this.operations.get(output.operation)).toBe(false)
        this.operations.set(output.operation, true)
      }
    }
    return outbox.count
  }

  /** An input that must change nothing. */
  giveInVain(input: Input): void {
    const deadline = this.column.deadline(0)
    expect(this.give(input)).toBe(0)
    expect(this.column.deadline(0)).toBe(deadline)
  }

  drop(request: number): void {
    const at = this.requests.indexOf(request)
    if (at < 0) return
    this.requests.splice(at, 1)
    this.ended.push(request)
  }

  operate(type: OperationType, a: number, b: number): Input {
    this.operations.set(++this.started, false)
    return {
      kind: 'startOperation',
      operation: this.started,
      type,
      key: keyOf(a),
      keyBytes: new Uint8Array([1]),
      record: type === 'putValue' && b % 4 !== 0 ? new Uint8Array([b % 3]) : null,
      peer: type === 'findPeer' ? a % PEERS : type === 'provide' ? 0 : NO_PEER,
      quorum: b % 3,
      countMax: b % 3,
      reach: b % 7 === 0 ? 'local' : b % 7 === 1 ? 'network' : 'all',
      patienceMs: 0,
    }
  }

  happen({ what, a, b }: Happening): void {
    const pick = (list: number[]): number | undefined => list[a % Math.max(1, list.length)]
    switch (what) {
      case 'start':
      case 'stop':
        this.give({ kind: what })
        if (what === 'stop') expect(this.requests).toEqual([])
        break
      case 'operate':
        this.give(this.operate(TYPES[a % TYPES.length] as OperationType, a, b))
        break
      case 'answer': {
        const request = pick(this.requests)
        if (request === undefined) break
        this.drop(request)
        this.give({ kind: 'answerArrived', request, message: answerOf(a, b), rttMs: b % 200 })
        break
      }
      case 'fail': {
        const request = pick(this.requests)
        if (request === undefined) break
        this.drop(request)
        const reason = REASONS[b % REASONS.length] as FailureReason
        this.give({ kind: 'requestFailed', request, reason })
        break
      }
      default:
        this.happenBesides(what, a, b)
    }
  }

  private happenBesides(what: string, a: number, b: number): void {
    const late = this.ended[a % Math.max(1, this.ended.length)] ?? 4_000_000
    switch (what) {
      case 'late answer':
        this.giveInVain({ kind: 'answerArrived', request: late, message: answerOf(a, b), rttMs: 5 })
        break
      case 'late failure':
        this.giveInVain({ kind: 'requestFailed', request: late, reason: 'timeout' })
        break
      case 'verdict':
        this.decide(b)
        break
      case 'written': {
        const job = this.writing.shift()
        if (job === undefined) break
        this.jobsDone.push(job)
        this.give({ kind: 'persisted', job, ok: b % 4 !== 0 })
        break
      }
      case 'late verdict': {
        const job = this.jobsDone[a % Math.max(1, this.jobsDone.length)] ?? 5_000_000
        this.giveInVain({ kind: 'persisted', job, ok: true })
        break
      }
      case 'wake':
        this.nowMs = Math.max(this.nowMs, Math.min(this.column.deadline(0), this.nowMs + b * 50))
        this.give({ kind: 'wake' })
        break
      case 'again':
        if (this.started > 0 && this.operations.get(this.started) === false) {
          const input = this.operate('getClosest', a, b)
          this.operations.delete(this.started--)
          this.giveInVain({ ...input, operation: this.started } as Input)
        }
        break
      case 'unknown':
        this.giveInVain({ kind: 'cancelOperation', operation: 6_000_000 })
        this.giveInVain({ kind: 'dialEnded', peer: a % PEERS, ok: true, ipGroup: 0 })
        this.giveInVain({ kind: 'validated', job: 7_000_000, verdict: 'better' })
        break
      default:
        this.hearOfOthers(what, a, b)
    }
  }

  private hearOfOthers(what: string, a: number, b: number): void {
    const peer = 1 + (a % (PEERS - 1))
    if (what === 'link') {
      const link = b % 2 === 0 ? 'pooled' : 'cold'
      this.give({ kind: 'linkChanged', peer, link, dialled: true, ipGroup: 0 })
    } else if (what === 'speaks') {
      this.give({ kind: 'protocolChanged', peer, speaks: b % 3 !== 0 })
    } else if (what === 'request') {
      const message = answerOf(a, b)
      message.type = MESSAGES[b % MESSAGES.length] as MessageType
      this.give({ kind: 'requestArrived', exchange: a, from: peer, message })
    } else if (what === 'cancel') {
      this.give({ kind: 'cancelOperation', operation: a % (this.started + 1) })
    } else if (what === 'key') {
      this.give({ kind: 'keyPicked', key: keyOf(b), keyBytes: new Uint8Array([2]) })
    }
  }

  private decide(b: number): void {
    const job = this.judging.shift()
    if (job === undefined) return
    const before = this.writing.length
    this.give({ kind: 'validated', job, verdict: VERDICTS[b % VERDICTS.length] as Verdict })
    if (this.writing.length === before) this.jobsDone.push(job)
  }
}

function keyOf(a: number): Uint32Array {
  return keys.slice((a % PEERS) * KEY_WORDS, ((a % PEERS) + 1) * KEY_WORDS)
}

function answerOf(a: number, b: number): Message {
  const message = new Message().clear(MESSAGES[a % MESSAGES.length] as MessageType)
  message.key.set(keyOf(a))
  for (let i = 0; i < a % 9; i++) message.addCloser((a + i * b) % (PEERS + 2))
  for (let i = 0; i < b % 3; i++) message.addProvider((b + i) % (PEERS + 2))
  if (b % 4 === 0) message.record = new Uint8Array([a % 3])
  return message
}

const CASES = STRATEGIES.filter(({ name }) => name !== 'kadmium').flatMap((strategy) => {
  const options =
    strategy.name === 'kadabra'
      ? [{}, { recursive: true }]
      : strategy.name === 'go'
        ? [{}, { optimistic: true }]
        : [{}]
  return options.map((given) => ({
    name: `${strategy.name} ${JSON.stringify(given)}`,
    strategy,
    given,
  }))
})

describe.each(CASES)('$name', ({ strategy, given }) => {
  test('late, doubled and unknown inputs change nothing; all that begins ends once', () => {
    fc.assert(
      fc.property(happenings, (list) => {
        const node = new Node(strategy, given)
        for (const happening of list) node.happen(happening)
        node.give({ kind: 'stop' })
        expect([...node.operations.values()].every((ended) => ended)).toBe(true)
        expect(node.requests).toEqual([])
        expect(node.column.deadline(0)).toBe(Number.POSITIVE_INFINITY)
      }),
      { numRuns: 1_000 },
    )
  })

  test('time alone brings everything to its end', () => {
    fc.assert(
      fc.property(happenings, fc.nat(5), (list, type) => {
        const node = new Node(strategy, given)
        for (const happening of list) if (happening.what !== 'start') node.happen(happening)
        node.give(node.operate(TYPES[type] as OperationType, 3, 2))
        for (let wakes = 0; node.column.deadline(0) < Number.POSITIVE_INFINITY; wakes++) {
          expect(wakes).toBeLessThan(2_000)
          node.nowMs = Math.max(node.nowMs, node.column.deadline(0))
          node.give({ kind: 'wake' })
          while (node.judging.length > 0) node.happen({ what: 'verdict', a: 0, b: 1 })
          while (node.writing.length > 0) node.happen({ what: 'written', a: 0, b: 1 })
        }
        expect(node.requests).toEqual([])
      }),
      { numRuns: 300 },
    )
  })
})
