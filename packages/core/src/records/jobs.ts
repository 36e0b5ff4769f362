/**
 * What one node waits for from its host: verdicts and writes. Each question has an id of its own, taken
 * from the node's sequence and used once, so that a late, doubled or made-up answer finds nothing.
 *
 * Puts of one key stand in line: one at a time is judged and written. So each is judged against what
 * the one before left behind, and two writes of a key are never on their way at once.
 *
 * Strangers get three quarters of the jobs, so that no flood of puts keeps us from judging the
 * answers to our own lookups.
 *
 * Memory: jobsMax times recordBytesMax (16 MiB by default) while all jobs are puts of the largest size.
 * The host answers every question, where need be with `invalid` or with false when its own patience ends.
 */
import { assert } from '../assert.ts'
import type { Config } from '../config.ts'
import type { Key } from '../key.ts'

/** A record on its way into the store. */
export interface Put {
  kind: 'put'
  /** `waiting` for its turn; `judging` and `writing`: the host has been asked and has not answered. */
  state: 'waiting' | 'judging' | 'writing'
  key: Key
  /** The key, packed. */
  text: string
  keyBytes: Uint8Array
  record: Uint8Array
  /** Put by our caller (`id` is the operation) or by a stranger (`id` is the exchange). */
  own: boolean
  id: number
  /** The caller lost interest: the put goes on, and nobody is told. */
  silent: boolean
  /** `judging`: what it is judged against. */
  against: Uint8Array | null
  /** `writing`: when it will expire, and whether it will be ours: what we put is, whoever repeats it. */
  expiresAtMs: number
  remainsOurs: boolean
}

/** A record that an operation wants judged. */
interface Judgement {
  kind: 'judge'
  operation: number
}

export class Jobs {
  private readonly asked = new Map<number, Put | Judgement>() // BOUNDED: by jobsMax
  private readonly lines = new Map<string, Put[]>() // BOUNDED: by jobsMax, lines and their lengths together
  private sequence = 0
  private count = 0
  private strangers = 0
  private readonly max: number

  constructor(config: Config) {
    this.max = config.jobsMax
  }

  /** Whether we, or else a stranger, may begin one more. */
  hasRoom(own: boolean): boolean {
    const strangersMax = this.max - Math.floor(this.max / 4)
    return this.count < this.max && (own || this.strangers < strangersMax)
  }

  /** Begins a judgement and returns the id of its question. */
  judge(operation: number): number {
    this.count++
    return this.question({ kind: 'judge', operation })
  }

  /** Puts a put in line; true when it is its turn. */
  enter(put: Put): boolean {
    this.count++
    if (!put.own) this.strangers++
    const line = this.lines.get(put.text)
    if (line === undefined) this.lines.set(put.text, [put])
    else line.push(put)
    return line === undefined
  }

  /** Ends the put whose turn it is; returns the next of its line. */
  leave(put: Put): Put | undefined {
    const line = this.lines.get(put.text) ?? []
    assert(line[0] === put, 'only the first of a line can end')
    line.shift()
    this.count--
    if (!put.own) this.strangers--
    if (line.length === 0) this.lines.delete(put.text)
    return line[0]
  }

  /** The id of a new question to the host about a put. */
  ask(put: Put, state: 'judging' | 'writing'): number {
    put.state = state
    return this.question(put)
  }

  /** What a verdict answers, once; undefined when nothing. */
  takeJudged(id: number): Put | Judgement | undefined {
    const job = this.asked.get(id)
    if (job === undefined || (job.kind === 'put' && job.state !== 'judging')) return undefined
    this.asked.delete(id)
    if (job.kind === 'judge') this.count--
    else job.state = 'waiting'
    return job
  }

  /** Which put the end of a write is about, once; undefined when none. */
  takeWritten(id: number): Put | undefined {
    const job = this.asked.get(id)
    if (job === undefined || job.kind === 'judge' || job.state !== 'writing') return undefined
    this.asked.delete(id)
    job.state = 'waiting'
    return job
  }

  /** Whether a write of the key is on its way. */
  isWriting(text: string): boolean {
    return this.lines.get(text)?.[0]?.state === 'writing'
  }

  /** Drops the judgements of an operation and silences its puts. */
  cancel(operation: number): void {
    for (const [id, job] of this.asked)
      if (job.kind === 'judge' && job.operation === operation) {
        this.asked.delete(id)
        this.count--
      }
    for (const line of this.lines.values())
      for (const put of line) if (put.own && put.id === operation) put.silent = true
  }

  private question(job: Put | Judgement): number {
    this.asked.set(++this.sequence, job)
    return this.sequence
  }
}
