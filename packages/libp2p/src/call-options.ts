/** What the options of one call mean. */
import type { OperationType, Reach } from '@kadmium/core'
import { InvalidParametersError, type RoutingOptions } from '@libp2p/interface'
import type { FindProvidersOptions, GetOptions } from './types.ts'

/** Providers after which `findProviders` ends, as in `@libp2p/kad-dht`. */
const PROVIDERS_WANTED = 20

/** Operations that look for something. */
const FINDS: readonly OperationType[] = ['getClosest', 'findPeer', 'getValue', 'findProviders']

/** What the operation may go by; null for a find that may go by nothing. */
export function reachOf(type: OperationType, options: RoutingOptions): Reach | null {
  const isFind = FINDS.includes(type)
  const useCache = !isFind || options.useCache !== false
  if (options.useNetwork === false) return useCache ? 'local' : null
  return useCache ? 'all' : 'network'
}

/** Answers that decide; 0 for the default of the key. @throws InvalidParametersError */
export function quorumOf({ quorum }: GetOptions): number {
  if (quorum === undefined) return 0
  if (Number.isSafeInteger(quorum) && quorum >= 1) return quorum
  throw new InvalidParametersError(`quorum must be a whole number from 1, and is ${quorum}`)
}

/** Providers that are enough; 0 for no limit. @throws InvalidParametersError */
export function limitOf({ limit = PROVIDERS_WANTED }: FindProvidersOptions): number {
  if (limit === Number.POSITIVE_INFINITY) return 0
  if (Number.isSafeInteger(limit) && limit >= 1) return limit
  throw new InvalidParametersError(
    `limit must be a whole number from 1 or Infinity, and is ${limit}`,
  )
}
