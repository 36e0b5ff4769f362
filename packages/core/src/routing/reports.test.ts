/** What reports about providers do to a peer's standing. The node's own key is 0000_0000. */
import { key8, tinyBook } from '@kadmium/testkit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Config, DEFAULT_CONFIG } from '../config.ts'
import type { ProviderOutcome } from '../messages.ts'
import { PEERS_MAX, type PeerBook, type PeerRef } from '../peers.ts'
import { Routing } from './routing.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const FILE = key8(1)

class Scene {
  readonly book: PeerBook
  readonly self: PeerRef
  /** A member of the table. */
  readonly server: PeerRef
  /** Connected, and known not to speak the protocol. */
  readonly client: PeerRef
  /** Only heard of. */
  readonly stranger: PeerRef
  readonly stale: PeerRef
  readonly routing: Routing

  constructor(config: Partial<Config> = {}) {
    const { book, refs, stale } = tinyBook([0, 0b1000_0000, 0b0100_0000, 0b1100_0000])
    const [self, server, client, stranger] = refs as [PeerRef, PeerRef, PeerRef, PeerRef]
    this.book = book
    this.self = self
    this.server = server
    this.client = client
    this.stranger = stranger
    this.stale = stale
    this.routing = new Routing({
      nodes: 1,
      book,
      config: { ...DEFAULT_CONFIG, ...config },
      selfKeys: key8(0),
    })
    for (const peer of [server, client]) {
      this.routing.setLink(0, peer, 'connected', true, 0, 0)
      this.routing.setSpeaks(0, peer, peer === server, 0)
    }
    this.routing.noteSuccess(0, server, 0, 20)
  }

  report(peer: PeerRef, outcome: ProviderOutcome, nowMs = 0, key = FILE): void {
    this.routing.noteReport(0, peer, key, outcome, nowMs)
  }

  score(peer: PeerRef, nowMs = 0): number {
    return this.routing.score(0, peer, nowMs)
  }

  state(peer: PeerRef, nowMs = 0): string {
    return this.routing.state(0, peer, nowMs)
  }

  answer(peer: PeerRef, nowMs: number): void {
    this.routing.noteSuccess(0, peer, nowMs, 20)
  }

  retried(nowMs: number): boolean {
    const out = new Int32Array(8)
    return this.routing.retries(0, nowMs, out) === 1 && out[0] === this.server
  }

  all(): string {
    return JSON.stringify([
      [...this.routing.exportPeers(0)],
      this.routing.size(0),
      this.routing.deadlineMs(0),
      this.routing.failureShare(0),
    ])
  }
}

