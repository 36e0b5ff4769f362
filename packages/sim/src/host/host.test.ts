import type { Input, Outbox } from '@kadmium/core'
import { describe, expect, test } from 'vitest'
import { Wheel } from '../engine/wheel.ts'
import type { TransportSettings, WorldSettings } from '../scenario/scenario.ts'
import type { Column } from '../strategies/strategy.ts'
import { Link } from '../world/link.ts'
import { Population } from '../world/population.ts'
import { idlePhase, sampleScenario } from '../world/sample.ts'
import { Host } from './host.ts'
import { ARRIVES, DIAL_ENDS, IDLES, Network, WAKES } from './network.ts'

const START_MS = 1_000
const ONE_WAY_MS = 50

interface Heard {
  atMs: number
  row: number
  what: string
}

/** What an input says, short. */
function textOf(input: Input): string {
  switch (input.kind) {
    case 'linkChanged':
      return `${input.link} ${input.peer}${input.dialled ? ' dialled' : ''}`
    case 'answerArrived':
      return `answer ${input.request} after ${input.rttMs}`
    case 'requestFailed':
      return `${input.request} failed: ${input.reason}`
    case 'requestArrived':
      return `request of ${input.from}`
    case 'dialEnded':
      return `dial of ${input.peer} ${input.ok ? 'done' : 'failed'}`
    default:
      return input.kind
  }
}

/** Nodes that write down what they hear and answer every request. Operations are how a test lets them ask or dial. */
class Scribes implements Column {
  readonly heard: Heard[] = []
  readonly bytes = 0
  /** A dial may take so long, ms. */
  dialLimitMs = 5_000
  private request = 0

  handle(row: number, nowMs: number, input: Input, outbox: Outbox): void {
    if (input.kind === 'startOperation') {
      if (input.type === 'findPeer') outbox.dial(input.peer, this.dialLimitMs)
      else outbox.send(++this.request, input.peer, outbox.message('findNode'), this.dialLimitMs)
      return
    }
    if (input.kind !== 'protocolChanged')
      this.heard.push({ atMs: nowMs - START_MS, row, what: textOf(input) })
    if (input.kind === 'requestArrived') outbox.respond(input.exchange, outbox.message('findNode'))
  }

  deadline(): number {
    return Number.POSITIVE_INFINITY
  }

  bucketSeats(): number {
    return 0
  }

  seat(): void {}

  members(): number {
    return 0
  }

  seeds(): number {
    return 0
  }
}

type Parts = { [Part in keyof WorldSettings]?: Partial<WorldSettings[Part]> }

class World {
  readonly scribes = new Scribes()
  readonly population: Population
  readonly network: Network
  readonly host: Host
  private readonly wheel = new Wheel(START_MS)

  constructor(nodes: number, transports: Partial<TransportSettings> = {}, parts: Parts = {}) {
    const scenario = sampleScenario(
      nodes,
      {
        link: {
          model: 'constant',
          constantMs: [ONE_WAY_MS, ONE_WAY_MS],
          jitter: 0,
          loss: 0,
          serviceMs: 0,
          ...parts.link,
        },
        transports: { quic: 0, tcp: 0, datagram: 1, idleMs: 10_000, ...transports },
        reach: { clientShare: 0, ...parts.reach },
        tables: { origin: 'grown', growSeconds: 0 },
      },
      { phases: [idlePhase(60)] },
    )
    const { world, seed } = scenario
    this.population = Population.create(scenario)
    const { population, wheel } = this
    const link = new Link(population, world.link, seed)
    const partition = { first: 0, count: nodes, share: nodes, worker: 0 }
    this.network = new Network({
      partition,
      population,
      link,
      transports: world.transports,
      holePunchShare: world.reach.holePunchShare,
      wheel,
      seed,
      outgoing: [null],
    })
    this.host = new Host({
      column: this.scribes,
      population,
      link,
      network: this.network,
      wheel,
      seed,
      first: 0,
      count: nodes,
      lookaheadMs: 5,
      observer: {
        operated: () => null,
        probed: () => {},
        traces: () => false,
        heard: () => {},
        said: () => {},
      },
    })
  }

  /** Node `row` sends a request to `peer`. */
  ask(row: number, peer: number): void {
    this.begin(row, peer, 'getClosest')
  }

  /** Node `row` dials `peer` without a request. */
  dial(row: number, peer: number): void {
    this.begin(row, peer, 'findPeer')
  }

