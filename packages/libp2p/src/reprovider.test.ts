import { HandClock, Notes } from '@kadmium/testkit'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Announcer } from './announcer.ts'
import type { QueryEvent } from './events.ts'
import { Reprovider, type ReproviderInit } from './reprovider.ts'

const peerId = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
const self = peerId.toString()
const other = peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString()

const HOUR_MS = 3_600_000
const VALIDITY_MS = 48 * HOUR_MS
const OPTIONS: ReproviderInit['options'] = {
  concurrency: 2,
  maxQueueSize: 100,
  threshold: 24 * HOUR_MS,
  interval: HOUR_MS,
  validity: VALIDITY_MS,
}

interface Announcement {
  key: number
  signal: AbortSignal
  end: (error?: Error) => Promise<void>
}

interface Deferred {
  promise: Promise<void>
  resolve: () => void
  reject: (error: Error) => void
}

function deferred(): Deferred {
  let resolve: Deferred['resolve'] = () => {}
  let reject: Deferred['reject'] = () => {}
  const promise = new Promise<void>((res, rej) => {
    resolve = res
    reject = rej
  })
  return { promise, resolve, reject }
}

/** A reprovider over a store of keys 0..255, whose announcements end when the test says so. */
class Bench {
  readonly clock = new HandClock()
  /** When our record of each key expires. */
  readonly ours = new Map<number, number>()
  readonly strangers = new Map<number, number>()
  readonly live: Announcement[] = []
  /** Keys in the order in which they were announced. */
  readonly begun: number[] = []
  readonly reprovider: Reprovider
  private readonly announcer: Announcer
  peer = deferred()
  scans = 0
  brokenScans = 0

  constructor(options: Partial<ReproviderInit['options']> = {}) {
    this.reprovider = new Reprovider({
      peerId,
      clock: this.clock,
      options: { ...OPTIONS, ...options },
      log: new Notes().forComponent('test'),
      storage: {
        providers: () => this.scan(),
        providerUntilMs: async (keyBytes) => this.ours.get(keyBytes[0] ?? -1) ?? 0,
      },
      ready: (signal) => this.ready(signal),
      provide: (keyBytes, signal) => this.provide(keyBytes, signal),
    })
    this.announcer = new Announcer({
      self,
      clock: this.clock,
      options: { ...OPTIONS, ...options },
      log: new Notes().forComponent('test'),
      storage: {
        putProvider: async () => {},
        renewProvider: async ([key = -1], _, untilMs) => {
          if (this.ours.has(key)) this.ours.set(key, untilMs)
        },
      },
    })
  }

  /** A peer is there, and the first round runs. */
  async start(): Promise<void> {
    this.peer.resolve()
    this.reprovider.start()
    await this.advance(0)
  }

  async advance(ms: number): Promise<void> {
    this.clock.advance(ms)
    await settled()
  }

  /** When the record of a key expires, from now. */
  leaves(key: number, ms: number): void {
    this.ours.set(key, this.clock.now() + ms)
  }

  keysInFlight(): number[] {
    return this.live.map(({ key }) => key)
  }

  async endAll(): Promise<void> {
    for (let first = this.live[0]; first !== undefined; first = this.live[0]) await first.end()
  }

  private async *scan(): ReturnType<ReproviderInit['storage']['providers']> {
    this.scans++
    if (this.brokenScans-- > 0) throw new Error('no disk')
    for (const [provider, records] of [
      [other, this.strangers],
      [self, this.ours],
    ] as const) {
      for (const [key, expiresAtMs] of records) {
        yield { keyBytes: Uint8Array.of(key), provider, expiresAtMs }
      }
    }
  }

  private async ready(signal: AbortSignal): Promise<void> {
    const aborted = deferred()
    signal.addEventListener('abort', () => aborted.reject(signal.reason))
    await Promise.race([this.peer.promise, aborted.promise])
  }

  private async provide(keyBytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const [key = -1] = keyBytes
    const events = this.announcer.announce(keyBytes, { signal }, () => this.lookUp(key, signal))
    for await (const _ of events);
  }

  /** Takes until the test ends it. */
  private async *lookUp(
    key: number,
    signal: AbortSignal,
  ): AsyncGenerator<QueryEvent, void, undefined> {
    const { promise, resolve, reject } = deferred()
    const end = async (error?: Error): Promise<void> => {
      this.live.splice(this.live.indexOf(announcement), 1)
      if (error === undefined) resolve()
      else reject(error)
      await settled()
    }
    const announcement = { key, signal, end }
    signal.addEventListener('abort', () => void end(new Error('aborted')))
    this.live.push(announcement)
    this.begun.push(key)
    await promise
  }
}

/** What follows from what has happened has happened: the store of these tests answers in microtasks. */
async function settled(): Promise<void> {
  for (let i = 0; i < 40; i++) await Promise.resolve()
}

