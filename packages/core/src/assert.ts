/** Thrown for our own mistakes only: what a peer does is never an exception. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

/** Stays on in production: a broken invariant must stop the node, not corrupt it. */
export function assert(condition: boolean, why: string): asserts condition {
  if (!condition) throw new AssertionError(why)
}

/** The end of a switch over a closed union. */
export function unreachable(value: never): never {
  throw new AssertionError(`unhandled variant: ${JSON.stringify(value)}`)
}
