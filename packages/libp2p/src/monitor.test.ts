import { Nodes, PeerBook, type PeerRef } from '@kadmium/core'
import { HandClock } from '@kadmium/testkit'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Logger, PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { describe, expect, test, vi } from 'vitest'
import { Directory } from './directory.ts'
import { passthroughMapper } from './mappers.ts'
import { Monitor } from './monitor.ts'

const id = async (): Promise<PeerId> => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
const [self, alice, bob] = [await id(), await id(), await id()]
const OWN = self.toMultihash().bytes

/** A monitor without metrics of a node that the test feeds, with the lines that it writes. */
class Rig {
  readonly clock = new HandClock()
  readonly events = new EventTarget()
  readonly directory: Directory
  readonly nodes: Nodes
  readonly monitor: Monitor
  isWriting = true
  private readonly lines: string[] = []

  constructor() {
    const book = new PeerBook()
    const mapper = passthroughMapper
    this.directory = new Directory({ book, mapper, peerId: self, ownAddresses: () => [] })
    this.nodes = new Nodes({ book, selves: [this.directory.self], seed: 1 })
    this.monitor = new Monitor({
      metrics: undefined,
      metricsPrefix: 'test',
      logger: { forComponent: (name) => this.loggerOf(name) },
      logPrefix: 'dht',
      events: this.events,
      pooledPeers: () => 0,
      reprovideLoad: () => ({ running: 0, queued: 0 }),
      traceOf: () => undefined,
      nodes: this.nodes,
      directory: this.directory,
      clock: this.clock,
      selfBytes: OWN,
    })
  }

  take(): string[] {
    return this.lines.splice(0)
  }

  seat(peer: PeerId): PeerRef {
    const ref = this.directory.internId(peer)
    expect(this.nodes.routing.place(0, ref, this.clock.now(), 10, 0)).toBe(true)
    return ref
  }

  /** What happened since the last look. */
  look(): string[] {
    this.monitor.settled()
    return this.take()
  }

  private loggerOf(name: string): Logger {
    const write =
      (level: string) =>
      (format: string, ...args: unknown[]): void => {
        let at = 0
        this.lines.push(`${name}${level} ${format.replaceAll(/%[a-z]/g, () => `${args[at++]}`)}`)
      }
    const log = Object.assign(write(''), {
      error: write(':error'),
      trace: write(':trace'),
      enabled: false,
      newScope: () => log,
    })
    return Object.defineProperty(log, 'enabled', { get: () => this.isWriting })
  }
}

describe('the table', () => {
  test('who comes, is benched, returns and leaves is written down, each once', () => {
    const rig = new Rig()
    const { routing } = rig.nodes
    expect(rig.look()).toEqual([])
    const ref = rig.seat(alice)
    rig.seat(bob)
    const came = ['added', 'added'].map((word) => expect.stringContaining(word))
    expect(rig.look()).toEqual(came)
    expect(rig.look()).toEqual([])
    const fail = (): void => routing.noteFailure(0, ref, rig.clock.now(), false)
    while (routing.state(0, ref, rig.clock.now()) !== 'benched') fail()
    fail()
    expect(rig.look()).toEqual([`dht:routing-table benched ${alice}, it failed too often`])
    routing.noteSuccess(0, ref, rig.clock.now(), 10)
    expect(rig.look()).toEqual([`dht:routing-table ${alice} is back from the bench`])
    routing.setSpeaks(0, ref, false, rig.clock.now())
    expect(rig.look()).toEqual([`dht:routing-table removed ${alice}, 1 peers now`])
  })

  test('is not looked at where nobody wants to know, nor where nothing has changed', () => {
    const rig = new Rig()
    const stack = vi.spyOn(rig.nodes.routing, 'bucketStack')
    rig.isWriting = false
    rig.seat(alice)
    expect(rig.look()).toEqual([])
    expect(stack).not.toHaveBeenCalled()
    rig.isWriting = true
    expect(rig.look()).toHaveLength(1)
    const looks = stack.mock.calls.length
    expect(looks).toBe(1)
    rig.look()
    expect(stack).toHaveBeenCalledTimes(looks)
  })
})

describe('a lookup of the own key', () => {
  const heard = (rig: Rig): unknown[] => {
    const details: unknown[] = []
    rig.events.addEventListener('kad-dht:query:self', (event) => {
      details.push((event as CustomEvent).detail)
    })
    return details
  }

  test('is an event with its peers and its duration when it ends', () => {
    const rig = new Rig()
    const details = heard(rig)
    rig.monitor.walkBegan(OWN)
    expect(rig.take()).toEqual(['dht:query-self run self-query'])
    rig.clock.advance(250)
    rig.monitor.walkEnded(OWN, 17)
    expect(details).toEqual([{ peers: 17, duration: 250 }])
    expect(rig.take()).toEqual(['dht:query-self self-query found 17 peers in 250ms'])
  })

  test('that begins before another has ended ends on its own', () => {
    const rig = new Rig()
    const details = heard(rig)
    rig.monitor.walkBegan(OWN)
    rig.clock.advance(100)
    rig.monitor.walkBegan(OWN)
    rig.clock.advance(100)
    rig.monitor.walkEnded(OWN, 1)
    rig.monitor.walkEnded(OWN, 2)
    rig.monitor.walkEnded(OWN, 3) // of which nothing is known
    expect(details).toEqual([
      { peers: 1, duration: 200 },
      { peers: 2, duration: 100 },
    ])
  })

  test('is no event where the node stops before, nor is a walk elsewhere', () => {
    const rig = new Rig()
    const details = heard(rig)
    rig.monitor.walkBegan(OWN)
    rig.monitor.stop()
    rig.monitor.walkEnded(OWN, 3)
    const elsewhere = Uint8Array.of(1)
    rig.monitor.walkBegan(elsewhere)
    rig.monitor.walkEnded(elsewhere, 4)
    expect(details).toEqual([])
    expect(rig.take().at(-1)).toBe('dht:routing-table:refresh found 4 peers near 1')
  })
})

test('requests and dials are written down under the names of kad-dht', async () => {
  const rig = new Rig()
  const { monitor } = rig
  const request = { type: 'findNode', peer: alice, startedMs: rig.clock.now() } as const
  await monitor.send(request, 1, async () => {})
  monitor.requestEnded(request, 'answered')
  monitor.requestEnded(request, 'cancelled')
  expect(rig.take()).toEqual([`dht:network:trace sending FIND_NODE to ${alice}`])
  monitor.requestEnded(request, 'timeout')
  expect(rig.take()).toEqual([`dht:network could not send FIND_NODE to ${alice}: timeout`])
  const exchange = { reply: () => {}, conclude: () => {} }
  expect(monitor.requestArrived('getValue', bob, exchange)).toBe(exchange)
  monitor.requestRefused(bob)
  expect(rig.take()).toEqual([
    `dht:rpc incoming GET_VALUE from ${bob}`,
    `dht:rpc refused a request of ${bob}`,
  ])
  const ended = monitor.dialBegan(rig.directory.internId(alice))
  ended(new Error('refused'))
  expect(rig.take()).toEqual([
    `dht:routing-table:trace dialling ${alice} to see whether it is there`,
    `dht:routing-table:trace ${alice} can not be dialled - Error: refused`,
  ])
})
