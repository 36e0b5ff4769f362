/**
 * What counts as a find: providers not named before, and the peer that is looked for. A search for
 * providers that shall end with so many ends only when several have named some: the long list of one
 * liar must not keep anybody from what the honest ones know (measurements.md §3.2).
 */
import type { Message } from '../messages.ts'
import { NO_PEER, type PeerBook, type PeerRef } from '../peers.ts'
import { type Operation, PROVIDERS_SEEN_MAX } from './operation.ts'
import { type OperationPort, STANDINGS, type Step } from './port.ts'

/** Answers with providers that a search needs before it may end. */
const NAMERS_MIN = 3

/**
 * Reports the providers in `message` that are news, those first who stand well with us. True when there
 * are as many as were wanted.
 */
export function providersFound(
  port: OperationPort,
  step: Step,
  book: PeerBook,
  operation: Operation,
  from: PeerRef,
  message: Message,
): boolean {
  const found = step.outbox.message('getProviders')
  const fresh: PeerRef[] = [] // BOUNDED: by one message
  for (let i = 0; i < message.providerCount; i++) {
    const provider = message.providers[i] as PeerRef
    if (operation.seen.length >= PROVIDERS_SEEN_MAX) break
    if (!book.has(provider) || operation.seen.includes(provider)) continue
    book.pin(provider)
    operation.seen.push(provider)
    fresh.push(provider)
  }
  for (const standing of STANDINGS) {
    for (const provider of fresh) {
      if (port.standing(step, provider) === standing) found.addProvider(provider)
    }
  }
  if (found.providerCount > 0) step.outbox.providersFound(operation.id, from, found)
  // What our own store has is nobody's lie.
  operation.namers += from === NO_PEER ? NAMERS_MIN : 1
  const isEnough = operation.countMax > 0 && operation.seen.length >= operation.countMax
  return isEnough && operation.namers >= NAMERS_MIN
}

/** Whether the answer names the peer that is looked for, or comes from it. */
export function namesSubject(operation: Operation, from: PeerRef, message: Message): boolean {
  const { subject } = operation
  if (subject === NO_PEER) return false
  if (from === subject) return true
  for (let i = 0; i < message.closerCount; i++) if (message.closer[i] === subject) return true
  return false
}
