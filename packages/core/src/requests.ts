/**
 * Requests in flight: who was asked, for what, and the two clocks of each. The first (RTO) frees the
 * request's slot in its lookup, while a late answer still counts and teaches; the second ends it.
 *
 * Bounded by: `requestsMax` a node. Finding a request walks its node's list, which is short.
 */
import { NodeLists } from './node-lists.ts'
import { type NodeRows, REQUESTS_DUE } from './node-rows.ts'
import type { Operation } from './operation/operation.ts'
import { NO_PEER, type PeerBook, type PeerRef } from './peers.ts'

/**
 * What the request is for: a step of a walk, a record to be held by the peer (`store`), a newer record
 * for a holder of an older one (`correct`), or a look whether the peer is there (`check`).
 */
export type Purpose = 'ask' | 'store' | 'correct' | 'check'

export class Request {
  // What `find` reads of each stands first, on one line of the processor's cache.
  id = 0
  next: Request | null = null
  peer: PeerRef = NO_PEER
  purpose: Purpose = 'check'
  /** The operation that waits for it; null when nobody does any more and the answer only teaches. */
  operation: Operation | null = null
  /** First clock; Infinity once it has run out. */
  lateAtMs = 0
  /** Second clock. */
  deadlineMs = 0
}

export class Requests {
  private readonly book: PeerBook
  private readonly live: NodeLists<Request> // BOUNDED: each node's list by requestsMax
  private readonly rows: NodeRows
  private readonly pool: Request[] = [] // BOUNDED: by the most requests ever in flight at once

  constructor(nodes: number, book: PeerBook, rows: NodeRows) {
    this.book = book
    this.live = new NodeLists(nodes)
    this.rows = rows
  }

  get bytes(): number {
    return this.live.bytes
  }

  /** Requests of the node in flight. */
  count(node: number): number {
    return this.live.count(node)
  }

  /** When a clock of the node's requests runs out; may be early, never late. */
  deadlineMs(node: number): number {
    return this.rows.due(node, REQUESTS_DUE)
  }

  open(
    node: number,
    id: number,
    peer: PeerRef,
    purpose: Purpose,
    operation: Operation | null,
    nowMs: number,
    rtoMs: number,
    timeoutMs: number,
  ): void {
    const request = this.pool.pop() ?? new Request()
    request.id = id
    request.peer = peer
    request.purpose = purpose
    request.operation = operation
    request.lateAtMs = nowMs + rtoMs
    request.deadlineMs = nowMs + timeoutMs
    this.live.add(node, request)
    this.rows.lowerDue(node, REQUESTS_DUE, Math.min(request.lateAtMs, request.deadlineMs))
    this.book.pin(peer)
  }

  find(node: number, id: number): Request | null {
    let request = this.live.first(node)
    while (request !== null && request.id !== id) request = request.next
    return request
  }

  /** Ends a request: its object may be reused after this call. */
  close(node: number, request: Request): void {
    if (!this.live.remove(node, request)) return
    if (this.live.count(node) === 0) this.rows.setDue(node, REQUESTS_DUE, Number.POSITIVE_INFINITY)
    this.book.unpin(request.peer)
    request.operation = null
    this.pool.push(request)
  }

  /** The next request with a clock that has run out, or null; afterwards the deadline is exact. */
  nextDue(node: number, nowMs: number): Request | null {
    let deadline = Number.POSITIVE_INFINITY
    for (let request = this.live.first(node); request !== null; request = request.next) {
      const due = Math.min(request.lateAtMs, request.deadlineMs)
      if (due <= nowMs) return request
      if (due < deadline) deadline = due
    }
    this.rows.setDue(node, REQUESTS_DUE, deadline)
    return null
  }

  /** The first request that an operation waits for, or null. */
  findOf(node: number, operation: Operation): Request | null {
    let request = this.live.first(node)
    while (request !== null && request.operation !== operation) request = request.next
    return request
  }

  /** Whether a request to the peer is in flight. */
  isAsked(node: number, peer: PeerRef): boolean {
    let request = this.live.first(node)
    while (request !== null && request.peer !== peer) request = request.next
    return request !== null
  }

  /** Any request of the node, or null. */
  first(node: number): Request | null {
    return this.live.first(node)
  }
}
