import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Logger, PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { AbstractStream, type SendResult } from '@libp2p/utils'
import fc from 'fast-check'
import { Uint8ArrayList } from 'uint8arraylist'
import { describe, expect, test } from 'vitest'
import type { Clock } from './clock.ts'
import { frame } from './frames.ts'
import { type Exchange, InboundStreams } from './inbound.ts'

const from = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))

const log: Logger = Object.assign(() => {}, {
  enabled: false,
  trace: () => {},
  error: () => {},
  newScope: () => log,
})

/** The server's end of a stream; the test is the peer. */
class TestStream extends AbstractStream {
  sent = new Uint8ArrayList()
  /** The peer takes more. */
  open = true
  resets = 0
  closes = 0

  constructor() {
    super({ id: 'x', protocol: '/kad', direction: 'inbound', log })
  }

  sendData(data: Uint8ArrayList): SendResult {
    const sentBytes = data.byteLength
    this.sent.append(data.slice())
    return { sentBytes, canSendMore: this.open }
  }

  sendReset(): void {
    this.resets++
  }

  sendPause(): void {}

  sendResume(): void {}

  async sendCloseWrite(): Promise<void> {
    this.closes++
  }

  async sendCloseRead(): Promise<void> {}

  /** The peer writes these messages. */
  receive(...messages: number[][]): void {
    this.onData(frame(...messages.map((message) => Uint8Array.from(message))))
  }

  drain(): void {
    this.open = true
    this.safeDispatchEvent('drain')
  }
}

/** A server whose requests the test answers, and one stream to it. */
class Rig {
  nowMs = 1_000
  timers: { dueMs: number; run: () => void }[] = []
  readonly requests: number[][] = []
  readonly exchanges: Exchange[] = []
  readonly server: InboundStreams
  readonly stream: TestStream
  /** What is done with a request at once. */
  onRequest: (bytes: Uint8Array, exchange: Exchange) => void = () => {}

  constructor(requestBytesMax?: number) {
    const clock: Clock = {
      now: () => this.nowMs,
      setTimer: (delayMs, run) => {
        const timer = { dueMs: this.nowMs + delayMs, run }
        this.timers.push(timer)
        return { clear: () => this.timers.splice(this.timers.indexOf(timer), 1) }
      },
    }
    this.server = new InboundStreams({
      clock,
      onRequest: (peer: PeerId, bytes, exchange) => {
        expect(peer).toBe(from)
        this.requests.push([...bytes])
        this.exchanges.push(exchange)
        this.onRequest(bytes, exchange)
      },
      ...(requestBytesMax !== undefined && { requestBytesMax }),
    })
    this.stream = this.connect()
  }

  connect(): TestStream {
    const stream = new TestStream()
    this.server.onStream(stream, { remotePeer: from })
    return stream
  }

  advance(ms: number): void {
    this.nowMs += ms
    const due = this.timers.filter(({ dueMs }) => dueMs <= this.nowMs)
    this.timers = this.timers.filter((timer) => !due.includes(timer))
    for (const { run } of due) run()
  }

  /** Answers the newest request. */
  reply(...answer: number[]): void {
    this.exchanges.at(-1)?.reply(Uint8Array.from(answer))
  }

  get sent(): number[] {
    return [...this.stream.sent.subarray()]
  }
}

describe('requests on a stream', () => {
  test('are handled one at a time and answered in order', () => {
    const rig = new Rig()
    rig.stream.receive([1], [2], [3])
    expect(rig.requests).toEqual([[1]])
    rig.reply(10)
    expect(rig.requests).toEqual([[1], [2]])
    rig.exchanges.at(-1)?.conclude(false)
    expect(rig.requests).toEqual([[1], [2], [3]])
    rig.reply(30, 31)
    expect(rig.sent).toEqual([1, 10, 2, 30, 31])
  })

  test('in any pieces and with answers at any time come out the same', () => {
    const pieces = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 30 })
    const messages = fc.array(fc.uint8Array({ maxLength: 6 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(messages, pieces, fc.array(fc.boolean()), (wanted, sizes, pauses) => {
        const rig = new Rig()
        const bytes = frame(...wanted)
        const answer = (): void => rig.reply(...(rig.requests.at(-1) as number[]))
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = sizes[i % sizes.length] as number
          rig.stream.onData(bytes.subarray(at, at + size))
          at += size
          if (rig.requests.length > 0 && pauses[i] !== true) answer()
        }
        for (let i = 0; i < wanted.length; i++) answer()
        expect(rig.requests).toEqual(wanted.map((message) => [...message]))
        expect(rig.sent).toEqual([...bytes])
      }),
      { numRuns: 1_000 },
    )
  })

  test('without an answer are worked off in thousands, without a stack for each', () => {
    const rig = new Rig()
    rig.onRequest = (_, exchange) => exchange.conclude(false)
    rig.stream.onData(new Uint8Array(100_000))
    expect(rig.requests).toHaveLength(100_000)
  })

  test('that are refused end the stream, and what was behind them', () => {
    const rig = new Rig()
    rig.stream.receive([1], [2])
    rig.exchanges[0]?.conclude(true)
    expect([rig.stream.resets, rig.requests]).toEqual([1, [[1]]])
  })

  test('are answered once, and only while the stream lives', () => {
    const rig = new Rig()
    rig.stream.receive([1])
    rig.reply(10)
    rig.reply(11)
    rig.exchanges[0]?.conclude(true)
    expect([rig.sent, rig.stream.resets]).toEqual([[1, 10], 0])
    rig.stream.receive([2])
    rig.stream.onRemoteReset()
    rig.reply(20)
    expect(rig.sent).toEqual([1, 10])
  })
})

