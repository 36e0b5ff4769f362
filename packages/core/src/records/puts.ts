/**
 * The way of a record into one node's store: in line (`jobs.ts`), judged against what is held, written,
 * and only then acknowledged and visible. What is held when the verdict comes may not be what it was
 * judged against (it expired, gave way, was loaded): then it is judged again.
 *
 * A record put again is written again, with its new expiry, before that is acknowledged; unless it
 * would gain less than `renewalMinMs`: then it is echoed as it stands, so that repeating costs no writes.
 */
import type { Config } from '../config.ts'
import type { Key } from '../key.ts'
import { KEY_BYTES_MAX, type OperationOutcome, type Verdict } from '../messages.ts'
import type { Outbox } from '../outbox.ts'
import { Jobs, type Put } from './jobs.ts'
import { packKey } from './packed.ts'
import { type Value, Values } from './values.ts'

/**
 * How a put of our own ended. Kept: `written`; `held`: the same, or one of the same rank, is held
 * already. Not kept: `invalid`; `worse` than what is held; `size`: the key has not 1..80 bytes or the
 * record not 1..`recordBytesMax`; `busy`: `jobsMax` are waiting; `failed`: the host could not write it.
 */
type PutEnd = 'written' | 'held' | 'invalid' | 'worse' | 'size' | 'busy' | 'failed'

/** What each means for the operation that puts. */
export const PUT_OUTCOMES: Readonly<Record<PutEnd, OperationOutcome>> = {
  written: 'ok',
  held: 'ok',
  invalid: 'invalid',
  worse: 'older',
  size: 'size',
  busy: 'busy',
  failed: 'unwritten',
}

/** What an operation has been waiting for. */
export type Completion =
  /** The verdict on a record given to `judge`; `job` is what that returned. */
  | { kind: 'judged'; operation: number; job: number; verdict: Verdict }
  /** The end of `putLocal`; `ok` when the node holds the record or one of its rank. */
  | { kind: 'stored'; operation: number; ok: boolean; reason: PutEnd }

/** What is to be put: borrowed. */
export interface Entry {
  key: Key
  keyBytes: Uint8Array
  record: Uint8Array | null
}

export class Puts {
  private readonly values: Values
  private readonly jobs: Jobs
  private readonly config: Config

  constructor(config: Config) {
    this.values = new Values(config)
    this.jobs = new Jobs(config)
    this.config = config
  }

  /** A stranger's put: ends with `respond` or `refuse`. */
  arrived(nowMs: number, exchange: number, entry: Entry, outbox: Outbox): void {
    const { recordsMax, recordsBytesMax } = this.config
    const isStorable = recordsMax > 0 && (entry.record?.length ?? 0) <= recordsBytesMax
    const isWelcome = isStorable && this.isSized(entry) && this.jobs.hasRoom(false)
    if (isWelcome) this.enter(nowMs, newPut(entry, false, exchange), outbox)
    else outbox.refuse(exchange)
  }

  /** Our own put: ends with a `stored`, here or later. */
  local(nowMs: number, operation: number, entry: Entry, outbox: Outbox): Completion | null {
    if (!this.isSized(entry)) return stored(operation, 'size')
    if (!this.jobs.hasRoom(true)) return stored(operation, 'busy')
    this.enter(nowMs, newPut(entry, true, operation), outbox)
    return null
  }

  /** Takes the place of another record of the key that is held, if it is better. Nobody is told. */
  keepBetter(nowMs: number, entry: Entry, outbox: Outbox): void {
    const held = this.values.live(packKey(entry.key, 0), nowMs)
    if (held === undefined || !this.isSized(entry) || bytesEqual(held.record, entry.record)) return
    if (!this.jobs.hasRoom(true)) return
    const put = { ...newPut(entry, true, 0), silent: true, remainsOurs: held.own }
    this.enter(nowMs, put, outbox)
  }

  canJudge(): boolean {
    return this.jobs.hasRoom(true)
  }

  /** Asks for a verdict for an operation; the job, or 0 when too many are waiting. */
  judge(
    operation: number,
    keyBytes: Uint8Array,
    record: Uint8Array,
    against: Uint8Array | null,
    outbox: Outbox,
  ): number {
    if (!this.jobs.hasRoom(true)) return 0
    const job = this.jobs.judge(operation)
    outbox.validate(job, keyBytes, record, against)
    return job
  }

  cancel(operation: number): void {
    this.jobs.cancel(operation)
  }

  validated(nowMs: number, job: number, verdict: Verdict, outbox: Outbox): Completion | null {
    const judged = this.jobs.takeJudged(job)
    if (judged === undefined) return null
    if (judged.kind === 'judge')
      return { kind: 'judged', operation: judged.operation, job, verdict }
    if (verdict === 'invalid') return this.end(nowMs, judged, 'invalid', outbox)
    const held = this.values.live(judged.text, nowMs)
    if ((held?.record ?? null) === judged.against)
      return this.decide(nowMs, judged, held, verdict, outbox)
    this.ask(nowMs, judged, outbox)
    return null
  }

  persisted(nowMs: number, job: number, ok: boolean, outbox: Outbox): Completion | null {
    const put = this.jobs.takeWritten(job)
    if (put === undefined) return null
    const { text, keyBytes, record, remainsOurs, expiresAtMs } = put
    const value = { text, keyBytes, record, own: remainsOurs, expiresAtMs, heapAt: -1 }
    const isKept = ok && this.keep(nowMs, value, outbox)
    // What was dropped while the write was on its way has not been deleted then.
    if (!isKept && this.values.find(text) === undefined) outbox.persistRecord(0, keyBytes, null, 0)
    return this.end(nowMs, put, isKept ? 'written' : 'failed', outbox)
  }

