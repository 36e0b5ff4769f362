/**
 * Properties of provider records under arbitrary sequences of inputs, against a store that is what the
 * outputs made of it, and examples of the rules by which a full list is kept.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Config, DEFAULT_CONFIG } from '../config.ts'
import { KEY_WORDS, type Key } from '../key.ts'
import { Message, type Output } from '../messages.ts'
import { Outbox } from '../outbox.ts'
import { NO_PEER, PeerBook, type PeerRef } from '../peers.ts'
import { Records } from './records.ts'

const HOUR_MS = 3_600_000

const CONFIG: Config = {
  ...DEFAULT_CONFIG,
  providerKeysMax: 3,
  providersPerKeyMax: 2,
  providerRecordsPerPeerMax: 3,
  providerRecordsMax: 4,
}
const KEYS = 5
/** Peer 0 is the node itself. */
const PEERS = 6

type Action =
  | { kind: 'announce'; key: number; peer: number }
  | { kind: 'load'; key: number; peer: number; leftMs: number }
  | { kind: 'remove'; key: number; peer: number }
  | { kind: 'expire' }
type Step = Action & { afterMs: number }

interface Stored {
  peer: PeerRef
  expiresAtMs: number
}

/** A book that tells how often each peer is held. */
class CountingBook extends PeerBook {
  readonly held: Map<PeerRef, number> = new Map()

  override pin(ref: PeerRef): void {
    super.pin(ref)
    this.held.set(ref, (this.held.get(ref) ?? 0) + 1)
  }

  override unpin(ref: PeerRef): void {
    super.unpin(ref)
    this.held.set(ref, (this.held.get(ref) ?? 0) - 1)
  }
}

/** One node, its store, and the checks that hold after each step. */
class World {
  readonly book = new CountingBook()
  readonly peers: PeerRef[]
  nowMs = 1_000_000
  private readonly records: Records
  private readonly outbox = new Outbox()
  /** By key, oldest announcement first. */
  private readonly store: Stored[][] = Array.from({ length: KEYS }, () => [])
  private readonly config: Config
  private wasTaken = false

  constructor(config: Config) {
    this.config = config
    this.records = new Records({ nodes: 1, book: this.book, config })
    this.peers = Array.from({ length: PEERS }, (_, peer) => this.book.add(keyOf(128 + peer)))
  }

  run(step: Step): void {
    this.nowMs += step.afterMs
    this.outbox.clear()
    if (step.kind === 'announce') this.arrive(step.key, step.peer)
    else if (step.kind === 'load') this.load(step.key, step.peer, step.leftMs)
    else if (step.kind === 'remove')
      this.records.removeProvider(0, keyOf(step.key), 0, this.ref(step.peer), this.outbox)
    else this.expire()
    for (const output of this.outbox) this.apply(output, step)
    this.check()
  }

  /** Lets everything expire: nothing is left and nobody is held. */
  finish(): void {
    this.run({ afterMs: this.config.recordValidityMs, kind: 'expire' })
    expect(this.store.flat()).toEqual([])
    expect(this.records.deadlineMs(0)).toBe(Number.POSITIVE_INFINITY)
    expect([...this.book.held.values()].every((count) => count === 0)).toBe(true)
    expect(entriesIn(Reflect.get(this.records, 'provided')[0])).toBe(0)
  }

  announce(key: number, peer: number): boolean {
    this.run({ kind: 'announce', key, peer, afterMs: 0 })
    return this.wasTaken
  }

  private arrive(key: number, peer: number): void {
    const { records, nowMs, outbox } = this
    const own = peer === 0
    const bytes = bytesOf(key)
    const ok = records.providerArrived(0, nowMs, keyOf(key), bytes, this.ref(peer), own, outbox)
    bytes.fill(0xff)
    if (own) expect(ok, 'our own always find room').toBe(true)
    const isWritten = [...outbox].some(
      (output) => output.kind === 'persistProvider' && output.expiresAtMs !== 0,
    )
    if (!ok) expect(isWritten, 'what is refused is not written').toBe(false)
    this.wasTaken = ok
  }

  private load(key: number, peer: number, leftMs: number): void {
    const list = this.store[key] as Stored[]
    if (list.some((stored) => stored.peer === this.ref(peer))) return
    const { records, nowMs, outbox } = this
    const expiresAtMs = nowMs + leftMs
    list.push({
      peer: this.ref(peer),
      expiresAtMs: Math.min(expiresAtMs, nowMs + CONFIG.recordValidityMs),
    })
    list.sort((a, b) => a.expiresAtMs - b.expiresAtMs)
    const [ref, own] = [this.ref(peer), peer === 0]
    records.providerLoaded(0, nowMs, keyOf(key), bytesOf(key), ref, own, expiresAtMs, outbox)
  }

