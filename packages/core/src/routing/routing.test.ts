/** Examples with 8-bit keys, to be checked by eye. The node's own key is 0000_0000. */
import { key8 } from '@kadmium/testkit'
import { describe, expect, test } from 'vitest'
import { type Config, DEFAULT_CONFIG } from '../config.ts'
import { KEY_WORDS } from '../key.ts'
import { NodeRows } from '../node-rows.ts'
import { NO_PEER, PeerBook, type PeerRef } from '../peers.ts'
import { Routing } from './routing.ts'

const SECOND = 1_000
const HOUR = 3_600 * SECOND
const MINUTE = 60 * SECOND

class Scene {
  readonly book = new PeerBook()
  readonly routing: Routing
  readonly refs = new Map<number, PeerRef>()

  constructor(config: Partial<Config> = {}) {
    this.routing = new Routing({
      nodes: 1,
      book: this.book,
      config: { ...DEFAULT_CONFIG, ...config },
      selfKeys: key8(0),
    })
  }

  peer(byte: number): PeerRef {
    let ref = this.refs.get(byte)
    if (ref === undefined) {
      ref = this.book.add(key8(byte))
      this.refs.set(byte, ref)
    }
    return ref
  }

  /** A peer that we dialled, that speaks and that answered: it has everything that a seat takes. */
  meet(byte: number, nowMs = 0, ipGroup = 0): void {
    const peer = this.peer(byte)
    this.routing.setLink(0, peer, 'connected', true, ipGroup, nowMs)
    this.routing.setSpeaks(0, peer, true, nowMs)
    this.routing.noteSuccess(0, peer, nowMs, 20)
  }

  /** A peer that dialled us: it speaks and answers as well. */
  meetInbound(byte: number, nowMs = 0): void {
    const peer = this.peer(byte)
    this.routing.setLink(0, peer, 'connected', false, 0, nowMs)
    this.routing.setSpeaks(0, peer, true, nowMs)
    this.routing.noteSuccess(0, peer, nowMs, 20)
  }

  fail(byte: number, times: number, nowMs = 0): void {
    for (let i = 0; i < times; i++) this.routing.noteFailure(0, this.peer(byte), nowMs, false)
  }

  bytes(refs: Iterable<PeerRef>): number[] {
    return [...refs].map((ref) => (this.book.keys[this.book.at(ref)] as number) >>> 24)
  }

  members(): number[] {
    return [...this.refs].filter(([, ref]) => this.routing.isMember(0, ref)).map(([byte]) => byte)
  }

  nearest(target: number, count = 20, exclude: PeerRef = NO_PEER, nowMs = 0): number[] {
    const out = new Int32Array(32)
    const found = this.routing.nearest(0, key8(target), 0, count, nowMs, exclude, out)
    return this.bytes(out.subarray(0, found))
  }

  seeds(target: number, count = 20, nowMs = 0): number[] {
    const out = new Int32Array(32)
    return this.bytes(out.subarray(0, this.routing.seeds(0, key8(target), 0, count, nowMs, out)))
  }

  retries(nowMs: number): number[] {
    const out = new Int32Array(8)
    return this.bytes(out.subarray(0, this.routing.retries(0, nowMs, out)))
  }
}

