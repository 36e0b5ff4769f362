/** Arbitraries for properties: tiny worlds that fast-check can shrink to something readable. */
import fc from 'fast-check'

/** What becomes of a request to a peer. */
export type Fate = 'answers' | 'fails' | 'answersLate' | 'failsLate'

/** A world of up to 40 peers with 8-bit keys, in which one lookup runs. */
export interface TinyWorld {
  /** Keys of the peers, all different. Peer 0 is the one that looks up. */
  keys: number[]
  target: number
  k: number
  alpha: number
  candidatesMax: number
  /** 0..1 */
  failureShare: number
  /** By peer. */
  fates: Fate[]
  /** Expected time to the peer's answer, ms, by peer. */
  costsMs: number[]
  /** By peer: whom it names, as indices. */
  knows: number[][]
  /** Which of the events under way comes next, each modulo their number; from the start again when used up. */
  picks: number[]
  /** Another order to give out refs in: indices of peers. */
  shuffled: number[]
}

/** A single call on a lookup. `peer` is an index of a world's peers; -1 for no peer, -2 for a stale ref. */
export interface LookupCall {
  method: 'add' | 'next' | 'answered' | 'failed' | 'late'
  peer: number
}

const PEERS_MAX = 40

/** Any 256-bit key. */
export const anyKey: fc.Arbitrary<Uint32Array> = fc.uint32Array({ minLength: 8, maxLength: 8 })

/** Different 8-bit keys. */
const tinyKeys: fc.Arbitrary<number[]> = fc.uniqueArray(fc.nat(255), {
  minLength: 2,
  maxLength: PEERS_MAX,
})

/** Worlds with all fates and partial knowledge, in which there is room for every candidate. */
export const tinyWorld: fc.Arbitrary<TinyWorld> = tinyKeys.chain((keys) => {
  const peer = fc.nat(keys.length - 1)
  const each = { minLength: keys.length, maxLength: keys.length }
  return fc.record({
    keys: fc.constant(keys),
    target: fc.nat(255),
    k: fc.integer({ min: 1, max: 8 }),
    alpha: fc.integer({ min: 1, max: 5 }),
    candidatesMax: fc.constant(PEERS_MAX),
    failureShare: fc.constantFrom(0, 0.1, 0.5, 1),
    fates: fc.array(fc.constantFrom<Fate>('answers', 'fails', 'answersLate', 'failsLate'), each),
    costsMs: fc.array(fc.integer({ min: 1, max: 500 }), each),
    knows: fc.array(fc.array(peer, { maxLength: 8 }), each),
    picks: fc.array(fc.nat(999), { minLength: 1, maxLength: 40 }),
    shuffled: fc.shuffledSubarray([...keys.keys()], each),
  })
})

/** Calls in any order, sensible or not. */
export const lookupCalls: fc.Arbitrary<LookupCall[]> = fc.array(
  fc.record({
    method: fc.constantFrom<LookupCall['method']>(
      'add',
      'add',
      'next',
      'next',
      'answered',
      'failed',
      'late',
    ),
    peer: fc.integer({ min: -2, max: PEERS_MAX - 1 }),
  }),
  { maxLength: 120 },
)
