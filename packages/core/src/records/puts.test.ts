/**
 * Properties of values and jobs under arbitrary sequences of inputs. The host is a model: its store is
 * what the outputs made of it, its validators read two bytes of a record (valid, rank), and its answers
 * come in any order, doubled, or for jobs that never were.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Config, DEFAULT_CONFIG } from '../config.ts'
import { KEY_WORDS, type Key } from '../key.ts'
import { Message, type Output, type Verdict } from '../messages.ts'
import { Outbox } from '../outbox.ts'
import { PeerBook } from '../peers.ts'
import { type Completion, Records } from './records.ts'

const CONFIG: Config = {
  ...DEFAULT_CONFIG,
  recordBytesMax: 8,
  recordsMax: 3,
  recordsBytesMax: 14,
  jobsMax: 6,
}
/** A quarter of the jobs is kept for our own work. */
const STRANGER_JOBS = 5

/** Keys 0..3 are put by strangers only, 4 by ourselves only, 5 by both. */
const KEYS = 6
const OWN_KEY = 4

type Action =
  | { kind: 'put'; key: number; record: Uint8Array; own: boolean }
  | { kind: 'judge'; record: Uint8Array; against: Uint8Array | null }
  | { kind: 'cancel'; pick: number }
  | { kind: 'verdict'; pick: number }
  | { kind: 'write'; pick: number; ok: boolean }
  | { kind: 'stale'; job: number; verdict: Verdict; ok: boolean }
  | { kind: 'load'; key: number; record: Uint8Array; leftMs: number }
  | { kind: 'expire' }
type Step = Action & { afterMs: number }

interface Stored {
  record: Uint8Array
  expiresAtMs: number
}

/** One node, its host, and the checks that hold after each step. */
class World {
  private readonly records = new Records({ nodes: 1, book: new PeerBook(), config: CONFIG })
  private readonly outbox = new Outbox()
  private readonly asks: { job: number; verdict: Verdict }[] = []
  private readonly writes: { job: number; key: number; stored: Stored }[] = []
  private readonly store = new Map<number, Stored>()
  /** Puts by exchange or operation, judgements by operation, and what has ended. */
  private readonly puts = new Map<number, { key: number; record: Uint8Array; own: boolean }>()
  private readonly judges = new Set<number>()
  private readonly cancelled = new Set<number>()
  private readonly ended = new Set<number>()
  private nextId = 1
  private nowMs = 1_000_000

  run(step: Step): void {
    this.nowMs += step.afterMs
    const before = this.visible()
    this.outbox.clear()
    this.act(step)
    for (const output of this.outbox) this.apply(output, step)
    this.check(before)
  }

  /** Answers what is open until nothing is: each put and judgement has ended, and nothing outlives its time. */
  finish(): void {
    while (this.asks.length + this.writes.length > 0) {
      if (this.asks.length > 0) this.run({ afterMs: 0, kind: 'verdict', pick: 0 })
      if (this.writes.length > 0) this.run({ afterMs: 0, kind: 'write', pick: 0, ok: true })
    }
    for (const id of [...this.puts.keys(), ...this.judges])
      expect(this.ended.has(id) || this.cancelled.has(id), `${id} has ended`).toBe(true)
    this.run({ afterMs: CONFIG.recordValidityMs, kind: 'expire' })
    expect(this.store.size).toBe(0)
    expect(this.records.deadlineMs(0)).toBe(Number.POSITIVE_INFINITY)
    expect(entriesIn(Reflect.get(this.records, 'puts')[0])).toBe(0)
  }

  private act(step: Step): void {
    const { records, nowMs, outbox } = this
    if (step.kind === 'put') this.put(step.key, step.record, step.own)
    else if (step.kind === 'load') this.load(step.key, step.record, step.leftMs)
    else if (step.kind === 'judge') {
      const operation = this.nextId++
      const job = records.judge(0, operation, bytesOf(0), step.record, step.against, outbox)
      if (job !== 0) this.judges.add(operation)
    } else if (step.kind === 'cancel') {
      const id = step.pick % this.nextId
      if (this.judges.has(id) || this.puts.get(id)?.own) this.cancelled.add(id)
      records.cancel(0, id)
    } else if (step.kind === 'verdict') {
      const [ask] = this.asks.splice(step.pick % Math.max(1, this.asks.length), 1)
      if (ask) this.complete(records.validated(0, nowMs, ask.job, ask.verdict, outbox))
    } else if (step.kind === 'write') {
      const [write] = this.writes.splice(step.pick % Math.max(1, this.writes.length), 1)
      if (write && step.ok) this.store.set(write.key, write.stored)
      if (write) this.complete(records.persisted(0, nowMs, write.job, step.ok, outbox))
    } else if (step.kind === 'stale') {
      // Late, doubled, made up, or an answer to another question than was asked.
      const { job, verdict, ok } = step
      if (!this.asks.some((ask) => ask.job === job))
        expect(records.validated(0, nowMs, job, verdict, outbox)).toBe(null)
      if (!this.writes.some((write) => write.job === job))
        expect(records.persisted(0, nowMs, job, ok, outbox)).toBe(null)
      expect(outbox.count).toBe(0)
    } else {
      records.expire(0, nowMs, outbox)
      expect(records.deadlineMs(0)).toBeGreaterThan(nowMs)
    }
  }