  /** Lives on until so many ms after the start. Returns what was heard meanwhile. */
  until(untilMs: number): string[] {
    const { wheel, host, scribes } = this
    const before = scribes.heard.length
    while (wheel.nowMs < START_MS + untilMs) {
      const { nowMs } = wheel
      const count = wheel.advance()
      for (let i = 0; i < count; i++) {
        const [row, source] = [wheel.node(i), wheel.source(i)]
        const kind = wheel.kind(i)
        if (kind === ARRIVES) host.arrive(row, wheel.payload(i), nowMs)
        else if (kind === DIAL_ENDS) host.dialEnded(row, source, wheel.sequence(i), nowMs)
        else if (kind === IDLES) host.idled(row, source, nowMs)
        else if (kind === WAKES) host.wake(row, nowMs)
      }
    }
    return scribes.heard.slice(before).map(({ atMs, row, what }) => `${atMs} ${row}: ${what}`)
  }

  /** Node `row` is down from now on. */
  fell(row: number, nowMs: number): void {
    this.population.upUntilMs[row] = START_MS + nowMs
    this.host.presence.fell(row)
  }

  get nowMs(): number {
    return this.wheel.nowMs - START_MS
  }

  private begin(row: number, peer: number, type: 'getClosest' | 'findPeer'): void {
    this.host.give(row, this.wheel.nowMs, {
      kind: 'startOperation',
      operation: 1,
      type,
      key: new Uint32Array(8),
      keyBytes: new Uint8Array(1),
      record: null,
      peer,
      quorum: 0,
      countMax: 0,
      reach: 'all',
      patienceMs: 0,
    })
  }
}

describe('a request', () => {
  test('pays for the handshake when there is no connection, and for its round trip alone when there is', () => {
    const world = new World(2)
    world.ask(0, 1)
    expect(world.until(1_000)).toEqual([
      '150 1: connected 0',
      '150 1: request of 0',
      '200 0: pooled 1 dialled',
      '200 0: answer 1 after 100',
    ])
    world.ask(1, 0)
    expect(world.until(2_000)).toEqual(['1050 0: request of 1', '1100 1: answer 2 after 100'])
  })

  test.each([
    ['QUIC', { quic: 1, datagram: 0 }, 300],
    ['TCP', { tcp: 1, datagram: 0 }, 600],
  ])('over %s has a longer handshake', (_name, transports, atMs) => {
    const world = new World(2, transports)
    world.ask(0, 1)
    expect(world.until(1_000).at(-1)).toBe(`${atMs} 0: answer 1 after 100`)
  })

  test('to somebody who is down ends with the dial’s time-out', () => {
    const world = new World(2)
    world.fell(1, 0)
    world.ask(0, 1)
    expect(world.until(9_000)).toEqual(['5000 0: 1 failed: dial'])
    expect(world.network.connections.size).toBe(0)
  })

  test('never gets to somebody behind a NAT', () => {
    const world = new World(2, {}, { reach: { clientShare: 1 } })
    world.ask(0, 1)
    world.dial(0, 1)
    expect(world.until(9_000)).toEqual(['5000 0: dial of 1 failed', '5000 0: 1 failed: dial'])
    expect(world.network.sent).toBe(0)
  })

  test('gets to somebody behind a NAT by a hole punch, two round trips later, for a share of pairs', () => {
    const reach = { clientShare: 1, holePunchShare: 1 }
    const world = new World(2, {}, { reach })
    world.ask(0, 1)
    expect(world.until(9_000).at(-1)).toBe('400 0: answer 1 after 100')
    const some = new World(60, {}, { reach: { ...reach, holePunchShare: 0.5 } })
    for (let peer = 1; peer < 60; peer++) some.ask(0, peer)
    const answers = some.until(9_000).filter((line) => line.includes('answer')).length
    expect(Math.abs(answers - 30)).toBeLessThan(15)
  })

  test('over a connection of which the other side knows nothing is reset', () => {
    const world = new World(2)
    world.ask(0, 1)
    world.until(1_000)
    // It was away for a moment and has lost what it had.
    world.host.stop(1, START_MS + 1_000, false)
    world.until(1_001)
    world.ask(0, 1)
    expect(world.until(2_000)).toEqual(['1101 0: lost 1', '1101 0: 2 failed: reset'])
    world.ask(0, 1)
    expect(world.until(3_000).at(-1)).toBe('2200 0: answer 3 after 100')
  })
})