describe('a round', () => {
  test('announces what has less than the threshold to live, and nothing of others', async () => {
    const bench = new Bench()
    bench.leaves(1, 23 * HOUR_MS)
    bench.leaves(2, 26 * HOUR_MS)
    bench.strangers.set(3, bench.clock.now() + 1)
    await bench.start()
    expect(bench.begun).toEqual([])
    await bench.advance(HOUR_MS)
    expect(bench.begun).toEqual([1])
    await bench.endAll()
    await bench.advance(HOUR_MS)
    expect(bench.begun).toEqual([1, 2])
  })

  test('at the start announces what would not last until the next, also what ran out long ago', async () => {
    const bench = new Bench()
    bench.leaves(1, HOUR_MS - 1)
    bench.leaves(2, -30 * 24 * HOUR_MS)
    bench.leaves(3, 2 * HOUR_MS)
    await bench.start()
    expect(bench.begun).toEqual([2, 1])
  })

  test('waits for the first peer, however long that takes', async () => {
    const bench = new Bench()
    bench.leaves(1, 1)
    bench.reprovider.start()
    await bench.advance(100 * HOUR_MS)
    expect(bench.scans).toBe(0)
    bench.peer.resolve()
    await settled()
    expect(bench.begun).toEqual([1])
  })

  test('announces as many at once as it may, the most urgent first', async () => {
    const bench = new Bench({ concurrency: 3 })
    for (let key = 0; key < 9; key++) bench.leaves(key, (9 - key) * 1_000)
    await bench.start()
    expect(bench.keysInFlight()).toEqual([8, 7, 6])
    await bench.live[1]?.end()
    expect(bench.keysInFlight()).toEqual([8, 6, 5])
  })

  test('longer than the interval delays the next, which then begins at once', async () => {
    const bench = new Bench()
    bench.leaves(1, 1)
    await bench.start()
    await bench.advance(5 * HOUR_MS)
    expect(bench.scans).toBe(1)
    bench.leaves(2, HOUR_MS)
    await bench.endAll()
    expect(bench.scans).toBe(1)
    await bench.advance(0)
    expect(bench.scans).toBe(2)
    expect(bench.keysInFlight()).toEqual([2])
  })

  test('goes on when an announcement fails, and tries that again in the next', async () => {
    const bench = new Bench({ concurrency: 1 })
    for (const key of [1, 2]) bench.leaves(key, key)
    await bench.start()
    await bench.live[0]?.end(new Error('nobody there'))
    expect(bench.keysInFlight()).toEqual([2])
    await bench.endAll()
    await bench.advance(HOUR_MS)
    expect(bench.keysInFlight()).toEqual([1])
  })

  test('that can not read the store is not the last', async () => {
    const bench = new Bench()
    bench.brokenScans = 1
    bench.leaves(1, 1)
    await bench.start()
    expect(bench.begun).toEqual([])
    await bench.advance(HOUR_MS)
    expect(bench.begun).toEqual([1])
  })

  test('leaves alone what was announced by somebody else meanwhile', async () => {
    const bench = new Bench({ concurrency: 1 })
    for (const key of [1, 2]) bench.leaves(key, key)
    await bench.start()
    bench.leaves(2, VALIDITY_MS)
    await bench.endAll()
    expect(bench.begun).toEqual([1])
  })
})

describe('more than one round may announce', () => {
  test('comes in rounds that follow at once, the most urgent first', async () => {
    const bench = new Bench({ maxQueueSize: 2, concurrency: 5 })
    for (let key = 0; key < 5; key++) bench.leaves(key, 5 - key)
    await bench.start()
    expect(bench.keysInFlight()).toEqual([4, 3])
    await bench.endAll()
    await bench.advance(0)
    expect(bench.keysInFlight()).toEqual([2, 1])
    await bench.endAll()
    await bench.advance(0)
    expect(bench.keysInFlight()).toEqual([0])
  })

  test('waits for the next interval when nothing can be announced', async () => {
    const bench = new Bench({ maxQueueSize: 2, concurrency: 2 })
    for (let key = 0; key < 5; key++) bench.leaves(key, 5 - key)
    await bench.start()
    await bench.live[0]?.end(new Error('offline'))
    await bench.live[0]?.end(new Error('offline'))
    await bench.advance(HOUR_MS - 1)
    expect(bench.begun).toHaveLength(2)
    await bench.advance(1)
    expect(bench.begun).toHaveLength(4)
  })
})

