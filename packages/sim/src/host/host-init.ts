/** What a host is made of, and who looks on. */
import type { Input, OperationEvent, Output, PeerRef } from '@kadmium/core'
import type { Wheel } from '../engine/wheel.ts'
import type { Column } from '../strategies/strategy.ts'
import type { Link } from '../world/link.ts'
import type { Population } from '../world/population.ts'
import type { Network } from './network.ts'

/** Who looks on. */
export interface Observer {
  /** Something within an operation of a node. What is returned the node hears next. */
  operated(row: number, event: OperationEvent, nowMs: number): Input | null
  /** A node was asked whether it holds a version of a subject, and that is the answer. */
  probed(row: number, probe: number, version: number): void
  /** Before and after an input: only asked of nodes for which `traces` is true. */
  traces(row: number): boolean
  heard(row: number, nowMs: number, input: Input): void
  said(row: number, nowMs: number, output: Output): void
}

export interface HostInit {
  column: Column
  population: Population
  link: Link
  network: Network
  wheel: Wheel
  seed: number
  first: PeerRef
  count: number
  observer: Observer
  /** Nothing that is sent arrives sooner, ms. */
  lookaheadMs: number
}
