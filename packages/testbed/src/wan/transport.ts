/**
 * A transport that wraps `@libp2p/tcp` and makes loopback feel like the world. It works on the connection that
 * TCP hands to the upgrader: each chunk that arrives is held for half a round trip before the connection sees
 * it, in order, and so is the end of the connection; a dial waits one round trip for the handshake of TCP.
 * Both directions are delayed, since each end delays what it receives.
 *
 * Two seams of `@libp2p/tcp` 11 are used that its types do not promise: `onData`, `onTransportClosed` and
 * `abort` of the connection are called as methods on it, and its `socket` is readable. A test of the delays
 * fails if that changes.
 */
import type { Socket } from 'node:net'
import type {
  CreateListenerOptions,
  DialTransportOptions,
  MultiaddrConnection,
  Transport,
  Upgrader,
} from '@libp2p/interface'
import { type TCPComponents, tcp } from '@libp2p/tcp'
import type { Multiaddr } from '@multiformats/multiaddr'
import { tcpPort, type Wan, type WanHost } from './wan.ts'

/** What the emulation needs of a TCP connection. */
interface TcpEnd {
  socket: Socket
  onData(data: Uint8Array): void
  onTransportClosed(error?: Error): void
  abort(error: Error): void
}

/** A transport factory for one host of the network, for libp2p's `transports`. */
export function wanTcp(wan: Wan, host: WanHost): (components: TCPComponents) => Transport {
  return (components) => {
    const inner = tcp()(components)
    // The wrapper inherits all that it does not change: symbols, filters, capabilities.
    const outer = Object.create(inner) as Transport
    outer.dial = (address: Multiaddr, options: DialTransportOptions) =>
      dial(wan, host, inner, address, options)
    outer.createListener = (options: CreateListenerOptions) => {
      const upgrader = delayedUpgrader(wan, host, options.upgrader)
      const listener = inner.createListener({ ...options, upgrader })
      listener.addEventListener('listening', () => {
        for (const address of listener.getAddrs()) {
          const port = tcpPort(address)
          if (port !== undefined) wan.bindPort(port, host)
        }
      })
      return listener
    }
    return outer
  }
}

async function dial(
  wan: Wan,
  host: WanHost,
  inner: Transport,
  address: Multiaddr,
  options: DialTransportOptions,
): ReturnType<Transport['dial']> {
  const { signal } = options
  const remote = wan.hostAt(tcpPort(address))
  const ended = wan.dialBegins(host)
  try {
    signal.throwIfAborted()
    const swallowed = (): boolean => host.dark || remote?.dark === true
    if (!swallowed()) await pass(wan, wan.rttMs(host, remote), signal)
    if (swallowed()) await hang(signal)
    return await inner.dial(address, {
      ...options,
      upgrader: delayedUpgrader(wan, host, options.upgrader, remote),
    })
  } finally {
    ended()
  }
}

/** Waits on the emulated clock; rejects as soon as the signal says so. */
function pass(wan: Wan, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    wan.queue.after(delayMs, () => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    })
  })
}

/** A swallowed SYN: nothing happens until the dialler gives up. */
function hang(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

/** The node's upgrader, which sees delayed connections. `remote` is known to the dialling side only. */
function delayedUpgrader(wan: Wan, host: WanHost, upgrader: Upgrader, remote?: WanHost): Upgrader {
  const outer = Object.create(upgrader) as Upgrader
  outer.upgradeInbound = ((connection: MultiaddrConnection, options: never) => {
    delayEnd(wan, host, connection, () => wan.hostAt(tcpPort(connection.remoteAddr)))
    return upgrader.upgradeInbound(connection, options)
  }) as Upgrader['upgradeInbound']
  outer.upgradeOutbound = ((connection: MultiaddrConnection, options: never) => {
    const { socket } = connection as unknown as TcpEnd
    const port = socket.localPort
    // The accepting side knows the dialler by this port alone. It asks when the first byte arrives, which is
    // later than this line, since the dialler speaks first.
    if (port !== undefined) {
      wan.bindPort(port, host)
      socket.once('close', () => wan.releasePort(port, host))
    }
    delayEnd(wan, host, connection, () => remote)
    return upgrader.upgradeOutbound(connection, options)
  }) as Upgrader['upgradeOutbound']
  return outer
}

function delayEnd(
  wan: Wan,
  host: WanHost,
  connection: MultiaddrConnection,
  remoteHost: () => WanHost | undefined,
): void {
  const end = connection as unknown as TcpEnd
  const { socket } = end
  const onData = end.onData.bind(end)
  const onTransportClosed = end.onTransportClosed.bind(end)
  const abort = end.abort.bind(end)
  let remote: WanHost | undefined
  const delayed = (run: () => void): void => {
    remote ??= remoteHost()
    wan.queue.after(wan.rttMs(host, remote) / 2, run)
  }
  end.onData = (data) => delayed(() => onData(data))
  end.onTransportClosed = (error) => delayed(() => onTransportClosed(error))
  // A destroyed socket means that the other end reset it, and that news travels too; our own abort is at once.
  end.abort = (error) => {
    if (socket.destroyed) delayed(() => abort(error))
    else abort(error)
  }
  const link = { cut: () => abort(new Error('the host became unreachable')) }
  host.links.add(link)
  socket.once('close', () => host.links.delete(link))
  if (host.dark) link.cut()
}
