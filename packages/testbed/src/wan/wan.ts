/**
 * The emulated wide-area network: who lives where, which ports are whose, who is unreachable, and the links
 * that are open. The transport (`transport.ts`) asks it; the network (`network.ts`) commands it.
 *
 * Unreachable means as behind a NAT: connections drop, and a SYN to or from the host is swallowed, so that a
 * dial hangs until the dialler's own deadline, with no refusal. A dial that hung stays hung when the host comes
 * back (the kernel's SYN retries are not modelled).
 */
import type { Multiaddr } from '@multiformats/multiaddr'
import { DelayQueue } from './delay-queue.ts'
import { type Region, rttMs } from './regions.ts'

/** One end of a connection that can be cut. */
export interface Link {
  cut(): void
}

export interface WanHost {
  readonly index: number
  readonly region: Region
  dark: boolean
  /** Ends of open connections and of those being made. Bounded by the node's connections. */
  readonly links: Set<Link>
}

export class Wan {
  readonly queue: DelayQueue
  /** Hosts by TCP port, listening and dialling. Bounded by the sockets of the process. */
  private readonly ports = new Map<number, WanHost>()
  /** Dials under way, hanging ones included; those of dark hosts are nobody's cost and not counted. */
  dialsInFlight = 0
  /** Dials begun by hosts that were not dark, hanging ones included. */
  dialsStarted = 0
  /** When a dial last began, on the clock of `performance.now`; 0 before the first. */
  lastDialAtMs = 0

  constructor(queue: DelayQueue = new DelayQueue()) {
    this.queue = queue
  }

  /** A dial begins; call what is returned once when it has ended. */
  dialBegins(host: WanHost): () => void {
    if (host.dark) return () => {}
    this.dialsInFlight++
    this.dialsStarted++
    this.lastDialAtMs = performance.now()
    return () => {
      this.dialsInFlight--
    }
  }

  bindPort(port: number, host: WanHost): void {
    this.ports.set(port, host)
  }

  releasePort(port: number, host: WanHost): void {
    if (this.ports.get(port) === host) this.ports.delete(port)
  }

  /** Whose port it is; undefined for a port that no host of this network has bound. */
  hostAt(port: number | undefined): WanHost | undefined {
    return port === undefined ? undefined : this.ports.get(port)
  }

  /** Marks a host as unreachable and cuts what it has open. */
  goDark(host: WanHost): void {
    host.dark = true
    for (const link of [...host.links]) link.cut()
  }

  comeBack(host: WanHost): void {
    host.dark = false
  }

  /** The round trip between two hosts in ms; between strangers to the network nothing is delayed. */
  rttMs(a: WanHost | undefined, b: WanHost | undefined): number {
    return a === undefined || b === undefined ? 0 : rttMs(a.region, b.region)
  }
}

/** The TCP port of an address, if it has one. */
export function tcpPort(address: Multiaddr): number | undefined {
  const value = address.getComponents().find((component) => component.name === 'tcp')?.value
  return value === undefined ? undefined : Number(value)
}