  /** The unexpired value of a key, or null. */
  get(nowMs: number, text: string): Uint8Array | null {
    return this.values.live(text, nowMs)?.record ?? null
  }

  /** Takes over what is in the store already, or deletes it there when it is not fit or has no room. */
  load(nowMs: number, entry: Entry, expiresAtMs: number, outbox: Outbox): void {
    const text = packKey(entry.key, 0)
    if (this.values.find(text) !== undefined) return
    const keyBytes = new Uint8Array(entry.keyBytes)
    const record = new Uint8Array(entry.record ?? [])
    const value = { text, keyBytes, record, own: false, expiresAtMs, heapAt: -1 }
    const isKept = this.isSized(entry) && this.keep(nowMs, value, outbox)
    if (!isKept) outbox.persistRecord(0, keyBytes, null, 0)
  }

  /** Drops and deletes up to `max` of the expired. */
  expire(nowMs: number, max: number, outbox: Outbox): void {
    for (let left = max; left > 0; left--) {
      const value = this.values.firstExpired(nowMs)
      if (value === undefined) return
      this.drop(value, outbox)
    }
  }

  deadlineMs(): number {
    return this.values.deadlineMs()
  }

  private enter(nowMs: number, put: Put, outbox: Outbox): void {
    if (this.jobs.enter(put)) this.ask(nowMs, put, outbox)
  }

  private ask(nowMs: number, put: Put, outbox: Outbox): void {
    put.against = this.get(nowMs, put.text)
    outbox.validate(this.jobs.ask(put, 'judging'), put.keyBytes, put.record, put.against)
  }

  /** Acts on a verdict against what is held now. */
  private decide(
    nowMs: number,
    put: Put,
    held: Value | undefined,
    verdict: Verdict,
    outbox: Outbox,
  ): Completion | null {
    const expiresAtMs = nowMs + this.config.recordValidityMs
    if (verdict !== 'better') {
      // With nothing to compare with, a record is better or invalid: all else is no verdict.
      if (held === undefined) return this.end(nowMs, put, 'invalid', outbox)
      if (verdict === 'worse') return this.end(nowMs, put, 'worse', outbox)
      if (!bytesEqual(put.record, held.record)) return this.end(nowMs, put, 'held', outbox)
      if (put.remainsOurs) this.values.own(held)
      const isEarly = expiresAtMs - held.expiresAtMs < this.config.renewalMinMs
      if (isEarly) return this.end(nowMs, put, 'held', outbox)
      put.remainsOurs = held.own
    }
    put.expiresAtMs = expiresAtMs
    outbox.persistRecord(this.jobs.ask(put, 'writing'), put.keyBytes, put.record, expiresAtMs)
    return null
  }

  /** Tells whoever put, and gives the next put of the key its turn. */
  private end(nowMs: number, put: Put, reason: PutEnd, outbox: Outbox): Completion | null {
    if (!put.own) answer(put, isOk(reason), outbox)
    const next = this.jobs.leave(put)
    if (next !== undefined) this.ask(nowMs, next, outbox)
    return put.own && !put.silent ? stored(put.id, reason) : null
  }

  /** Takes in what the store has. Strangers' room is limited: who expires first gives way, be it the newcomer. */
  private keep(nowMs: number, value: Value, outbox: Outbox): boolean {
    const { values } = this
    const before = values.find(value.text)
    if (before !== undefined) values.remove(before)
    if (value.expiresAtMs <= nowMs) return false
    while (!value.own && !values.hasRoom(value.record.length)) {
      const first = values.firstOfStrangers()
      if (first === undefined || first.expiresAtMs > value.expiresAtMs) return false
      this.drop(first, outbox)
    }
    values.add(value)
    return true
  }

  /** While a write of the key is on its way no deletion is asked for: the end of the write sees to it. */
  private drop(value: Value, outbox: Outbox): void {
    this.values.remove(value)
    if (!this.jobs.isWriting(value.text)) outbox.persistRecord(0, value.keyBytes, null, 0)
  }

  private isSized(entry: Entry): entry is Entry & { record: Uint8Array } {
    const bytes = entry.record?.length ?? 0
    return bytes >= 1 && bytes <= this.config.recordBytesMax && isKeySized(entry.keyBytes)
  }
}

/** Whether a key can go over the wire: 1..80 bytes. */
export function isKeySized(keyBytes: Uint8Array): boolean {
  return keyBytes.length >= 1 && keyBytes.length <= KEY_BYTES_MAX
}

/** Copies what is borrowed, also so that a small record does not keep a whole network buffer in memory. */
function newPut(entry: Entry & { record: Uint8Array }, own: boolean, id: number): Put {
  return {
    kind: 'put',
    state: 'waiting',
    key: new Uint32Array(entry.key),
    text: packKey(entry.key, 0),
    keyBytes: new Uint8Array(entry.keyBytes),
    record: new Uint8Array(entry.record),
    own,
    id,
    silent: false,
    against: null,
    expiresAtMs: 0,
    remainsOurs: own,
  }
}

/** Answers a stranger's put: the record echoed, or nothing. */
function answer(put: Put, ok: boolean, outbox: Outbox): void {
  if (!ok) {
    outbox.refuse(put.id)
    return
  }
  const message = outbox.message('putValue')
  message.key.set(put.key)
  message.keyBytes = put.keyBytes
  message.record = put.record
  outbox.respond(put.id, message)
}

function isOk(reason: PutEnd): boolean {
  return reason === 'written' || reason === 'held'
}

function stored(operation: number, reason: PutEnd): Completion {
  return { kind: 'stored', operation, ok: isOk(reason), reason }
}

function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
