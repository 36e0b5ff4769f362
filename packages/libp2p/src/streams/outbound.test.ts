import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection, DialTarget, Logger, PeerId, Stream } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { AbstractStream, type SendResult } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import type { Uint8ArrayList } from 'uint8arraylist'
import { describe, expect, test } from 'vitest'
import { decodeMessage } from '../wire/codec.ts'
import type { Clock } from './clock.ts'
import { ByteBudget, FrameReader, frame } from './frames.ts'
import { type Answer, RequestError, StreamPool, type StreamPoolInit } from './outbound.ts'

const peer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))

/** Time that a test moves. */
class TestClock implements Clock {
  nowMs = 1_000_000
  timers: { dueMs: number; run: () => void }[] = []

  now = (): number => this.nowMs

  setTimer = (delayMs: number, run: () => void): { clear: () => void } => {
    const timer = { dueMs: this.nowMs + delayMs, run }
    this.timers.push(timer)
    const clear = (): void => {
      this.timers = this.timers.filter((other) => other !== timer)
    }
    return { clear }
  }

  advance(ms: number): void {
    const endMs = this.nowMs + ms
    while (true) {
      const next = this.timers.toSorted((a, b) => a.dueMs - b.dueMs)[0]
      if (next === undefined || next.dueMs > endMs) break
      this.timers = this.timers.filter((timer) => timer !== next)
      this.nowMs = Math.max(this.nowMs, next.dueMs)
      next.run()
    }
    this.nowMs = endMs
  }
}

const noop = (): void => {}
const log: Logger = Object.assign(noop, {
  enabled: false,
  trace: noop,
  error: noop,
  newScope: () => log,
})

/** One end of a libp2p stream; the test is the other end, and nothing happens but what it does. */
class TestStream extends AbstractStream {
  /** Messages that were written, whole. */
  readonly written: number[][] = []
  /** The other end takes more. */
  open = true
  resets = 0
  private readonly reader = new FrameReader(1 << 22, new ByteBudget(1 << 24))
  constructor() {
    super({ id: 'x', protocol: '/kad', direction: 'outbound', log })
  }

  sendData(data: Uint8ArrayList): SendResult {
    this.reader.push(data.subarray())
    for (let bytes = this.reader.next(); bytes !== null; bytes = this.reader.next())
      this.written.push([...bytes])
    return { sentBytes: data.byteLength, canSendMore: this.open }
  }

  sendReset(): void {
    this.resets++
  }

  sendPause(): void {}

  sendResume(): void {}

  async sendCloseWrite(): Promise<void> {}

  async sendCloseRead(): Promise<void> {}

  /** The other end sends these messages. */
  receive(...messages: number[][]): void {
    this.onData(frame(...messages.map((message) => Uint8Array.from(message))))
  }

  drain(): void {
    this.open = true
    this.safeDispatchEvent('drain')
  }
}

const accept = async (): Promise<void> => {}
const refuse = (): Promise<void> => Promise.reject(new Error('refused'))

/** The connection manager of a node with one peer, whose dials and streams end as the test says. */
class TestConnector {
  readonly dials: { target: DialTarget; signal: AbortSignal; priority: number }[] = []
  readonly streams: TestStream[] = []
  connection: Connection | null = null
  limits: Connection['limits']
  dial = accept
  newStream: (stream: TestStream) => Promise<void> = accept

  getConnections = (): Connection[] => (this.connection === null ? [] : [this.connection])

  openConnection = async (
    target: DialTarget,
    options: { signal?: AbortSignal; priority?: number } = {},
  ): Promise<Connection> => {
    const { signal, priority } = options
    this.dials.push({ target, signal: signal as AbortSignal, priority: priority as number })
    await this.dial()
    const { limits } = this
    const connection = { status: 'open', direct: true, limits, newStream: this.open }
    this.connection = connection as unknown as Connection
    return this.connection
  }

  private readonly open = async (): Promise<Stream> => {
    const stream = new TestStream()
    await this.newStream(stream)
    this.streams.push(stream)
    return stream
  }
}

/** A pool, its peer and its clock. */
class Rig {
  readonly clock = new TestClock()
  readonly connector = new TestConnector()
  readonly pooled: boolean[] = []
  readonly pool: StreamPool
  agent: string | undefined

