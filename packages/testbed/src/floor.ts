/**
 * The floor of a read: what it costs to ask the best placed holder once, when everything else is free. A round
 * trip if a Kademlia stream to it is pooled, two if connected (the stream is negotiated), five if cold (TCP,
 * Noise, Yamux, stream, request); measured over this WAN with js-libp2p 3.3.
 */
import { KAD_PROTOCOL } from './implementations.ts'
import type { Network, TestNode } from './network.ts'

/** How near a node stands to another before it asks. */
export type Standing = 'pooled' | 'connected' | 'cold'

const ROUND_TRIPS: Readonly<Record<Standing, number>> = { pooled: 1, connected: 2, cold: 5 }

/** A live node that holds what is read. */
export interface Holder {
  readonly rttMs: number
  readonly standing: Standing
}

/** The floor in ms over the holders; infinite without any. */
export function floorMs(holders: readonly Holder[]): number {
  return holders.reduce(
    (least, { rttMs, standing }) => Math.min(least, rttMs * ROUND_TRIPS[standing]),
    Number.POSITIVE_INFINITY,
  )
}

/** Time allowed for work, in ms, before a read is measured against its floor. */
const WORK_MS = 10

/** Time over floor, with the allowance for work; 1 is as good as can be without asking several at once. */
export function floorRatio(ms: number, floor: number): number {
  return Math.max(0, ms - WORK_MS) / floor
}

/** The holders as the reader stands to them now. */
export function holdersSeenFrom(
  network: Network,
  reader: TestNode,
  holders: readonly TestNode[],
): Holder[] {
  return holders.map((holder) => ({
    rttMs: network.rttMs(reader, holder),
    standing: standing(reader, holder),
  }))
}

/** A stream counts as pooled while requests can be written to it, whether or not one is under way. */
function standing(reader: TestNode, holder: TestNode): Standing {
  const connections = reader.libp2p.getConnections(holder.peerId)
  const open = connections.filter((connection) => connection.status === 'open')
  if (open.length === 0) return 'cold'
  const pooled = open.some((connection) =>
    connection.streams.some(
      (stream) =>
        stream.direction === 'outbound' &&
        stream.protocol === KAD_PROTOCOL &&
        stream.status === 'open' &&
        stream.writeStatus === 'writable',
    ),
  )
  return pooled ? 'pooled' : 'connected'
}
