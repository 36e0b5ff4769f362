/** The end of an operation that asks nobody: what the node itself had is all there is. */
import type { OperationOutcome } from '../messages.ts'
import type { Outbox } from '../outbox.ts'
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
    tellClosest(outbox, id, scratch, count)
    return count === 0 ? 'noPeers' : 'ok'
  }
  if (best !== null) outbox.valueFound(id, NO_PEER, best)
  return best !== null || operation.seen.length > 0 ? 'ok' : 'notFound'
}

/** Reports peers as the closest. */
export function tellClosest(
  outbox: Outbox,
  operation: number,
  peers: Int32Array,
  count: number,
): void {
  const message = outbox.message('findNode')
  for (let i = 0; i < count; i++) message.addCloser(peers[i] as PeerRef)
  outbox.closestFound(operation, message)
}