  constructor(init: Partial<StreamPoolInit> = {}) {
    this.pool = new StreamPool({
      connectionManager: this.connector,
      protocol: '/kad',
      clock: this.clock,
      agentOf: () => this.agent,
      onPooled: (_, pooled) => this.pooled.push(pooled),
      ...init,
    })
  }

  get streams(): TestStream[] {
    return this.connector.streams
  }

  stream(index: number): TestStream {
    return this.streams[index] as TestStream
  }

  /** Asks the peer; the outcome is the answer's bytes or the reason why there is none. */
  ask(...message: number[]): Asked {
    return new Asked((options) => this.pool.request(peer, Uint8Array.from(message), options))
  }

  tell(...message: number[]): Asked {
    return new Asked((options) => this.pool.announce(peer, Uint8Array.from(message), options))
  }

  /** A request and its answer, so that there is a stream that was used. */
  async warmUp(): Promise<TestStream> {
    const asked = this.ask(0)
    await settle()
    const stream = this.stream(this.streams.length - 1)
    stream.receive([0])
    expect(await asked.outcome).toEqual([0])
    return stream
  }
}

class Asked {
  readonly outcome: Promise<number[] | string | null>
  rttMs = -1
  ended = 0
  private readonly controller = new AbortController()

  constructor(
    ask: (options: { signal: AbortSignal; dialTimeoutMs: number }) => Promise<Answer | null>,
  ) {
    this.outcome = ask({ signal: this.controller.signal, dialTimeoutMs: 5_000 }).then(
      (answer) => {
        this.ended++
        this.rttMs = answer?.rttMs ?? -1
        return answer && [...answer.bytes]
      },
      (error) => {
        this.ended++
        expect(error).toBeInstanceOf(RequestError)
        return (error as RequestError).reason
      },
    )
  }

  cancel(reason?: unknown): void {
    this.controller.abort(reason)
  }
}

