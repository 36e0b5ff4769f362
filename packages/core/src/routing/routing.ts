/**
 * The priority peer stack: what a node remembers of the peers it met, from nothing but its own experience,
 * and whom it asks, names and checks because of it. Told of answers, failures, protocols, links and dials;
 * asked for estimates, seeds of lookups, peers to name to others, peers to check. It sends nothing, keeps
 * no time and throws no dice.
 *
 * `node` is the row of a node, 0 where there is one only; `nowMs` is milliseconds since an epoch that the
 * host chooses, 0..2^42. A ref that the book does not hold, and the node itself, are no-ops everywhere.
 *
 * Bounded by: the seats of the tables and `memoryPeersMax` for each node (`Holdings`).
 */
import type { Config } from '../config.ts'
import type { Link, PeerEvidence, ProviderOutcome } from '../messages.ts'
import { NodeRows } from '../node-rows.ts'
import type { PeerBook, PeerRef } from '../peers.ts'
import { Checks } from './checks.ts'
import type { ExportedPeer, PeerState, StackEntry } from './entries.ts'
import { Estimator } from './estimator.ts'
import { DIALLED, type Evidence, LOST, SPEAKS, toSeconds } from './evidence.ts'
import { Expectation } from './expectation.ts'
import { Experience } from './experience.ts'
import { Holdings } from './holdings.ts'
import { Learning } from './learning.ts'
import { Reports } from './reports.ts'
import { Selection } from './selection.ts'
import { farther } from './walk.ts'

export interface RoutingInit {
  /** Nodes whose tables these are. */
  nodes: number
  book: PeerBook
  config: Config
  /** The nodes' own keys, eight words each. */
  selfKeys: Uint32Array
  /** The nodes' rows of what every input reads. Default: of their own. */
  rows?: NodeRows
  /** Where the tables' columns live. Default: ordinary memory. */
  allocate?: (bytes: number) => ArrayBufferLike
}

/** What a column of nodes remembers of peers, and whom that makes them ask, name and check. Hosts only read. */
export class Routing {
  /** Bytes of the columns for each node, without what grows with what it learns. */
  readonly bytesPerNode: number
  /** Seats of a table. */
  readonly seatsPerNode: number
  private readonly nodes: number
  private readonly book: PeerBook
  private readonly config: Config
  private readonly selfKeys: Uint32Array
  private readonly estimator: Estimator
  private readonly experience: Experience
  private readonly holdings: Holdings
  private readonly expectation: Expectation
  private readonly checks: Checks
  private readonly learning: Learning
  private readonly selection: Selection
  private readonly reports = new Reports()

  constructor(init: RoutingInit) {
    const { nodes, book, config, selfKeys } = init
    const allocate = init.allocate ?? ((bytes: number): ArrayBufferLike => new ArrayBuffer(bytes))
    this.nodes = nodes
    this.book = book
    this.config = config
    this.selfKeys = selfKeys
    this.estimator = new Estimator(config)
    this.experience = new Experience(nodes, config.rttPriorMs, allocate)
    this.holdings = new Holdings(nodes, config, book, this.estimator, selfKeys, allocate)
    this.expectation = new Expectation(config, this.estimator, this.experience, this.holdings)
    const rows = init.rows ?? new NodeRows(nodes, allocate)
    this.checks = new Checks(rows, book, this.holdings, this.estimator, selfKeys)
    const { estimator, experience, holdings, checks } = this
    this.learning = new Learning(config, estimator, experience, holdings, checks)
    this.selection = new Selection(book, estimator, holdings)
    const { table } = holdings
    this.seatsPerNode = table.seatsPerNode
    this.bytesPerNode = holdings.bytesPerNode + experience.bytesPerNode
  }

  /** The peer answered a request: `rttMs` per round trip, -1 when it can't be told. */
  noteSuccess(node: number, peer: PeerRef, nowMs: number, rttMs: number): void {
    this.learning.answered(node, peer, toSeconds(nowMs), rttMs)
  }

