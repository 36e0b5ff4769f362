/** An operation of the DHT could not be done; the message says why. */
export class QueryError extends Error {
  /** Always `QueryError`: how callers tell it apart. */
  override readonly name = 'QueryError'

  constructor(message: string) {
    super(message)
  }
}