/** Lets everything run that waits for nothing but its turn. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

const outcomes = (asked: Asked[]): Promise<(number[] | string | null)[]> =>
  Promise.all(asked.map(({ outcome }) => outcome))

describe('requests', () => {
  test('dial once, then go over the stream that is there', async () => {
    const rig = new Rig()
    const first = rig.ask(1, 2)
    await settle()
    expect(rig.stream(0).written).toEqual([[1, 2]])
    rig.clock.advance(30)
    rig.stream(0).receive([3, 4])
    expect(await first.outcome).toEqual([3, 4])
    expect(first.rttMs).toBe(30)
    const second = rig.ask(5)
    expect(rig.stream(0).written).toEqual([[1, 2], [5]])
    rig.stream(0).receive([6])
    expect(await second.outcome).toEqual([6])
    expect([rig.connector.dials.length, rig.streams.length]).toEqual([1, 1])
    expect(rig.pooled).toEqual([true])
  })

  test('the time for dial and negotiation is not part of the round trip', async () => {
    const rig = new Rig()
    rig.connector.dial = async () => rig.clock.advance(400)
    rig.connector.newStream = async () => rig.clock.advance(200)
    const asked = rig.ask(1)
    await settle()
    rig.clock.advance(70)
    rig.stream(0).receive([2])
    await asked.outcome
    expect(asked.rttMs).toBe(70)
  })

  test('made at once share one dial and are answered in order, in any pieces', async () => {
    const rig = new Rig()
    const asked = [1, 2, 3].map((n) => rig.ask(n))
    await settle()
    expect(rig.connector.dials).toHaveLength(1)
    expect(rig.stream(0).written).toEqual([[1], [2], [3]])
    for (const byte of frame(...[10, 20, 30].map((n) => Uint8Array.of(n, n))))
      rig.stream(0).onData(Uint8Array.of(byte))
    expect(await outcomes(asked)).toEqual([
      [10, 10],
      [20, 20],
      [30, 30],
    ])
  })

  test('beyond 16 take a second stream, and beyond that wait', async () => {
    const rig = new Rig()
    const asked = Array.from({ length: 40 }, (_, n) => rig.ask(n))
    await settle()
    expect(rig.streams.map((stream) => stream.written.length)).toEqual([16, 16])
    rig.stream(1).receive([99])
    expect(rig.stream(1).written).toHaveLength(17)
    rig.pool.stop()
    expect((await outcomes(asked)).filter((end) => end === 'cancelled')).toHaveLength(39)
  })

  test('do not queue behind an answer that is late', async () => {
    const rig = new Rig()
    const slow = rig.ask(1)
    await settle()
    rig.clock.advance(1_000)
    const quick = rig.ask(2)
    await settle()
    rig.stream(1).receive([22])
    expect(await quick.outcome).toEqual([22])
    rig.stream(0).receive([11])
    expect(await slow.outcome).toEqual([11])
  })

  test('wait while the network takes no more', async () => {
    const rig = new Rig()
    const stream = await rig.warmUp()
    rig.connector.newStream = () => new Promise(noop)
    stream.open = false
    const [first, second, third] = [rig.ask(1), rig.ask(2), rig.ask(3)]
    expect(stream.written).toEqual([[0], [1]])
    second.cancel()
    expect(await second.outcome).toBe('cancelled')
    stream.drain()
    expect(stream.written).toEqual([[0], [1], [3]])
    stream.receive([11], [33])
    expect(await outcomes([first, third])).toEqual([[11], [33]])
  })

  test('that are too long or given up before they begin are not sent', async () => {
    const rig = new Rig()
    const long = new Asked((options) => rig.pool.request(peer, new Uint8Array(256 * 1024), options))
    expect(await long.outcome).toBe('cancelled')
    const options = { signal: AbortSignal.abort(), dialTimeoutMs: 1 }
    await expect(rig.pool.request(peer, Uint8Array.of(1), options)).rejects.toThrow(RequestError)
    expect(rig.connector.dials).toEqual([])
  })
})

describe('a request that is given up', () => {
  test('keeps its place, and its late answer is nobody else’s', async () => {
    const rig = new Rig()
    await rig.warmUp()
    const [first, second, third] = [rig.ask(1), rig.ask(2), rig.ask(3)]
    second.cancel()
    expect(await second.outcome).toBe('cancelled')
    rig.stream(0).receive([11], [22], [33])
    expect(await outcomes([first, third])).toEqual([[11], [33]])
    expect(rig.streams).toHaveLength(1)
  })

  test('and whose answer never comes ends the stream in time; the others move', async () => {
    const rig = new Rig()
    await rig.warmUp()
    const first = rig.ask(1)
    first.cancel()
    rig.clock.advance(500)
    const second = rig.ask(2)
    rig.clock.advance(9_499)
    expect(rig.stream(0).resets).toBe(0)
    rig.clock.advance(1)
    await settle()
    expect(rig.stream(0).resets).toBe(1)
    expect(rig.stream(1).written).toEqual([[2]])
    rig.stream(1).receive([22])
    expect(await outcomes([first, second])).toEqual(['cancelled', [22]])
  })

  test('while its dial goes on ends the dial when nobody else waits', async () => {
    const rig = new Rig()
    rig.connector.dial = () => new Promise(noop)
    const [first, second] = [rig.ask(1), rig.ask(2)]
    first.cancel()
    expect(rig.connector.dials[0]?.signal.aborted).toBe(false)
    second.cancel()
    expect(rig.connector.dials[0]?.signal.aborted).toBe(true)
    expect(await outcomes([first, second])).toEqual(['cancelled', 'cancelled'])
    expect(rig.clock.timers.length).toBeLessThanOrEqual(1)
  })
})

describe('a request whose time is up', () => {
  test.each([
    ['TimeoutError', new DOMException('late', 'TimeoutError')],
    ['RequestError', new RequestError('timeout')],
  ])('by a %s ends the stream; its neighbours get a fresh one, once', async (_, reason) => {
    const rig = new Rig()
    await rig.warmUp()
    const [first, second, third] = [rig.ask(1), rig.ask(2), rig.ask(3)]
    second.cancel(reason)
    expect(await second.outcome).toBe('timeout')
    await settle()
    expect(rig.stream(0).resets).toBe(1)
    expect(rig.stream(1).written).toEqual([[1], [3]])
    rig.stream(1).receive([11])
    rig.stream(1).onRemoteReset()
    expect(await outcomes([first, third])).toEqual([[11], 'reset'])
    expect(rig.streams).toHaveLength(2)
  })

  test('by the pool’s own limit is told so', async () => {
    const rig = new Rig({ replyTimeoutMs: 3_000 })
    const asked = rig.ask(1)
    await settle()
    rig.clock.advance(2_999)
    expect(asked.ended).toBe(0)
    rig.clock.advance(1)
    expect(await asked.outcome).toBe('timeout')
    expect(rig.stream(0).resets).toBe(1)
  })
})

describe('a stream that ends', () => {
  test('before the first answer on it is the peer’s failure', async () => {
    const rig = new Rig()
    const asked = rig.ask(1)
    await settle()
    rig.stream(0).onRemoteReset()
    expect(await asked.outcome).toBe('reset')
    expect(rig.streams).toHaveLength(1)
  })

  test.each(['reset', 'end'])('by a %s after it was used is tried again, once', async (how) => {
    const rig = new Rig()
    const end = (stream: TestStream): void =>
      how === 'reset' ? stream.onRemoteReset() : stream.onRemoteCloseWrite()
    await rig.warmUp()
    const asked = [rig.ask(1), rig.ask(2)]
    end(rig.stream(0))
    await settle()
    expect(rig.stream(1).written).toEqual([[1], [2]])
    rig.stream(1).receive([11])
    end(rig.stream(1))
    expect(await outcomes(asked)).toEqual([[11], 'reset'])
  })

  test('is replaced by a fresh one, not by another that is as old', async () => {
    const rig = new Rig()
    const slow = rig.ask(1)
    await settle()
    rig.clock.advance(1_000)
    const quick = rig.ask(2)
    await settle()
    rig.stream(1).receive([22])
    const again = rig.ask(3)
    rig.stream(0).receive([11])
    rig.stream(1).onRemoteReset()
    await settle()
    expect(rig.streams.map(({ written }) => written)).toEqual([[[1]], [[2], [3]], [[3]]])
    rig.stream(2).receive([33])
    expect(await outcomes([slow, quick, again])).toEqual([[11], [22], [33]])
  })

  test('in the middle of an answer is not tried again', async () => {
    const rig = new Rig()
    await rig.warmUp()
    const [first, second] = [rig.ask(1), rig.ask(2)]
    rig.stream(0).onData(frame(Uint8Array.of(1, 2, 3)).subarray(0, 2))
    rig.stream(0).onRemoteReset()
    expect(await first.outcome).toBe('reset')
    await settle()
    rig.stream(1).receive([22])
    expect(await second.outcome).toEqual([22])
  })

  test('while nothing is under way is forgotten, and the next request opens another', async () => {
    const rig = new Rig()
    await rig.warmUp()
    rig.stream(0).onRemoteReset()
    expect(rig.pooled).toEqual([true, false])
    await rig.warmUp()
    expect(rig.streams).toHaveLength(2)
  })

  test('three times in a row when used again makes a peer one of single requests', async () => {
    const rig = new Rig()
    for (let i = 0; i < 3; i++) {
      await rig.warmUp()
      const asked = rig.ask(1)
      rig.stream(rig.streams.length - 1).onRemoteCloseWrite()
      await settle()
      rig.stream(rig.streams.length - 1).receive([11])
      expect(await asked.outcome).toEqual([11])
      rig.pool.releaseIdle()
    }
    const before = rig.streams.length
    for (let i = 0; i < 2; i++) expect((await rig.warmUp()).resets).toBe(1)
    expect(rig.streams).toHaveLength(before + 2)
    expect(rig.pooled.at(-1)).toBe(false)
    rig.clock.advance(10 * 60_000)
    await rig.warmUp()
    await rig.warmUp()
    expect(rig.streams).toHaveLength(before + 3)
  })
})

describe('what is no answer', () => {
  test('ends the stream and all on it', async () => {
    const rig = new Rig()
    await rig.warmUp()
    const asked = [rig.ask(1), rig.ask(2)]
    rig.stream(0).onData(Uint8Array.of(0xff, 0xff, 0xff, 0x7f))
    expect(await outcomes(asked)).toEqual(['malformed', 'malformed'])
    expect(rig.stream(0).resets).toBe(1)
  })

  test('or one too many ends the stream', async () => {
    const rig = new Rig()
    const stream = await rig.warmUp()
    stream.receive([1])
    expect(stream.resets).toBe(1)
  })
})

describe('no stream', () => {
  test('because the dial failed or took too long', async () => {
    const rig = new Rig()
    rig.connector.dial = refuse
    expect(await outcomes([rig.ask(1), rig.ask(2)])).toEqual(['dial', 'dial'])
    expect(rig.connector.dials).toHaveLength(1)
    rig.connector.dial = () => new Promise(noop)
    const asked = rig.ask(3)
    rig.clock.advance(4_999)
    expect(rig.connector.dials[1]?.signal.aborted).toBe(false)
    rig.clock.advance(1)
    expect(await asked.outcome).toBe('dial')
    expect(rig.connector.dials[1]?.signal.aborted).toBe(true)
  })

  test('because there is only a way through a relay', async () => {
    const rig = new Rig()
    rig.connector.limits = { bytes: 1n }
    expect(await rig.ask(1).outcome).toBe('dial')
    expect(await rig.ask(2).outcome).toBe('dial')
    expect([rig.connector.dials.length, rig.streams.length]).toEqual([2, 0])
  })

  test('because the peer does not speak the protocol, resets it, or says nothing', async () => {
    const rig = new Rig()
    const foreign = Object.assign(new Error('no'), { name: 'UnsupportedProtocolError' })
    rig.connector.newStream = async () => Promise.reject(foreign)
    expect(await rig.ask(1).outcome).toBe('unsupported')
    rig.connector.newStream = async () => Promise.reject(new Error('gone'))
    expect(await rig.ask(2).outcome).toBe('reset')
    rig.connector.newStream = () => new Promise(noop)
    const asked = rig.ask(3)
    await settle()
    rig.clock.advance(5_000)
    expect(await asked.outcome).toBe('timeout')
  })

  test('on a connection that was just closing: it dials anew', async () => {
    const rig = new Rig()
    const closing = {
      status: 'open',
      direct: true,
      newStream: async () => {
        closing.status = 'closing'
        throw new Error('closing')
      },
    }
    rig.connector.connection = closing as unknown as Connection
    const asked = rig.ask(1)
    await settle()
    rig.stream(0).receive([11])
    expect(await asked.outcome).toEqual([11])
    expect(rig.connector.dials).toHaveLength(1)
  })

  test('that is of use: the peer has ended it already', async () => {
    const rig = new Rig()
    rig.connector.newStream = async (stream) => stream.onRemoteCloseWrite()
    expect(await rig.ask(1).outcome).toBe('reset')
    expect([rig.stream(0).resets, rig.pooled]).toEqual([1, []])
  })

  test('that came when nobody waits any more serves the next request', async () => {
    const rig = new Rig()
    let arrive = (): void => {}
    rig.connector.newStream = () => new Promise((resolve) => (arrive = resolve))
    const asked = rig.ask(1)
    await settle()
    asked.cancel()
    arrive()
    await settle()
    expect([rig.stream(0).written, rig.stream(0).resets, rig.pooled]).toEqual([[], 0, [true]])
  })

  test('to a peer without addresses, nor a look-up of them', async () => {
    const rig = new Rig()
    const ask = (addresses: string[]): Promise<unknown> => {
      const options = {
        signal: new AbortController().signal,
        dialTimeoutMs: 1_000,
        addresses: addresses.map((text) => multiaddr(text)),
        dialPriority: 70,
      }
      return rig.pool.request(peer, Uint8Array.of(1), options)
    }
    await expect(ask([])).rejects.toThrow('no address')
    expect(rig.connector.dials).toEqual([])
    ask(['/ip4/1.2.3.4/tcp/1', `/ip4/1.2.3.5/tcp/1/p2p/${peer}`]).catch(() => {})
    const [dial] = rig.connector.dials
    expect(String(dial?.target)).toBe(
      `/ip4/1.2.3.4/tcp/1/p2p/${peer},/ip4/1.2.3.5/tcp/1/p2p/${peer}`,
    )
    expect(dial?.priority).toBe(70)
    rig.pool.stop()
  })
})

describe('idle streams', () => {
  test.each([
    [undefined, 8_000],
    ['js-libp2p/3.3.11', 8_000],
    ['kubo/0.38.0/', 50_000],
    ['github.com/libp2p/go-libp2p@v0.40', 50_000],
  ])('to an agent %s end after %d ms', async (agent, idleMs) => {
    const rig = new Rig()
    rig.agent = agent
    const stream = await rig.warmUp()
    rig.clock.advance(idleMs - 1)
    expect(stream.resets).toBe(0)
    rig.clock.advance(1)
    expect(stream.resets).toBe(1)
    expect(rig.pooled).toEqual([true, false])
    expect(rig.clock.timers).toEqual([])
  })

  test('start anew with each answer, and all share one timer', async () => {
    const rig = new Rig()
    const stream = await rig.warmUp()
    rig.clock.advance(7_000)
    await rig.warmUp()
    rig.clock.advance(7_000)
    expect(stream.resets).toBe(0)
    const others = await Promise.all(
      Array.from({ length: 5 }, async () => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))),
    )
    const options = { signal: new AbortController().signal, dialTimeoutMs: 5_000 }
    const asked = others.map((other: PeerId) => rig.pool.request(other, Uint8Array.of(1), options))
    await settle()
    expect(rig.streams).toHaveLength(6)
    expect(rig.clock.timers).toHaveLength(1)
    rig.pool.stop()
    await Promise.allSettled(asked)
    expect(rig.clock.timers).toEqual([])
  })

  test('end at once under pressure, and busy ones do not', async () => {
    const rig = new Rig()
    const stream = await rig.warmUp()
    const asked = rig.ask(1)
    rig.pool.releaseIdle()
    expect(stream.resets).toBe(0)
    stream.receive([11])
    expect(await asked.outcome).toEqual([11])
    rig.pool.releaseIdle()
    expect(stream.resets).toBe(1)
  })
})

describe('announcements', () => {
  test('are done when what was written behind them is answered', async () => {
    const rig = new Rig()
    const told = [rig.tell(1), rig.tell(2)]
    const asked = rig.ask(3)
    await settle()
    expect(rig.stream(0).written).toEqual([[1], [2], [3]])
    expect(told.map(({ ended }) => ended)).toEqual([0, 0])
    rig.stream(0).receive([33])
    expect(await outcomes([...told, asked])).toEqual([null, null, [33]])
  })

  test.each([
    ['js-libp2p/3.3.11', 'ping'],
    ['kubo/0.38.0/', 'ping'],
    ['rust-libp2p/0.56', 'findNode'],
    [undefined, 'findNode'],
  ])('with nothing behind them get a probe that %s answers: %s', async (agent, type) => {
    const rig = new Rig()
    rig.agent = agent
    const told = [rig.tell(1), rig.tell(2)]
    await settle()
    const { written } = rig.stream(0)
    expect(written.slice(0, 2)).toEqual([[1], [2]])
    expect(written).toHaveLength(3)
    expect(decodeMessage(Uint8Array.from(written[2] as number[])).type).toBe(type)
    rig.stream(0).receive([5])
    expect(await outcomes(told)).toEqual([null, null])
    const asked = rig.ask(6)
    rig.stream(0).receive([66])
    expect(await asked.outcome).toEqual([66])
  })

  test('alone end the stream, and are done when the peer ends it too', async () => {
    const rig = new Rig()
    const told = rig.tell(1)
    await settle()
    const stream = rig.stream(0)
    expect([stream.written, stream.writeStatus]).toEqual([[[1]], 'closed'])
    expect([told.ended, rig.pooled]).toEqual([0, [true, false]])
    stream.onRemoteCloseWrite()
    expect(await told.outcome).toBeNull()
    expect([stream.resets, stream.status]).toEqual([0, 'closed'])
    await rig.warmUp()
    expect(rig.streams).toHaveLength(2)
  })

  test('to a peer that resets such a stream go again, with a probe, and so do later ones', async () => {
    const rig = new Rig()
    for (const number of [1, 2]) {
      const told = rig.tell(number)
      await settle()
      if (number === 1) rig.stream(0).onRemoteReset()
      await settle()
      expect(rig.stream(1).written).toHaveLength(2 * number)
      rig.stream(1).receive([5])
      expect(await told.outcome).toBeNull()
      rig.clock.advance(5_001)
    }
    rig.clock.advance(10 * 60_000)
    const told = rig.tell(3)
    await settle()
    rig.stream(2).onRemoteCloseWrite()
    expect(await told.outcome).toBeNull()
    expect(rig.stream(2).written).toEqual([[3]])
  })

  test('are not done by an answer to what was written before them', async () => {
    const rig = new Rig()
    const asked = rig.ask(1)
    const told = rig.tell(2)
    await settle()
    rig.stream(0).receive([11])
    expect(await asked.outcome).toEqual([11])
    expect(told.ended).toBe(0)
    rig.stream(0).onRemoteCloseWrite()
    expect(await told.outcome).toBeNull()
  })

  test('first on a stream are done when the peer ends it in peace, later ones go again', async () => {
    const rig = new Rig()
    const told = [rig.tell(1), rig.tell(2)]
    await settle()
    rig.stream(0).onRemoteCloseWrite()
    expect(await told[0]?.outcome).toBeNull()
    await settle()
    expect(rig.stream(1).written[0]).toEqual([2])
    rig.stream(1).onRemoteReset()
    expect(await told[1]?.outcome).toBe('reset')
  })

  test('wait with their proof while the network takes no more', async () => {
    const rig = new Rig()
    const stream = await rig.warmUp()
    rig.connector.newStream = () => new Promise(noop)
    stream.open = false
    const told = [rig.tell(1), rig.tell(2)]
    await settle()
    expect(stream.written).toEqual([[0], [1]])
    stream.drain()
    await settle()
    expect(stream.written).toHaveLength(4)
    stream.receive([5])
    expect(await outcomes(told)).toEqual([null, null])
  })
})

const OTHER_STEPS = 'tell cancel expire reset fin release block drain dial wait long'.split(' ')

test('whatever happens, nobody gets the answer of another, and everybody gets one end', async () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom('ask', 'answer') },
    fc.constantFrom(...OTHER_STEPS),
  )
  const run = fc.tuple(fc.array(fc.tuple(step, fc.nat()), { minLength: 5, maxLength: 60 }))
  await fc.assert(
    fc.asyncProperty(run, async ([steps]) => {
      const rig = new Rig()
      const asked: Asked[] = []
      for (const [what, pick] of steps) {
        act(rig, asked, what, pick)
        await settle()
        const open = rig.streams.filter(({ status }) => status === 'open')
        const usable = open.filter(({ writeStatus }) => writeStatus === 'writable')
        expect(usable.length).toBeLessThanOrEqual(2)
        expect(open.length).toBeLessThanOrEqual(4)
        expect(rig.clock.timers.length).toBeLessThanOrEqual(1)
      }
      rig.pool.stop()
      const ends = await outcomes(asked)
      ends.forEach((end, number) => {
        expect(asked[number]?.ended).toBe(1)
        if (Array.isArray(end)) expect(end).toEqual([number])
      })
      expect(rig.streams.filter((stream) => stream.status === 'open')).toEqual([])
      expect(rig.clock.timers).toEqual([])
      expect(rig.pooled.at(-1) ?? false).toBe(false)
    }),
    { numRuns: 1_000 },
  )
})

/** One step of the run above. The peer echoes requests that have an odd second byte, in order. */
function act(rig: Rig, asked: Asked[], what: string, pick: number): void {
  const open = rig.streams.filter(({ status }) => status === 'open')
  const stream = open[pick % Math.max(1, open.length)]
  if (what === 'ask') asked.push(rig.ask(asked.length, 1))
  else if (what === 'tell') asked.push(rig.tell(asked.length, 0))
  else if (what === 'cancel') asked[pick % asked.length]?.cancel()
  else if (what === 'expire') asked[pick % asked.length]?.cancel(new RequestError('timeout'))
  else if (what === 'release') rig.pool.releaseIdle()
  else if (what === 'wait') rig.clock.advance(pick % 2_000)
  else if (what === 'long') rig.clock.advance(10_000)
  else if (what === 'dial') rig.connector.dial = pick % 2 === 0 ? refuse : accept
  else if (what === 'reset') stream?.onRemoteReset()
  else if (what === 'fin') stream?.onRemoteCloseWrite()
  else if (what === 'drain') stream?.drain()
  else if (what === 'block' && stream !== undefined) stream.open = false
  else if (what === 'answer' && stream !== undefined) answerNext(stream)
}

const answeredOn = new WeakMap<TestStream, number>()

function answerNext(stream: TestStream): void {
  let at = answeredOn.get(stream) ?? 0
  while (stream.written[at]?.[1] === 0) at++
  const request = stream.written[at]
  if (request === undefined) return
  answeredOn.set(stream, at + 1)
  stream.receive([request[0] as number])
}
