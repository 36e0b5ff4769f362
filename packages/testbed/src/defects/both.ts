/**
 * The same test for both implementations: what Kadmium must do, `@libp2p/kad-dht` must fail to do, and by the
 * very assertion that names the defect. What has to hold for either (a connection, a filled table, a first
 * answer) is asserted outside of it, so that no accident counts as the expected failure.
 */
import type { Kind } from '../live/nodes.ts'

/** For `test.each`: a kind of node, and how the titles of tests call it. */
export const BOTH: readonly { kind: Kind; node: string }[] = [
  { kind: 'kadmium', node: 'Kadmium' },
  { kind: 'kad-dht', node: '@libp2p/kad-dht, which must fail' },
]

/**
 * How long to wait for what only one of the two does, ms: that one has the time which a busy machine may need, less
 * than the 10 s after which a request or a search for a first peer ends by itself; the other is watched for a while.
 */
export function patienceMs(kind: Kind, does: Kind): number {
  return kind === does ? 8_000 : 2_000
}

/**
 * Runs the assertion for Kadmium as it is; for `@libp2p/kad-dht` it must fail as an assertion whose message
 * begins with `defect`, which is to be given to `expect` as its message.
 *
 * @throws Error where `@libp2p/kad-dht` passes, or fails by something else.
 */
export function expectMended(kind: Kind, defect: string, assertion: () => void): void {
  if (kind === 'kadmium') {
    assertion()
    return
  }
  try {
    assertion()
  } catch (error) {
    if (error instanceof Error && error.name === 'AssertionError') {
      if (error.message.startsWith(`${defect}: `)) return
    }
    throw error
  }
  throw new Error(`@libp2p/kad-dht does not show the defect any more: ${defect}`)
}
