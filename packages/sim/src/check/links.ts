/** No connection in two states, none of a node that is down, and no more of them than a node may have. */
import type { Connections } from '../host/connections.ts'

/** What is wrong with a row's connections; null where nothing is. `self`: its identity. */
export function linksFault(
  connections: Connections,
  row: number,
  self: number,
  isUp: boolean,
  connectionsMax: number,
): string | null {
  const seen = new Set<number>() // BOUNDED: by the connections of one node
  let open = 0
  for (let at = connections.first(row); at >= 0; at = connections.after(at)) {
    const peer = connections.peer(at)
    if (peer === self) return `node ${self} has a connection to itself`
    if (seen.has(peer)) return `node ${self} has two connections to ${peer}`
    seen.add(peer)
    if (connections.isOpen(at)) open++
  }
  if (seen.size !== connections.count(row))
    return `node ${self} has ${seen.size} connections and counts ${connections.count(row)}`
  if (!isUp && seen.size > 0) return `node ${self} is down and has ${seen.size} connections`
  return open > connectionsMax
    ? `node ${self} has ${open} open connections, ${connectionsMax} at most`
    : null
}
