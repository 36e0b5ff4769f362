/**
 * How the demo spends its time. Measured on 2 cores: a network of 40 takes 25 to 45 CPU s and as long to form, so
 * the two networks form side by side, each in a process of its own, which also keeps their CPU apart. The work is
 * never side by side: Kadmium's network works first, alone, then that of `@libp2p/kad-dht`, so neither's times
 * suffer from the other's CPU.
 *
 * One write or get of `@libp2p/kad-dht` lasts 5 to 7 s, for it waits out the dial time-out of unreachable peers
 * and does next to nothing meanwhile (some 150 CPU ms). Five of them one after the other for each kind would take
 * the whole time, so operations of both overlap, five at once from different nodes. Measured: the times of
 * `@libp2p/kad-dht` stay the same (5.5 s), and CPU for each operation falls, since fewer idle seconds are charged
 * to it; Kadmium's times grow by some tens of ms. Reads that take less than a second go one by one, for they are
 * held against their floor and company would show: all of Kadmium's, and find-providers and find-peer of both.
 */
import type { ImplementationId } from '../implementations.ts'
import { KINDS, type Kind } from '../work/figures.ts'

export interface RunSettings {
  /** Operations of a kind at the same time; reads in `oneByOne` have no company. */
  overlap: number
  oneByOne: readonly (Kind | 'bulk')[]
  /** So many operations of each kind start whatever the budget. */
  atLeast: number
  /** Time budget of each kind; a bulk has its own. */
  kindBudgetMs: number
  bulkBudgetMs: number
  /** The work gets so long even when forming has used up the demo's time, as it may on a busy machine. */
  workLeastMs: number
  /** What a kind takes at least: its first operations and what they leave behind. */
  leastMs: number
}

/** Operations of a kind at the same time, as a rule. */
export const OVERLAP = 5

export const SETTINGS: Readonly<Record<ImplementationId, RunSettings>> = {
  kadmium: {
    overlap: OVERLAP,
    oneByOne: ['get', 'findProviders', 'findPeer'],
    atLeast: 5,
    kindBudgetMs: 10_000,
    bulkBudgetMs: 15_000,
    workLeastMs: 30_000,
    leastMs: 3_000,
  },
  kadDht: {
    overlap: OVERLAP,
    oneByOne: ['findProviders', 'findPeer'],
    atLeast: 5,
    kindBudgetMs: 6_500,
    bulkBudgetMs: 18_000,
    workLeastMs: 75_000,
    leastMs: 13_000,
  },
}

/** The work of each implementation, if time permits. */
export const WRITES = 20
export const READS = 50
export const BULK_KEYS = 200

/** The share of nodes that becomes unreachable, rounded down. */
export const UNREACHABLE_SHARE = 0.3

/** An operation that takes longer has failed. */
export const OPERATION_TIMEOUT_MS = 20_000

/** The demo ends its work so long after its start, unless `workLeastMs` of an implementation is longer. */
export const TOTAL_MS = { withKadDht: 230_000, kadmiumAlone: 85_000 }

/** How long an implementation may work when so long is left of the demo's time. */
export function workMs(id: ImplementationId, leftMs: number): number {
  return Math.max(leftMs, SETTINGS[id].workLeastMs)
}

/** Operations of a kind at the same time. */
export function overlap(
  kind: Kind | 'bulk',
  settings: RunSettings,
  bulkConcurrency: number,
): number {
  if (kind === 'bulk') return bulkConcurrency
  return settings.oneByOne.includes(kind) ? 1 : settings.overlap
}

/** The budget of a kind that begins now; less when the kinds to come would not find the time they need at least. */
export function budgetMs(kind: Kind | 'bulk', settings: RunSettings, leftMs: number): number {
  const all = [...KINDS, 'bulk' as const]
  const kindsLeft = all.length - all.indexOf(kind)
  const full = kind === 'bulk' ? settings.bulkBudgetMs : settings.kindBudgetMs
  return Math.max(0, Math.min(full, leftMs - kindsLeft * settings.leastMs))
}
