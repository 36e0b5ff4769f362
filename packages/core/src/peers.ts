/**
 * The peer book: which 256-bit key each small integer stands for. A `PeerRef` is a slot and a
 * generation in one 31-bit integer. A live node interns peers as it meets them and counts what holds
 * them (`pin`/`unpin`); what nothing holds is given back and its generation moves on, so that a stale
 * ref is recognised and ignored. A simulator allocates all identities at the start and never frees.
 *
 * Bounded by: `capacityMax` slots; the host must not intern more than one message can name before it
 * hands that message to the node, which forgets whatever it did not keep.
 */
import { assert } from './assert.ts'
import { commonPrefixLength, compareKeys, copyKey, KEY_WORDS, type Key } from './key.ts'

/** A peer: 22 bits of slot, 9 bits of generation. Its value decides nothing: no choice, no tie-break reads it. */
export type PeerRef = number

/** No peer. */
export const NO_PEER: PeerRef = -1

const SLOT_BITS = 22
const SLOT_MASK = (1 << SLOT_BITS) - 1
const GENERATION_MASK = 0x1ff

/** Most identities that one book can hold at once: 4,194,304. */
export const PEERS_MAX: number = 1 << SLOT_BITS

const FREE = 0
const USED = 1
/** Used, and stands in the list of those that perhaps nothing holds. */
const LOOSE = 2

/** How large a peer book is and where it lies. */
export interface PeerBookInit {
  /** Slots to begin with. Default 1,024; a book of fixed identities needs them all at once. */
  capacity?: number
  /** Slots at most. Default `PEERS_MAX`. */
  capacityMax?: number
  /** Identities never end (simulator): pins are not counted. Default false. */
  fixed?: boolean
  /** Where the columns live; a simulator passes shared memory. Default: ordinary memory. */
  allocate?: (bytes: number) => ArrayBufferLike
  /**
   * Keys of fixed identities that lie there already, eight words each: the book is full from the start, its refs
   * are 0..keys.length / 8 - 1, and nothing is copied, so that each worker can have a book over the same shared
   * memory. Where they ascend, order by ref is order by key, which is quicker to tell. The other settings of
   * the book, but for `fixed`, have no meaning then. Default: none.
   */
  keys?: Uint32Array
}

/**
 * Which key each `PeerRef` stands for. The host adds peers as it meets them; what a node keeps it pins, and what
 * nothing holds any more is named in a `forget`.
 */
export class PeerBook {
  /** Keys by slot, eight words each: `keys[slotOf(ref) * 8 ...]`. Replaced when the book grows. */
  keys: Uint32Array
  /**
   * First word of each key, by slot: it nearly always tells two keys apart, and in a large book these lie in the
   * processor's cache while the keys do not. Replaced when the book grows.
   */
  heads: Uint32Array
  /** Whether identities never end, so that pins are not counted. */
  readonly fixed: boolean
  /** Whether order by ref is order by key: the book was made over keys that ascend. */
  readonly ordered: boolean
  private pins: Uint16Array
  private generations: Uint16Array
  private used: Uint8Array
  private readonly free: number[] = [] // BOUNDED: by slots
  private readonly loose: PeerRef[] = [] // BOUNDED: by slots, each stands here at most once
  private slots = 0
  private live = 0
  private readonly slotsMax: number
  private readonly allocate: (bytes: number) => ArrayBufferLike

  /** A book, empty unless it is made over `keys`. Throws where it would begin empty-handed or above `capacityMax`. */
  constructor(init: PeerBookInit = {}) {
    const given = init.keys
    assert(given === undefined || init.fixed === true, 'only fixed identities are there already')
    const capacity = given === undefined ? (init.capacity ?? 1024) : given.length / KEY_WORDS
    assert(Number.isInteger(capacity), 'a key has eight words')
    const slotsMax = given === undefined ? (init.capacityMax ?? PEERS_MAX) : capacity
    this.slotsMax = Math.min(slotsMax, PEERS_MAX)
    assert(capacity >= 1, 'a peer book begins with a slot')
    assert(capacity <= this.slotsMax, 'a peer book cannot begin above its limit')
    this.fixed = init.fixed ?? false
    this.allocate = init.allocate ?? ((bytes) => new ArrayBuffer(bytes))
    this.keys = given ?? new Uint32Array(this.allocate(capacity * KEY_WORDS * 4))
    this.heads = new Uint32Array(this.allocate(capacity * 4))
    this.ordered = given !== undefined && ascends(given)
    if (given !== undefined) {
      this.slots = capacity
      this.live = capacity
      for (let i = 0; i < capacity; i++) this.heads[i] = given[i * KEY_WORDS] as number
    }
    this.pins = new Uint16Array(this.fixed ? 0 : capacity)
    this.generations = new Uint16Array(this.fixed ? 0 : capacity)
    this.used = new Uint8Array(this.fixed ? 0 : capacity)
  }

