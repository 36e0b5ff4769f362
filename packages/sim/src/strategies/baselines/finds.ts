/** What comes in for a get or a search: records, one judged at a time against the best so far, and providers. */
import { type Message, NO_PEER, type PeerRef, type Verdict } from '@kadmium/core'
import type { Step } from './step.ts'
import type { Walk } from './walk.ts'

/** A peer answered with a record, or (`NO_PEER`) we hold one. `nextId` names the job. */
export function recordFound(
  step: Step,
  walk: Walk,
  peer: PeerRef,
  record: Uint8Array,
  nextId: (row: number) => number,
): void {
  walk.waiting.push({ peer, record })
  judgeNext(step, walk, nextId)
}

/** The verdict on the record that was with the judge. */
export function recordJudged(
  step: Step,
  walk: Walk,
  verdict: Verdict,
  nextId: (row: number) => number,
): void {
  const found = walk.waiting.shift()
  walk.judging = 0
  if (found === undefined) return
  // With nothing to compare with, a record is better or invalid: all else is no verdict.
  const isVerdict = walk.best !== null || verdict === 'better'
  if (verdict !== 'invalid' && isVerdict) {
    walk.responses++
    if (verdict === 'better') {
      walk.stale.push(...walk.current)
      walk.current.length = 0
      walk.best = found.record
      walk.bestFrom = found.peer
    }
    if (found.peer !== NO_PEER) (verdict === 'worse' ? walk.stale : walk.current).push(found.peer)
  }
  judgeNext(step, walk, nextId)
}

/** Whether nothing waits for a verdict any more. */
export function allJudged(walk: Walk): boolean {
  return walk.waiting.length === 0
}

function judgeNext(step: Step, walk: Walk, nextId: (row: number) => number): void {
  while (walk.judging === 0) {
    const found = walk.waiting[0]
    if (found === undefined) return
    if (walk.best !== null && isSame(found.record, walk.best)) {
      walk.responses++
      if (found.peer !== NO_PEER) walk.current.push(found.peer)
      walk.waiting.shift()
      continue
    }
    walk.judging = nextId(step.row)
    step.outbox.validate(walk.judging, walk.keyBytes, found.record, walk.best)
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Tells the caller the providers that were not named before. True when there are `enough`; 0 is never enough. */
export function providersFound(
  step: Step,
  walk: Walk,
  peers: number,
  from: PeerRef,
  message: Message,
  enough: number,
): boolean {
  const found = step.outbox.message('getProviders')
  for (let i = 0; i < message.providerCount; i++) {
    const provider = message.providers[i] as PeerRef
    if (provider < 0 || provider >= peers || walk.seen.includes(provider)) continue
    walk.seen.push(provider)
    found.addProvider(provider)
  }
  if (found.providerCount > 0) step.outbox.providersFound(walk.id, from, found)
  return enough > 0 && walk.seen.length >= enough
}