  /** `soft` false: dial error, time-out, reset, nonsense. True: the RTO passed, it may still answer; half weight. */
  noteFailure(node: number, peer: PeerRef, nowMs: number, soft: boolean): void {
    this.learning.failed(node, peer, toSeconds(nowMs), soft)
  }

  /** What a caller found out about a provider of a key; said again within the hour it changes nothing. */
  noteReport(
    node: number,
    peer: PeerRef,
    key: Uint32Array,
    outcome: ProviderOutcome,
    nowMs: number,
  ): void {
    const nowS = toSeconds(nowMs)
    if (!this.book.has(peer) || !this.reports.isNews(node, peer, key, outcome, nowS)) return
    this.learning.reported(node, peer, outcome, nowS)
  }

  /** Whether the peer speaks our protocol, as identify tells. False takes its seat at once. */
  setSpeaks(node: number, peer: PeerRef, speaks: boolean, nowMs: number): void {
    if (speaks) this.learning.speaks(node, peer, toSeconds(nowMs))
    else this.learning.isMute(node, peer, toSeconds(nowMs))
  }

  /**
   * A connection to the peer began or ended, or a stream to it is (no longer) kept open. `dialled`: we
   * opened it, to an address that the peer announces. `ipGroup`: of that address, 0 for none.
   */
  setLink(
    node: number,
    peer: PeerRef,
    link: Link,
    dialled: boolean,
    ipGroup: number,
    nowMs: number,
  ): void {
    this.learning.linked(node, peer, link, dialled, ipGroup, toSeconds(nowMs))
  }

  /** How a fresh dial to an address that the peer announces ended. Failed, it counts as a failure unless the peer is connected otherwise. */
  noteDial(node: number, peer: PeerRef, ok: boolean, ipGroup: number, nowMs: number): void {
    if (ok) this.learning.dialSucceeded(node, peer, ipGroup, toSeconds(nowMs))
    else this.learning.dialFailed(node, peer, toSeconds(nowMs))
  }

  /** Expected time to an answer, ms, of any peer: what an answer takes, and what is lost if none comes. */
  costMs(node: number, peer: PeerRef, nowMs: number): number {
    return this.expectation.costMs(node, peer, toSeconds(nowMs))
  }

  /** As `costMs`, and -1 for a peer that is avoided. */
  askCostMs(node: number, peer: PeerRef, nowMs: number): number {
    return this.expectation.askCostMs(node, peer, toSeconds(nowMs))
  }

  /** After so long a request to the peer frees its slot, ms: RTO over the round trips of its link, within `rtoMinMs` and `rtoMaxMs`. */
  rtoMs(node: number, peer: PeerRef, _nowMs: number): number {
    return this.expectation.rtoMs(node, peer)
  }

  /** Round trips to an answer: 5 cold, 2 connected, 1 pooled. */
  roundTrips(node: number, peer: PeerRef): number {
    return this.expectation.roundTrips(node, peer)
  }

  /** Whether the peer is better not asked: it is benched, or its connection broke and it is being looked for. */
  isAvoided(node: number, peer: PeerRef, nowMs: number): boolean {
    const { holdings } = this
    if (!holdings.locate(node, peer)) return false
    const { evidence: e, row } = holdings
    return e.link(row) === LOST || this.estimator.benched(e, row, toSeconds(nowMs))
  }

  /** The chance that the peer answers, 0..1; 0.5 when nothing is known. */
  score(node: number, peer: PeerRef, nowMs: number): number {
    const { holdings } = this
    if (!holdings.locate(node, peer)) return 0.5
    return this.estimator.score(holdings.evidence, holdings.row, toSeconds(nowMs))
  }

  /** `benched`: failed too often since its last answer; `good`: likely to answer, speaks, once dialled with success; `neutral`: new or faded. */
  state(node: number, peer: PeerRef, nowMs: number): PeerState {
    const { holdings } = this
    if (!holdings.locate(node, peer)) return 'neutral'
    return this.stateOf(holdings.evidence, holdings.row, toSeconds(nowMs))
  }

