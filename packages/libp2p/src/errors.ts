import type { FailureReason } from '@kadmium/core'
import {
  AbortError,
  DialError,
  InvalidMessageError,
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
