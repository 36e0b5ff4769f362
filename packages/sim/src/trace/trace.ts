/**
 * Writes down all that chosen nodes of one worker hear and ask for, so that each can be lived through again by itself.
 *
 * Bounded by: the nodes chosen, and the peers that each of them meets.
 */
import type { Input, Output, PeerRef } from '@kadmium/core'
import type { StrategyChoice } from '../scenario/scenario.ts'
import type { Column } from '../strategies/strategy.ts'
import type { Population } from '../world/population.ts'
import { inputLine, keyHex, outputLine, type TraceLine } from './lines.ts'

export interface TraceInit {
  choice: StrategyChoice
  seed: number
  population: Population
  /** Identities that are traced; those of other workers are left to them. */
  nodes: readonly PeerRef[]
  first: PeerRef
  count: number
  write: (line: string) => void
}

export class Trace {
  private readonly init: TraceInit
  /** For each traced node who was introduced. BOUNDED: by the scenario's choice */
  private readonly met = new Map<PeerRef, Set<PeerRef>>()

  constructor(init: TraceInit) {
    this.init = init
    const { population, choice, seed, first, count } = init
    const { book } = population
    for (const node of init.nodes) {
      if (node < first || node >= first + count) continue
      this.met.set(node, new Set()) // BOUNDED: by identities
      const self = {
        key: keyHex(book.keys, book.at(node)),
        strategy: choice.name,
        options: choice.options,
        seed,
      }
      this.write({ node, self })
    }
  }

  /** Whether a row is traced. */
  has(row: number): boolean {
    return this.met.size > 0 && this.met.has(this.init.first + row)
  }

  heard(row: number, nowMs: number, input: Input): void {
    const node = this.init.first + row
    const line = inputLine(input, (ref) => this.introduced(node, ref))
    this.write({ node, nowMs, in: line })
  }

  said(row: number, nowMs: number, output: Output): void {
    const node = this.init.first + row
    const line = outputLine(output, (ref) => this.introduced(node, ref))
    this.write({ node, nowMs, out: line })
  }

  /** The column, written down as its tables are filled: for who does that before the run. */
  filling(column: Column): Pick<Column, 'seat' | 'bucketSeats'> {
    return {
      bucketSeats: (bucket) => column.bucketSeats(bucket),
      seat: (row, bucket, peers, count, nowMs, groups) => {
        if (this.has(row)) {
          const node = this.init.first + row
          const seated = Array.from(peers.subarray(0, count), (ref) => this.introduced(node, ref))
          this.write({ node, nowMs, bucket, seated })
        }
        column.seat(row, bucket, peers, count, nowMs, groups)
      },
    }
  }

  private introduced(node: PeerRef, peer: PeerRef): PeerRef {
    const met = this.met.get(node)
    if (met === undefined || met.has(peer)) return peer
    met.add(peer)
    const { population } = this.init
    const { book } = population
    const key = keyHex(book.keys, book.at(peer))
    this.write({ node, peer, key, ipGroup: population.ipGroup(peer) })
    return peer
  }

  private write(line: TraceLine): void {
    this.init.write(JSON.stringify(line))
  }
}
