/** The end of an operation that asks nobody: what the node itself had is all there is. */
import type { OperationOutcome } from '../messages.ts'
import { NO_PEER, type PeerRef } from '../peers.ts'
import type { Operation } from './operation.ts'
import type { OperationPort, Step } from './port.ts'

/** Reports what is here, and what that amounts to. Who was looked for is not: that would have been told before. */
export function concludeHere(
  port: OperationPort,
  step: Step,
  operation: Operation,
  scratch: Int32Array,
): OperationOutcome {
  const { outbox } = step
  const { id, type, key, best } = operation
  if (operation.stores) return 'ok'
  if (type === 'getClosest') {
    const count = port.nearest(step, key, scratch)
    const message = outbox.message('findNode')
    for (let i = 0; i < count; i++) message.addCloser(scratch[i] as PeerRef)
    outbox.closestFound(id, message)
    return count === 0 ? 'noPeers' : 'ok'
  }
  if (best !== null) outbox.valueFound(id, NO_PEER, best)
  return best !== null || operation.seen.length > 0 ? 'ok' : 'notFound'
}
