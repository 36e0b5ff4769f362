/**
 * Announces what we provide anew before its records run out. What is ours is read from the store, so it
 * survives a restart, also where it ran out while the node was down. Rounds follow one another and never
 * overlap. The first begins with the first peer of a run and announces what would not last until the
 * second; each later one what has less than the threshold to live. Whether a record is still due is looked
 * up once more when its turn comes, so that what was announced or withdrawn meanwhile is left alone.
 *
 * Bounded by: `maxQueueSize` keys a round, `concurrency` of them in flight; one lookup at a time for a key.
 */
import type { Logger, PeerId } from '@libp2p/interface'
import type { DriverClock } from './driver.ts'
import { nameOf } from './key-name.ts'
import type { Storage } from './storage.ts'
import type { ReProvideInit } from './types.ts'

export interface ReproviderInit {
  peerId: PeerId
  storage: Pick<Storage, 'providers' | 'providerUntilMs'>
  clock: DriverClock
  options: Required<ReProvideInit>
  log: Logger
  /** Resolves when there is somebody to announce to; rejects when the signal aborts. */
  ready: (signal: AbortSignal) => Promise<void>
  /** Announces a key and writes its record anew; rejects when it failed or the signal aborts. */
  provide: (keyBytes: Uint8Array, signal: AbortSignal) => Promise<void>
}

interface Due {
  name: string
  keyBytes: Uint8Array
  expiresAtMs: number
}

export class Reprovider {
  private readonly init: ReproviderInit
  private timer: { clear: () => void } | null = null
  private controller: AbortController | null = null
  private round: Promise<void> = Promise.resolve()
  /** Keys that wait for their turn in this round. BOUNDED: by maxQueueSize */
  private readonly queue = new Map<string, Due>()
  /** Keys that are being announced. BOUNDED: by concurrency */
  private readonly live = new Map<string, AbortController>()
  /** Keys withdrawn since the round began to read the store. BOUNDED: by what the caller withdraws in a round */
  private readonly withdrawn = new Set<string>()

  constructor(init: ReproviderInit) {
    this.init = init
  }

  start(): void {
    if (this.controller !== null) return
    const controller = new AbortController()
    this.controller = controller
    this.schedule(0, this.init.options.interval, controller.signal)
  }

  /** Announcements of this round: those under way and those to come. */
  get load(): { running: number; queued: number } {
    return { running: this.live.size, queued: this.queue.size }
  }

  /** No announcement is begun any more, and those in flight are given up. */
  async stop(): Promise<void> {
    this.timer?.clear()
    this.controller?.abort()
    this.controller = null
    this.queue.clear()
    for (const announcement of this.live.values()) announcement.abort()
    await this.round
  }

  /** The key is provided no more: it is not announced by this round, and if it is being announced that ends. */
  cancel(keyBytes: Uint8Array): void {
    const name = nameOf(keyBytes)
    this.withdrawn.add(name)
    this.queue.delete(name)
    this.live.get(name)?.abort()
  }

  private schedule(delayMs: number, horizonMs: number, signal: AbortSignal): void {
    this.timer = this.init.clock.setTimer(delayMs, () => {
      this.round = this.run(horizonMs, signal)
    })
  }

  private async run(horizonMs: number, signal: AbortSignal): Promise<void> {
    const { clock, log, options } = this.init
    let startedMs = clock.now()
    let isCut = false
    try {
      await this.init.ready(signal)
      startedMs = clock.now()
      isCut = await this.announceDue(horizonMs, signal)
    } catch (error) {
      if (!signal.aborted) log.error('could not announce anew - %e', error)
    }
    if (signal.aborted) return
    const nextMs = isCut ? 0 : Math.max(0, startedMs + options.interval - clock.now())
    // Before the round after the next all that would not last until then must have been announced.
    this.schedule(nextMs, Math.max(options.threshold, options.interval), signal)
  }

  /** One round. True when there was more than it may announce, and what it announced makes room for the rest. */
  private async announceDue(horizonMs: number, signal: AbortSignal): Promise<boolean> {
    const { clock, log, options } = this.init
    this.withdrawn.clear()
    const dueMs = clock.now() + horizonMs
    const { due, isCut } = await this.readDue(dueMs, signal)
    if (signal.aborted) return false
    log('announcing %d keys anew', due.length)
    for (const record of due) {
      if (!this.withdrawn.has(record.name)) this.queue.set(record.name, record)
    }
    let announced = 0
    const worker = async (): Promise<void> => {
      for (let next = this.takeNext(); next !== undefined; next = this.takeNext()) {
        if (await this.announce(next, dueMs)) announced++
      }
    }
    await Promise.all(Array.from({ length: options.concurrency }, worker))
    log('announced %d of %d keys anew', announced, due.length)
    return isCut && announced > 0
  }

  /** What runs out until then, the most urgent first, and whether that is not all of it. */
  private async readDue(
    dueMs: number,
    signal: AbortSignal,
  ): Promise<{ due: Due[]; isCut: boolean }> {
    const { storage, peerId, options } = this.init
    const self = peerId.toString()
    let due: Due[] = [] // BOUNDED: by twice maxQueueSize
    let isCut = false
    const cut = (): void => {
      due.sort((a, b) => a.expiresAtMs - b.expiresAtMs)
      if (due.length <= options.maxQueueSize) return
      isCut = true
      due = due.slice(0, options.maxQueueSize)
    }
    for await (const { keyBytes, provider, expiresAtMs } of storage.providers()) {
      if (signal.aborted) break
      if (provider !== self || expiresAtMs > dueMs) continue
      due.push({ name: nameOf(keyBytes), keyBytes, expiresAtMs })
      if (due.length >= 2 * options.maxQueueSize) cut()
    }
    cut()
    return { due, isCut }
  }

  private takeNext(): Due | undefined {
    const next = this.queue.values().next().value
    if (next !== undefined) this.queue.delete(next.name)
    return next
  }

  /** True when the key was announced. What fails is tried again in the next round. */
  private async announce({ name, keyBytes }: Due, dueMs: number): Promise<boolean> {
    const { storage, peerId, log, provide } = this.init
    const controller = new AbortController()
    this.live.set(name, controller)
    const { signal } = controller
    log.trace('announcing %b anew', keyBytes)
    try {
      const untilMs = await storage.providerUntilMs(keyBytes, peerId.toString())
      const isDue = untilMs > 0 && untilMs <= dueMs
      if (!isDue || signal.aborted) return false
      await provide(keyBytes, signal)
      return true
    } catch (error) {
      if (!signal.aborted) log.error('could not announce a record anew - %e', error)
      return false
    } finally {
      this.live.delete(name)
    }
  }
}
