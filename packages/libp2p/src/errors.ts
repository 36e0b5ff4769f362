/** An operation of the DHT could not be done; the message says why. */
export class QueryError extends Error {
  override readonly name = 'QueryError'

  constructor(message: string) {
    super(message)
  }
}

/** An option that this service does not have; the message says what to use instead. */
export class UnsupportedOptionError extends Error {
  override readonly name = 'UnsupportedOptionError'

  constructor(option: string, instead: string) {
    super(`The option ${option} is not supported: ${instead}`)
  }
}