  /**
   * Whether an answer of the peer would change what becomes of it: it is benched, or speaks and has not answered
   * in this run while a seat waits for it. To ask all others who connect would cost a request for each of them.
   */
  isWorthCheck(node: number, peer: PeerRef, nowMs: number): boolean {
    const { holdings } = this
    if (!holdings.locate(node, peer)) return false
    if (this.stateOf(holdings.evidence, holdings.row, toSeconds(nowMs)) === 'benched') return true
    return holdings.lacksAnswer(node)
  }

  /** Whether the peer is known to speak the protocol. */
  speaks(node: number, peer: PeerRef): boolean {
    const { holdings } = this
    return holdings.locate(node, peer) && holdings.evidence.is(holdings.row, SPEAKS)
  }

  /** Whether the peer is in the table. */
  isMember(node: number, peer: PeerRef): boolean {
    return this.holdings.locate(node, peer) && this.holdings.seated
  }

  /** Whether the peer is in the table or in the memory. */
  knows(node: number, peer: PeerRef): boolean {
    return this.holdings.locate(node, peer)
  }

  /**
   * Writes peers to begin a lookup with, from table and memory, nearest to the key first. Those benched or
   * never heard to speak come behind the others, and only when there are fewer than `count` of those;
   * those known not to speak never. Returns how many.
   */
  seeds(
    node: number,
    key: Uint32Array,
    keyAt: number,
    count: number,
    nowMs: number,
    out: Int32Array,
  ): number {
    return this.selection.seeds(node, key, keyAt, count, toSeconds(nowMs), out)
  }

  /** Whether a peer with this very key is in the table or in the memory. */
  hasKey(node: number, key: Uint32Array, keyAt: number): boolean {
    return this.selection.hasKey(node, key, keyAt)
  }

  /** Writes whom to name to others: members that are not benched, nearest to the key first, without `exclude`. Returns how many. */
  nearest(
    node: number,
    key: Uint32Array,
    keyAt: number,
    count: number,
    nowMs: number,
    exclude: PeerRef,
    out: Int32Array,
  ): number {
    return this.selection.nearest(node, key, keyAt, count, toSeconds(nowMs), exclude, out)
  }

  /** Peers in the table. */
  size(node: number): number {
    return this.holdings.table.size(node)
  }

  /** Peers in one bucket of the table. */
  bucketSize(node: number, bucket: number): number {
    return this.holdings.table.count(node, bucket)
  }

  /** Grows with each change of who is in a table or on the bench in one, of all nodes together. */
  get revision(): number {
    return this.holdings.table.revision
  }

  /** One bucket in order of preference: by score, benched peers last, ties by distance to the node. */
  bucketStack(node: number, bucket: number, nowMs: number): StackEntry[] {
    const { table } = this.holdings
    const nowS = toSeconds(nowMs)
    const stack: StackEntry[] = []
    const from = table.first(node, bucket)
    for (let row = from; row < from + table.count(node, bucket); row++) {
      stack.push({
        peer: table.evidence.refs[row] as PeerRef,
        score: this.estimator.score(table.evidence, row, nowS),
        state: this.stateOf(table.evidence, row, nowS),
      })
    }
    const rank = (entry: StackEntry): number => (entry.state === 'benched' ? -1 : 0) + entry.score
    return stack.sort((a, b) => {
      if (rank(a) !== rank(b)) return rank(b) - rank(a)
      return farther(this.book, this.selfKeys, node, a.peer, b.peer) ? 1 : -1
    })
  }

  /**
   * The next peer to be checked by a dial back, `NO_PEER` if none: it speaks, answered us or is connected,
   * was never dialled by us, and has a place waiting. It is not offered again until its back-off is over.
   */
  nextProbe(node: number, nowMs: number): PeerRef {
    return this.checks.nextProbe(node, nowMs)
  }

  /** Writes up to `out.length` benched members whose back-off has run out; they count as tried. Returns how many. */
  retries(node: number, nowMs: number, out: Int32Array): number {
    return this.checks.retries(node, nowMs, out)
  }

  /**
   * When `nextProbe` or `retries` may have something, ms; Infinity for never. Early at times, never late,
   * and in the past as long as they have not been called until they had nothing more.
   */
  deadlineMs(node: number): number {
    return this.checks.deadlineMs(node)
  }

