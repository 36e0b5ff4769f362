/**
 * Whether the node serves others. A server has a handler for the protocol, so that identify tells
 * everybody; a client has none. Changes happen one after the other, in the order of the calls.
 */
import type { Libp2pEvents, Logger, PeerUpdate, StreamHandler } from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'
import { isPrivate } from '@libp2p/utils'
import { Circuit } from '@multiformats/multiaddr-matcher'
import type { TypedEventTarget } from 'main-event'
import type { SetModeOptions } from './types.ts'

export type Mode = 'client' | 'server'

export interface ModeSwitchInit {
  registrar: Pick<Registrar, 'handle' | 'unhandle'>
  events: Pick<TypedEventTarget<Libp2pEvents>, 'addEventListener'>
  log: Logger
  protocol: string
  /** `true`: a client at first. `false`: a server. Undefined: a client that follows its addresses. */
  clientMode: boolean | undefined
  maxInboundStreams: number
  maxOutboundStreams: number
  onStream: StreamHandler
  /** The node serves nobody any more. */
  onClient: () => void
}

export class ModeSwitch {
  private readonly init: ModeSwitchInit
  private mode: Mode
  private running = false
  private handling = false
  private change: Promise<void> = Promise.resolve()

  constructor(init: ModeSwitchInit) {
    this.init = init
    this.mode = init.clientMode === false ? 'server' : 'client'
    if (init.clientMode === undefined) {
      init.events.addEventListener('self:peer:update', this.followAddresses)
    }
  }

  get(): Mode {
    return this.mode
  }

  /**
   * Resolves when identify tells the new mode. Throws the signal's reason where it is aborted before, and
   * the mode is the old one; throws if the registrar refuses a server's handler, and the node is a client.
   */
  set(mode: Mode, options: SetModeOptions = {}): Promise<void> {
    return this.enqueue(async () => {
      options.signal?.throwIfAborted()
      if (mode === this.mode && options.force !== true) {
        this.init.log('already in %s mode', mode)
        return
      }
      this.init.log('enabling %s mode while in %s mode', mode, this.mode)
      if (this.running) await this.apply(mode)
      else this.mode = mode
    })
  }

  start(): Promise<void> {
    return this.enqueue(async () => {
      this.running = true
      await this.apply(this.mode)
    })
  }

  stop(): Promise<void> {
    return this.enqueue(async () => {
      this.running = false
      await this.unhandle()
    })
  }

  private enqueue(run: () => Promise<void>): Promise<void> {
    const ended = this.change.then(run)
    this.change = ended.catch(() => {}) // told to who asked for it
    return ended
  }

  private async apply(mode: Mode): Promise<void> {
    const { registrar, protocol, maxInboundStreams, maxOutboundStreams, onStream } = this.init
    await this.unhandle()
    this.mode = 'client' // what it is without a handler, if the registrar refuses one
    if (mode === 'client') return this.init.onClient()
    await registrar.handle(protocol, onStream, { maxInboundStreams, maxOutboundStreams })
    this.handling = true
    this.mode = mode
  }

  private async unhandle(): Promise<void> {
    if (!this.handling) return
    this.handling = false
    await this.init.registrar.unhandle(this.init.protocol)
  }

  /** A server has an address that the world can dial. */
  private readonly followAddresses = (event: CustomEvent<PeerUpdate>): void => {
    const isPublic = event.detail.peer.addresses.some(
      ({ multiaddr }) => !isPrivate(multiaddr) && !Circuit.exactMatch(multiaddr),
    )
    this.set(isPublic ? 'server' : 'client').catch((error) => {
      this.init.log.error('could not change mode - %e', error)
    })
  }
}