describe('admission', () => {
  test('takes a dial, the protocol and an answer, in any order', () => {
    const steps: ((scene: Scene) => void)[] = [
      (s) => s.routing.setLink(0, s.peer(0b1010_0000), 'connected', true, 0, 0),
      (s) => s.routing.setSpeaks(0, s.peer(0b1010_0000), true, 0),
      (s) => s.routing.noteSuccess(0, s.peer(0b1010_0000), 0, 20),
    ]
    for (const order of [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ]) {
      const scene = new Scene()
      for (const [i, step] of order.entries()) {
        expect(scene.members()).toEqual([])
        expect(scene.nearest(0)).toEqual([])
        ;(steps[step] as (s: Scene) => void)(scene)
        expect(scene.members()).toEqual(i === 2 ? [0b1010_0000] : [])
      }
      expect(scene.nearest(0)).toEqual([0b1010_0000])
      expect(scene.routing.size(0)).toBe(1)
    }
  })

  test('a peer that dialled us and was never dialled is used but not named, until a dial back succeeds', () => {
    const scene = new Scene()
    scene.meetInbound(0b1100_0000)
    for (let i = 0; i < 100; i++) scene.routing.noteSuccess(0, scene.peer(0b1100_0000), 0, 20)
    expect(scene.seeds(0)).toEqual([0b1100_0000])
    expect(scene.nearest(0)).toEqual([])
    expect(scene.routing.nextProbe(0, 0)).toBe(scene.peer(0b1100_0000))
    scene.routing.noteDial(0, scene.peer(0b1100_0000), true, 0, SECOND)
    expect(scene.nearest(0)).toEqual([0b1100_0000])
    expect(scene.routing.nextProbe(0, HOUR)).toBe(NO_PEER)
    expect(scene.routing.deadlineMs(0)).toBe(Number.POSITIVE_INFINITY)
  })

  test('we ourselves and stale refs are nobody', () => {
    const scene = new Scene()
    const self = scene.peer(0)
    const stale = scene.peer(0b1111_0000)
    while (scene.book.nextReleased() !== NO_PEER);
    for (const peer of [self, stale, NO_PEER, 123_456]) {
      scene.routing.setLink(0, peer, 'connected', true, 0, 0)
      scene.routing.setSpeaks(0, peer, true, 0)
      scene.routing.noteSuccess(0, peer, 0, 20)
      scene.routing.noteFailure(0, peer, 0, false)
      scene.routing.noteDial(0, peer, true, 0, 0)
      expect(scene.routing.place(0, peer, 0, 20, 0)).toBe(false)
      expect(scene.routing.knows(0, peer)).toBe(false)
      expect(scene.routing.costMs(0, peer, 0)).toBeGreaterThan(0)
    }
    expect([...scene.routing.exportPeers(0)]).toEqual([])
    expect(scene.routing.failureShare(0)).toBe(0)
  })

  test('who stops to speak is out at once, remembered, and asked no more', () => {
    const scene = new Scene()
    scene.meet(0b1000_0000)
    scene.routing.setSpeaks(0, scene.peer(0b1000_0000), false, SECOND)
    expect(scene.members()).toEqual([])
    expect(scene.seeds(0)).toEqual([])
    expect(scene.routing.knows(0, scene.peer(0b1000_0000))).toBe(true)
    scene.routing.setSpeaks(0, scene.peer(0b1000_0000), true, SECOND)
    expect(scene.members()).toEqual([0b1000_0000])
  })

  test('connections with others are forgotten when they end', () => {
    const scene = new Scene()
    scene.routing.setLink(0, scene.peer(0b1000_0000), 'connected', true, 0, 0)
    scene.routing.setSpeaks(0, scene.peer(0b1000_0000), false, 0)
    expect(scene.routing.roundTrips(0, scene.peer(0b1000_0000))).toBe(2)
    scene.routing.setLink(0, scene.peer(0b1000_0000), 'cold', false, 0, 0)
    expect(scene.routing.knows(0, scene.peer(0b1000_0000))).toBe(false)
    expect(scene.bytes([scene.book.nextReleased()])).toEqual([0b1000_0000])
  })
})