  private put(key: number, record: Uint8Array, mayBeOwn: boolean): void {
    const id = this.nextId++
    const own = key === OWN_KEY || (key === 5 && mayBeOwn)
    const message = new Message().clear('putValue')
    message.key.set(keyOf(key))
    message.keyBytes = bytesOf(key)
    message.record = record.slice()
    this.puts.set(id, { key, record, own })
    const { nowMs, outbox } = this
    if (!own) this.records.putArrived(0, nowMs, id, message, outbox)
    else {
      const { keyBytes } = message
      this.complete(
        this.records.putLocal(0, nowMs, id, message.key, keyBytes, message.record, outbox),
      )
    }
    // What is handed over is borrowed.
    message.key.fill(0xff)
    message.keyBytes.fill(0xff)
    message.record.fill(0xff)
  }

  /** The host loads before strangers can write, and only what had passed once. */
  private load(key: number, record: Uint8Array, leftMs: number): void {
    const isWritten = this.writes.some((write) => write.key === key)
    if (isWritten || this.store.has(key) || key === OWN_KEY || record[0] !== 1) return
    const expiresAtMs = this.nowMs + leftMs
    this.store.set(key, { record, expiresAtMs })
    const [words, bytes, { nowMs, outbox }] = [keyOf(key), bytesOf(key), this]
    this.records.recordLoaded(0, nowMs, words, bytes, record, expiresAtMs, outbox)
  }

  private complete(completion: Completion | null): void {
    if (completion === null) return
    const { operation } = completion
    expect(this.cancelled.has(operation), 'a cancelled operation is silent').toBe(false)
    this.end(operation)
    const put = this.puts.get(operation)
    expect(put?.own ?? this.judges.has(operation)).toBe(true)
    expect(completion.kind).toBe(put ? 'stored' : 'judged')
    if (completion.kind === 'stored' && completion.ok && put) this.isKept(put)
  }

  private end(id: number): void {
    expect(this.ended.has(id), `${id} ends once`).toBe(false)
    this.ended.add(id)
  }

  /** What was acknowledged, or one of the same rank, is in the store and visible. */
  private isKept(put: { key: number; record: Uint8Array }): void {
    const held = this.get(put.key)
    expect(held?.[1]).toBe(put.record[1])
    expect(this.store.get(put.key)?.record).toEqual(held)
  }

  private apply(output: Output, step: Step): void {
    if (output.kind === 'validate') {
      this.asks.push({ job: output.job, verdict: judge(output.record, output.against) })
      expect(output.record[0], 'a copy of what was handed over').not.toBe(0xff)
    } else if (output.kind === 'persistRecord') {
      const key = (output.keyBytes[0] as number) - 1
      // While a write of a key is on its way there is no other and no delete: their order is never in doubt.
      expect(this.isWritten(key)).toBe(false)
      if (output.record === null) {
        this.applyDelete(key, step)
        return
      }
      expect(output.record[0], 'only what is valid is written').toBe(1)
      expect(output.expiresAtMs).toBe(this.nowMs + CONFIG.recordValidityMs)
      const stored = { record: output.record, expiresAtMs: output.expiresAtMs }
      this.writes.push({ job: output.job, key, stored })
    } else if (output.kind === 'respond') {
      this.end(output.exchange)
      const put = this.puts.get(output.exchange)
      if (put === undefined) throw new Error('an answer to nobody')
      this.isKept(put)
      const { type, key, keyBytes, record } = output.message
      expect([type, key, keyBytes, record]).toEqual([
        'putValue',
        keyOf(put.key),
        bytesOf(put.key),
        put.record,
      ])
    } else {
      expect(output.kind).toBe('refuse')
      if (output.kind === 'refuse') this.end(output.exchange)
    }
  }

  private applyDelete(key: number, step: Step): void {
    const gone = this.store.get(key)
    this.store.delete(key)
    if (gone === undefined || gone.expiresAtMs <= this.nowMs) return
    // Only room for a stranger's record costs an unexpired one its place: the first of theirs to expire.
    expect(['write', 'load']).toContain(step.kind)
    expect(key).not.toBe(OWN_KEY)
    for (const [other, stored] of this.store)
      if (key < OWN_KEY && other < OWN_KEY && !this.isWritten(other))
        expect(stored.expiresAtMs).toBeGreaterThanOrEqual(gone.expiresAtMs)
  }

