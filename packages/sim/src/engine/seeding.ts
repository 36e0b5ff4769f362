/**
 * What is stored before the run begins: each subject on the closest servers that are up, handed to them as requests of its
 * owner. Of a name most holders have the latest version, and some an older one, which is why readers want a quorum.
 */
import { KEY_WORDS, Message, type PeerRef } from '@kadmium/core'
import type { Scenario } from '../scenario/scenario.ts'
import type { Truth } from '../strategies/strategy.ts'
import {
  CONTENT,
  keyBytesOf,
  NAME,
  recordOf,
  type SubjectKind,
  storedSubject,
  VALUE,
  writeKey,
} from '../workload/subjects.ts'
import { below, draw } from '../world/dice.ts'
import type { Population } from '../world/population.ts'
import { OWNER, STALE } from './draws.ts'

/** The version of a name that readers should get. */
export const LATEST = 2

/** Of so many holders of a name one has an older version. */
const STALE_ONE_IN = 5

const REPLICAS = 20
const KINDS: readonly SubjectKind[] = [VALUE, NAME, CONTENT]

/** One holder of one subject. */
export interface Placement {
  holder: PeerRef
  from: PeerRef
  message: Message
}

/** Hands over all that identities first..first+count-1 hold at the start. */
export function placements(
  scenario: Scenario,
  population: Population,
  truth: Truth,
  nowMs: number,
  range: { first: number; count: number },
  place: (placement: Placement) => void,
): void {
  const { seed, phases } = scenario
  const subjects = Math.max(0, ...phases.map(({ workload }) => workload.subjects))
  const closest = new Int32Array(REPLICAS)
  for (const kind of KINDS) {
    if (!isAskedFor(scenario, kind)) continue
    for (let index = 0; index < subjects; index++) {
      const subject = storedSubject(kind, index)
      const key = new Uint32Array(KEY_WORDS)
      writeKey(seed, subject, key)
      const count = truth.closestLive(key, 0, REPLICAS, nowMs, closest)
      const owner = below(draw(seed, subject, 0, OWNER), population.size)
      for (let i = 0; i < count; i++) {
        const holder = closest[i] as PeerRef
        if (holder < range.first || holder >= range.first + range.count) continue
        place({ holder, from: owner, message: storing(seed, subject, kind, key, holder, owner) })
      }
    }
  }
}

function storing(
  seed: number,
  subject: number,
  kind: SubjectKind,
  key: Uint32Array,
  holder: PeerRef,
  owner: PeerRef,
): Message {
  const message = new Message()
  message.clear(kind === CONTENT ? 'addProvider' : 'putValue')
  message.key.set(key)
  message.keyBytes = keyBytesOf(subject)
  if (kind === CONTENT) message.addProvider(owner)
  else {
    const isStale = below(draw(seed, subject, holder, STALE), STALE_ONE_IN) === 0
    message.record = recordOf(subject, kind === NAME && !isStale ? LATEST : 1)
  }
  return message
}

function isAskedFor(scenario: Scenario, kind: SubjectKind): boolean {
  const names = { [VALUE]: 'get', [NAME]: 'ipns', [CONTENT]: 'findProviders' } as const
  return scenario.phases.some(({ workload }) => (workload.mix[names[kind]] ?? 0) > 0)
}
