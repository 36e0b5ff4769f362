/** Where the nodes of a world live: rows of one column, or each in a column and a book of its own. */
import { type Config, type Input, type Message, Nodes } from '@kadmium/core'
import { type Names, ownNames, sharedNames } from './names.ts'

/** A request on its way: from its `send` until its node hears how it ended. */
export interface Outgoing {
  to: number
  message: Message
  /** When it was written to its stream. */
  leftMs: number
}

export interface Seat {
  readonly index: number
  readonly nodes: Nodes
  readonly row: number
  readonly names: Names
  alive: boolean
  /** What its host owes it since it died. BOUNDED: by what it had asked for */
  readonly owed: Input[]
  /** When it will be woken; Infinity for never. */
  wakeAtMs: number
  /** By id. BOUNDED: by requestsMax */
  readonly requests: Map<number, Outgoing>
}

export interface SeatsInit {
  nodes: number
  seed: number
  config: Partial<Config>
  keys: Uint32Array
  bytesOf: (node: number) => Uint8Array
}

export function seatsInOneColumn(init: SeatsInit): Seat[] {
  const { seed, config, keys } = init
  const names = sharedNames(keys)
  const selves = Array.from({ length: init.nodes }, (_, i) => i)
  const selfBytes = selves.map(init.bytesOf)
  const nodes = new Nodes({ book: names.book, selves, selfBytes, seed, config })
  return selves.map((index) => newSeat(index, nodes, index, names))
}

export function seatsApart(init: SeatsInit): Seat[] {
  const { seed, config, keys } = init
  return Array.from({ length: init.nodes }, (_, index) => {
    const names = ownNames(keys)
    const selves = [names.refOf(index)]
    const selfBytes = [init.bytesOf(index)]
    const nodes = new Nodes({ book: names.book, selves, selfBytes, seed, config })
    return newSeat(index, nodes, 0, names)
  })
}

function newSeat(index: number, nodes: Nodes, row: number, names: Names): Seat {
  const wakeAtMs = Number.POSITIVE_INFINITY
  return { index, nodes, row, names, alive: true, owed: [], wakeAtMs, requests: new Map() }
}