  private check(before: (Uint8Array | null)[]): void {
    const after = this.visible()
    const deadlineMs = this.records.deadlineMs(0)
    for (let key = 0; key < KEYS; key++) {
      const [was, is, stored] = [before[key], after[key], this.store.get(key)]
      if (was && is) expect(is[1], 'never a worse record').toBeGreaterThanOrEqual(was[1] as number)
      const live = stored && stored.expiresAtMs > this.nowMs ? stored.record : null
      if (is || !this.isWritten(key)) expect(is, 'as the store has it').toEqual(live)
      if (stored && !this.isWritten(key)) expect(deadlineMs).toBeLessThanOrEqual(stored.expiresAtMs)
    }
    const kept = [...this.store].filter(([key]) => key < OWN_KEY && !this.isWritten(key))
    expect(kept.length).toBeLessThanOrEqual(CONFIG.recordsMax)
    const bytes = kept.reduce((sum, [, stored]) => sum + stored.record.length, 0)
    expect(bytes).toBeLessThanOrEqual(CONFIG.recordsBytesMax)
    const open = [...this.puts].filter(([id]) => !this.ended.has(id) && !this.cancelled.has(id))
    const strangers = open.filter(([, put]) => !put.own).length
    const judges = [...this.judges].filter((id) => !this.ended.has(id) && !this.cancelled.has(id))
    expect(strangers).toBeLessThanOrEqual(STRANGER_JOBS)
    expect(open.length + judges.length).toBeLessThanOrEqual(CONFIG.jobsMax)
    expect(this.asks.length + this.writes.length).toBeLessThanOrEqual(
      CONFIG.jobsMax + this.cancelled.size,
    )
  }

  private isWritten(key: number): boolean {
    return this.writes.some((write) => write.key === key)
  }

  private get(key: number): Uint8Array | null {
    return this.records.get(0, this.nowMs, keyOf(key), 0)
  }

  private visible(): (Uint8Array | null)[] {
    return Array.from({ length: KEYS }, (_, key) => this.get(key))
  }
}

/** Entries in all collections of a row: what is over leaves nothing behind. */
function entriesIn(part: unknown): number {
  if (part instanceof Map) return part.size
  if (Array.isArray(part)) return part.length
  if (part === null || typeof part !== 'object') return 0
  return Object.entries(part)
    .filter(([name]) => name !== 'config' && name !== 'book')
    .reduce((sum, [, inner]) => sum + entriesIn(inner), 0)
}

function keyOf(key: number): Key {
  const words = new Uint32Array(KEY_WORDS)
  words[0] = key << 24
  return words
}

function bytesOf(key: number): Uint8Array {
  return Uint8Array.of(key + 1)
}

function judge(record: Uint8Array, against: Uint8Array | null): Verdict {
  if (record[0] !== 1) return 'invalid'
  const difference = against === null ? 1 : (record[1] as number) - (against[1] as number)
  if (difference === 0) return 'same'
  return difference > 0 ? 'better' : 'worse'
}

const HOUR_MS = 3_600_000
const pick = fc.nat(15)
const key = fc.nat(KEYS - 1)
/** Validity, rank, a byte that tells equals apart, and padding; at times too large or empty. */
const record: fc.Arbitrary<Uint8Array> = fc
  .tuple(fc.constantFrom(1, 1, 1, 0), fc.nat(3), fc.nat(1), fc.constantFrom(3, 3, 5, 8, 9, 0))
  .map(([valid, rank, tie, bytes]) => {
    const whole = new Uint8Array(9)
    whole.set([valid, rank, tie])
    return whole.slice(0, bytes)
  })
const verdict = fc.constantFrom<Verdict>('invalid', 'better', 'same', 'worse')

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('put'), key, record, own: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('verdict'), pick }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('write'),
      pick,
      ok: fc.constantFrom(true, true, false),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('judge'),
      record,
      against: fc.option(record),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel'), pick }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('stale'),
      job: fc.nat(40),
      verdict,
      ok: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('load'),
      key,
      record: record.filter((bytes) => bytes.length > 0 && bytes.length < 9),
      leftMs: fc.integer({ min: -HOUR_MS, max: 48 * HOUR_MS }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('expire') }) },
) as fc.Arbitrary<Action>

const step = fc
  .tuple(action, fc.constantFrom(0, 0, 0, 1, HOUR_MS, 20 * HOUR_MS, 30 * HOUR_MS))
  .map(([action, afterMs]): Step => ({ ...action, afterMs }))

test('values and jobs keep their promises under any interleaving', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 80 }), (steps) => {
      const world = new World()
      for (const each of steps) world.run(each)
      world.finish()
    }),
    { numRuns: 2_000 },
  )
}, 120_000)
