/**
 * The operations of a caller, each a walk and what is done with its answers: values that are judged, providers, the peer that
 * is looked for, records that go to the result. When a walk is at its end the strategy says.
 *
 * Bounded by: what callers start; walks are pooled.
 */
import type { Message, OperationOutcome, PeerRef } from '@kadmium/core'
import { Asking } from './asking.ts'
import { HEARD, QUERIED, UNREACHABLE, WAITING } from './candidates.ts'
import { allJudged, providersFound, recordFound } from './finds.ts'
import type { Purpose, Request } from './requests.ts'
import type { Step } from './step.ts'
import { RESULT_MAX, type Walk } from './walk.ts'

export abstract class Operating extends Asking {
  private readonly found = new Int32Array(RESULT_MAX) // scratch

  /** The nearest members to a key, nearest first; as many as `out` has room for. */
  abstract closest(
    row: number,
    key: Uint32Array,
    keyAt: number,
    except: PeerRef,
    nowMs: number,
    out: Int32Array,
  ): number
  /** Whom a walk asks next, and whether it is at its end; it calls `complete` then. */
  protected abstract advance(step: Step, walk: Walk): void
  /** A walk has nobody to begin with. */
  protected abstract alone(step: Step, walk: Walk): void
  /** A walk is at its end with a value: what is done before and after the caller gets it. */
  protected abstract deliver(step: Step, walk: Walk): void
  /** A peer of a walk named others. */
  protected abstract hear(step: Step, walk: Walk, peer: PeerRef, message: Message): void
  /** Whether a request goes on when nobody waits for its walk any more. */
  protected abstract outlives(request: Request): boolean
  /** Whether a peer that is looked for counts as found by an answer that comes from it or names it. */
  protected abstract isFoundBy(step: Step, walk: Walk, peer: PeerRef, message: Message): boolean
  /** A walk of the node's own is over. */
  protected abstract ownWalkEnded(step: Step, walk: Walk): void

  /** Begins with the nearest that the table knows. */
  protected seedFromTable(step: Step, walk: Walk): void {
    const out = this.found.subarray(0, this.manners.k)
    const count = this.closest(step.row, walk.key, 0, step.self, step.nowMs, out)
    walk.phase = 'walking'
    for (let i = 0; i < count; i++) walk.candidates.add(out[i] as PeerRef)
    if (count === 0) this.alone(step, walk)
    else this.advance(step, walk)
  }

  protected askFrom(step: Step, walk: Walk, peer: PeerRef): void {
    walk.candidates.move(peer, HEARD, WAITING)
    this.ask(step, peer, 'ask', walk)
  }

  /** Freezes the nearest of the walk that are in no other state than those meant. */
  protected freeze(walk: Walk, isMeant: (state: number) => boolean): void {
    const { candidates, result } = walk
    let count = 0
    for (let at = 0; at < candidates.size && count < this.manners.k; at++) {
      if (isMeant(candidates.stateAt(at))) result[count++] = candidates.peers[at] as PeerRef
    }
    walk.resultCount = count
  }

  /** The walk is over and `result` is who is nearest: what the caller wanted is done with it. */
  protected complete(step: Step, walk: Walk): void {
    const { type, id, seen, resultCount } = walk
    if (walk.stores) {
      walk.phase = 'sending'
      this.sendOn(step, walk)
    } else if (type === 'getClosest') {
      if (id !== 0) this.tellClosest(step, walk)
      this.end(step, walk, resultCount === 0 ? 'noPeers' : 'ok')
    } else if (type === 'getValue') {
      if (!allJudged(walk)) walk.phase = 'following'
      else if (walk.best === null) this.end(step, walk, this.inVain(walk))
      else this.deliver(step, walk)
    } else {
      this.end(step, walk, seen.length > 0 ? 'ok' : this.inVain(walk))
    }
  }

  /** Tells the caller its value, and ends the get. */
  protected endWithValue(step: Step, walk: Walk): void {
    if (walk.best === null) return
    step.outbox.valueFound(walk.id, walk.bestFrom, walk.best)
    this.end(step, walk, 'ok')
  }

  protected foundPeer(step: Step, walk: Walk, from: PeerRef): void {
    step.outbox.peerFound(walk.id, from, walk.subject)
    this.end(step, walk, 'ok')
  }

  /** Ends the caller's wait; the walk may go on. */
  protected tell(step: Step, walk: Walk, outcome: OperationOutcome): void {
    if (walk.told || walk.id === 0) return
    walk.told = true
    const wanted = walk.stores ? walk.resultCount : 0
    step.outbox.operationEnded(walk.id, outcome, walk.stored, wanted)
  }

