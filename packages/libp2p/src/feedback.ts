/**
 * What the application tells about providers, and what it may know of how peers stand. The core judges.
 *
 * Bounded by: nothing is kept here.
 */
import { NO_PEER } from '@kadmium/core'
import { InvalidParametersError, type PeerId } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import { checkPeerId, multihashOf, told } from './arguments.ts'
import { keyOf } from './bridge.ts'
import type { Host } from './host.ts'
import type { ProviderOutcome } from './types.ts'

const OUTCOMES: readonly string[] = ['served', 'failed', 'lied'] satisfies ProviderOutcome[]

export class Feedback {
  private readonly host: Pick<Host, 'nodes' | 'directory' | 'dispatch'>
  private readonly now: () => number

  /** `now`: the clock of the host, ms. */
  constructor(host: Pick<Host, 'nodes' | 'directory' | 'dispatch'>, now: () => number) {
    this.host = host
    this.now = now
  }

  /** @throws InvalidParametersError for an outcome that is none of the three, or what is no CID or no peer id */
  report(cid: CID, peer: PeerId, outcome: ProviderOutcome): void {
    if (!OUTCOMES.includes(outcome)) {
      throw new InvalidParametersError(
        `An outcome is one of ${OUTCOMES.join(', ')}, not ${told(outcome)}`,
      )
    }
    const { directory, dispatch } = this.host
    const key = keyOf(multihashOf(cid))
    checkPeerId(peer)
    dispatch(() => {
      // Whom no search names any more may be forgotten by now; what it did is remembered all the same.
      const ref = directory.internId(peer)
      return ref === NO_PEER ? null : { kind: 'providerReported', key, peer: ref, outcome }
    })
  }

  /** 0..1; undefined where nothing is remembered of the peer. @throws InvalidParametersError for what is no peer id */
  score(peer: PeerId): number | undefined {
    checkPeerId(peer)
    const { directory, nodes } = this.host
    const ref = directory.find(peer)
    if (ref === NO_PEER || !nodes.routing.knows(0, ref)) return undefined
    return nodes.routing.score(0, ref, this.now())
  }
}
