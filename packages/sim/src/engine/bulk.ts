/**
 * Announcing many keys at once: what one node has to do for them, and what it cost. A strategy without an operation of
 * its own for it provides one key after the other, so many at a time.
 *
 * Bounded by: bulk operations under way and their keys.
 */
import { type Input, KEY_WORDS, type OperationEvent, type PeerRef } from '@kadmium/core'
import type { Tally } from '../measure/tally.ts'
import { BULK_KEYS_MAX, bulkSubject, keyBytesOf, writeKey } from '../workload/subjects.ts'
import type { Task } from '../workload/workload.ts'

/** Provides of one bulk operation at a time. */
const AT_ONCE = 16

/** Numbers of their provides lie above those of all other operations. */
const NUMBERS_FROM = 2 ** 32

interface Bulk {
  task: Task
  isMeasured: boolean
  keys: number
  begun: number
  ended: number
}

export class Bulks {
  /** BOUNDED: by bulk operations of the run that have not ended */
  private readonly bulks = new Map<number, Bulk>()
  private readonly seed: number
  private readonly tally: Tally

  constructor(seed: number, tally: Tally) {
    this.seed = seed
    this.tally = tally
  }

  /** Whether an operation is one provide of a bulk. */
  static owns(operation: number): boolean {
    return operation >= NUMBERS_FROM
  }

  /** A bulk of `keys` keys begins: returns the first inputs. */
  begin(task: Task, keys: number, isMeasured: boolean): Input[] {
    const bulk = { task, keys: Math.min(keys, BULK_KEYS_MAX), begun: 0, ended: 0, isMeasured }
    this.bulks.set(task.number, bulk)
    const inputs: Input[] = []
    while (inputs.length < AT_ONCE && bulk.begun < bulk.keys) inputs.push(this.next(bulk))
    return inputs
  }

  /** A provide of a bulk tells something. Returns the input that begins the next one, null where there is none. */
  heard(event: OperationEvent): Input | null {
    const bulk = this.bulks.get(Math.floor((event.operation - NUMBERS_FROM) / BULK_KEYS_MAX))
    if (bulk === undefined) return null
    if (event.kind === 'asking') this.asked(bulk, event.message.type === 'addProvider', event.peer)
    if (event.kind !== 'operationEnded') return null
    bulk.ended++
    if (bulk.isMeasured) this.counts.keys++
    if (bulk.ended === bulk.keys) this.bulks.delete(bulk.task.number)
    return bulk.begun < bulk.keys ? this.next(bulk) : null
  }

  private asked(bulk: Bulk, isStore: boolean, peer: PeerRef): void {
    if (!bulk.isMeasured) return
    this.counts.messages++
    if (isStore) this.tally.contacts.add(peer)
  }

  private next(bulk: Bulk): Input {
    const index = bulk.begun++
    const subject = bulkSubject(bulk.task.number, index)
    const key = new Uint32Array(KEY_WORDS)
    writeKey(this.seed, subject, key)
    if (bulk.isMeasured) this.counts.lookups++
    return {
      kind: 'startOperation',
      operation: NUMBERS_FROM + bulk.task.number * BULK_KEYS_MAX + index,
      type: 'provide',
      key,
      keyBytes: keyBytesOf(subject),
      record: null,
      peer: bulk.task.asker,
      quorum: 0,
      countMax: 0,
      reach: 'all',
      patienceMs: 10_000,
    }
  }

  private get counts(): { keys: number; lookups: number; messages: number } {
    this.tally.bulk ??= { keys: 0, lookups: 0, messages: 0 }
    return this.tally.bulk
  }
}