  /** Ends a walk altogether. */
  protected end(step: Step, walk: Walk, outcome: OperationOutcome): void {
    if (walk.phase === 'idle') return
    this.tell(step, walk, outcome)
    const isOurs = outcome !== 'cancelled' || walk.id === 0
    this.release(step, walk, (request) => isOurs && this.outlives(request))
    if (walk.id === 0) {
      step.outbox.walkEnded(walk.keyBytes, walk.candidates.count(QUERIED))
      this.ownWalkEnded(step, walk)
    }
    this.walks.close(step.row, walk)
  }

  /** What the caller is told of a store: that it is stored, where anybody acknowledged. */
  protected storeOutcome(walk: Walk): OperationOutcome {
    return walk.stored === 0 ? 'noPeers' : 'ok'
  }

  /** Sends the record to the result, so many at once; ends when all sends have. */
  protected sendOn(step: Step, walk: Walk): void {
    while (walk.sending < this.manners.sendsAtOnce && walk.nextTarget < walk.resultCount) {
      const target = walk.result[walk.nextTarget++] as PeerRef
      if (!walk.holders.includes(target)) this.sendRecord(step, walk, target)
    }
    if (walk.sending === 0) this.end(step, walk, this.storeOutcome(walk))
  }

  protected sendRecord(step: Step, walk: Walk, target: PeerRef): void {
    walk.holders.push(target)
    this.ask(step, target, 'store', walk)
  }

  protected walkAnswered(
    step: Step,
    walk: Walk,
    purpose: Purpose,
    peer: PeerRef,
    message: Message,
  ): void {
    if (purpose === 'store' || purpose === 'correct') {
      walk.sending--
      if (purpose === 'store') walk.stored++
      this.sent(step, walk, true)
      return
    }
    walk.inFlight--
    if (purpose === 'ask') {
      walk.candidates.move(peer, WAITING, QUERIED)
      this.hear(step, walk, peer, message)
    }
    if (!this.useAnswer(step, walk, peer, message)) this.goOn(step, walk)
  }

  protected walkFailed(step: Step, walk: Walk, purpose: Purpose, peer: PeerRef): void {
    if (purpose === 'store' || purpose === 'correct') {
      walk.sending--
      this.sent(step, walk, false)
      return
    }
    walk.inFlight--
    if (purpose === 'ask') walk.candidates.move(peer, WAITING, UNREACHABLE)
    this.goOn(step, walk)
  }

  /** A record of the walk has arrived, or has not. */
  protected sent(step: Step, walk: Walk, _ok: boolean): void {
    if (walk.phase === 'sending') this.sendOn(step, walk)
    else this.goOn(step, walk)
  }

  /** Something happened to the walk. */
  protected goOn(step: Step, walk: Walk): void {
    if (walk.phase === 'walking') this.advance(step, walk)
    else if (walk.phase === 'following' && walk.inFlight === 0) this.complete(step, walk)
  }

  /** Whether enough valid records came in for the caller. */
  protected hasQuorum(walk: Walk): boolean {
    const quorum = walk.quorum > 0 ? walk.quorum : this.manners.quorum
    return walk.best !== null && walk.responses > quorum
  }

  /** Providers after which a search ends; 0 for as many as there are. */
  protected providersWanted(walk: Walk): number {
    return walk.countMax
  }

  protected inVain(walk: Walk): OperationOutcome {
    return walk.candidates.count(QUERIED) === 0 ? 'noPeers' : 'notFound'
  }

  protected tellClosest(step: Step, walk: Walk): void {
    const message = step.outbox.message('findNode')
    for (let i = 0; i < walk.resultCount; i++) message.addCloser(walk.result[i] as PeerRef)
    step.outbox.closestFound(walk.id, message)
  }

  /** True when that ended the walk. */
  private useAnswer(step: Step, walk: Walk, peer: PeerRef, message: Message): boolean {
    if (walk.type === 'getValue' && message.record !== null) {
      recordFound(step, walk, peer, message.record, this.nextId)
      // Whether that was enough the verdict will tell, at once: nobody else is asked before.
      return walk.judging !== 0 || this.stopsAtQuorum(step, walk)
    }
    if (walk.type === 'findProviders' && message.providerCount > 0) {
      if (!providersFound(step, walk, this.book.size, peer, message, this.providersWanted(walk)))
        return false
      this.end(step, walk, 'ok')
      return true
    }
    if (walk.type !== 'findPeer' || !this.isFoundBy(step, walk, peer, message)) return false
    this.foundPeer(step, walk, peer)
    return true
  }

  protected stopsAtQuorum(step: Step, walk: Walk): boolean {
    if (!this.hasQuorum(walk)) return false
    this.endWithValue(step, walk)
    return true
  }
}
