/**
 * What a node does for others: the six RPCs, and the records it holds. Values are judged and written by the host before
 * they are acknowledged; ADD_PROVIDER counts for its sender alone; closer peers are without the asker and ourselves.
 *
 * Bounded by: one job for each put that waits for its verdict or its write.
 */
import { KEY_WORDS, type Message, NO_PEER, type PeerRef, type Verdict } from '@kadmium/core'
import { HeldRecords, VALIDITY_MS } from './records.ts'
import type { Step } from './step.ts'

/** What serving wants from the rest of the node. */
export interface ServingPort {
  readonly count: number
  /** Writes the nearest members to a key. */
  closest(
    row: number,
    key: Uint32Array,
    keyAt: number,
    except: PeerRef,
    nowMs: number,
    out: Int32Array,
  ): number
  /** The peer whose own key this is, where the node knows it though it is no member; else `NO_PEER`. */
  known(row: number, key: Uint32Array): PeerRef
  nextId(row: number): number
}

/** A put on its way into a node's store. */
interface Put {
  row: number
  /** Where the answer goes; -1 for our own. */
  exchange: number
  /** The operation that waits for it; 0 for none. */
  operation: number
  key: Uint32Array
  keyBytes: Uint8Array
  record: Uint8Array
  expiresAtMs: number
}

/** The end of a put of our own. */
export interface OwnPut {
  operation: number
  ok: boolean
}

export class Serving {
  readonly records: HeldRecords = new HeldRecords()
  private readonly port: ServingPort
  /** Whether a stored record gives way only to a better one. js takes what is valid (peers.md, D7). */
  private readonly selects: boolean
  private readonly puts = new Map<number, Put>() // BOUNDED: by puts under way
  private readonly found = new Int32Array(64) // scratch

  constructor(port: ServingPort, selects: boolean) {
    this.port = port
    this.selects = selects
  }

  serve(step: Step, exchange: number, from: PeerRef, request: Message): void {
    const { row, nowMs, outbox } = step
    if (request.type === 'putValue') {
      if (request.record === null) outbox.refuse(exchange)
      else this.put(step, request.key, request.keyBytes, request.record, exchange, 0)
      return
    }
    if (request.type === 'addProvider') {
      for (let i = 0; i < request.providerCount; i++) {
        if (request.providers[i] === from) this.provide(step, request.key, request.keyBytes, from)
      }
      outbox.accept(exchange)
      return
    }
    const answer = outbox.message(request.type)
    answer.key.set(request.key)
    answer.keyBytes = request.keyBytes
    if (request.type !== 'ping') this.nameCloser(step, from, request, answer)
    if (request.type === 'getValue') answer.record = this.records.value(row, request.key, nowMs)
    if (request.type === 'getProviders') {
      this.records.nameProviders(row, request.key, nowMs, answer)
    }
    outbox.respond(exchange, answer)
  }

  /** A provider record comes in, or our own is noted. */
  provide(step: Step, key: Uint32Array, keyBytes: Uint8Array, provider: PeerRef): void {
    const expiresAtMs = step.nowMs + VALIDITY_MS
    this.records.addProvider(step.row, key, keyBytes, provider, expiresAtMs)
    step.outbox.persistProvider(0, keyBytes, provider, expiresAtMs)
  }

  /** A value is to be stored here: for a stranger's exchange, or for an operation of our own. */
  put(
    step: Step,
    key: Uint32Array,
    keyBytes: Uint8Array,
    record: Uint8Array,
    exchange: number,
    operation: number,
  ): void {
    const { row, nowMs, outbox } = step
    const against = this.selects ? this.records.value(row, key, nowMs) : null
    const job = this.port.nextId(row)
    const put = { row, exchange, operation, key: key.slice(), keyBytes, record, expiresAtMs: 0 }
    this.puts.set(jobName(row, job), put)
    outbox.validate(job, keyBytes, record, against)
  }

  /** The verdict on a put; the end of our own where it ends here. */
  validated(step: Step, job: number, verdict: Verdict): OwnPut | null {
    const put = this.puts.get(jobName(step.row, job))
    if (put === undefined || put.expiresAtMs !== 0) return null
    if (verdict === 'invalid' || verdict === 'worse') return this.end(step, job, put, false)
    put.expiresAtMs = step.nowMs + VALIDITY_MS
    step.outbox.persistRecord(job, put.keyBytes, put.record, put.expiresAtMs)
    return null
  }

  /** The end of a write; the end of our own put where it was one. */
  persisted(step: Step, job: number, ok: boolean): OwnPut | null {
    const put = this.puts.get(jobName(step.row, job))
    if (put === undefined || put.expiresAtMs === 0) return null
    const { key, keyBytes, record, expiresAtMs } = put
    if (ok) this.records.setValue(step.row, key, keyBytes, record, expiresAtMs)
    return this.end(step, job, put, ok)
  }

  private end(step: Step, job: number, put: Put, ok: boolean): OwnPut | null {
    this.puts.delete(jobName(step.row, job))
    const { exchange, operation } = put
    if (exchange < 0) return { operation, ok }
    if (!ok) {
      step.outbox.refuse(exchange)
      return null
    }
    const answer = step.outbox.message('putValue')
    answer.key.set(put.key)
    answer.keyBytes = put.keyBytes
    answer.record = put.record
    step.outbox.respond(exchange, answer)
    return null
  }

  private nameCloser(step: Step, from: PeerRef, request: Message, answer: Message): void {
    const { port, found } = this
    const { row } = step
    const subject = request.type === 'findNode' ? port.known(row, request.key) : NO_PEER
    if (subject !== NO_PEER && subject !== from) answer.addCloser(subject)
    const out = found.subarray(0, port.count)
    const count = port.closest(row, request.key, 0, from, step.nowMs, out)
    for (let i = 0; i < count && answer.closerCount < port.count; i++) {
      if (out[i] !== subject) answer.addCloser(out[i] as PeerRef)
    }
  }
}

/** A job of one node as a number that no other has. */
function jobName(row: number, job: number): number {
  return row * 0x1_0000_0000 + job
}

/** The peer whose key this is, by its rank: `NO_PEER` where no identity has it. Keys of the book ascend. */
export function peerOf(keys: Uint32Array, peers: number, key: Uint32Array): PeerRef {
  let low = 0
  let high = peers
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareKeys(keys, middle * KEY_WORDS, key) < 0) low = middle + 1
    else high = middle
  }
  return low < peers && compareKeys(keys, low * KEY_WORDS, key) === 0 ? low : NO_PEER
}

function compareKeys(keys: Uint32Array, at: number, key: Uint32Array): number {
  for (let i = 0; i < KEY_WORDS; i++) {
    const a = keys[at + i] as number
    const b = key[i] as number
    if (a !== b) return a < b ? -1 : 1
  }
  return 0
}
