/**
 * Convergence after faults: once a phase with faults is over, operations succeed as they did before it. What comes after is
 * measured in its second half, when there was time to heal.
 */
import type { Slice, Violation } from '../measure/result.ts'
import type { FaultSettings, Scenario } from '../scenario/scenario.ts'

/** How much less may succeed than before: what two samples of so many differ by one time in 1,000, and this besides. */
const SLACK = 0.03
const DEVIATIONS = 3

interface Count {
  done: number
  ok: number
}

/** Compares the measured phases behind each phase with faults with those before it; `slices` in the order of time. */
export function convergenceFaults(scenario: Scenario, slices: readonly Slice[]): Violation[] {
  const found: Violation[] = [] // BOUNDED: by phases
  const { phases } = scenario
  for (const [i, phase] of phases.entries()) {
    if (!hasFaults(phase.faults)) continue
    const before = phases.slice(0, i).findLast(isQuiet)
    const after = phases.slice(i + 1).find((each) => !hasFaults(each.faults) && each.measured)
    if (before === undefined || after === undefined) continue
    const ofBefore = slices.filter((slice) => slice.phase === before.name)
    const ofAfter = slices.filter((slice) => slice.phase === after.name)
    const late = ofAfter.slice(Math.floor(ofAfter.length / 2))
    const [was, is] = [count(ofBefore), count(late)]
    if (was.done === 0 || is.done === 0) continue
    if (isAsGood(was, is)) continue
    const percent = ({ ok, done }: Count): string => `${Math.round((1000 * ok) / done) / 10} %`
    found.push({
      checker: 'convergence',
      atMs: (late[0]?.atSeconds ?? 0) * 1000,
      text: `${percent(is)} succeed in ${after.name}, ${percent(was)} did in ${before.name}, before ${phase.name}`,
    })
  }
  return found
}

function isQuiet({ faults, measured }: Scenario['phases'][number]): boolean {
  return measured && !hasFaults(faults)
}

function hasFaults({ loss, down, partition }: FaultSettings): boolean {
  return loss > 0 || down > 0 || partition
}

function count(slices: readonly Slice[]): Count {
  return slices.reduce((sum, { done, ok }) => ({ done: sum.done + done, ok: sum.ok + ok }), {
    done: 0,
    ok: 0,
  })
}

function isAsGood(was: Count, is: Count): boolean {
  const share = was.ok / was.done
  const pooled = (was.ok + is.ok) / (was.done + is.done)
  const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / was.done + 1 / is.done))
  return is.ok / is.done >= share - SLACK - DEVIATIONS * deviation
}