describe('a dial', () => {
  test('without a request tells how it ended', () => {
    const world = new World(3)
    world.fell(2, 0)
    world.dial(0, 1)
    world.dial(0, 2)
    expect(world.until(9_000)).toEqual([
      '150 1: connected 0',
      '200 0: pooled 1 dialled',
      '200 0: dial of 1 done',
      '5000 0: dial of 2 failed',
    ])
  })

  test('is given up when the node says so, and no later than the transport does', () => {
    const world = new World(3)
    world.fell(1, 0)
    world.fell(2, 0)
    world.scribes.dialLimitMs = 800
    world.ask(0, 1)
    world.dial(0, 2)
    expect(world.until(1_000)).toEqual(['800 0: 1 failed: dial', '800 0: dial of 2 failed'])
    expect(world.network.connections.size).toBe(0)
    world.scribes.dialLimitMs = 8_000
    world.ask(0, 1)
    expect(world.until(9_000)).toEqual(['6000 0: 2 failed: dial'])
  })

  test('that crosses another makes one connection for each side', () => {
    const world = new World(2)
    world.ask(0, 1)
    world.ask(1, 0)
    const heard = world.until(1_000)
    expect(heard.filter((line) => line.includes('answer'))).toEqual([
      '200 0: answer 1 after 100',
      '200 1: answer 2 after 100',
    ])
    const { connections } = world.network
    expect([connections.count(0), connections.count(1)]).toEqual([1, 1])
  })
})

describe('a connection', () => {
  test('that is idle closes, and the other side hears of it', () => {
    const world = new World(2)
    world.ask(0, 1)
    world.until(9_000)
    expect(world.until(30_000)).toEqual(['10150 1: cold 0', '10200 0: cold 1'])
    expect(world.network.connections.size).toBe(0)
  })

  test('that is used stays', () => {
    const world = new World(2)
    for (let turn = 0; turn < 4; turn++) {
      world.ask(0, 1)
      world.until((turn + 1) * 8_000)
    }
    expect(world.scribes.heard.filter(({ what }) => what.startsWith('cold'))).toEqual([])
  })

  test('too many makes the longest idle one close', () => {
    const world = new World(4, { connectionsMax: 2 })
    for (const [i, peer] of [1, 2, 3].entries()) {
      world.ask(0, peer)
      world.until((i + 1) * 1_000)
    }
    const { connections } = world.network
    expect([1, 2, 3].map((peer) => connections.find(0, peer) >= 0)).toEqual([false, true, true])
    expect(connections.count(1)).toBe(0)
  })

  test('of somebody who leaves in order is closed, of somebody who vanishes is not', () => {
    for (const isPolite of [true, false]) {
      const world = new World(2)
      world.ask(0, 1)
      world.until(1_000)
      world.host.stop(1, START_MS + 1_000, isPolite)
      world.fell(1, 1_000)
      const told = world.until(2_000).filter((line) => line.endsWith('0: cold 1'))
      expect(told).toEqual(isPolite ? ['1050 0: cold 1'] : [])
    }
  })
})

test('without connections a message arrives or it does not', () => {
  const world = new World(2, { warmShare: 1 })
  world.ask(0, 1)
  expect(world.until(1_000)).toEqual(['50 1: request of 0', '100 0: answer 1 after 100'])
  world.fell(1, 1_000)
  world.ask(0, 1)
  expect(world.until(20_000)).toEqual([])
})

test('a lost message is repaired by its stream: it comes later', () => {
  const world = new World(2, {}, { link: { loss: 1 } })
  world.ask(0, 1)
  // Each way is repaired after a round trip and 200 ms.
  expect(world.until(5_000).at(-1)).toBe('800 0: answer 1 after 700')
})

test('a partition cuts what crosses it, and nothing else', () => {
  const world = new World(4)
  world.network.faults = { loss: 0, down: 0, partition: true }
  world.ask(0, 1)
  world.ask(0, 3)
  expect(world.until(9_000).filter((line) => / 0: /.test(line))).toEqual([
    '200 0: pooled 1 dialled',
    '200 0: answer 1 after 100',
    '5000 0: 2 failed: dial',
  ])
  world.network.faults = null
  world.ask(0, 3)
  expect(world.until(world.nowMs + 1_000).at(-1)).toContain('answer 3')
})

test('a fault of loss comes on top of the link’s own', () => {
  const world = new World(2)
  world.network.faults = { loss: 1, down: 0, partition: false }
  world.ask(0, 1)
  expect(world.until(5_000).at(-1)).toBe('800 0: answer 1 after 700')
})

test('what happens is the same each time, and the digest tells it from anything else', () => {
  const digest = (peer: number): string => {
    const world = new World(3)
    world.ask(0, peer)
    world.until(1_000)
    return String(world.host.digest.sum())
  }
  expect(digest(1)).toBe(digest(1))
  expect(digest(1)).not.toBe(digest(2))
})
