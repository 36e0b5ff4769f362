/**
 * Tables as an oracle fills them: what they look like in a network that has been up for long. Bucket by bucket, the
 * nearest first, a uniform choice among the servers that share so many bits with the node, with some dead ones among
 * them as measured, within the caps on peers with near addresses (docs/calibration.md).
 */
import { commonPrefixLength, distanceShare, KEY_WORDS } from '@kadmium/core'
import type { TableSettings } from '../scenario/scenario.ts'
import type { Column } from '../strategies/strategy.ts'
import { Decks } from './decks.ts'
import { DRAW, draw, share } from './dice.ts'
import { Picks } from './picks.ts'
import { BucketSpans, Pool, peerOf } from './pool.ts'
import { KIND, type Population } from './population.ts'

/**
 * The so many nearest servers of a node are missing more rarely than others: 61.1 % of nodes know all 20, while 20 % are
 * missing in buckets that are not full. The factor is chosen so that both come out at 15,400 servers, buckets of 20.
 */
const NEAREST = 20
const NEAREST_MISSING = 0.09

/** Rows between two calls of `onShare`. */
const SHARE_ROWS = 4096

/**
 * Fills the tables of rows 0..count-1, identities `first` to `first + count - 1`, as of time 0. Those that arrive later and
 * the dead have none. What a row gets depends on the seed and the population alone. `onShare` is told which share is done.
 */
export function fillTables(
  column: Pick<Column, 'seat' | 'bucketSeats'>,
  population: Population,
  first: number,
  count: number,
  settings: TableSettings,
  seed: number,
  onShare: (share: number) => void,
): void {
  const filler = new Filler(column, population, settings, seed)
  for (let row = 0; row < count; row++) {
    filler.fill(row, first + row)
    if ((row + 1) % SHARE_ROWS === 0) onShare((row + 1) / count)
  }
  onShare(1)
}

class Filler {
  private readonly column: Pick<Column, 'seat' | 'bucketSeats'>
  private readonly population: Population
  private readonly settings: TableSettings
  private readonly seed: number
  private readonly seats: readonly number[]
  private readonly live: Pool
  private readonly dead: Pool
  private readonly liveSpans: BucketSpans
  private readonly deadSpans: BucketSpans
  private readonly rankLows: Int32Array
  private readonly rankHighs: Int32Array
  private readonly liveDecks: Decks
  private readonly deadDecks: Decks
  private readonly picks: Picks
  /** With this chance a dead identity is in a bucket that is not full. */
  private readonly deadChance: number
  private readonly distances: Float64Array
  private before = -1

  constructor(
    column: Pick<Column, 'seat' | 'bucketSeats'>,
    population: Population,
    settings: TableSettings,
    seed: number,
  ) {
    this.column = column
    this.population = population
    this.settings = settings
    this.seed = seed
    this.seats = seatsOf(column)
    const announced = (peer: number): boolean =>
      population.isServer(peer) && population.kind(peer) !== KIND.newcomer
    this.live = new Pool(population, (peer) => announced(peer) && population.isUp(peer, 0))
    this.dead = new Pool(population, (peer) => announced(peer) && !population.isUp(peer, 0))
    const buckets = this.seats.length
    this.liveSpans = new BucketSpans(this.live, buckets)
    this.deadSpans = new BucketSpans(this.dead, buckets)
    this.liveDecks = new Decks(this.live, buckets, seed)
    this.deadDecks = new Decks(this.dead, buckets, seed)
    this.rankLows = new Int32Array(buckets + 1)
    this.rankHighs = new Int32Array(buckets + 1)
    this.rankHighs[0] = population.size
    const seatsMax = this.seats.reduce((max, seats) => Math.max(max, seats), 0)
    this.picks = new Picks(seatsMax, population.shared.groups)
    this.distances = new Float64Array(seatsMax)
    const { deadShareNear, missingShareNear } = settings
    const wanted = ((1 - missingShareNear) * deadShareNear) / (1 - deadShareNear)
    this.deadChance = Math.min(1, (wanted * this.live.size) / Math.max(1, this.dead.size))
  }

  fill(row: number, peer: number): void {
    const kind = this.population.kind(peer)
    if (this.seats.length === 0 || kind === KIND.newcomer || kind === KIND.dead) return
    this.locate(peer)
    this.picks.beginTable(peer)
    let nearer = 0
    for (let bucket = this.seats.length - 1; bucket >= 0; bucket--) {
      const live = this.spanOf(this.liveSpans, bucket)
      if (live + this.spanOf(this.deadSpans, bucket) === 0) continue
      this.beginBucket(peer, bucket)
      if (live >= (this.seats[bucket] as number)) this.fillWhole(bucket)
      else this.fillNear(peer, bucket, NEAREST - nearer)
      nearer += live
      const { peers, groups, count } = this.picks
      if (count > 0) this.column.seat(row, bucket, peers, count, 0, groups)
    }
  }