describe('a bucket', () => {
  const config = { bucketGoodPeers: [2], bucketBenchSeats: 1, buckets: 4 }

  test('that is full keeps whom it has, and a benched peer makes way without losing its seat', () => {
    const scene = new Scene(config)
    for (const byte of [0b1000_0000, 0b1001_0000, 0b1010_0000]) scene.meet(byte)
    expect(scene.members()).toEqual([0b1000_0000, 0b1001_0000])
    scene.fail(0b1001_0000, 1)
    // The third was remembered; the benched one sits on the bench seat.
    expect(scene.members()).toEqual([0b1000_0000, 0b1001_0000, 0b1010_0000])
    expect(scene.nearest(0)).toEqual([0b1000_0000, 0b1010_0000])
    // By answering it wins its place back. Nobody loses theirs.
    scene.routing.noteSuccess(0, scene.peer(0b1001_0000), 5 * SECOND, 20)
    expect(scene.nearest(0)).toEqual([0b1000_0000, 0b1001_0000, 0b1010_0000])
  })

  test('gives the seat of the worst of its benched peers to a newcomer', () => {
    const scene = new Scene(config)
    for (const byte of [0b1000_0000, 0b1001_0000, 0b1010_0000]) scene.meet(byte)
    scene.fail(0b1001_0000, 1)
    scene.fail(0b1000_0000, 2)
    scene.meet(0b1011_0000)
    expect(scene.members()).toEqual([0b1001_0000, 0b1010_0000, 0b1011_0000])
    expect(scene.routing.knows(0, scene.peer(0b1000_0000))).toBe(true)
    expect(scene.routing.state(0, scene.peer(0b1000_0000), 0)).toBe('benched')
  })

  test('gives up a benched seat even if time has made the benched look better', () => {
    const scene = new Scene(config)
    for (const byte of [0b1000_0000, 0b1001_0000]) scene.meet(byte)
    scene.fail(0b1000_0000, 1)
    scene.meet(0b1010_0000)
    scene.fail(0b1001_0000, 1)
    const nowMs = 30 * 24 * HOUR
    scene.routing.noteSuccess(0, scene.peer(0b1010_0000), nowMs, 20)
    scene.routing.noteFailure(0, scene.peer(0b1010_0000), nowMs, true)
    const scores = [0b1000_0000, 0b1001_0000, 0b1010_0000].map((byte) =>
      scene.routing.score(0, scene.peer(byte), nowMs).toFixed(2),
    )
    expect(scores).toEqual(['0.50', '0.50', '0.48'])
    scene.meet(0b1011_0000, nowMs)
    // Of the benched, both silent since the same second, the farther one goes.
    expect(scene.members()).toEqual([0b1000_0000, 0b1010_0000, 0b1011_0000])
  })

  test('is a stack: best first, benched last', () => {
    const scene = new Scene()
    for (const byte of [0b1000_0000, 0b1001_0000, 0b1010_0000, 0b1011_0000]) scene.meet(byte)
    scene.routing.noteSuccess(0, scene.peer(0b1010_0000), 0, 20)
    scene.fail(0b1000_0000, 1)
    const stack = scene.routing.bucketStack(0, 0, 0)
    expect(scene.bytes(stack.map(({ peer }) => peer))).toEqual([
      0b1010_0000, 0b1001_0000, 0b1011_0000, 0b1000_0000,
    ])
    expect(stack.map(({ state }) => state)).toEqual(['good', 'neutral', 'neutral', 'benched'])
    expect(stack.map(({ score }) => score.toFixed(2))).toEqual(['0.65', '0.59', '0.59', '0.39'])
    expect(scene.routing.bucketStack(0, 1, 0)).toEqual([])
  })

  test('takes two of an IP group, and a table three', () => {
    const scene = new Scene()
    for (const byte of [0b1000_0000, 0b1001_0000, 0b1010_0000]) scene.meet(byte, 0, 7)
    for (const byte of [0b0100_0000, 0b0110_0000]) scene.meet(byte, 0, 7)
    for (const byte of [0b1110_0000, 0b1111_0000, 0b1111_1000]) scene.meet(byte, 0, 0)
    expect(scene.members()).toEqual([
      0b1000_0000, 0b1001_0000, 0b0100_0000, 0b1110_0000, 0b1111_0000, 0b1111_1000,
    ])
    // A member that moves into a crowded group loses its seat.
    scene.routing.setLink(0, scene.peer(0b1110_0000), 'pooled', true, 7, 0)
    expect(scene.members()).not.toContain(0b1110_0000)
    expect(scene.routing.knows(0, scene.peer(0b1110_0000))).toBe(true)
  })
})

