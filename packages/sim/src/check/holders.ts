/**
 * No record is lost that a live holder has: what a node had written into its store, and so acknowledged, it answers with
 * until it has it deleted. It is asked as a stranger would ask; nobody hears the answer but the checker.
 */
import { type Input, Message, NO_PEER } from '@kadmium/core'
import { CONTENT, keyBytesOf, kindOf, versionOf, writeKey } from '../workload/subjects.ts'

/** The exchange of a request that a checker makes. */
export const ASKED = -2

/** Of its records a node is asked for one in so many at a time: to ask for all costs several times what the world itself does. */
export const TURNS = 16

/** Whether a record's turn has come, where one node in `stride` is looked at in each turn of the clock: all come within `TURNS` looks at their node. */
export function isTurn(subject: number, turn: number, stride: number): boolean {
  return (subject + Math.floor(turn / stride)) % TURNS === 0
}

/** How a holder is asked: the answer, null where it refuses. */
export type Ask = (row: number, nowMs: number, input: Input) => Message | null

/** What is wrong with a row's answer for a subject of which it holds that version; null where nothing is. */
export function holderFault(
  ask: Ask,
  row: number,
  self: number,
  subject: number,
  version: number,
  seed: number,
  nowMs: number,
): string | null {
  const isContent = kindOf(subject) === CONTENT
  const message = new Message().clear(isContent ? 'getProviders' : 'getValue')
  writeKey(seed, subject, message.key)
  message.keyBytes = keyBytesOf(subject)
  const answer = ask(row, nowMs, {
    kind: 'requestArrived',
    exchange: ASKED,
    from: NO_PEER,
    message,
  })
  if (answer === null) return `node ${self} does not answer for subject ${subject} that it holds`
  if (isContent)
    return answer.providerCount > 0 ? null : `node ${self} has lost the providers of ${subject}`
  if (answer.record === null) return `node ${self} has lost the record of subject ${subject}`
  const told = versionOf(answer.record)
  return told >= version
    ? null
    : `node ${self} holds version ${version} of subject ${subject} and answers with ${told}`
}