  /** Share of failed among the node's recent requests, 0..1. Failures of peers already benched do not count. */
  failureShare(node: number): number {
    return this.experience.failureShare(node)
  }

  /** All peers of whom there is something to be kept between runs: members first, each part in key order. */
  *exportPeers(node: number): Generator<ExportedPeer> {
    const { table, memories } = this.holdings
    for (let bucket = 0; bucket < table.buckets; bucket++) {
      const from = table.first(node, bucket)
      const to = from + table.count(node, bucket)
      for (let row = from; row < to; row++) yield this.exported(table.evidence, row, true)
    }
    const { evidence: e } = memories
    // The memory may move while its reader pauses.
    for (let i = 0; i < memories.size(node); i++) {
      const row = memories.first(node) + i
      if (e.successes(row) !== 0 || e.failures(row) !== 0) yield this.exported(e, row, false)
    }
  }

  /**
   * What an earlier run remembered, `ageMs` ago: decayed, its weight capped at `loadedCreditMax`, kept in the
   * memory. The peer is no member until it answers in this run. What this run has seen of it stands.
   */
  loadPeer(
    node: number,
    peer: PeerRef,
    evidence: PeerEvidence,
    ageMs: number,
    ipGroup: number,
    nowMs: number,
  ): void {
    this.learning.loaded(node, peer, evidence, ageMs / 1000, ipGroup, toSeconds(nowMs))
  }

  /** Fills a seat directly, as if the peer had been met in full and had answered once. False when there is no place for it. */
  place(node: number, peer: PeerRef, nowMs: number, rttMs: number, ipGroup: number): boolean {
    return this.learning.placed(node, peer, rttMs, ipGroup, toSeconds(nowMs))
  }

  /**
   * Fills an empty bucket at once, as `place` would peer by peer: each has been met in full and has answered
   * once. For worlds that begin with tables: it looks at nobody's memory and at no IP group's share, which are
   * the caller's duty.
   *
   * @param peers The bucket's peers, `peers[0..count)`, in the order of their keys; at most `bucketSeats(bucket)`.
   * @param groups The IP group of each of `peers`, in their order, 0 for none; null where nobody has one.
   * @param rttsMs A round trip to each of `peers`, in their order, -1 for none measured; null where none was. It is
   * kept to 3.5 % until the peer is asked.
   * Throws where the bucket is not empty, or a peer is no peer of the book, does not belong there or comes out of order.
   */
  seat(
    node: number,
    bucket: number,
    peers: Int32Array,
    count: number,
    nowMs: number,
    groups: Int32Array | null = null,
    rttsMs: Float32Array | null = null,
  ): void {
    this.learning.filled(node, bucket, peers, count, groups, rttsMs, toSeconds(nowMs))
  }

  /** Good peers that a bucket holds at most, by `Config.bucketGoodPeers`. */
  bucketSeats(bucket: number): number {
    return this.holdings.table.goodSeats(bucket)
  }

  /** Writes the peers of the table, bucket by bucket and in each in the order of their keys. Returns how many. */
  members(node: number, out: Int32Array): number {
    return this.holdings.table.members(node, out)
  }

  /** Bytes of all columns and slabs at the moment. */
  get bytes(): number {
    const { nodes, bytesPerNode, holdings, reports } = this
    return nodes * bytesPerNode + holdings.slabBytes + reports.bytes
  }

  private stateOf(e: Evidence, row: number, nowS: number): PeerState {
    if (this.estimator.benched(e, row, nowS)) return 'benched'
    if (!e.is(row, SPEAKS | DIALLED) || e.link(row) === LOST) return 'neutral'
    return this.estimator.score(e, row, nowS) >= this.config.goodScore ? 'good' : 'neutral'
  }

  private exported(e: Evidence, row: number, member: boolean): ExportedPeer {
    return {
      peer: e.refs[row] as PeerRef,
      evidence: this.estimator.save(e, row),
      lastSeenMs: e.touched(row) * 1000,
      ipGroup: e.group(row),
      member,
    }
  }
}