describe('nearest and seeds', () => {
  test('are in order of distance to the target', () => {
    const scene = new Scene()
    for (const byte of [0b0000_0001, 0b0000_0110, 0b0100_0000, 0b0111_0000, 0b1000_0000])
      scene.meet(byte)
    scene.meetInbound(0b0110_0000)
    expect(scene.nearest(0b0111_0000)).toEqual([
      0b0111_0000, 0b0100_0000, 0b0000_0001, 0b0000_0110, 0b1000_0000,
    ])
    expect(scene.nearest(0b0111_0000, 2, scene.peer(0b0111_0000))).toEqual([
      0b0100_0000, 0b0000_0001,
    ])
    expect(scene.seeds(0b0111_0000, 3)).toEqual([0b0111_0000, 0b0110_0000, 0b0100_0000])
  })

  test('benched peers are asked only when there are too few others', () => {
    const scene = new Scene()
    for (const byte of [0b0100_0000, 0b1000_0000, 0b1100_0000]) scene.meet(byte)
    scene.fail(0b0100_0000, 1)
    scene.fail(0b0000_0001, 1)
    expect(scene.seeds(0, 2)).toEqual([0b1000_0000, 0b1100_0000])
    expect(scene.seeds(0, 3)).toEqual([0b1000_0000, 0b1100_0000, 0b0000_0001])
    expect(scene.seeds(0)).toEqual([0b1000_0000, 0b1100_0000, 0b0000_0001, 0b0100_0000])
    expect(scene.nearest(0)).toEqual([0b1000_0000, 0b1100_0000])
  })
})

describe('checks', () => {
  test('a benched member is retried after 5 s, 10 s, 20 s, and no more once it answers', () => {
    const scene = new Scene()
    scene.meet(0b1000_0000)
    scene.fail(0b1000_0000, 1, SECOND)
    const tried: number[] = []
    for (let nowMs = SECOND; nowMs <= 60 * SECOND; nowMs += SECOND) {
      const due = scene.routing.deadlineMs(0) <= nowMs
      const retried = scene.retries(nowMs)
      if (retried.length > 0) {
        expect(due).toBe(true)
        tried.push(nowMs / SECOND)
        scene.fail(0b1000_0000, 1, nowMs)
      }
    }
    // Each wait is a second longer than the back-off, because seconds are all that is stored.
    expect(tried).toEqual([7, 18, 39])
    scene.routing.noteSuccess(0, scene.peer(0b1000_0000), MINUTE, 20)
    expect(scene.routing.state(0, scene.peer(0b1000_0000), MINUTE)).toBe('neutral')
    expect(scene.retries(HOUR)).toEqual([])
    expect(scene.nearest(0)).toEqual([0b1000_0000])
  })

  test('a retry without an outcome is repeated after the back-off', () => {
    const scene = new Scene()
    scene.meet(0b1000_0000)
    scene.fail(0b1000_0000, 1)
    expect(scene.routing.nextProbe(0, 0)).toBe(NO_PEER) // a place is free, and nobody waits for it
    expect(scene.retries(5 * SECOND)).toEqual([])
    expect(scene.retries(6 * SECOND)).toEqual([0b1000_0000])
    expect(scene.retries(6 * SECOND)).toEqual([])
    expect(scene.routing.deadlineMs(0)).toBe(12 * SECOND)
    expect(scene.retries(12 * SECOND)).toEqual([0b1000_0000])
  })

  test('dials back are offered nearest first, and again with back-off', () => {
    const scene = new Scene()
    scene.meetInbound(0b1000_0000)
    scene.meetInbound(0b0010_0000)
    const probe = (nowMs: number): number[] => {
      const peer = scene.routing.nextProbe(0, nowMs)
      return peer === NO_PEER ? [] : scene.bytes([peer])
    }
    expect(scene.routing.deadlineMs(0)).toBe(0)
    expect(probe(0)).toEqual([0b0010_0000])
    expect(probe(0)).toEqual([0b1000_0000])
    expect(probe(0)).toEqual([])
    expect(scene.routing.deadlineMs(0)).toBe(6 * SECOND)
    scene.routing.noteDial(0, scene.peer(0b0010_0000), false, 0, SECOND)
    scene.routing.noteDial(0, scene.peer(0b1000_0000), true, 0, SECOND)
    expect(probe(6 * SECOND)).toEqual([])
    expect(probe(7 * SECOND)).toEqual([0b0010_0000])
    scene.routing.noteDial(0, scene.peer(0b0010_0000), false, 0, 8 * SECOND)
    expect(probe(18 * SECOND)).toEqual([])
    expect(probe(19 * SECOND)).toEqual([0b0010_0000])
    // It answers well all the while: a failed dial back costs a connected peer nothing else.
    expect(scene.routing.state(0, scene.peer(0b0010_0000), 0)).toBe('neutral')
    expect(scene.seeds(0, 1)).toEqual([0b0010_0000])
  })

  test('no dial back without a place, and one as soon as there is', () => {
    const scene = new Scene({ bucketGoodPeers: [1], bucketBenchSeats: 1, buckets: 4 })
    scene.meet(0b1000_0000)
    scene.meetInbound(0b1100_0000)
    expect(scene.routing.nextProbe(0, 0)).toBe(NO_PEER)
    expect(scene.routing.deadlineMs(0)).toBe(Number.POSITIVE_INFINITY)
    scene.fail(0b1000_0000, 1, SECOND)
    expect(scene.routing.deadlineMs(0)).toBe(SECOND)
    expect(scene.routing.nextProbe(0, SECOND)).toBe(scene.peer(0b1100_0000))
  })
})

