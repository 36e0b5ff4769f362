/** How many identities a run needs: all of them are allocated when it begins, and one never changes its key. */
import { PEERS_MAX } from '@kadmium/core'
import type { Scenario } from '../scenario/scenario.ts'
import { Sessions } from './sessions.ts'

/**
 * Dead identities, as a multiple of the share that fills near buckets as measured. With 1 all neighbours of a place would
 * name the same dead ones; with more each of them knows a part.
 */
const DEAD_SPREAD = 1.5

/** Most operations that guests begin in one run: each takes an identity for all of it. */
const GUESTS_MAX = 500_000

export interface Census {
  /** Up when the run begins. */
  initial: number
  /** Down when the run begins, and back later. */
  away: number
  /** Never seen before; they arrive during the run. */
  newcomers: number
  /** Gone before the run begins, for good: what stale table entries name. */
  dead: number
  /** Each comes for one operation of a phase with cold clients, and leaves. */
  guests: number
  /** Share that never leaves (`flap`) or is of the stable class (`sessions`), by what it is when the run begins. */
  stableOfInitial: number
  stableOfAway: number
  stableOfNewcomers: number
  /** How long the run lasts, ms. */
  runMs: number
}

/** Throws a RangeError where there would be more identities than a peer book can hold. */
export function takeCensus(scenario: Scenario): Census {
  const { tables, reach } = scenario.world
  const growSeconds = tables.origin === 'grown' ? tables.growSeconds : 0
  const runMs = 1000 * scenario.phases.reduce((sum, phase) => sum + phase.seconds, growSeconds)
  const census: Census = {
    initial: scenario.nodes,
    away: 0,
    newcomers: 0,
    dead: 0,
    guests: guestsOf(scenario),
    stableOfInitial: 1,
    stableOfAway: 0,
    stableOfNewcomers: 0,
    runMs,
  }
  if (scenario.world.churn.model === 'flap') flapping(census, scenario)
  if (scenario.world.churn.model === 'sessions') coming(census, scenario)
  if (tables.origin === 'oracle') {
    const announced = 1 - reach.clientShare * (1 - reach.wrongServerShare)
    const share = Math.max(tables.deadShareNear, tables.deadShareFull)
    const wanted = (DEAD_SPREAD * census.initial * announced * share) / (1 - share)
    census.dead = Math.ceil(Math.max(0, wanted - census.away * announced))
  }
  if (census.guests > GUESTS_MAX)
    throw new RangeError(
      `${scenario.name}: ${census.guests} operations of cold clients are more than ${GUESTS_MAX}`,
    )
  const size = sizeOf(census)
  if (size > PEERS_MAX)
    throw new RangeError(
      `${scenario.name}: ${size} identities (${census.newcomers} of them newcomers by churn) are more than ${PEERS_MAX}`,
    )
  return census
}

/** All identities. */
export function sizeOf({ initial, away, newcomers, dead, guests }: Census): number {
  return initial + away + newcomers + dead + guests
}

/** One for each operation of a phase whose clients are cold. */
function guestsOf({ phases }: Scenario): number {
  return phases.reduce((sum, { workload, seconds }) => {
    return workload.clients === 'cold' ? sum + Math.floor(workload.perSecond * seconds) : sum
  }, 0)
}

/** Half of those that flap are up at any time: of all identities, up and down, `flapShare` flap. */
function flapping(census: Census, { world, nodes }: Scenario): void {
  const all = nodes / (1 - world.churn.flapShare / 2)
  census.away = Math.round(all) - nodes
  census.stableOfInitial = 1 - census.away / nodes
}

/** Each class keeps its size: as many leave in an hour as come, `neverReturnShare` of them with new identities. */
function coming(census: Census, { world, nodes, seed }: Scenario): void {
  const { churn } = world
  const sessions = new Sessions(churn, seed)
  const leaving = (stable: boolean, share: number): number =>
    (nodes * share) / sessions.meanMs(stable)
  const stable = leaving(true, churn.stableShare)
  const others = leaving(false, 1 - churn.stableShare)
  const returning = (stable + others) * (1 - churn.neverReturnShare)
  census.away = Math.round(returning * churn.awayHours * 3_600_000)
  const arrivals = (stable + others) * churn.neverReturnShare
  census.newcomers = Math.round(arrivals * sessions.arrivedMs(0, census.runMs))
  census.stableOfInitial = churn.stableShare
  census.stableOfAway = stable / (stable + others)
  census.stableOfNewcomers = census.stableOfAway
}
