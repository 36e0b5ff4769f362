/** Memory of a node is bounded: what it has in flight. */
import type { Column } from '../strategies/strategy.ts'

/** What is wrong with a row's requests; null where nothing is, or the strategy does not tell. */
export function requestsFault(
  column: Pick<Column, 'inFlight' | 'inFlightMax'>,
  row: number,
  self: number,
  isUp: boolean,
): string | null {
  const inFlight = column.inFlight?.(row)
  if (inFlight === undefined) return null
  if (!isUp && inFlight > 0) return `node ${self} is down and has ${inFlight} requests in flight`
  const most = column.inFlightMax ?? Number.POSITIVE_INFINITY
  return inFlight > most ? `node ${self} has ${inFlight} requests in flight, ${most} at most` : null
}
