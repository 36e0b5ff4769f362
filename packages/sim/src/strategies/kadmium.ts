/** Kadmium itself: the core as it ships, with whatever the scenario sets of its parameters. */
import {
  type Config,
  configFault,
  type Input,
  Nodes,
  type Outbox,
  type PeerRef,
} from '@kadmium/core'
import type { Column, Strategy, StrategyInit } from './strategy.ts'

class KadmiumColumn implements Column {
  readonly inBuckets = true
  readonly readsAlone = true
  private readonly nodes: Nodes

  constructor(init: StrategyInit) {
    const { book, seed, first, count } = init
    const selves = Int32Array.from({ length: count }, (_, row) => first + row)
    this.nodes = new Nodes({ book, seed, selves, config: init.options as Partial<Config> })
  }

  handle(row: number, nowMs: number, input: Input, outbox: Outbox): void {
    this.nodes.handle(row, nowMs, input, outbox)
  }

  deadline(row: number): number {
    return this.nodes.deadline(row)
  }

  bucketSeats(bucket: number): number {
    const { buckets } = this.nodes.config
    return bucket < buckets ? this.nodes.routing.bucketSeats(bucket) : 0
  }

  seat(
    row: number,
    bucket: number,
    peers: Int32Array,
    count: number,
    nowMs: number,
    groups: Int32Array | null,
  ): void {
    this.nodes.routing.seat(row, bucket, peers, count, nowMs, groups)
  }

  members(row: number, out: Int32Array): number {
    return this.nodes.routing.members(row, out)
  }

  seeds(row: number, key: Uint32Array, keyAt: number, nowMs: number, out: Int32Array): number {
    return this.nodes.routing.seeds(row, key, keyAt, out.length, nowMs, out)
  }

  score(row: number, peer: PeerRef, nowMs: number): number {
    return this.nodes.routing.score(row, peer, nowMs)
  }

  isBenched(row: number, peer: PeerRef, nowMs: number): boolean {
    return this.nodes.routing.state(row, peer, nowMs) === 'benched'
  }

  get benchSeats(): number {
    return this.nodes.config.bucketBenchSeats
  }

  inFlight(row: number): number {
    return this.nodes.inFlight(row)
  }

  get inFlightMax(): number {
    return this.nodes.config.requestsMax
  }

  get bytes(): number {
    return this.nodes.bytes
  }
}

export const kadmium: Strategy = {
  name: 'kadmium',
  summary: 'the core of this project as it ships; options are its parameters (Config)',
  optionsFault(options) {
    for (const [name, value] of Object.entries(options)) {
      const fault = configFault(name, value)
      if (fault !== null) return `${name} ${fault}`
    }
    return null
  },
  create: (init) => new KadmiumColumn(init),
}
