/**
 * Records: what strangers and callers store at a node. Values are judged and written before they are
 * acknowledged (`puts.ts`); provider records are taken as they come, within limits (`providers.ts`).
 * All live for `recordValidityMs`, 48 h.
 *
 * Told: puts, announcements, the host's verdicts and ends of writes, what its store held at start, and
 * the time. Never: validates, compares or stores by itself; the host does (`validate`, `persistRecord`,
 * `persistProvider`), and it carries out what is asked for one key in the order of asking. Memory never
 * claims what the store does not have: a value is visible from the end of its write on, and is gone
 * from memory when its deletion is asked for.
 *
 * Serves n nodes, one row each, made when something is first stored there; nothing that one row does
 * shows in another. Bounded by the limits of `Config` for strangers; our own puts and provider records
 * always find room, and are bounded by our caller. Memory of an entry stands in `values.ts` and
 * `providers.ts`, of what waits in `jobs.ts`; a row costs 0.8 kB with its first provider and 0.9 kB with
 * its first put, and 16 B before.
 */
import { assert } from '../assert.ts'
import type { Config } from '../config.ts'
import type { Key } from '../key.ts'
import type { Message, Verdict } from '../messages.ts'
import type { Outbox } from '../outbox.ts'
import type { PeerBook, PeerRef } from '../peers.ts'
import { packKey } from './packed.ts'
import { Providers } from './providers.ts'
import { type Completion, isKeySized, Puts } from './puts.ts'

export { type Completion, PUT_OUTCOMES } from './puts.ts'

export interface RecordsInit {
  /** Rows, at least 1. */
  nodes: number
  /** A provider is pinned here once for each row that has a record of it. */
  book: PeerBook
  config: Config
}

/** Most entries of each kind that one call of `expire` drops. */
const EXPIRE_MAX = 128

export class Records {
  private readonly puts: (Puts | undefined)[] // BOUNDED: by nodes
  private readonly provided: (Providers | undefined)[] // BOUNDED: by nodes
  private readonly book: PeerBook
  private readonly config: Config

  constructor(init: RecordsInit) {
    this.puts = new Array(init.nodes)
    this.provided = new Array(init.nodes)
    this.book = init.book
    this.config = init.config
  }

  /** Bytes of the rows' places; what a row holds is objects, and not counted. */
  get bytes(): number {
    return (this.puts.length + this.provided.length) * 8
  }

  /**
   * A stranger's PUT_VALUE. Ends with `respond`, the record echoed, when the node holds it or one of the
   * same rank; with `refuse` when it is invalid, worse than what is held, over a limit or not written.
   */
  putArrived(
    node: number,
    nowMs: number,
    exchange: number,
    message: Message,
    outbox: Outbox,
  ): void {
    this.putsOf(node).arrived(nowMs, exchange, message, outbox)
  }

  /**
   * Our own put, outside the quotas of strangers. Ends with a `stored`: returned here when it ends at
   * once, else by `validated` or `persisted`.
   */
  putLocal(
    node: number,
    nowMs: number,
    operation: number,
    key: Key,
    keyBytes: Uint8Array,
    record: Uint8Array,
    outbox: Outbox,
  ): Completion | null {
    return this.putsOf(node).local(nowMs, operation, { key, keyBytes, record }, outbox)
  }

  /**
   * A record that a get has found. If another one of its key is held, it is judged against that, and takes
   * its place where it is better. What is not held stays out; nobody is told.
   */
  keepBetter(
    node: number,
    nowMs: number,
    key: Key,
    keyBytes: Uint8Array,
    record: Uint8Array,
    outbox: Outbox,
  ): void {
    this.puts[node]?.keepBetter(nowMs, { key, keyBytes, record }, outbox)
  }

  /**
   * Asks for a verdict on a record for an operation, alone (`against` null) or against another. Ends with
   * a `judged` from `validated`. Returns the job, or 0 when `jobsMax` are waiting.
   */
  judge(
    node: number,
    operation: number,
    keyBytes: Uint8Array,
    record: Uint8Array,
    against: Uint8Array | null,
    outbox: Outbox,
  ): number {
    return this.putsOf(node).judge(operation, keyBytes, record, against, outbox)
  }

  /** Whether `judge` would take one more. */
  canJudge(node: number): boolean {
    return this.puts[node]?.canJudge() ?? true
  }

  /** The operation is over: no completion for it follows. A put of its own that has begun goes on. */
  cancel(node: number, operation: number): void {
    this.puts[node]?.cancel(operation)
  }

  /** The host's verdict. Null when no operation's wait ends with it. */
  validated(
    node: number,
    nowMs: number,
    job: number,
    verdict: Verdict,
    outbox: Outbox,
  ): Completion | null {
    return this.puts[node]?.validated(nowMs, job, verdict, outbox) ?? null
  }