describe('estimates', () => {
  test('of a peer never met come from the prior, then from the round trips of others', () => {
    const scene = new Scene()
    const stranger = scene.peer(0b1111_1111)
    expect(scene.routing.roundTrips(0, stranger)).toBe(5)
    expect(scene.routing.rtoMs(0, stranger, 0)).toBe(5 * (150 + 4 * 75))
    expect(scene.routing.costMs(0, stranger, 0)).toBe(5 * 150 + 0.5 * 2250)
    for (const byte of [0b1000_0000, 0b1001_0000, 0b1010_0000]) scene.meet(byte)
    expect(scene.routing.costMs(0, stranger, 0)).toBeLessThan(450)
  })

  test('fewer round trips, a shorter one or a better score cost less', () => {
    const scene = new Scene()
    const peer = scene.peer(0b1000_0000)
    scene.meet(0b1000_0000)
    const cost = (): number => scene.routing.costMs(0, peer, 0)
    const connected = cost()
    scene.routing.setLink(0, peer, 'pooled', true, 0, 0)
    const pooled = cost()
    scene.routing.setLink(0, peer, 'cold', true, 0, 0)
    const cold = cost()
    expect(cold).toBeGreaterThan(connected)
    expect(connected).toBeGreaterThan(pooled)
    scene.routing.noteSuccess(0, peer, 0, -1)
    const sure = cost()
    expect(sure).toBeLessThan(cold)
    scene.routing.noteSuccess(0, peer, 0, 400)
    expect(cost()).toBeGreaterThan(sure)
  })

  test('the request time-out keeps its bounds', () => {
    const scene = new Scene()
    scene.meet(0b1000_0000)
    scene.routing.setLink(0, scene.peer(0b1000_0000), 'pooled', true, 0, 0)
    expect(scene.routing.rtoMs(0, scene.peer(0b1000_0000), 0)).toBe(200)
    scene.routing.noteSuccess(0, scene.peer(0b1000_0000), 0, 60_000)
    expect(scene.routing.rtoMs(0, scene.peer(0b1000_0000), 0)).toBe(5_000)
  })

  test('the share of failures is that of requests to peers not yet known as dead', () => {
    const scene = new Scene()
    for (let i = 0; i < 300; i++) scene.routing.noteSuccess(0, scene.peer(0b1000_0000), 0, 20)
    expect(scene.routing.failureShare(0)).toBe(0)
    for (let round = 0; round < 50; round++) {
      const dead = scene.peer(0b0100_0000 + round)
      scene.routing.noteFailure(0, dead, 0, false)
      scene.routing.noteFailure(0, dead, 0, false)
      for (let i = 0; i < 3; i++) scene.routing.noteSuccess(0, scene.peer(0b1000_0000), 0, 20)
    }
    expect(scene.routing.failureShare(0)).toBeCloseTo(0.25, 1)
  })
})

