/**
 * The decision of a get: which of the records that come in is the value, and when. Records are judged
 * one at a time against the best so far. A record that can have only one value is decided by the first
 * valid answer; one that changes by `quorum` valid answers, by the end of the walk, or by what came in
 * `quorumTimeoutMs` after the first.
 */
import type { Config } from '../config.ts'
import type { Verdict } from '../messages.ts'
import { NO_PEER, type PeerRef } from '../peers.ts'
import type { FoundRecord, Operation } from './operation.ts'
import type { OperationPort, Step } from './port.ts'

const SINGLE_VALUED = [0x2f, 0x70, 0x6b, 0x2f] // "/pk/"

/** Answers that a get which has found its value still has on their way beyond its quorum. */
const SPARE_ANSWERS = 2

/** How many valid answers decide a get for a key, unless the caller says so. */
export function defaultQuorum(keyBytes: Uint8Array, config: Config): number {
  const single = SINGLE_VALUED.every((byte, i) => keyBytes[i] === byte)
  return single ? 1 : config.mutableQuorum
}

/** A peer answered with a record, or (`NO_PEER`) we hold one: it is judged like any other, since it may have run out. */
export function recordFound(
  port: OperationPort,
  step: Step,
  operation: Operation,
  peer: PeerRef,
  record: Uint8Array,
): void {
  operation.waiting.push({ peer, record })
  judgeNext(port, step, operation)
}

/** The verdict on the record that was with the judge. */
export function recordJudged(
  port: OperationPort,
  step: Step,
  config: Config,
  operation: Operation,
  verdict: Verdict,
): void {
  const found = operation.judged
  if (found === null) return
  operation.judged = null
  // With nothing to compare with, a record is better or invalid: all else is no verdict.
  const isVerdict = operation.best !== null || verdict === 'better'
  if (verdict === 'invalid' && found.peer !== NO_PEER) port.lied(step, found.peer)
  if (verdict !== 'invalid' && isVerdict) count(step, config, operation, found, verdict)
  judgeNext(port, step, operation)
}

/** Whether nothing waits for a verdict any more. */
export function allJudged(operation: Operation): boolean {
  return operation.judged === null && operation.waiting.length === 0
}

/** Has the next record judged, unless one is with the judge. */
export function judgeNext(port: OperationPort, step: Step, operation: Operation): void {
  while (operation.judged === null) {
    const found = operation.waiting[0]
    if (found === undefined) return
    if (operation.best !== null && bytesEqual(found.record, operation.best)) {
      operation.agreed++
      list(operation.current, found.peer)
    } else if (port.judge(step, operation, found.record, operation.best)) {
      operation.judged = found
    } else {
      return // the judge has too much to do
    }
    operation.waiting.shift()
  }
}

/** Whether there are records in hand, and with the answers on their way, and some to spare, enough for the quorum. */
export function enoughIsComing(operation: Operation): boolean {
  const inHand = operation.agreed + operation.waiting.length + (operation.judged === null ? 0 : 1)
  return inHand > 0 && inHand + operation.lookup.inFlight >= operation.quorum + SPARE_ANSWERS
}

/** What the get has found takes the place of what is older, with us and with those who answered so. */
export function correctOthers(
  port: OperationPort,
  step: Step,
  operation: Operation,
  best: Uint8Array,
): void {
  if (operation.bestFrom !== NO_PEER) port.keepBetter(step, operation, best)
  for (const peer of operation.stale) {
    if (!port.hasRoom(step)) break
    const message = step.outbox.message('putValue')
    message.key.set(operation.key)
    message.keyBytes = operation.keyBytes
    message.record = best
    port.send(step, null, peer, 'correct', message)
  }
}

function count(
  step: Step,
  config: Config,
  operation: Operation,
  found: FoundRecord,
  verdict: Verdict,
): void {
  operation.agreed++
  if (verdict === 'worse') {
    list(operation.stale, found.peer)
  } else if (verdict === 'better') {
    if (operation.best === null) operation.decideAtMs = step.nowMs + config.quorumTimeoutMs
    operation.stale.push(...operation.current)
    operation.current.length = 0
    operation.best = found.record
    operation.bestFrom = found.peer
    list(operation.current, found.peer)
  } else if (verdict === 'same') {
    list(operation.current, found.peer)
  }
}

/** Ourselves are in no list of peers. */
function list(peers: PeerRef[], peer: PeerRef): void {
  if (peer !== NO_PEER) peers.push(peer)
}

function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
