/**
 * What a node answers to the six RPCs, by the rules of peers.md §5 "Wire": closer peers are nearest
 * first, without the asker and ourselves, only such as we have dialled with success; a peer that is asked
 * for by its own key is named even if it is not a good one; ADD_PROVIDER counts only for the sender.
 */
import type { Config } from './config.ts'
import { keysEqual } from './key.ts'
import type { Message } from './messages.ts'
import type { Step } from './operation/port.ts'
import { NO_PEER, type PeerBook, type PeerRef } from './peers.ts'
import type { Records } from './records/records.ts'
import type { Routing } from './routing/routing.ts'

export class Answers {
  private readonly book: PeerBook
  private readonly config: Config
  private readonly routing: Routing
  private readonly records: Records
  private readonly selves: Int32Array
  private readonly found: Int32Array // scratch

  constructor(
    book: PeerBook,
    config: Config,
    routing: Routing,
    records: Records,
    selves: Int32Array,
  ) {
    this.book = book
    this.config = config
    this.routing = routing
    this.records = records
    this.selves = selves
    this.found = new Int32Array(config.k)
  }

  /** Handles one request; the answer may come later (PUT_VALUE waits for its validator and the store). */
  handle(step: Step, exchange: number, from: PeerRef, request: Message): void {
    const { node, nowMs, outbox } = step
    if (request.type === 'putValue') {
      this.records.putArrived(node, nowMs, exchange, request, outbox)
      return
    }
    if (request.type === 'addProvider') {
      this.addProvider(step, from, request)
      outbox.accept(exchange)
      return
    }
    const answer = outbox.message(request.type)
    answer.key.set(request.key)
    answer.keyBytes = request.keyBytes
    if (request.type !== 'ping') this.nameCloser(step, from, request, answer)
    if (request.type === 'getValue') {
      answer.record = this.records.get(node, nowMs, request.key, 0)
    } else if (request.type === 'getProviders') {
      this.records.providers(node, nowMs, request.key, 0, answer, from)
    }
    outbox.respond(exchange, answer)
  }

  private addProvider(step: Step, from: PeerRef, request: Message): void {
    for (let i = 0; i < request.providerCount; i++) {
      if (request.providers[i] !== from) continue
      this.records.providerArrived(
        step.node,
        step.nowMs,
        request.key,
        request.keyBytes,
        from,
        false,
        step.outbox,
      )
      return
    }
  }

  private nameCloser(step: Step, from: PeerRef, request: Message, answer: Message): void {
    const { node, nowMs } = step
    const subject = request.type === 'findNode' ? this.subjectOf(step, request) : NO_PEER
    if (subject !== NO_PEER && subject !== from) answer.addCloser(subject)
    const { k } = this.config
    const count = this.routing.nearest(node, request.key, 0, k, nowMs, from, this.found)
    for (let i = 0; i < count && answer.closerCount < k; i++) {
      const peer = this.found[i] as PeerRef
      if (peer !== subject) answer.addCloser(peer)
    }
  }

  /** The peer whose own key is asked for, if we know it: ourselves, or anyone we have met. */
  private subjectOf(step: Step, request: Message): PeerRef {
    const self = this.selves[step.node] as PeerRef
    const { keys } = this.book
    if (keysEqual(request.key, 0, keys, this.book.at(self))) return self
    // Hardly ever is a known peer's own key asked for, and that is quickly told.
    if (!this.routing.hasKey(step.node, request.key, 0)) return NO_PEER
    const count = this.routing.seeds(step.node, request.key, 0, 1, step.nowMs, this.found)
    if (count === 0) return NO_PEER
    const nearest = this.found[0] as PeerRef
    return keysEqual(request.key, 0, keys, this.book.at(nearest)) ? nearest : NO_PEER
  }
}
