/**
 * Announces what we provide anew before its records run out. What is ours is read from the store, so it
 * survives a restart; a record that was announced again is as good as new there.
 */
import type { Logger, PeerId } from '@libp2p/interface'
import type { DriverClock } from './driver.ts'
import type { Storage } from './storage.ts'
import type { ReProvideInit } from './types.ts'

export interface ReproviderInit {
  peerId: PeerId
  storage: Storage
  clock: DriverClock
  options: Required<ReProvideInit>
  log: Logger
  provide: (keyBytes: Uint8Array, signal: AbortSignal) => Promise<void>
}

export class Reprovider {
  private readonly init: ReproviderInit
  private timer: { clear: () => void } | null = null
  private controller = new AbortController()
  private round: Promise<void> = Promise.resolve()

  constructor(init: ReproviderInit) {
    this.init = init
  }

  start(): void {
    this.controller = new AbortController()
    const intervalMs = this.init.options.interval
    this.timer = this.init.clock.setTimer(intervalMs, () => {
      this.round = this.runRound().catch((error) => {
        this.init.log.error('could not announce anew - %e', error)
      })
      void this.round.then(() => {
        if (!this.controller.signal.aborted) this.start()
      })
    })
  }

  async stop(): Promise<void> {
    this.timer?.clear()
    this.controller.abort()
    await this.round
  }

  /** Announces all that has less than the threshold to live, `concurrency` at once. */
  async runRound(): Promise<void> {
    const { options, storage, clock, peerId } = this.init
    const thresholdMs = options.threshold
    const dueMs = clock.now() + thresholdMs
    const due = storage.providers()
    const worker = async (): Promise<void> => {
      for await (const record of { [Symbol.asyncIterator]: () => due }) {
        if (this.controller.signal.aborted) return
        if (record.expiresAtMs > dueMs || record.provider !== peerId.toString()) continue
        await this.announce(record.keyBytes)
      }
    }
    await Promise.all(Array.from({ length: options.concurrency }, worker))
  }

  private async announce(keyBytes: Uint8Array): Promise<void> {
    try {
      await this.init.provide(keyBytes, this.controller.signal)
    } catch (error) {
      this.init.log.error('could not announce a record anew - %e', error)
    }
  }
}
