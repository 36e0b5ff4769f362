/** No lookup is without end: an operation that is still under way when nobody waits any more. */
import type { Run } from '../measure/runs.ts'

/** What is wrong with an operation that was watched to the end of its time; null where it has ended. */
export function endingFault({ task, endedMs }: Pick<Run, 'task' | 'endedMs'>): string | null {
  return endedMs >= 0 ? null : `${task.name} ${task.number} of node ${task.asker} has no end`
}
