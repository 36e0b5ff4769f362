/**
 * Kadabra (Zhang and Bojja Venkatakrishnan, 2022) as measurements.md §2.1 notes it: each bucket is a bandit of its own that
 * learns from response times. An epoch is 100 queries through the bucket; every second one tries a random eligible peer in the
 * place of the worst, and afterwards the better of the two sets stays. `recursive` is the paper's own routing: each node hands
 * a request on to the member nearest to the key, and the answer comes back the same way.
 *
 * What the notes leave open, and what is taken here: the bucket size (`k`, 20, as go's); a query "through" a bucket is any
 * lookup request to one of its members, and its response time is that request's, its dial included, so with recursion the rest
 * of the way too; a failure counts as 10 s; the penalty is 1.05 times a moving average of weight 0.05; the set of an
 * epoch is judged by its mean response time; `rho` is one number for all buckets, not swept; newcomers are drawn from all live
 * servers that may sit in the bucket (the paper's simulator knows everybody too), which favours it in worlds where a node
 * would have to hear of them; a lookup ends at the owner: the node that knows nobody nearer to the key, which answers with
 * its 20 nearest. A node that holds a record answers on the way. Iterative lookups, and all else, are go's.
 */
import { type FailureReason, type Message, NO_PEER, type PeerRef } from '@kadmium/core'
import type { Strategy, StrategyInit } from '../strategy.ts'
import { Bandit } from './bandit.ts'
import { HEARD, QUERIED, UNREACHABLE, WAITING } from './candidates.ts'
import { GO_OPTIONS, Go } from './go-node.ts'
import { distance53 } from './nearest.ts'
import { faultOf, type Options, optionsOf } from './options.ts'
import { BucketRange } from './ranges.ts'
import type { Purpose, Request } from './requests.ts'
import type { Step } from './step.ts'
import type { Walk } from './walk.ts'

const KADABRA_OPTIONS = {
  ...GO_OPTIONS,
  /** Whether requests are handed on from node to node, as in the paper. */
  recursive: { default: false },
  /** Whether buckets learn; without, `recursive` is the paper's vanilla Kademlia. */
  learn: { default: true },
  /** Queries of an epoch. */
  epochQueries: { default: 100, min: 1, max: 65_535 },
  /** A newcomer's round trip must be longer, ms: a defence against Sybils that are near by. */
  rhoMs: { default: 0, min: 0, max: 60_000 },
  /** First hops of a recursive lookup that are asked at once; the first answer counts. */
  recursiveAlpha: { default: 1, min: 1, max: 20 },
} as const

const FAILURE_MS = 10_000
/** Draws until an eligible newcomer is found, or none is. */
const DRAWS_MAX = 32
/** Next hops that a node tries for a request that it hands on. */
const HOPS_MAX = 3

class Kadabra extends Go {
  private readonly own: Options<typeof KADABRA_OPTIONS>
  private readonly bandit: Bandit
  private readonly range: BucketRange
  private readonly hops = new Int32Array(2) // scratch

  constructor(init: StrategyInit, options: Options<typeof KADABRA_OPTIONS>) {
    super(init, options)
    this.own = options
    this.bandit = new Bandit(this.table, init.count, options.epochQueries)
    this.range = new BucketRange(init.book)
  }

  override get bytes(): number {
    return super.bytes + this.bandit.bytes
  }

  override restart(row: number): void {
    super.restart(row)
    for (let bucket = 0; bucket < this.table.buckets; bucket++) this.bandit.beginPlain(row, bucket)
  }

  protected override advance(step: Step, walk: Walk): void {
    if (!this.own.recursive) {
      super.advance(step, walk)
      return
    }
    const { candidates } = walk
    if (walk.told || candidates.count(WAITING) >= this.own.recursiveAlpha) return
    while (candidates.count(WAITING) < this.own.recursiveAlpha) {
      const peer = candidates.nearest(HEARD)
      if (peer === NO_PEER) break
      this.askFrom(step, walk, peer)
    }
    if (candidates.count(WAITING) > 0) return
    this.freeze(walk, (state) => state !== UNREACHABLE)
    this.complete(step, walk)
  }