describe('a report', () => {
  test('that a peer served weighs as two answers, whatever it speaks', () => {
    const scene = new Scene()
    const answered = new Scene()
    scene.report(scene.server, 'served')
    answered.answer(answered.server, 0)
    answered.answer(answered.server, 0)
    expect(scene.score(scene.server)).toBe(answered.score(answered.server))
    scene.report(scene.client, 'served')
    expect(scene.score(scene.client)).toBeGreaterThan(DEFAULT_CONFIG.goodScore)
  })

  test('that a peer failed is a failure, and says nothing about the requests of the DHT', () => {
    const scene = new Scene()
    const failed = new Scene()
    scene.report(scene.server, 'failed')
    failed.routing.noteFailure(0, failed.server, 0, false)
    expect(scene.score(scene.server)).toBe(failed.score(failed.server))
    expect(scene.state(scene.server)).toBe('benched')
    expect([scene.routing.failureShare(0), failed.routing.failureShare(0) > 0]).toEqual([0, true])
  })

  test('of a lie benches at once, whatever the credit', () => {
    const scene = new Scene()
    for (let i = 0; i < 1_000; i++) scene.answer(scene.server, 0)
    scene.report(scene.server, 'lied')
    expect(scene.state(scene.server)).toBe('benched')
    expect(scene.score(scene.server)).toBeLessThan(0.2)
    scene.report(scene.client, 'lied')
    expect(scene.state(scene.client)).toBe('benched')
  })

  test('said again within the hour counts once; another outcome, peer or content counts', () => {
    const scene = new Scene()
    scene.report(scene.server, 'served')
    const once = scene.all()
    for (let i = 0; i < 1_000; i++) scene.report(scene.server, 'served', HOUR - SECOND)
    expect(scene.all()).toBe(once)
    const scores = [scene.score(scene.server, HOUR)]
    scene.report(scene.server, 'served', HOUR)
    scores.push(scene.score(scene.server, HOUR))
    scene.report(scene.server, 'served', HOUR, key8(2))
    scores.push(scene.score(scene.server, HOUR))
    expect(scores).toEqual([...new Set(scores)].sort())
    scene.report(scene.server, 'failed', HOUR)
    expect(scene.score(scene.server, HOUR)).toBeLessThan(scores.at(-1) as number)
  })

  test('a million times gives no more credit than answers do', () => {
    const scene = new Scene()
    for (let i = 0; i < 1_000_000; i++)
      scene.report(scene.server, 'served', 0, Uint32Array.of(i, 0))
    for (let i = 0; i < 4; i++) scene.routing.noteFailure(0, scene.server, 0, false)
    expect(scene.state(scene.server)).toBe('benched')
  })

  test('never gives a seat', () => {
    const scene = new Scene()
    scene.report(scene.client, 'served')
    scene.report(scene.stranger, 'served')
    expect(scene.routing.size(0)).toBe(1)
    // Nor a benched peer the seat that it lost its chance of, until it answers.
    const speaker = scene.stranger
    scene.routing.noteSuccess(0, speaker, 0, 20)
    scene.routing.setSpeaks(0, speaker, true, 0)
    for (let i = 0; i < 2; i++) scene.routing.noteFailure(0, speaker, 0, false)
    scene.routing.noteDial(0, speaker, true, 0, 0)
    expect(scene.state(speaker)).toBe('benched')
    scene.report(speaker, 'served', 0, key8(2))
    expect([scene.state(speaker), scene.routing.isMember(0, speaker)]).toEqual(['neutral', false])
    scene.answer(speaker, SECOND)
    expect(scene.routing.isMember(0, speaker)).toBe(true)
  })

  test('on somebody unknown is remembered, and nobody asks a provider of whom that is all', () => {
    const scene = new Scene({ memoryPeersMax: 2 })
    const seeds = (): number => scene.routing.seeds(0, FILE, 0, 9, 0, new Int32Array(9))
    const before = seeds()
    scene.report(scene.stranger, 'served')
    expect(scene.score(scene.stranger)).toBeGreaterThan(DEFAULT_CONFIG.goodScore)
    expect(seeds()).toBe(before)
    // It makes room for the first that the DHT tells of.
    const newcomer = scene.book.add(key8(0b1110_0000))
    scene.routing.setSpeaks(0, newcomer, true, 0)
    expect([scene.stranger, newcomer].map((peer) => scene.routing.knows(0, peer))).toEqual([
      false,
      true,
    ])
    expect(seeds()).toBe(before + 1)
  })

  test('on a stale ref or ourselves changes nothing; that somebody unknown failed is remembered', () => {
    const scene = new Scene()
    const before = scene.all()
    for (const outcome of ['served', 'failed', 'lied'] as const) {
      for (const peer of [scene.self, scene.stale, -1, PEERS_MAX + 7]) scene.report(peer, outcome)
    }
    expect(scene.all()).toBe(before)
    scene.report(scene.stranger, 'failed')
    expect(scene.state(scene.stranger)).toBe('benched')
  })
})

