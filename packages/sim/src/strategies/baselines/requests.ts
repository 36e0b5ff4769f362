/**
 * What the nodes of a column have asked and not been answered: a short list for each row, threaded through pooled objects.
 * Bounded by: what the lookups under way ask at once.
 */
import { type MessageType, NO_PEER, type PeerRef } from '@kadmium/core'
import type { Walk } from './walk.ts'

/**
 * What a request is for: a step of a walk, its follow-up, a record to be held (`store`), a newer record for a holder of an
 * older one (`correct`), a look whether a peer that may become a member answers (`probe`), whether a member still does
 * (`ping`), or the next hop of somebody else's request (`relay`).
 */
export type Purpose = 'ask' | 'follow' | 'store' | 'correct' | 'probe' | 'ping' | 'relay'

export class Request {
  /** The node's own id for it, 1 or more; a second try has a new one. */
  id = 0
  peer: PeerRef = NO_PEER
  purpose: Purpose = 'ask'
  /** Who waits for it; null when nobody does any more and the answer only teaches. */
  walk: Walk | null = null
  /** Not sent yet: another one to the same peer is under way. */
  held = false
  /** Not sent, because the peer is not dialled for now: it fails at once. */
  refused = false
  /** There is a connection, so the request is on its way; else the peer is being dialled. */
  connected = false
  tries = 0
  sentAtMs = 0
  /** When this try is given up. */
  deadlineMs: number = Number.POSITIVE_INFINITY
  /** When the request is given up, whatever the tries. */
  limitMs: number = Number.POSITIVE_INFINITY
  /** What a `relay` or a `ping` was asked for: the exchange, the newcomer. */
  note = 0
  /** The record of a `correct`, which nobody else keeps. */
  record: Uint8Array | null = null
  /** The key that the request is about where there is no walk (any more). */
  key: Uint32Array | null = null
  keyBytes: Uint8Array | null = null
  /** Of a `relay`: who asked, what, and how many next hops have been tried. */
  asker: PeerRef = NO_PEER
  type: MessageType = 'findNode'
  hops = 0
  next: Request | null = null
}

export class Requests {
  private readonly heads: (Request | null)[] // BOUNDED: by rows
  private readonly sequences: Uint32Array
  private readonly pool: Request[] = [] // BOUNDED: by the most requests ever under way at once

  constructor(rows: number) {
    this.heads = new Array<Request | null>(rows).fill(null)
    this.sequences = new Uint32Array(rows)
  }

  get bytes(): number {
    return this.sequences.byteLength + this.heads.length * 8
  }

  first(row: number): Request | null {
    return this.heads[row] ?? null
  }

  /** A number that the node has not used before, for a request or a job. */
  nextId(row: number): number {
    const id = ((this.sequences[row] as number) + 1) >>> 0
    this.sequences[row] = id
    return id
  }

  open(row: number, peer: PeerRef, purpose: Purpose, walk: Walk | null): Request {
    const request = this.pool.pop() ?? new Request()
    request.id = 0
    request.peer = peer
    request.purpose = purpose
    request.walk = walk
    request.held = false
    request.refused = false
    request.connected = false
    request.tries = 0
    request.deadlineMs = Number.POSITIVE_INFINITY
    request.limitMs = Number.POSITIVE_INFINITY
    request.note = 0
    request.next = this.first(row)
    this.heads[row] = request
    return request
  }

  /** Null when there is none of that id: it has ended, or never was. */
  find(row: number, id: number): Request | null {
    let request = this.first(row)
    while (request !== null && (request.id !== id || request.held)) request = request.next
    return request
  }

  /** Whether a request to the peer other than this one has been sent and not ended. */
  isBusy(row: number, peer: PeerRef, except: Request | null): boolean {
    let request = this.first(row)
    while (request !== null) {
      if (request.peer === peer && !request.held && request !== except) return true
      request = request.next
    }
    return false
  }

  /** The request to the peer that has waited longest for another one to end, or null. */
  oldestHeld(row: number, peer: PeerRef): Request | null {
    let oldest: Request | null = null
    for (let request = this.first(row); request !== null; request = request.next) {
      if (request.held && request.peer === peer) oldest = request // newest first
    }
    return oldest
  }

  /** The first request with its time up, or null. */
  nextDue(row: number, nowMs: number): Request | null {
    let request = this.first(row)
    while (request !== null && dueAtMs(request) > nowMs) request = request.next
    return request
  }

  /** When the next one's time is up. */
  deadlineMs(row: number): number {
    let deadline = Number.POSITIVE_INFINITY
    for (let request = this.first(row); request !== null; request = request.next) {
      deadline = Math.min(deadline, dueAtMs(request))
    }
    return deadline
  }

  /** Ends a request: its object may be used anew after this call. */
  close(row: number, request: Request): void {
    let before: Request | null = null
    let here = this.first(row)
    while (here !== null && here !== request) {
      before = here
      here = here.next
    }
    if (here === null) return
    if (before === null) this.heads[row] = here.next
    else before.next = here.next
    request.walk = null
    request.record = null
    request.key = null
    request.keyBytes = null
    request.next = null
    this.pool.push(request)
  }
}

export function dueAtMs(request: Request): number {
  return Math.min(request.deadlineMs, request.limitMs)
}
