/**
 * The operations under way at one worker: what each was asked, what it cost and how it went, seen from outside, by the
 * events that a node tells its caller. A store is looked at once more when all of it is over: who holds the record then?
 *
 * Bounded by: what is under way; each is dropped after `WATCHED_MS`.
 */
import {
  type Input,
  NO_PEER,
  type OperationEvent,
  type OperationType,
  type PeerRef,
} from '@kadmium/core'
import type { OperationName } from '../scenario/scenario.ts'
import type { Task } from '../workload/workload.ts'

/** No operation is waited for longer: it counts as failed, and as one without an end. */
export const WATCHED_MS = 240_000

/** After its end a store goes on behind its caller's back: requests end within 10 s. */
export const SETTLED_MS = 15_000

/** Peers of one's own table that count as hop 1, nearest to the key. */
const SEEDS = 40

/** A store asks whether its holders hold: of so many. */
export const REPLICAS = 20

/** One operation under way. */
export class Run {
  readonly task: Task
  readonly type: OperationType
  requests = 0
  timeouts = 0
  /** When the caller had its result; -1 while it has none. */
  foundMs = -1
  endedMs = -1
  /** Its node was stopped. */
  cancelled = false
  ok = false
  /** Hop of the peer that had it. */
  hops = 0
  /** Holders that acknowledged. */
  stored = 0
  /** Chosen holders. BOUNDED: by what one store sends */
  readonly holders: PeerRef[] = []
  /** Answers of the closest live servers that are still to come, and those that hold it. */
  probes = 0
  holding = 0
  asked = 0
  /** Where each peer was heard of; null where it is not measured. BOUNDED: by the peers of one walk */
  readonly hopOf: Map<PeerRef, number> | null

  constructor(task: Task, hopOf: Map<PeerRef, number> | null) {
    this.task = task
    this.type = typeOf(task.name)
    this.hopOf = hopOf
  }

  get stores(): boolean {
    return this.type === 'putValue' || this.type === 'provide'
  }

  /** Hops until all chosen holders had been heard of; 0 where unknown. */
  hopsToAll(): number {
    let most = 0
    for (const holder of this.holders) most = Math.max(most, this.hopOf?.get(holder) ?? 1)
    return most
  }

  /** The input that begins it. */
  start(key: Uint32Array, keyBytes: Uint8Array, record: Uint8Array | null): Input {
    const { task } = this
    return {
      kind: 'startOperation',
      operation: task.number,
      type: this.type,
      key,
      keyBytes,
      record,
      peer: this.type === 'provide' ? task.asker : this.type === 'findPeer' ? task.peer : NO_PEER,
      quorum: 0,
      countMax: this.type === 'findProviders' ? 1 : 0,
      reach: 'all',
      patienceMs: 10_000,
    }
  }

  /** What the node tells of it. */
  heard(
    event: OperationEvent,
    nowMs: number,
    wantedVersion: number,
    versionOf: (r: Uint8Array) => number,
  ): void {
    switch (event.kind) {
      case 'asking':
        this.requests++
        if (isStore(event.message.type)) this.holders.push(event.peer)
        break
      case 'answered':
        if (isStore(event.message.type)) this.stored++
        else this.learn(event.peer, event.message.closer, event.message.closerCount)
        break
      case 'peerFailed':
        if (event.reason !== 'cancelled') this.timeouts++
        break
      case 'valueFound':
        this.found(event.peer, nowMs, versionOf(event.record) >= wantedVersion)
        break
      case 'providersFound':
        this.found(event.peer, nowMs, true)
        break
      case 'peerFound':
        this.found(event.from, nowMs, true)
        break
      case 'closestFound':
        break
      case 'operationEnded':
        this.endedMs = nowMs
        this.cancelled = event.outcome === 'cancelled'
        if (this.stores && event.stored > 0) this.found(NO_PEER, nowMs, true)
        break
    }
  }

  private found(by: PeerRef, nowMs: number, ok: boolean): void {
    if (this.foundMs >= 0) return
    this.foundMs = nowMs
    this.ok = ok
    this.hops = by === NO_PEER ? 0 : (this.hopOf?.get(by) ?? 1)
  }

  private learn(from: PeerRef, closer: Int32Array, count: number): void {
    const { hopOf } = this
    if (hopOf === null) return
    const hop = (hopOf.get(from) ?? 1) + 1
    for (let i = 0; i < count; i++) {
      const peer = closer[i] as PeerRef
      const before = hopOf.get(peer)
      if (before === undefined) hopOf.set(peer, hop)
    }
  }
}

/** Peers that a walk begins with are hop 1. */
export function firstHops(
  seeds: (out: Int32Array) => number,
  scratch: Int32Array = new Int32Array(SEEDS),
): Map<PeerRef, number> {
  const hops = new Map<PeerRef, number>()
  const count = seeds(scratch)
  for (let i = 0; i < count; i++) hops.set(scratch[i] as PeerRef, 1)
  return hops
}

function isStore(type: string): boolean {
  return type === 'putValue' || type === 'addProvider'
}

function typeOf(name: OperationName): OperationType {
  switch (name) {
    case 'get':
    case 'ipns':
      return 'getValue'
    case 'put':
      return 'putValue'
    case 'provide':
    case 'bulk':
      return 'provide'
    default:
      return name
  }
}
