/**
 * Looks at some nodes every so much simulated time, in turn, from outside. Which ones depends on the time and the identities
 * alone: all workers together look at the same nodes, whatever their number.
 */
import type { Message } from '@kadmium/core'
import type { Host } from '../host/host.ts'
import type { Network } from '../host/network.ts'
import type { Column } from '../strategies/strategy.ts'
import type { Population } from '../world/population.ts'
import { holderFault, isTurn } from './holders.ts'
import { linksFault } from './links.ts'
import { requestsFault } from './requests.ts'
import { TableCheck } from './tables.ts'
import type { Violations } from './violations.ts'

/** Between two looks, simulated ms. */
const EVERY_MS = 10_000

/** Nodes that one look is at, over all workers. */
const LOOKED_AT = 64

export interface CheckersInit {
  column: Column
  population: Population
  network: Network
  host: Host
  violations: Violations
  seed: number
  first: number
  count: number
}

export class Checkers {
  private readonly init: CheckersInit
  private readonly tables: TableCheck
  private readonly stride: number
  private turn = 0
  private dueMs: number

  constructor(init: CheckersInit, nowMs: number) {
    this.init = init
    this.tables = new TableCheck(init.column, init.population.book)
    this.stride = Math.max(1, Math.floor(init.population.size / LOOKED_AT))
    this.dueMs = nowMs + EVERY_MS
  }

  /** The clock has moved on; between two windows. */
  look(nowMs: number): void {
    if (nowMs < this.dueMs) return
    this.dueMs += EVERY_MS
    this.turn++
    const { stride } = this
    const { first, count } = this.init
    const rows = new Set<number>() // BOUNDED: by LOOKED_AT, twice that for odd sizes
    const passed = (first + this.turn) % stride
    for (let row = (stride - passed) % stride; row < count; row += stride) rows.add(row)
    for (const row of rows) this.lookAt(row, nowMs)
    if (this.init.column.readsAlone) this.lookAtHolders(rows, nowMs)
  }

  private lookAt(row: number, nowMs: number): void {
    const { column, population, network, violations, first } = this.init
    const self = first + row
    const isUp = population.isUp(self, nowMs)
    const told: [checker: string, text: string | null][] = [
      ['tables', this.tables.fault(row, self)],
      ['links', linksFault(network.connections, row, self, isUp, network.connectionsMax)],
      ['requests', requestsFault(column, row, self, isUp)],
    ]
    for (const [checker, text] of told) if (text !== null) violations.add(checker, nowMs, text)
  }

  private lookAtHolders(rows: ReadonlySet<number>, nowMs: number): void {
    const { host, population, violations, seed, first } = this.init
    const ask = (row: number, atMs: number, input: Parameters<Host['give']>[2]): Message | null => {
      host.told = null
      host.give(row, atMs, input)
      return host.told
    }
    for (const [row, subject, version] of [...host.store.held(rows)]) {
      const self = first + row
      if (!isTurn(subject, this.turn, this.stride)) continue
      if (!population.isUp(self, nowMs) || !population.isServer(self)) continue
      const text = holderFault(ask, row, self, subject, version, seed, nowMs)
      if (text !== null) violations.add('holders', nowMs, text)
    }
  }
}
