/**
 * What it takes to answer, and requests that only read, answered by the strategy itself where they lie: the flight turns back with the answer, without a
 * message for either. What happens is what would happen by `handle`, in the same order, so that the digest is the same.
 *
 * Only where nobody has connections, nothing has to be judged and answering takes no time; `handle` hears of all else.
 */
import type { Outbox, PeerRef } from '@kadmium/core'
import { SERVICE } from '../engine/draws.ts'
import { draw } from '../world/dice.ts'
import * as flight from './flights.ts'
import type { HostInit } from './host-init.ts'

/** Whether a request was answered; the outbox has what the node asks for besides. */
export function answerRead(
  { column, link, network, observer }: HostInit,
  row: number,
  from: PeerRef,
  letter: number,
  nowMs: number,
  outbox: Outbox,
): boolean {
  if (column.answerRead === undefined || !network.isConnectionless || link.serves) return false
  const { words } = network.flights
  const at = network.flights.at(letter)
  const type = words[at + flight.TYPE] as number
  if (type !== flight.FIND_NODE && type !== flight.GET_VALUE) return false
  if (observer.traces(row)) return false
  const closerAt = at + flight.CLOSER
  const count = column.answerRead(row, nowMs, from, words, at + flight.KEY, closerAt, outbox)
  if (count < 0) return false
  network.turnBack(letter, row, count, nowMs)
  return true
}

/** How long a node takes to answer a request, ms. Who is no server only refuses. */
export function serviceMs(
  { link, population, seed }: HostInit,
  self: PeerRef,
  from: PeerRef,
  sequence: number,
): number {
  if (!link.serves || !population.isServer(self)) return 0
  return link.serviceMs(self, draw(seed, self, sequence ^ (from << 8), SERVICE))
}
