/**
 * What a node does for an operation by itself, before anybody is asked: what is put is judged and stored
 * here, what is provided is noted, what is looked for is looked for here. Then the operation walks.
 *
 * Bounded by: nothing is kept here.
 */
import type { Operation } from './operation/operation.ts'
import type { Operations } from './operation/operations.ts'
import type { Step } from './operation/port.ts'
import { NO_PEER, type PeerRef } from './peers.ts'
import type { Completion, Records } from './records/records.ts'
import type { Routing } from './routing/routing.ts'

export class OwnWork {
  private readonly routing: Routing
  private readonly records: Records
  private readonly operations: Operations
  private readonly selves: Int32Array

  constructor(routing: Routing, records: Records, operations: Operations, selves: Int32Array) {
    this.routing = routing
    this.records = records
    this.operations = operations
    this.selves = selves
  }

  /** Begins an operation. A completion is returned when its put ends at once. */
  begin(step: Step, operation: Operation): Completion | null {
    if (operation.type === 'putValue') return this.put(step, operation)
    if (!this.isBusy(step, operation)) this.operations.walk(step, operation)
    return null
  }

  /** A caller's record is judged and stored here before anybody else is asked to hold it. */
  private put(step: Step, operation: Operation): Completion | null {
    const { node, nowMs, outbox } = step
    const { id, key, keyBytes, record } = operation
    if (record !== null) {
      return this.records.putLocal(node, nowMs, id, key, keyBytes, record, outbox)
    }
    this.operations.reject(step, operation, 'invalid')
    return null
  }

  /** Whether the operation has ended with what is here, or goes on when that has been judged. */
  private isBusy(step: Step, operation: Operation): boolean {
    if (operation.type === 'provide') return !this.provide(step, operation)
    if (operation.reach === 'network') return false
    if (operation.type === 'getValue') return this.get(step, operation)
    if (operation.type === 'findProviders') return this.findProviders(step, operation)
    return operation.type === 'findPeer' && this.findPeer(step, operation)
  }

  private provide(step: Step, operation: Operation): boolean {
    const { node, nowMs, outbox } = step
    const { key, keyBytes, subject } = operation
    if (this.records.providerArrived(node, nowMs, key, keyBytes, subject, true, outbox)) return true
    this.operations.reject(step, operation, 'invalid')
    return false
  }

  private get(step: Step, operation: Operation): boolean {
    const own = this.records.get(step.node, step.nowMs, operation.key, 0)
    if (own === null) return false
    this.operations.ownRecord(step, operation, own)
    return true
  }

  private findProviders(step: Step, operation: Operation): boolean {
    const own = step.outbox.message('getProviders')
    this.records.providers(step.node, step.nowMs, operation.key, 0, own, NO_PEER)
    return own.providerCount > 0 && this.operations.foundProviders(step, operation, NO_PEER, own)
  }

  private findPeer(step: Step, operation: Operation): boolean {
    const { subject } = operation
    const isKnown = operation.reach === 'local' && this.routing.knows(step.node, subject)
    if (!isKnown && !this.isAtHand(step, subject)) return false
    this.operations.foundPeer(step, operation, NO_PEER)
    return true
  }

  /** Whether we need nobody to find a peer: ourselves, one that is connected, or a sound entry of our table. */
  private isAtHand(step: Step, peer: PeerRef): boolean {
    const { node, nowMs } = step
    if (peer === this.selves[node] || this.routing.roundTrips(node, peer) <= 2) return true
    return this.routing.isMember(node, peer) && this.routing.state(node, peer, nowMs) !== 'benched'
  }
}