  /** All ranks of the bucket: of those that share so many bits, the half without the node, and for the last bucket all. */
  private beginBucket(peer: number, bucket: number): void {
    const { rankLows, rankHighs, picks } = this
    const low = rankLows[bucket] as number
    const high = rankHighs[bucket] as number
    const word = draw(this.seed, peer, bucket, DRAW.fill)
    if (bucket === this.seats.length - 1) picks.beginBucket(word, low, high)
    else if (rankLows[bucket + 1] === low)
      picks.beginBucket(word, rankHighs[bucket + 1] as number, high)
    else picks.beginBucket(word, low, rankLows[bucket + 1] as number)
  }

  private spanOf(spans: BucketSpans, bucket: number): number {
    return (spans.highs[bucket] as number) - (spans.lows[bucket] as number)
  }

  /** A bucket with more servers than seats. */
  private fillWhole(bucket: number): void {
    const { picks } = this
    const seats = this.seats[bucket] as number
    const dead = Math.floor(seats * this.settings.deadShareFull + share(picks.next()))
    if (dead > 0) this.pick(bucket, this.dead, this.deadSpans, this.deadDecks, seats, dead)
    this.pick(bucket, this.live, this.liveSpans, this.liveDecks, seats, seats - picks.count)
    picks.end(this.live)
  }

  private pick(
    bucket: number,
    pool: Pool,
    spans: BucketSpans,
    decks: Decks,
    seats: number,
    wanted: number,
  ): void {
    const low = spans.lows[bucket] as number
    const high = spans.highs[bucket] as number
    if (decks.isDeck(high - low, seats)) this.picks.deal(pool, decks.of(bucket, low, high), wanted)
    else this.picks.choose(pool, low, high, wanted)
  }

  /** A bucket with a seat for each server, `nearest` of which are among the node's nearest. */
  private fillNear(peer: number, bucket: number, nearest: number): void {
    const { picks, liveSpans, deadSpans } = this
    const seats = this.seats[bucket] as number
    const low = liveSpans.lows[bucket] as number
    const high = liveSpans.highs[bucket] as number
    const far = 1 - this.settings.missingShareNear
    const near = 1 - this.settings.missingShareNear * NEAREST_MISSING
    if (nearest <= 0 || nearest >= high - low)
      picks.sift(this.live, low, high, seats, () => (nearest <= 0 ? far : near))
    else {
      const reach = this.reachOf(peer, low, high, nearest)
      const { keys } = this.population.book
      const at = peer * KEY_WORDS
      picks.sift(this.live, low, high, seats, (other) =>
        distanceShare(keys, at, keys, other * KEY_WORDS) <= reach ? near : far,
      )
    }
    const deadLow = deadSpans.lows[bucket] as number
    const deadHigh = deadSpans.highs[bucket] as number
    picks.sift(this.dead, deadLow, deadHigh, seats, () => this.deadChance)
    picks.end(this.live)
  }

  /** Distance within which the so many nearest of a span lie, as a share of the key space. */
  private reachOf(peer: number, low: number, high: number, nearest: number): number {
    const { distances, live } = this
    const { keys } = this.population.book
    for (let place = low; place < high; place++) {
      const other = peerOf(live.cards[place] as number) * KEY_WORDS
      distances[place - low] = distanceShare(keys, peer * KEY_WORDS, keys, other)
    }
    return distances.subarray(0, high - low).sort()[nearest - 1] as number
  }

  /** Finds where the peers of each bucket lie; all that depends on bits shared with the node before stays. */
  private locate(peer: number): void {
    const { keys } = this.population.book
    const { rankLows, rankHighs } = this
    const at = peer * KEY_WORDS
    const last = this.seats.length - 1
    const shared = this.before < 0 ? 0 : commonPrefixLength(keys, this.before * KEY_WORDS, keys, at)
    for (let bit = shared; bit < last; bit++) {
      const low = rankLows[bit] as number
      const high = rankHighs[bit] as number
      const middle = this.population.ranges.split(low, high, bit)
      const upper = peer >= middle
      this.liveSpans.part(bit, middle, upper)
      this.deadSpans.part(bit, middle, upper)
      rankLows[bit + 1] = upper ? middle : low
      rankHighs[bit + 1] = upper ? high : middle
    }
    if (shared <= last) {
      this.liveSpans.close(last)
      this.deadSpans.close(last)
    }
    this.before = peer
  }
}

/** Seats of the buckets from the widest on, up to the first without any. */
function seatsOf(column: Pick<Column, 'bucketSeats'>): number[] {
  const seats: number[] = []
  for (let bucket = 0; bucket < 256; bucket++) {
    const count = column.bucketSeats(bucket)
    if (count <= 0) break
    seats.push(count)
  }
  return seats
}
