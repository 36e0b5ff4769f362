/**
 * Provides a key: notes it in our own store as due, has the core announce it, and only where somebody was
 * told writes that it holds. So whatever ends an announcement (an error, the caller, a crash), the store
 * tells the reprovider to try again in its next round.
 *
 * Bounded by: the core's limit of operations; one note for each key that is being provided.
 */
import { KEY_BYTES_MAX } from '@kadmium/core'
import type { Logger, RoutingOptions } from '@libp2p/interface'
import { reachOf } from './call-options.ts'
import type { DriverClock } from './driver.ts'
import { QueryError } from './errors.ts'
import type { QueryEvent } from './events.ts'
import { nameOf } from './key-name.ts'
import type { Storage } from './storage.ts'
import type { ReProvideInit } from './types.ts'

export interface AnnouncerInit {
  /** The peer id as text. */
  self: string
  storage: Pick<Storage, 'putProvider' | 'renewProvider'>
  clock: DriverClock
  options: Pick<Required<ReProvideInit>, 'interval' | 'validity'>
  log: Logger
}

type Query = () => AsyncGenerator<QueryEvent, void, undefined>

export class Announcer {
  private readonly init: AnnouncerInit
  /** Calls under way for each key. BOUNDED: by the callers' operations */
  private readonly live = new Map<string, number>()

  constructor(init: AnnouncerInit) {
    this.init = init
  }

  /** Whether a caller is providing the key at this time. */
  isProviding(keyBytes: Uint8Array): boolean {
    return this.live.has(nameOf(keyBytes))
  }

  /** What a caller provides. @throws QueryError where our own record can't be stored: nobody is told then */
  async *provide(
    keyBytes: Uint8Array,
    options: RoutingOptions,
    query: Query,
  ): AsyncGenerator<QueryEvent, void, undefined> {
    options.signal?.throwIfAborted()
    const name = nameOf(keyBytes)
    this.live.set(name, (this.live.get(name) ?? 0) + 1)
    try {
      // What can't be a key is refused by the core.
      if (keyBytes.length <= KEY_BYTES_MAX) await this.note(keyBytes, options)
      yield* this.announce(keyBytes, options, query)
    } finally {
      const others = (this.live.get(name) ?? 1) - 1
      if (others > 0) this.live.set(name, others)
      else this.live.delete(name)
    }
  }

  /** Announces what is in the store. */
  async *announce(
    keyBytes: Uint8Array,
    options: RoutingOptions,
    query: Query,
  ): AsyncGenerator<QueryEvent, void, undefined> {
    yield* query()
    if (isHere(options)) return
    const { storage, self, clock, log, options: times } = this.init
    const untilMs = clock.now() + times.validity
    await storage.renewProvider(keyBytes, self, untilMs).catch((error: unknown) => {
      log.error(
        'could not write down that %b was announced: it will be again - %e',
        keyBytes,
        error,
      )
    })
  }

  /** What is provided here alone holds; all else is due in every round until it was announced. */
  private async note(keyBytes: Uint8Array, options: RoutingOptions): Promise<void> {
    const { storage, self, clock, log, options: times } = this.init
    const { interval, validity } = times
    // Not as run out: after a restart it is ours from the beginning.
    const leftMs = isHere(options) ? validity : Math.min(interval, validity)
    try {
      await storage.putProvider(keyBytes, self, clock.now() + leftMs, [])
    } catch (error) {
      log.error('could not store our own provider record - %e', error)
      throw new QueryError('Our own provider record could not be stored', { cause: error })
    }
  }
}

function isHere(options: RoutingOptions): boolean {
  return reachOf('provide', options) === 'local'
}