  private expire(): void {
    this.records.expire(0, this.nowMs, this.outbox)
    expect(this.records.deadlineMs(0)).toBeGreaterThan(this.nowMs)
  }

  private apply(output: Output, step: Step): void {
    if (output.kind !== 'persistProvider') throw new Error(`not expected: ${output.kind}`)
    expect(output.job).toBe(0)
    const key = (output.keyBytes[0] as number) - 1
    const list = this.store[key] as Stored[]
    const at = list.findIndex((stored) => stored.peer === output.provider)
    const gone = at < 0 ? undefined : list.splice(at, 1)[0]
    if (output.expiresAtMs !== 0) {
      expect(output.expiresAtMs).toBe(this.nowMs + this.config.recordValidityMs)
      if (gone)
        expect(output.expiresAtMs - gone.expiresAtMs).toBeGreaterThanOrEqual(
          this.config.renewalMinMs,
        )
      list.push({ peer: output.provider, expiresAtMs: output.expiresAtMs })
    } else if (gone === undefined) throw new Error('deleted what is not there')
    else if (step.kind === 'announce') {
      // Nobody who announced itself within the silence loses its place to another, and we never do.
      const silentMs = this.nowMs - (gone.expiresAtMs - this.config.recordValidityMs)
      expect(silentMs).toBeGreaterThanOrEqual(this.config.providerSilenceMs)
      expect(output.provider).not.toBe(this.ref(0))
    }
  }

  private check(): void {
    const { config, store } = this
    const self = this.ref(0)
    const strangers = store.map((list) => list.filter((stored) => stored.peer !== self))
    for (let key = 0; key < KEYS; key++) {
      expect((strangers[key] as Stored[]).length).toBeLessThanOrEqual(config.providersPerKeyMax)
      this.checkAnswer(key, this.ref(1))
    }
    expect(strangers.filter((list) => list.length > 0).length).toBeLessThanOrEqual(
      config.providerKeysMax,
    )
    expect(strangers.flat().length).toBeLessThanOrEqual(config.providerRecordsMax)
    const deadlineMs = this.records.deadlineMs(0)
    for (const { expiresAtMs } of store.flat()) expect(deadlineMs).toBeLessThanOrEqual(expiresAtMs)
    for (const peer of this.peers) {
      const held = store.flat().filter((stored) => stored.peer === peer).length
      if (peer !== self) expect(held).toBeLessThanOrEqual(config.providerRecordsPerPeerMax)
      expect(this.book.held.get(peer) ?? 0, 'held once while it provides').toBe(Math.min(held, 1))
    }
  }

  private checkAnswer(key: number, asker: PeerRef): void {
    const live = (this.store[key] as Stored[])
      .filter((stored) => stored.expiresAtMs > this.nowMs && stored.peer !== asker)
      .map((stored) => stored.peer)
      .reverse()
    const self = this.ref(0)
    expect(this.answer(key, asker)).toEqual([
      ...live.filter((peer) => peer === self),
      ...live.filter((peer) => peer !== self),
    ])
  }

  answer(key: number, asker: PeerRef): PeerRef[] {
    const message = new Message().clear('getProviders')
    this.records.providers(0, this.nowMs, keyOf(key), 0, message, asker)
    return [...message.providers.subarray(0, message.providerCount)]
  }

  ref(peer: number): PeerRef {
    return this.peers[peer] as PeerRef
  }
}

/** Entries in all collections of a row: what is over leaves nothing behind. */
function entriesIn(part: unknown): number {
  if (part instanceof Map) return part.size
  if (Array.isArray(part)) return part.length
  if (part === null || typeof part !== 'object') return 0
  return Object.entries(part)
    .filter(([name]) => name !== 'config' && name !== 'book')
    .reduce((sum, [, inner]) => sum + entriesIn(inner), 0)
}

function keyOf(key: number): Key {
  const words = new Uint32Array(KEY_WORDS)
  words[0] = key << 24
  return words
}

function bytesOf(key: number): Uint8Array {
  return Uint8Array.of(key + 1)
}

const key = fc.nat(KEYS - 1)
const peer = fc.nat(PEERS - 1)
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('announce'), key, peer }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove'), key, peer }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('expire') }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('load'),
      key,
      peer,
      leftMs: fc.integer({ min: -HOUR_MS, max: 50 * HOUR_MS }),
    }),
  },
) as fc.Arbitrary<Action>
const step = fc
  .tuple(action, fc.constantFrom(0, 0, 1, HOUR_MS / 2, HOUR_MS, 11 * HOUR_MS, 25 * HOUR_MS))
  .map(([action, afterMs]): Step => ({ ...action, afterMs }))

test('provider records keep their promises under any sequence', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 80 }), (steps) => {
      const world = new World(CONFIG)
      for (const each of steps) world.run(each)
      world.finish()
    }),
    { numRuns: 2_000 },
  )
}, 120_000)