  /** Recursive: the first answer is the owner's, and names who is nearest. */
  protected override walkAnswered(
    step: Step,
    walk: Walk,
    purpose: Purpose,
    peer: PeerRef,
    message: Message,
  ): void {
    super.walkAnswered(step, walk, purpose, peer, message)
    if (!this.own.recursive || purpose !== 'ask' || walk.phase !== 'walking') return
    this.noteWalk(step, walk)
    this.freeze(walk, (state) => state !== UNREACHABLE)
    this.complete(step, walk)
  }

  /** While an answer is read nobody else is asked for it. */
  protected override goOn(step: Step, walk: Walk): void {
    const isOver =
      this.own.recursive && walk.phase === 'walking' && walk.candidates.count(QUERIED) > 0
    if (!isOver) super.goOn(step, walk)
  }

  protected override isFoundBy(step: Step, walk: Walk, peer: PeerRef, message: Message): boolean {
    const { closer, closerCount } = message
    const isNamed = closer.subarray(0, closerCount).includes(walk.subject)
    return super.isFoundBy(step, walk, peer, message) || (this.own.recursive && isNamed)
  }

  protected override serve(step: Step, exchange: number, from: PeerRef, message: Message): void {
    const next = this.own.recursive ? this.nextHop(step, from, message) : NO_PEER
    if (next === NO_PEER) super.serve(step, exchange, from, message)
    else
      this.handOn(
        step,
        next,
        exchange,
        from,
        message.type,
        message.key.slice(),
        message.keyBytes,
        0,
      )
  }

  protected override learnSuccess(
    step: Step,
    request: Request,
    message: Message,
    rttMs: number,
  ): void {
    this.learnFrom(step, request, step.nowMs - request.sentAtMs)
    super.learnSuccess(step, request, message, rttMs)
  }

  protected override learnFailure(step: Step, request: Request, reason: FailureReason): void {
    this.learnFrom(step, request, FAILURE_MS)
    super.learnFailure(step, request, reason)
    if (request.purpose === 'relay') this.dismiss(step.row, request.peer)
  }

  protected override strayAnswered(step: Step, request: Request, message: Message): void {
    if (request.purpose !== 'relay') return
    const answer = step.outbox.message(message.type).copy(message)
    // Nobody names itself: of the owner of a key that is a peer's, the one who handed the question on to it tells.
    if (distance53(message.key, 0, this.book.keys, this.book.at(request.peer)) === 0)
      answer.addCloser(request.peer)
    step.outbox.respond(request.note, answer)
  }

  /** The next hop is gone: another one, or our own answer. */
  protected override strayFailed(step: Step, request: Request): void {
    const { purpose, key, keyBytes, note, asker, type, hops } = request
    if (purpose !== 'relay' || key === null || keyBytes === null) return
    const question = step.outbox.message(type)
    question.key.set(key)
    question.keyBytes = keyBytes
    const next = hops + 1 < HOPS_MAX ? this.nextHop(step, asker, question) : NO_PEER
    if (next === NO_PEER) super.serve(step, note, asker, question)
    else this.handOn(step, next, note, asker, type, key, keyBytes, hops + 1)
  }

