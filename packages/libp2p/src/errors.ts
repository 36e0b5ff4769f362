import type { FailureReason, OperationOutcome, OperationType } from '@kadmium/core'
import {
  AbortError,
  DialError,
  InvalidMessageError,
  NotFoundError,
  StreamResetError,
  TimeoutError,
  UnsupportedProtocolError,
} from '@libp2p/interface'

/** An operation of the DHT could not be done; the message says why. */
export class QueryError extends Error {
  /** Always `QueryError`: how callers tell it apart. */
  override readonly name = 'QueryError'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
  }
}

/** By what name libp2p has it that a peer did not answer. */
const REQUEST_ERRORS = {
  dial: DialError,
  timeout: TimeoutError,
  reset: StreamResetError,
  unsupported: UnsupportedProtocolError,
  malformed: InvalidMessageError,
  cancelled: AbortError,
} as const satisfies Record<FailureReason, new (message: string) => Error>

/** Why one peer failed, for the event `QUERY_ERROR`. */
export function requestError(peer: string, reason: FailureReason): Error {
  return new REQUEST_ERRORS[reason](`${peer} did not answer: ${reason}`)
}

/** What a caller is thrown at the end; nothing where the operation did what it could. */
export function operationError(
  type: OperationType,
  outcome: OperationOutcome,
  cause: Error | null = null,
): Error | undefined {
  switch (outcome) {
    case 'ok':
    case 'partial':
      return undefined
    case 'cancelled':
      return new AbortError('The operation was cancelled')
    case 'invalid':
      return new QueryError(
        `The record is not valid for its key${cause === null ? '' : `: ${cause.message}`}`,
        { cause },
      )
    case 'older':
      return new QueryError('The record is older than the one known here')
    case 'size':
      return new QueryError(
        'The record or its key is empty or too long: a key has 80 bytes at most, a value kadmium.recordBytesMax (65,536 by default)',
      )
    case 'unwritten':
      return new QueryError('Our own store could not write the record: the log says why')
    case 'busy':
      return new QueryError('Too many operations at once')
    case 'noPeers':
      if (type === 'getClosest' || type === 'findProviders') return undefined
      return new QueryError('No peer of the DHT could be reached')
    case 'notFound':
      if (type === 'getClosest' || type === 'findProviders') return undefined
      return new NotFoundError(type === 'findPeer' ? 'Peer not found' : 'No record found')
  }
}
