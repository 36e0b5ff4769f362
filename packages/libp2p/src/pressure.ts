/** Idle streams are let go where libp2p is about to close connections: a pooled stream would hold its own. */
import type { Libp2pEvents } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import type { TypedEventTarget } from 'main-event'

/** Share of the connections that libp2p allows above which idle streams are let go at once. */
const SHARE_MAX = 0.8

export interface PressureInit {
  connectionManager: Pick<ConnectionManager, 'getConnections' | 'getMaxConnections'>
  events: Pick<TypedEventTarget<Libp2pEvents>, 'addEventListener' | 'removeEventListener'>
  releaseIdle: () => void
}

export class Pressure {
  private readonly init: PressureInit

  constructor(init: PressureInit) {
    this.init = init
  }

  start(): void {
    const { events } = this.init
    events.addEventListener('connection:open', this.onOpen)
    events.addEventListener('connection:prune', this.init.releaseIdle)
  }

  stop(): void {
    const { events } = this.init
    events.removeEventListener('connection:open', this.onOpen)
    events.removeEventListener('connection:prune', this.init.releaseIdle)
  }

  private readonly onOpen = (): void => {
    const { connectionManager, releaseIdle } = this.init
    const allowed = connectionManager.getMaxConnections() * SHARE_MAX
    if (connectionManager.getConnections().length > allowed) releaseIdle()
  }
}
