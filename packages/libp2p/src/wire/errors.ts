/**
 * What is wrong with a message: `oversized`, the whole is too long; `syntax`, no protobuf or cut off;
 * `type`, a message type that we do not know; `key`, a key of more than 80 bytes; `count`, more
 * entries in a list than any honest message has.
 */
export type MalformedCode = 'oversized' | 'syntax' | 'type' | 'key' | 'count'

/** The one error of `decodeMessage`: the bytes are no message of the protocol. */
export class MalformedMessageError extends Error {
  override readonly name = 'MalformedMessageError'
  readonly code: MalformedCode

  constructor(code: MalformedCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