describe('a key that is withdrawn', () => {
  test('is not announced though it was in the queue', async () => {
    const bench = new Bench({ concurrency: 1 })
    for (const key of [1, 2, 3]) bench.leaves(key, key)
    await bench.start()
    bench.reprovider.cancel(Uint8Array.of(2)) // the store does not know yet
    await bench.endAll()
    expect(bench.begun).toEqual([1, 3])
  })

  test('is given up where it is being announced', async () => {
    const bench = new Bench({ concurrency: 1 })
    for (const key of [1, 2]) bench.leaves(key, key)
    await bench.start()
    bench.reprovider.cancel(Uint8Array.of(1))
    await settled()
    expect(bench.keysInFlight()).toEqual([2])
  })

  test('is announced again once it is provided again', async () => {
    const bench = new Bench()
    bench.leaves(1, 1)
    await bench.start()
    bench.reprovider.cancel(Uint8Array.of(1))
    await settled()
    bench.leaves(1, HOUR_MS)
    await bench.advance(HOUR_MS)
    expect(bench.begun).toEqual([1, 1])
  })
})

describe('stop', () => {
  test('in the middle of a round ends it', async () => {
    const bench = new Bench({ concurrency: 2 })
    for (let key = 0; key < 5; key++) bench.leaves(key, key)
    await bench.start()
    await bench.reprovider.stop()
    expect(bench.live).toEqual([])
    expect(bench.begun).toHaveLength(2)
    await bench.advance(10 * HOUR_MS)
    expect(bench.begun).toHaveLength(2)
    expect(bench.clock.timerCount).toBe(0)
  })

  test('ends a wait for the first peer', async () => {
    const bench = new Bench()
    bench.reprovider.start()
    await bench.advance(0)
    await bench.reprovider.stop()
    bench.peer.resolve()
    await bench.advance(10 * HOUR_MS)
    expect(bench.scans).toBe(0)
  })

  test('twice, before the start and between two starts', async () => {
    const bench = new Bench()
    await bench.reprovider.stop()
    bench.leaves(1, 1)
    await bench.start()
    bench.reprovider.start()
    expect(bench.clock.timerCount).toBe(0)
    await bench.reprovider.stop()
    await bench.reprovider.stop()
    await bench.start()
    expect(bench.begun).toEqual([1, 1])
  })
})

type Call =
  | { do: 'provide'; key: number; leftMs: number }
  | { do: 'withdraw'; key: number }
  | { do: 'advance'; ms: number }
  | { do: 'end'; which: number; ok: boolean }
  | { do: 'stop' | 'start' }

const key = fc.nat({ max: 11 })
const calls: fc.Arbitrary<Call[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('provide' as const),
        key,
        leftMs: fc.integer({ min: -HOUR_MS, max: VALIDITY_MS }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('withdraw' as const), key }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('advance' as const),
        ms: fc.nat({ max: 3 * HOUR_MS }),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('end' as const),
        which: fc.nat({ max: 5 }),
        ok: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.constantFrom<Call>({ do: 'stop' }, { do: 'start' }) },
  ),
  { maxLength: 30 },
)

async function play(bench: Bench, call: Call): Promise<void> {
  if (call.do === 'provide') bench.leaves(call.key, call.leftMs)
  else if (call.do === 'withdraw') {
    bench.reprovider.cancel(Uint8Array.of(call.key))
    bench.ours.delete(call.key)
  } else if (call.do === 'advance') await bench.advance(call.ms)
  else if (call.do === 'end') {
    await bench.live[call.which % bench.live.length]?.end(call.ok ? undefined : new Error('no'))
  } else if (call.do === 'stop') await bench.reprovider.stop()
  else await bench.start()
}

test('whatever happens: limits hold, nothing withdrawn is announced, and in the end all is fresh', async () => {
  const limits = fc.record({
    concurrency: fc.integer({ min: 1, max: 3 }),
    maxQueueSize: fc.integer({ min: 1, max: 4 }),
  })
  await fc.assert(
    fc.asyncProperty(limits, calls, async (options, script) => {
      const bench = new Bench(options)
      await bench.start()
      for (const call of script) {
        await play(bench, call)
        await settled()
        const inFlight = bench.keysInFlight()
        expect(inFlight.length).toBeLessThanOrEqual(
          Math.min(options.concurrency, options.maxQueueSize),
        )
        expect(new Set(inFlight).size).toBe(inFlight.length)
        if (call.do === 'withdraw') expect(inFlight).not.toContain(call.key)
        if (call.do === 'stop') expect(inFlight).toEqual([])
      }
      await bench.start()
      // As many rounds as there are keys: each announces one at least.
      for (let i = 0; i < 13; i++) {
        await bench.endAll()
        await bench.advance(HOUR_MS)
      }
      await bench.endAll()
      const soonMs = bench.clock.now() + OPTIONS.threshold - HOUR_MS
      for (const untilMs of bench.ours.values()) expect(untilMs).toBeGreaterThan(soonMs)
      await bench.reprovider.stop()
    }),
    { numRuns: 1_000 },
  )
})