describe('a liar', () => {
  test('is not off the bench by answers, deeds or identify until it is looked at again', () => {
    const scene = new Scene()
    scene.report(scene.server, 'lied')
    const before = scene.score(scene.server, HOUR)
    scene.answer(scene.server, MINUTE)
    scene.report(scene.server, 'served', HOUR, key8(3))
    scene.routing.setSpeaks(0, scene.server, true, HOUR)
    expect([scene.state(scene.server, HOUR), scene.score(scene.server, HOUR)]).toEqual([
      'benched',
      before,
    ])
    const { retryMaxMs } = DEFAULT_CONFIG
    expect(scene.retried(retryMaxMs - MINUTE)).toBe(false)
    expect(scene.retried(retryMaxMs + 2 * SECOND)).toBe(true)
    scene.answer(scene.server, retryMaxMs + 3 * SECOND)
    expect(scene.state(scene.server, retryMaxMs + 3 * SECOND)).toBe('neutral')
  })

  test('outside of the table is avoided for days', () => {
    const scene = new Scene()
    scene.report(scene.stranger, 'lied')
    expect(scene.state(scene.stranger, 48 * HOUR)).toBe('benched')
    expect(scene.state(scene.stranger, 96 * HOUR)).toBe('neutral')
  })

  test('that served before it was caught has a bench of the same length', () => {
    const scene = new Scene()
    scene.report(scene.server, 'served')
    scene.report(scene.server, 'lied')
    scene.answer(scene.server, HOUR)
    expect(scene.state(scene.server, HOUR)).toBe('benched')
  })
})

test('a benched server that delivered is looked at soon, and is benched until it answers', () => {
  const scene = new Scene()
  for (let i = 0; i < 10; i++) {
    scene.routing.noteFailure(0, scene.server, i * HOUR, false)
    scene.retried(i * HOUR + 59 * MINUTE)
  }
  const nowMs = 10 * HOUR
  expect(scene.retried(nowMs + 10 * SECOND)).toBe(false)
  scene.report(scene.server, 'served', nowMs)
  expect(scene.state(scene.server, nowMs)).toBe('benched')
  expect(scene.retried(nowMs + 10 * SECOND)).toBe(true)
  scene.answer(scene.server, nowMs + 10 * SECOND)
  expect(scene.state(scene.server, nowMs + 10 * SECOND)).not.toBe('benched')
})

const deed = fc.record({
  what: fc.constantFrom('answer', 'failure', 'late', 'served', 'failed', 'lied'),
  key: fc.nat(5),
  gapMs: fc.oneof(fc.nat(2 * HOUR), fc.nat(100 * HOUR)),
})

test('after any history served >= nothing >= failed >= lied, all within 0..1', () => {
  const history = fc.array(deed, { maxLength: 60 })
  const who = fc.constantFrom('server', 'client', 'stranger')
  fc.assert(
    fc.property(history, who, fc.nat(HOUR), (deeds, role, gapMs) => {
      const outcomes: readonly (ProviderOutcome | null)[] = ['served', null, 'failed', 'lied']
      const scores = outcomes.map((outcome) => {
        const scene = new Scene()
        const peer = scene[role]
        let nowMs = 0
        for (const { what, key, gapMs } of deeds) {
          nowMs += gapMs
          if (what === 'answer') scene.answer(peer, nowMs)
          else if (what === 'failure' || what === 'late')
            scene.routing.noteFailure(0, peer, nowMs, what === 'late')
          else scene.report(peer, what, nowMs, key8(key))
          expect(scene.score(peer, nowMs)).toBeGreaterThan(0)
          expect(scene.score(peer, nowMs)).toBeLessThan(1)
        }
        nowMs += gapMs
        // Of content that nobody spoke of before, so that it is news.
        if (outcome !== null) scene.report(peer, outcome, nowMs, key8(200))
        if (outcome === 'lied') expect(scene.state(peer, nowMs)).toBe('benched')
        return scene.score(peer, nowMs)
      })
      for (let i = 1; i < scores.length; i++) {
        // Counts are kept in 1/1024.
        expect((scores[i - 1] as number) - (scores[i] as number)).toBeGreaterThan(-1e-3)
      }
    }),
    { numRuns: 1000 },
  )
})