  /** Peers in the book. */
  get size(): number {
    return this.live
  }

  /** Adds a peer with nothing holding it yet. Returns `NO_PEER` when the book is full. */
  add(key: Key, at = 0): PeerRef {
    const slot = this.free.pop() ?? this.slots
    if (slot === this.slots) {
      if (this.slots >= this.slotsMax) return NO_PEER
      if ((slot + 1) * KEY_WORDS > this.keys.length) this.grow()
      this.slots++
    }
    copyKey(key, at, this.keys, slot * KEY_WORDS)
    this.heads[slot] = key[at] as number
    this.live++
    if (this.fixed) return slot
    this.used[slot] = USED
    this.pins[slot] = 0
    const ref = ((this.generations[slot] as number) << SLOT_BITS) | slot
    this.markLoose(ref, slot)
    return ref
  }

  /** Whether the ref is of a peer that the book still holds. */
  has(ref: PeerRef): boolean {
    if (ref < 0) return false
    const slot = ref & SLOT_MASK
    if (this.fixed) return slot < this.slots
    return this.used[slot] !== FREE && this.generations[slot] === ref >>> SLOT_BITS
  }

  /** Where the peer's key begins in `keys`. */
  at(ref: PeerRef): number {
    return (ref & SLOT_MASK) * KEY_WORDS
  }

  /** The first word of the peer's key. */
  head(ref: PeerRef): number {
    return this.heads[ref & SLOT_MASK] as number
  }

  /** Number of leading bits that the keys of two peers share: 0..256. */
  sharedBits(a: PeerRef, b: PeerRef): number {
    const difference = this.head(a) ^ this.head(b)
    if (difference !== 0) return Math.clz32(difference)
    return commonPrefixLength(this.keys, this.at(a), this.keys, this.at(b))
  }

  /** The order of two peers by key: negative when the first is the less, 0 when they have the same key. */
  compare(a: PeerRef, b: PeerRef): number {
    if (this.ordered) return a - b
    const difference = this.head(a) - this.head(b)
    return difference !== 0 ? difference : compareKeys(this.keys, this.at(a), this.keys, this.at(b))
  }

  /** Something holds the peer from now on. Held at most 65,535 times, by what bounds its holders. */
  pin(ref: PeerRef): void {
    if (this.fixed) return
    assert(this.has(ref), 'only a peer in the book can be pinned')
    const slot = ref & SLOT_MASK
    assert((this.pins[slot] as number) < 0xffff, 'a peer is held too often')
    this.pins[slot] = (this.pins[slot] as number) + 1
  }

  /** One holder fewer. The peer stays until `nextReleased` takes it. */
  unpin(ref: PeerRef): void {
    if (this.fixed) return
    assert(this.has(ref), 'only a peer in the book can be unpinned')
    const slot = ref & SLOT_MASK
    assert((this.pins[slot] as number) > 0, 'a peer is unpinned more often than pinned')
    this.pins[slot] = (this.pins[slot] as number) - 1
    if (this.pins[slot] === 0) this.markLoose(ref, slot)
  }

  /** Frees one peer that nothing holds and returns its ref, stale from now on; `NO_PEER` when there is none. */
  nextReleased(): PeerRef {
    let ref = this.loose.pop()
    while (ref !== undefined) {
      const slot = ref & SLOT_MASK
      this.used[slot] = USED
      if (this.pins[slot] === 0) {
        this.used[slot] = FREE
        this.generations[slot] = ((this.generations[slot] as number) + 1) & GENERATION_MASK
        this.free.push(slot)
        this.live--
        return ref
      }
      ref = this.loose.pop()
    }
    return NO_PEER
  }

  private markLoose(ref: PeerRef, slot: number): void {
    if (this.used[slot] === LOOSE) return
    this.used[slot] = LOOSE
    this.loose.push(ref)
  }

  private grow(): void {
    assert(!this.fixed, 'a book of fixed identities is allocated whole')
    const capacity = Math.min(this.slotsMax, (this.keys.length / KEY_WORDS) * 2)
    const keys = new Uint32Array(this.allocate(capacity * KEY_WORDS * 4))
    keys.set(this.keys)
    this.keys = keys
    this.heads = extend(this.heads, new Uint32Array(this.allocate(capacity * 4)))
    this.pins = extend(this.pins, new Uint16Array(capacity))
    this.generations = extend(this.generations, new Uint16Array(capacity))
    this.used = extend(this.used, new Uint8Array(capacity))
  }
}

/** Whether each key is greater than the one before. */
function ascends(keys: Uint32Array): boolean {
  for (let at = KEY_WORDS; at < keys.length; at += KEY_WORDS) {
    if (compareKeys(keys, at - KEY_WORDS, keys, at) >= 0) return false
  }
  return true
}

function extend<T extends Uint32Array | Uint16Array | Uint8Array>(from: T, to: T): T {
  to.set(from)
  return to
}
