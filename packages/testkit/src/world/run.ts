/** What became of an operation that a test started. Peers are numbers of the world's nodes. */
import type { OperationEvent, OperationOutcome, OperationType } from '@kadmium/core'
import { NO_PEER } from '@kadmium/core'
import type { Names } from './names.ts'

/** All types of operations. */
export const OPERATION_TYPES: readonly OperationType[] = [
  'getClosest',
  'findPeer',
  'getValue',
  'putValue',
  'findProviders',
  'provide',
]

export interface OperationRun {
  readonly id: number
  readonly node: number
  readonly type: OperationType
  readonly startedMs: number
  /** When the caller's wait was over; Infinity before. */
  endedMs: number
  /** Null before the end. */
  outcome: OperationOutcome | null
  /** Acknowledgements at the end. */
  stored: number
  /** The decided value and who had it, -1 for the node itself. */
  value: Uint8Array | null
  valueFrom: number
  /** Providers in the order of being found. */
  providers: number[]
  /** When the first of them, or the value or the peer, was found; Infinity before. */
  foundMs: number
  /** The peer that was looked for, -1 before it is found. */
  peer: number
  /** The closest, nearest first. */
  closest: number[]
  /** Whom the walk asked, who answered a request and who failed one. */
  asked: number[]
  answered: number[]
  failed: number[]
}

export function newRun(
  id: number,
  node: number,
  type: OperationType,
  startedMs: number,
): OperationRun {
  return {
    id,
    node,
    type,
    startedMs,
    endedMs: Number.POSITIVE_INFINITY,
    outcome: null,
    stored: 0,
    value: null,
    valueFrom: NO_PEER,
    providers: [],
    foundMs: Number.POSITIVE_INFINITY,
    peer: NO_PEER,
    closest: [],
    asked: [],
    answered: [],
    failed: [],
  }
}

/** Writes down an event. Throws when the node breaks the order of events. */
export function note(run: OperationRun, event: OperationEvent, nowMs: number, names: Names): void {
  switch (event.kind) {
    case 'asking':
      run.asked.push(names.indexOf(event.peer))
      break
    case 'answered':
      run.answered.push(names.indexOf(event.peer))
      break
    case 'peerFailed':
      run.failed.push(names.indexOf(event.peer))
      break
    case 'valueFound':
      if (run.value !== null) throw new Error('a get has one value')
      run.value = event.record
      run.valueFrom = names.indexOf(event.peer)
      run.foundMs = nowMs
      break
    case 'providersFound':
      for (const ref of event.message.providers.subarray(0, event.message.providerCount))
        run.providers.push(names.indexOf(ref))
      run.foundMs = Math.min(run.foundMs, nowMs)
      break
    case 'peerFound':
      run.peer = names.indexOf(event.peer)
      run.foundMs = nowMs
      break
    case 'closestFound':
      for (const ref of event.message.closer.subarray(0, event.message.closerCount))
        run.closest.push(names.indexOf(ref))
      break
    case 'operationEnded':
      if (run.outcome !== null) throw new Error('an operation ends once')
      run.outcome = event.outcome
      run.stored = event.stored
      run.endedMs = nowMs
  }
}