  /** The member to hand a request on to: nearer to the key than we are. `NO_PEER` where the answer is ours to give. */
  private nextHop(step: Step, from: PeerRef, message: Message): PeerRef {
    const { row, self, nowMs, outbox } = step
    const { type, key } = message
    const { keys } = this.book
    if (type !== 'findNode' && type !== 'getValue' && type !== 'getProviders') return NO_PEER
    const mine = distance53(key, 0, keys, this.book.at(self))
    // Who asks for its own key wants to know what we know; it is the owner itself.
    if (distance53(key, 0, keys, this.book.at(from)) === 0 || mine === 0) return NO_PEER
    const { records } = this.serving
    if (type === 'getValue' && records.value(row, key, nowMs) !== null) return NO_PEER
    if (type === 'getProviders') {
      const held = outbox.message('getProviders')
      records.nameProviders(row, key, nowMs, held)
      if (held.providerCount > 0) return NO_PEER
    }
    const count = this.table.closest(row, key, 0, 1, from, this.hops)
    const next = this.hops[0] as PeerRef
    if (count === 0 || next === self) return NO_PEER
    return distance53(key, 0, keys, this.book.at(next)) < mine ? next : NO_PEER
  }

  private handOn(
    step: Step,
    next: PeerRef,
    exchange: number,
    asker: PeerRef,
    type: Message['type'],
    key: Uint32Array,
    keyBytes: Uint8Array,
    hops: number,
  ): void {
    this.askAlone(step, next, 'relay', (request) => {
      request.note = exchange
      request.asker = asker
      request.type = type
      request.key = key
      request.keyBytes = keyBytes
      request.hops = hops
    })
  }

  /** A lookup's request to a member is a query through its bucket. */
  private learnFrom(step: Step, request: Request, tookMs: number): void {
    const { purpose, peer } = request
    if (!this.own.learn || (purpose !== 'ask' && purpose !== 'relay')) return
    const { row } = step
    const seat = this.table.find(row, peer)
    if (seat < 0) return
    const bucket = this.table.bucketOf(row, peer)
    if (this.bandit.noteQuery(row, bucket, seat, tookMs)) this.endEpoch(step, bucket)
  }

  private endEpoch(step: Step, bucket: number): void {
    const { row, nowMs } = step
    const { bandit, table } = this
    if (bandit.explored(row, bucket)) {
      const seat = table.find(row, bandit.triedPeer(row, bucket))
      const former = bandit.replacedPeer(row, bucket)
      const isBack = bandit.wasWorse(row, bucket) && seat >= 0 && !table.has(row, former)
      if (isBack) this.replace(row, seat, former, nowMs)
      bandit.beginPlain(row, bucket)
      return
    }
    const seat = bandit.worstSeat(row, bucket)
    const newcomer = seat < 0 ? NO_PEER : this.eligible(step, bucket)
    if (newcomer === NO_PEER) {
      bandit.beginPlain(row, bucket)
      return
    }
    const worst = table.peerAt(seat)
    this.replace(row, seat, newcomer, nowMs)
    bandit.beginExploring(row, bucket, newcomer, worst)
  }

  private replace(row: number, seat: number, peer: PeerRef, nowMs: number): void {
    this.table.put(seat, peer, nowMs, -1)
    this.groups.left(row)
  }

  /** A random live server that may sit in the bucket and does not, and is farther than rho; or `NO_PEER`. */
  private eligible(step: Step, bucket: number): PeerRef {
    const { row, self, nowMs } = step
    const { truth } = this.init
    const { low, high } = this.range.find(self, bucket)
    for (let draw = 0; draw < DRAWS_MAX && high > low; draw++) {
      const peer = low + this.dice.below(row, high - low)
      if (!this.init.isServer(peer) || !truth.isReachable(peer, nowMs)) continue
      if (truth.rttMs(self, peer) <= this.own.rhoMs || this.table.has(row, peer)) continue
      if (this.groups.admits(row, peer)) return peer
    }
    return NO_PEER
  }
}

export const kadabra: Strategy = {
  name: 'kadabra',
  summary:
    'Kadabra: each bucket is a bandit that learns from response times; `recursive` is its own routing',
  optionsFault: (options) => faultOf(KADABRA_OPTIONS, options),
  create: (init) => new Kadabra(init, optionsOf(KADABRA_OPTIONS, init.options)),
}