describe('too much', () => {
  test('for one request is refused before it comes', () => {
    const rig = new Rig(300)
    rig.stream.receive(new Array(300).fill(1))
    rig.reply(1)
    rig.stream.onData(Uint8Array.of(0xad, 0x02))
    expect(rig.stream.resets).toBe(1)
  })

  test('behind a request is left to the network', () => {
    const rig = new Rig()
    const chunk = frame(...Array.from({ length: 40 }, () => new Uint8Array(1_000)))
    rig.stream.onData(chunk)
    expect(rig.stream.readStatus).toBe('readable')
    rig.stream.onData(chunk)
    expect(rig.stream.readStatus).toBe('paused')
    rig.stream.onData(chunk)
    rig.onRequest = (_, exchange) => exchange.conclude(false)
    rig.reply(1)
    expect(rig.stream.readStatus).toBe('readable')
    expect(rig.requests).toHaveLength(120)
    expect(rig.stream.resets).toBe(0)
  })

  test('for a peer that reads no answers waits until it does', () => {
    const rig = new Rig()
    rig.stream.receive([1], [2])
    rig.stream.open = false
    rig.reply(10)
    expect(rig.requests).toEqual([[1]])
    rig.stream.drain()
    expect(rig.requests).toEqual([[1], [2]])
  })

  test('of streams are reset at once, and room is made when one ends', () => {
    const rig = new Rig()
    const streams = Array.from({ length: 2_047 }, () => rig.connect())
    expect(rig.connect().resets).toBe(1)
    streams[0]?.onRemoteReset()
    expect(rig.connect().resets).toBe(0)
  })

  test('over all streams together ends those that go over it', () => {
    const rig = new Rig(1 << 20)
    const half = frame(new Uint8Array(1 << 20)).subarray(0, 900_000)
    const streams = Array.from({ length: 40 }, () => rig.connect())
    for (const stream of streams) stream.onData(half)
    const reset = streams.filter(({ resets }) => resets > 0).length
    expect(reset).toBe(40 - Math.floor((32 * 1024 * 1024) / 900_000))
  })
})

describe('the end', () => {
  test('of the peer’s side is ours when all is answered', () => {
    const rig = new Rig()
    rig.stream.receive([1])
    rig.stream.onRemoteCloseWrite()
    expect(rig.stream.closes).toBe(0)
    rig.reply(10)
    expect([rig.sent, rig.stream.closes, rig.stream.resets]).toEqual([[1, 10], 1, 0])
  })

  test('in the middle of a request is a reset', () => {
    const rig = new Rig()
    rig.stream.onData(Uint8Array.of(5, 1))
    rig.stream.onRemoteCloseWrite()
    expect(rig.stream.resets).toBe(1)
  })

  test('by what is no message is a reset', () => {
    const rig = new Rig()
    rig.stream.receive([1])
    rig.stream.onData(Uint8Array.of(0xff, 0xff, 0xff, 0xff))
    rig.reply(10)
    expect([rig.sent, rig.stream.resets]).toEqual([[1, 10], 1])
  })

  test('comes after a minute without a request', () => {
    const rig = new Rig()
    const later = rig.connect()
    rig.advance(30_000)
    later.receive([1])
    rig.reply(1)
    rig.advance(29_999)
    expect(rig.stream.resets).toBe(0)
    rig.advance(50) // near deadlines ring together
    expect([rig.stream.resets, later.resets]).toEqual([1, 0])
    rig.advance(30_000)
    expect(later.resets).toBe(1)
    expect(rig.timers).toEqual([])
  })

  test('comes when a request takes too long, also where we are the ones that hang', () => {
    const rig = new Rig()
    const idle = rig.connect()
    rig.advance(40_000)
    rig.stream.receive([1])
    rig.advance(9_999)
    expect(rig.stream.resets).toBe(0)
    rig.advance(1)
    expect([rig.stream.resets, idle.resets]).toEqual([1, 0])
    rig.reply(1)
    expect(rig.sent).toEqual([])
  })

  test('is not put off by a request in crumbs', () => {
    const rig = new Rig()
    rig.stream.onData(Uint8Array.of(100))
    for (let i = 0; i < 10; i++) {
      expect(rig.stream.resets).toBe(0)
      rig.advance(1_000)
      rig.stream.onData(Uint8Array.of(1))
    }
    expect(rig.stream.resets).toBe(1)
  })

  test('of the server ends all streams', () => {
    const rig = new Rig()
    const other = rig.connect()
    rig.stream.receive([1])
    rig.server.stop()
    rig.reply(10)
    expect([rig.stream.resets, other.resets, rig.sent, rig.timers]).toEqual([1, 1, [], []])
  })
})