describe('a full list', () => {
  test('refuses a flood of fresh providers while the established announce themselves', () => {
    const world = new World(CONFIG)
    for (let cycle = 0; cycle < 5; cycle++) {
      expect([1, 2].map((peer) => world.announce(0, peer))).toEqual([true, true])
      for (let i = 0; i < 20; i++) expect(world.announce(0, 3 + (i % 3))).toBe(false)
      world.nowMs += 22 * HOUR_MS
    }
    expect(world.answer(0, NO_PEER)).toEqual([world.ref(2), world.ref(1)])
  })

  test('gives the place of who has been silent for a day to a newcomer', () => {
    const world = new World(CONFIG)
    world.announce(0, 1)
    world.nowMs += 2 * HOUR_MS
    world.announce(0, 2)
    world.nowMs += 22 * HOUR_MS - 1
    expect(world.announce(0, 3)).toBe(false)
    world.nowMs += 1
    expect(world.announce(0, 3)).toBe(true)
    expect(world.announce(0, 4)).toBe(false)
    expect(world.answer(0, NO_PEER)).toEqual([world.ref(3), world.ref(2)])
  })

  test('always has room for ourselves, named first', () => {
    const world = new World(CONFIG)
    for (const key of [0, 1, 2, 3]) expect(world.announce(key, 0)).toBe(true)
    world.announce(0, 1)
    world.announce(0, 2)
    expect(world.answer(0, NO_PEER)).toEqual([0, 2, 1].map((peer) => world.ref(peer)))
  })
})

describe('limits', () => {
  test('of keys, of records and of one peer are refusals', () => {
    const keys = new World({ ...CONFIG, providerRecordsMax: 100 })
    expect([0, 1, 2, 3].map((key) => keys.announce(key, 1 + (key % 2)))).toEqual([
      true,
      true,
      true,
      false,
    ])
    const records = new World({ ...CONFIG, providerKeysMax: 100 })
    expect([0, 1, 2, 3, 4].map((key) => records.announce(key, 1 + (key % 2)))).toEqual([
      true,
      true,
      true,
      true,
      false,
    ])
    const peer = new World({ ...CONFIG, providerKeysMax: 100 })
    expect([0, 1, 2, 3].map((key) => peer.announce(key, 1))).toEqual([true, true, true, false])
  })

  test('a day of silence frees room in a full table', () => {
    const world = new World(CONFIG)
    for (const key of [0, 1, 2]) world.announce(key, 1)
    world.nowMs += CONFIG.providerSilenceMs
    expect(world.announce(3, 2)).toBe(true)
    expect([0, 1, 2, 3].filter((key) => world.answer(key, NO_PEER).length > 0)).toHaveLength(3)
  })

  test('one newcomer may need more than one place', () => {
    const world = new World({ ...CONFIG, providerKeysMax: 1 })
    world.announce(0, 1)
    world.announce(0, 2)
    expect(world.announce(1, 3)).toBe(false)
    world.nowMs += CONFIG.providerSilenceMs
    expect(world.announce(1, 3)).toBe(true)
    expect(world.answer(0, NO_PEER)).toEqual([])
  })

  test('what is loaded takes no place of what is newer', () => {
    const world = new World(CONFIG)
    world.announce(0, 1)
    world.announce(0, 2)
    world.nowMs += 30 * HOUR_MS
    world.run({ kind: 'load', key: 0, peer: 3, leftMs: 10 * HOUR_MS, afterMs: 0 })
    expect(world.answer(0, NO_PEER)).toEqual([world.ref(2), world.ref(1)])
    world.run({ kind: 'load', key: 0, peer: 4, leftMs: 20 * HOUR_MS, afterMs: 0 })
    expect(world.answer(0, NO_PEER)).toEqual([world.ref(4), world.ref(2)])
  })

  test('a stale ref and keys that are empty or over 80 bytes are refused', () => {
    const book = new PeerBook()
    const records = new Records({ nodes: 1, book, config: DEFAULT_CONFIG })
    const stale = book.add(keyOf(1))
    expect(book.nextReleased()).toBe(stale)
    const ref = book.add(keyOf(2))
    const outbox = new Outbox()
    const arrive = (bytes: number, provider: PeerRef): boolean =>
      records.providerArrived(0, 0, keyOf(0), new Uint8Array(bytes), provider, false, outbox)
    expect([arrive(34, stale), arrive(34, NO_PEER), arrive(0, ref), arrive(81, ref)]).toEqual([
      false,
      false,
      false,
      false,
    ])
    records.providerLoaded(0, 0, keyOf(0), bytesOf(0), stale, false, HOUR_MS, outbox)
    expect(outbox.count).toBe(0)
    expect([arrive(1, ref), arrive(80, ref)]).toEqual([true, true])
  })
})
