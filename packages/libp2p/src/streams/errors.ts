import type { FailureReason } from '@kadmium/core'

const TEXTS: Readonly<Record<FailureReason, string>> = {
  dial: 'the peer could not be connected',
  unsupported: 'the peer does not speak the protocol',
  timeout: 'there was no answer in time',
  reset: 'the stream ended before the answer',
  malformed: 'what came is no answer',
  cancelled: 'the request was given up',
}

/**
 * A request that gets no answer. `dial`: there was no way to connect; `unsupported`: the peer does not
 * speak the protocol; `timeout`: no stream or no answer in time; `reset`: the stream ended before the
 * answer; `malformed`: what came is no answer; `cancelled`: the caller gave up, or the pool was stopped
 * or full: this one says nothing about the peer.
 */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly reason: FailureReason

  constructor(reason: FailureReason, message: string = TEXTS[reason], options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}

/** As an error of this kind; `reason` for what is not one yet. */
export function requestError(cause: unknown, reason: FailureReason): RequestError {
  return cause instanceof RequestError ? cause : new RequestError(reason, undefined, { cause })
}