  /** The end of a write. Null when no operation's wait ends with it. */
  persisted(
    node: number,
    nowMs: number,
    job: number,
    ok: boolean,
    outbox: Outbox,
  ): Completion | null {
    return this.puts[node]?.persisted(nowMs, job, ok, outbox) ?? null
  }

  /** The unexpired value of a key, or null. Not to be written to. */
  get(node: number, nowMs: number, key: Uint32Array, keyAt: number): Uint8Array | null {
    return this.puts[node]?.get(nowMs, packKey(key, keyAt)) ?? null
  }

  /**
   * A value found in the store at start, before anything is put. It counts as a stranger's until we put
   * it again. What has expired, is not fit or finds no room is deleted.
   */
  recordLoaded(
    node: number,
    nowMs: number,
    key: Key,
    keyBytes: Uint8Array,
    record: Uint8Array,
    expiresAtMs: number,
    outbox: Outbox,
  ): void {
    const entry = { key, keyBytes, record }
    this.putsOf(node).load(nowMs, entry, this.untilMs(nowMs, expiresAtMs), outbox)
  }

  /**
   * An announcement, by the provider itself (which our caller has checked) or our `own`. False when it is
   * refused: key bytes not 1..80, a ref that is stale, or no room.
   */
  providerArrived(
    node: number,
    nowMs: number,
    key: Key,
    keyBytes: Uint8Array,
    provider: PeerRef,
    own: boolean,
    outbox: Outbox,
  ): boolean {
    if (!isKeySized(keyBytes) || !this.book.has(provider)) return false
    const expiresAtMs = nowMs + this.config.recordValidityMs
    const news = { text: packKey(key, 0), keyBytes, peer: provider, own, expiresAtMs }
    return this.providersOf(node).announce(nowMs, news, outbox)
  }

  /** Adds the unexpired providers of a key to a message: ourselves, then the newest first, while there is room. */
  providers(
    node: number,
    nowMs: number,
    key: Uint32Array,
    keyAt: number,
    message: Message,
    exclude: PeerRef,
  ): void {
    this.provided[node]?.name(nowMs, packKey(key, keyAt), message, exclude)
  }

  /** Drops and deletes a provider record, if there is one. */
  removeProvider(
    node: number,
    key: Uint32Array,
    keyAt: number,
    provider: PeerRef,
    outbox: Outbox,
  ): void {
    this.provided[node]?.remove(packKey(key, keyAt), provider, outbox)
  }

  /** A provider record found in the store at start. What has expired, is not fit or finds no room is deleted. */
  providerLoaded(
    node: number,
    nowMs: number,
    key: Key,
    keyBytes: Uint8Array,
    provider: PeerRef,
    own: boolean,
    expiresAtMs: number,
    outbox: Outbox,
  ): void {
    if (!this.book.has(provider)) return
    const untilMs = this.untilMs(nowMs, expiresAtMs)
    const news = { text: packKey(key, 0), keyBytes, peer: provider, own, expiresAtMs: untilMs }
    const isFit = isKeySized(keyBytes) && untilMs > nowMs
    if (!isFit || !this.providersOf(node).load(nowMs, news, outbox))
      outbox.persistProvider(0, new Uint8Array(keyBytes), provider, 0)
  }

  /** Drops and deletes what has expired, at most 256 entries; `deadlineMs` tells when to call again. */
  expire(node: number, nowMs: number, outbox: Outbox): void {
    this.puts[node]?.expire(nowMs, EXPIRE_MAX, outbox)
    this.provided[node]?.expire(nowMs, EXPIRE_MAX, outbox)
  }

  /** When `expire` next has something to do; Infinity for never. */
  deadlineMs(node: number): number {
    const valueMs = this.puts[node]?.deadlineMs() ?? Number.POSITIVE_INFINITY
    const providerMs = this.provided[node]?.deadlineMs() ?? Number.POSITIVE_INFINITY
    return Math.min(valueMs, providerMs)
  }

  /** No record lives longer than `recordValidityMs` from now, whatever clock wrote it down; NaN is past. */
  private untilMs(nowMs: number, expiresAtMs: number): number {
    const latestMs = nowMs + this.config.recordValidityMs
    return expiresAtMs > nowMs ? Math.min(expiresAtMs, latestMs) : nowMs
  }

  private putsOf(node: number): Puts {
    let puts = this.puts[node]
    if (puts === undefined) {
      assert(node >= 0 && node < this.puts.length, 'no such row')
      puts = new Puts(this.config)
      this.puts[node] = puts
    }
    return puts
  }

  private providersOf(node: number): Providers {
    let providers = this.provided[node]
    if (providers === undefined) {
      assert(node >= 0 && node < this.provided.length, 'no such row')
      providers = new Providers(this.book, this.config)
      this.provided[node] = providers
    }
    return providers
  }
}
