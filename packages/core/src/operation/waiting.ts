/**
 * When an operation waits: for what is on its way and will do, or, where nobody is there to ask, for
 * somebody. That second wait is over when somebody shows up or the caller's patience ends.
 */
import { enoughIsComing } from './get.ts'
import type { Operation } from './operation.ts'
import type { OperationPort, Step } from './port.ts'
import { scoutsAreOut } from './store.ts'

/** Whether what is on its way or in hand will do, unless it disappoints. */
export function mayWait(operation: Operation): boolean {
  if (operation.type === 'getValue') return enoughIsComing(operation)
  return operation.stores && scoutsAreOut(operation)
}

/** Before the walk: whether it waits, since nobody is there to ask. */
export function startsAlone(port: OperationPort, step: Step, operation: Operation): boolean {
  operation.patientUntilMs = step.nowMs + operation.patienceMs
  return waits(step, operation, () => port.isAlone(step, operation.key, false))
}

/** Behind a walk that nobody has answered: whether it waits, since nobody is there after all. */
export function isLeftAlone(port: OperationPort, step: Step, operation: Operation): boolean {
  if (!operation.lookup.exhausted) return false
  return waits(step, operation, () => port.isAlone(step, operation.key, true))
}

function waits(step: Step, operation: Operation, isAlone: () => boolean): boolean {
  if (operation.patientUntilMs <= step.nowMs || !isAlone()) return false
  operation.waitUntilMs = operation.patientUntilMs
  return true
}