describe('between runs', () => {
  test('what was learned is carried over, and a member has to answer again', () => {
    const first = new Scene()
    for (const byte of [0b1000_0000, 0b0100_0000]) first.meet(byte, HOUR, byte)
    for (let i = 0; i < 9; i++) first.routing.noteSuccess(0, first.peer(0b1000_0000), HOUR, 20)
    first.fail(0b0010_0000, 3, HOUR)
    const saved = [...first.routing.exportPeers(0)]
    expect(saved.map(({ member }) => member)).toEqual([true, true, false])
    const second = new Scene()
    const nowMs = 1_000 * HOUR
    for (const { peer, evidence, ipGroup } of saved) {
      const byte = first.bytes([peer])[0] as number
      second.routing.loadPeer(0, second.peer(byte), evidence, MINUTE, ipGroup, nowMs)
    }
    expect(second.members()).toEqual([])
    expect(second.seeds(0, 2, nowMs)).toEqual([0b0100_0000, 0b1000_0000])
    expect(second.routing.score(0, second.peer(0b1000_0000), nowMs)).toBeGreaterThan(0.7)
    expect(second.routing.state(0, second.peer(0b0010_0000), nowMs)).toBe('benched')
    second.routing.setSpeaks(0, second.peer(0b1000_0000), true, nowMs)
    expect(second.members()).toEqual([])
    second.routing.noteSuccess(0, second.peer(0b1000_0000), nowMs, 20)
    expect(second.members()).toEqual([0b1000_0000])
  })
})

test('an entry takes 9 bytes, and with its share of all columns less than 10', () => {
  for (const config of [{}, { buckets: 16 }, { bucketGoodPeers: [20], bucketBenchSeats: 4 }]) {
    const { routing } = new Scene(config)
    const bytes: number[] = []
    new Routing({
      nodes: 100,
      book: new PeerBook(),
      config: { ...DEFAULT_CONFIG, ...config },
      selfKeys: new Uint32Array(100 * KEY_WORDS),
      rows: new NodeRows(100),
      allocate: (size) => {
        bytes.push(size)
        return new SharedArrayBuffer(size)
      },
    })
    const total = bytes.reduce((sum, size) => sum + size, 0)
    expect(total).toBe(100 * routing.bytesPerNode)
    expect(total / (100 * routing.seatsPerNode)).toBeLessThan(10)
  }
})

describe('a member whose connection broke', () => {
  function broken(): Scene {
    const scene = new Scene()
    for (const byte of [0b1000_0000, 0b1100_0000]) {
      scene.meet(byte)
      scene.meet(byte)
    }
    scene.routing.setLink(0, scene.peer(0b1000_0000), 'lost', false, 0, SECOND)
    return scene
  }

  test('is avoided while it is looked for, keeps its seat and its name with others', () => {
    const scene = broken()
    const peer = scene.peer(0b1000_0000)
    expect(scene.routing.isAvoided(0, peer, SECOND)).toBe(true)
    expect(scene.routing.isAvoided(0, scene.peer(0b1100_0000), SECOND)).toBe(false)
    expect(scene.routing.state(0, peer, SECOND)).toBe('neutral')
    expect(scene.routing.roundTrips(0, peer)).toBe(5)
    const named = new Int32Array(20)
    expect(scene.routing.nearest(0, key8(0), 0, 20, SECOND, NO_PEER, named)).toBe(2)
  })

  test('is benched by one dial that fails, whatever its credit, and only that one', () => {
    const scene = broken()
    for (let i = 0; i < 100; i++) scene.routing.noteSuccess(0, scene.peer(0b1000_0000), SECOND, 20)
    scene.routing.noteDial(0, scene.peer(0b1000_0000), false, 0, 6 * SECOND)
    expect(scene.routing.state(0, scene.peer(0b1000_0000), 6 * SECOND)).toBe('benched')
    expect(scene.routing.state(0, scene.peer(0b1100_0000), 6 * SECOND)).toBe('good')
    expect(scene.routing.score(0, scene.peer(0b1100_0000), 6 * SECOND)).toBeGreaterThan(0.6)
  })

  test('is as before when it is connected again', () => {
    const scene = broken()
    const peer = scene.peer(0b1000_0000)
    scene.routing.setLink(0, peer, 'connected', true, 0, 2 * SECOND)
    expect(scene.routing.isAvoided(0, peer, 2 * SECOND)).toBe(false)
    expect(scene.routing.state(0, peer, 2 * SECOND)).toBe('good')
  })

  test('is merely cold when it is no member: nobody looks for it', () => {
    const scene = new Scene()
    scene.meetInbound(0b1000_0000)
    scene.routing.setLink(0, scene.peer(0b1000_0000), 'lost', false, 0, SECOND)
    expect(scene.routing.isAvoided(0, scene.peer(0b1000_0000), SECOND)).toBe(false)
  })
})
