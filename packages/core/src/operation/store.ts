/**
 * Putting a record at the k closest peers while they are still being looked for. A candidate gets the
 * record at once, unasked, when it has proved itself before and is surely among the k closest: it lies
 * well within the radius in which k of N nodes are expected, or the whole region is known. Otherwise it
 * is asked first, like in any walk; the nearest few (`SCOUTS`) always are, since an acknowledgement tells
 * nothing of the region. When so many in a row name nobody new among the k nearest, the region is known.
 * A holder that fails is replaced by the next closest.
 */
import type { Config } from '../config.ts'
import { distanceShare } from '../key.ts'
import type { OperationOutcome } from '../messages.ts'
import type { PeerBook, PeerRef } from '../peers.ts'
import { HOLDERS_MAX, type Operation } from './operation.ts'
import type { OperationPort, Step } from './port.ts'

/** Nearest peers that are asked what they know before they get the record; see docs/decisions/0007. */
const SCOUTS = 2

/** Share of the expected radius of the k closest within which a peer surely belongs to them: 14.53 / 20, go's optimistic provide. */
const SURE_RADIUS = 0.72

/** The region is known when its nearest known lie no farther than this times what N nodes let expect. */
const KNOWN_FACTOR = 1.3

/** Sends the record to every candidate that is due for it. False when some must wait for a free request. */
export function storeWhatIsDue(
  port: OperationPort,
  step: Step,
  book: PeerBook,
  config: Config,
  operation: Operation,
  prospects: Int32Array,
): boolean {
  const { lookup } = operation
  const count = lookup.prospects(prospects)
  const size = port.networkSize(step.node)
  const known =
    operation.quiet >= SCOUTS || regionIsKnown(book, operation, prospects, count, size, config.k)
  const settled = lookup.done
  for (let rank = 0; rank < count; rank++) {
    const peer = prospects[rank] as PeerRef
    if (operation.isHolder(peer)) continue
    if (operation.holders.length >= HOLDERS_MAX) return true
    if (!port.hasRoom(step)) return false
    const sure = settled || known || isSure(book, operation, peer, size, config.k)
    if (!sure) continue
    if (lookup.hasAnswered(peer)) {
      sendRecord(port, step, operation, peer)
    } else if (mayGoUnasked(port, step, operation, peer, rank)) {
      if (lookup.take(peer)) sendRecord(port, step, operation, peer)
    }
  }
  return true
}

/** What became of a put that has nothing more to do. */
export function storeOutcome(operation: Operation, config: Config): OperationOutcome {
  if (operation.stored === 0) return 'noPeers'
  const wanted = Math.min(config.putReturnCount, operation.holders.length)
  return operation.stored < wanted ? 'partial' : 'ok'
}

/** Whether scouts are on their way into a region in which none of them has met anybody new so far. */
export function scoutsAreOut(operation: Operation): boolean {
  const { lookup, learned, quiet } = operation
  return learned === quiet && learned + lookup.inFlight >= SCOUTS && lookup.inFlight > 0
}

/** The holder's answer. True when it was still awaited. */
export function storeAnswered(operation: Operation, peer: PeerRef): boolean {
  const at = operation.holders.indexOf(peer)
  if (at < 0 || operation.holderStates[at] === 'stored') return false
  if (operation.holderStates[at] === 'sending') operation.sending--
  operation.holderStates[at] = 'stored'
  operation.stored++
  operation.lookup.answered(peer)
  return true
}

/** The holder will not answer, or (`late`) not in time: the next closest takes its place. */
export function storeFailed(operation: Operation, peer: PeerRef, state: 'late' | 'failed'): void {
  const at = operation.holders.indexOf(peer)
  if (at < 0) return
  if (operation.holderStates[at] === 'stored') return
  if (operation.holderStates[at] === 'sending') operation.sending--
  operation.holderStates[at] = state
  const { lookup } = operation
  const noted = state === 'late' ? lookup.late(peer) : lookup.failed(peer)
  if (!noted) lookup.reject(peer)
}

function mayGoUnasked(
  port: OperationPort,
  step: Step,
  operation: Operation,
  peer: PeerRef,
  rank: number,
): boolean {
  if (rank < SCOUTS && operation.learned < SCOUTS) return false
  return operation.lookup.isUnasked(peer) && port.isTrusted(step, peer)
}

function sendRecord(port: OperationPort, step: Step, operation: Operation, peer: PeerRef): void {
  operation.holders.push(peer)
  operation.holderStates.push('sending')
  operation.sending++
  const isValue = operation.type === 'putValue'
  const message = step.outbox.message(isValue ? 'putValue' : 'addProvider')
  message.key.set(operation.key)
  message.keyBytes = operation.keyBytes
  if (isValue) message.record = operation.record
  else message.addProvider(operation.subject)
  if (operation.id !== 0) step.outbox.asking(operation.id, peer, message)
  port.send(step, operation, peer, 'store', message)
}

function isSure(
  book: PeerBook,
  operation: Operation,
  peer: PeerRef,
  size: number,
  k: number,
): boolean {
  if (size === 0) return false
  const share = distanceShare(operation.key, 0, book.keys, book.at(peer))
  return share * size <= SURE_RADIUS * k
}

function regionIsKnown(
  book: PeerBook,
  operation: Operation,
  prospects: Int32Array,
  count: number,
  size: number,
  k: number,
): boolean {
  if (size === 0) return false
  if (size <= k) return count >= Math.floor(size)
  if (count < k) return false
  let sum = 0
  for (let i = 0; i < k; i++) {
    sum += distanceShare(operation.key, 0, book.keys, book.at(prospects[i] as PeerRef))
  }
  const expected = (k + 1) / 2 / (size + 1)
  return sum / k <= KNOWN_FACTOR * expected
}
