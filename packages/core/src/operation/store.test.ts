/** Where records go, how many requests that takes, and when a put returns. */
import { type OperationRun, recordOf, type Step, type Subject, World } from '@kadmium/testkit'
import { describe, expect, it, test } from 'vitest'
import { keyText } from '../key.ts'
import type { Message, MessageType } from '../messages.ts'

function meanOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, one) => sum + one, 0) / numbers.length
}

/** A request: by whom, to whom, of what kind and about what. */
interface Sent {
  node: number
  to: number
  type: MessageType
  key: string
}

/** A world that keeps a list of what is sent; nodes of one column, so that refs are numbers. */
class Watched {
  readonly world: World
  sent: Sent[] = []

  constructor(
    nodes: number,
    seed: number,
    config: ConstructorParameters<typeof World>[0]['config'] = {},
  ) {
    const onStep = ({ node, outbox }: Step): void => {
      for (const output of outbox)
        if (output.kind === 'send') this.note(node, output.to, output.message)
    }
    this.world = new World({ nodes, seed, config, onStep })
  }

  /** What was sent for an operation since the last call: what is about its subject. */
  take({ key }: Subject): Sent[] {
    const taken = this.sent.filter((one) => one.key === keyText(key))
    this.sent = []
    return taken
  }

  holds(node: number, subject: Subject): boolean {
    const { nodes, row } = this.world.seats[node] as World['seats'][0]
    return nodes.records.get(row, this.world.nowMs, subject.key, 0) !== null
  }

  put(node: number, subject: Subject, version = 1): OperationRun {
    const record = recordOf(version)
    return this.world.perform(node, { type: 'putValue', ...subject, record })
  }

  private note(node: number, to: number, { type, key }: Message): void {
    this.sent.push({ node, to, type, key: keyText(key) })
  }
}

describe('in a network of 200', () => {
  for (const deadPercent of [0, 10, 30])
    test(`with ${deadPercent} % dead the k closest live ones hold a record, and everybody finds it`, () => {
      const watched = new Watched(200, 31)
      const { world } = watched
      world.fillTables()
      for (let node = 0; node < 200; node++)
        if ((node * 37) % 100 < deadPercent) world.kill(node, true)
      const live = world.live()
      const writers = [live[3], live[40], live[77]] as number[]
      // Scores are learned by use.
      for (const writer of writers)
        for (let i = 0; i < 25; i++) {
          world.perform(writer, { type: 'getClosest', ...world.subject('') })
          world.runFor(2_000)
        }
      const shares: number[] = []
      for (let i = 0; i < 30; i++) {
        const writer = writers[i % 3] as number
        const subject = world.subject('/pk/')
        const put = watched.put(writer, subject)
        expect([put.outcome, put.stored]).toEqual(['ok', 15])
        world.runFor(15_000)
        const closest = world.nearest(subject.key, 20, writer)
        shares.push(closest.filter((node) => watched.holds(node, subject)).length / 20)
        for (const reader of [
          live[(i * 7) % live.length],
          live[(i * 31) % live.length],
        ] as number[]) {
          const get = world.perform(reader, { type: 'getValue', ...subject })
          expect([reader, get.outcome, get.value]).toEqual([reader, 'ok', recordOf(1)])
        }
      }
      expect(meanOf(shares)).toBeGreaterThanOrEqual(0.95)
      expect(Math.min(...shares)).toBeGreaterThanOrEqual(0.8)
    })

  it('each of the others finds a provider, and at once', () => {
    const watched = new Watched(200, 32)
    const { world } = watched
    world.fillTables()
    const content = world.subject('')
    expect(world.perform(9, { type: 'provide', ...content }).outcome).toBe('ok')
    world.perform(10, { type: 'provide', ...content })
    world.runFor(5_000)
    for (let reader = 20; reader < 200; reader += 9) {
      const run = world.perform(reader, { type: 'findProviders', ...content, countMax: 1 })
      expect(run.outcome).toBe('ok')
      const all = world.perform(reader, { type: 'findProviders', ...content })
      expect(all.providers.toSorted((a, b) => a - b)).toEqual([9, 10])
      expect(all.foundMs).toBeLessThanOrEqual(all.endedMs)
    }
  })
})

describe('a put', () => {
  it('returns with the fifteenth acknowledgement, while the rest goes on', () => {
    const watched = new Watched(40, 41)
    const { world } = watched
    world.join(100, 8_000)
    const subject = world.subject('/ipns/')
    const put = watched.put(5, subject)
    expect([put.outcome, put.stored]).toEqual(['ok', 15])
    const near = world.nearest(subject.key, 20, 5)
    expect(near.filter((node) => watched.holds(node, subject)).length).toBeGreaterThanOrEqual(15)
    world.runFor(3_000)
    expect(near.filter((node) => watched.holds(node, subject))).toHaveLength(20)
    expect(put.outcome).toBe('ok')
  })

  it('replaces a holder that fails by the next closest', () => {
    const watched = new Watched(60, 42)
    const { world } = watched
    world.join(50, 8_000)
    for (let i = 0; i < 4; i++) world.perform(5, { type: 'getClosest', ...world.subject('') })
    const subject = world.subject('/pk/')
    const [first, fourth, ...rest] = world.nearest(subject.key, 22, 5)
    const dead = [first, fourth] as number[]
    for (const node of dead) world.kill(node, true)
    expect(watched.put(5, subject).outcome).toBe('ok')
    world.runFor(20_000)
    for (const node of rest) expect(watched.holds(node, subject)).toBe(true)
  })

  it('replaces a holder that answered its question and swallows the record', () => {
    const scouts: number[] = []
    const holders: number[] = []
    const onStep = ({ node, outbox }: Step): void => {
      for (const output of outbox) {
        if (node !== 0) continue
        if (output.kind === 'answered') scouts.push(output.peer)
        if (output.kind !== 'send' || output.message.type !== 'addProvider') continue
        holders.push(output.to)
        if (scouts.includes(output.to)) world.kill(output.to, true)
      }
    }
    const world: World = new World({ nodes: 60, seed: 49, onStep })
    world.fillTables()
    const content = world.subject('')
    expect(world.perform(0, { type: 'provide', ...content }).outcome).toBe('ok')
    world.runFor(20_000)
    const near = world.nearest(content.key, 20, 0)
    for (const node of near) expect(holders).toContain(node)
    const dead = holders.filter((node) => !world.isAlive(node))
    expect(dead.length).toBeGreaterThanOrEqual(2)
    expect(holders).toHaveLength(20 + dead.length)
  })

  it('of an invalid record is refused before anybody is asked', () => {
    const watched = new Watched(10, 43)
    watched.world.join(50, 8_000)
    const subject = watched.world.subject('/pk/')
    const run = watched.put(2, subject, 0xff)
    expect([run.outcome, run.stored, watched.take(subject)]).toEqual(['invalid', 0, []])
  })

  it('of a key that can not go over the wire is refused', () => {
    const watched = new Watched(10, 44)
    const { world } = watched
    world.join(50, 8_000)
    const subject = { ...world.subject(''), keyBytes: new Uint8Array(81) }
    const run = world.perform(2, { type: 'provide', ...subject })
    expect([run.outcome, watched.take(subject)]).toEqual(['invalid', []])
  })

  it('among many at once waits for its turn: all of them get through', () => {
    const watched = new Watched(50, 45, { requestsMax: 24 })
    const { world } = watched
    world.join(50, 8_000)
    const runs = Array.from({ length: 40 }, () =>
      world.start(7, { type: 'putValue', ...world.subject('/pk/'), record: recordOf(1) }),
    )
    let most = 0
    const { nodes, row } = world.seats[7] as World['seats'][0]
    world.runUntil(() => {
      most = Math.max(most, nodes.inFlight(row))
      return runs.every((run) => run.outcome !== null)
    }, world.nowMs + 60_000)
    for (const run of runs) expect([run.outcome, run.stored]).toEqual(['ok', 15])
    expect(most).toBe(24)
    const waits = runs.map(({ startedMs, endedMs }) => endedMs - startedMs)
    expect(meanOf(waits.slice(0, 10))).toBeLessThan(meanOf(waits.slice(-10)) / 2)
  })

  it('is taken back when it is cancelled, and nothing of it goes on', () => {
    const watched = new Watched(40, 46)
    const { world } = watched
    world.join(100, 8_000)
    for (const type of ['putValue', 'provide'] as const) {
      const run = world.start(3, { type, ...world.subject('/pk/'), record: recordOf(1) })
      world.runFor(60)
      const { nodes, row } = world.seats[3] as World['seats'][0]
      expect(nodes.inFlight(row)).toBeGreaterThan(0)
      world.give(3, { kind: 'cancelOperation', operation: run.id })
      expect([run.outcome, nodes.inFlight(row)]).toEqual(['cancelled', 0])
      const before = { ...world.sent }
      world.runFor(5_000)
      expect({ ...world.sent, findNode: 0 }).toEqual({ ...before, findNode: 0 })
    }
  })
})

test('who failed is not asked again before its back-off is over, whoever names it', () => {
  const watched = new Watched(120, 47)
  const { world } = watched
  world.fillTables()
  for (let node = 1; node < 120; node += 3) world.kill(node, true)
  const { nodes, row } = world.seats[0] as World['seats'][0]
  const isDead = (node: number): boolean => !world.isAlive(node)
  const seen = new Set<number>()
  for (let i = 0; i < 30; i++) {
    const subject = world.subject('/pk/')
    const benched = [...seen].filter(
      (node) => nodes.routing.state(row, node, world.nowMs) === 'benched',
    )
    watched.put(0, subject)
    world.runFor(20_000)
    const asked = watched.take(subject).map(({ to }) => to)
    expect(asked.filter((node) => benched.includes(node))).toEqual([])
    for (const node of asked.filter(isDead)) seen.add(node)
  }
  expect(seen.size).toBeGreaterThan(15)
})

test('a put that waits for a free request goes on when the last of its stores is late', () => {
  // With one request at a time: the second holder swallows its record, the third must still get it.
  const holders: number[] = []
  const onStep = ({ node, outbox }: Step): void => {
    for (const output of outbox) {
      if (node !== 0 || output.kind !== 'send' || output.message.type !== 'putValue') continue
      holders.push(output.to)
      if (holders.length === 2) world.kill(output.to, true)
    }
  }
  const world: World = new World({ nodes: 4, seed: 48, config: { requestsMax: 1 }, onStep })
  world.fillTables()
  const subject = world.subject('/pk/')
  const run = world.perform(0, { type: 'putValue', ...subject, record: recordOf(1) })
  expect(holders).toHaveLength(3)
  expect(run.stored).toBe(2)
})

describe('where everybody knows everybody and 12 of 40 have died', () => {
  /** Connections break; or else nobody notices, and scores are learned by use. */
  function afterDeaths(seed: number, silently: boolean): Watched {
    const watched = new Watched(40, seed)
    const { world } = watched
    world.join(100, 25_000)
    for (let node = 28; node < 40; node++) world.kill(node, silently)
    for (let node = 0; node < 28; node++)
      for (let i = 0; i < (silently ? 10 : 0); i++)
        world.start(node, { type: 'getClosest', ...world.subject('') })
    world.runFor(30_000)
    return watched
  }

  for (const silently of [false, true])
    it(`a put and a provide cost the stores and a few scouts${silently ? ', though nobody saw them go' : ''}`, () => {
      const costs: number[] = []
      const stores: number[] = []
      const scouts: number[] = []
      const wasted: number[] = [] // on some who had not been met before they died
      for (const seed of [51, 52, 53]) {
        const watched = afterDeaths(seed, silently)
        const { world } = watched
        for (let node = 0; node < 28; node++) {
          const subject = world.subject('/pk/')
          if (node % 2 === 0) watched.put(node, subject)
          else world.perform(node, { type: 'provide', ...subject })
          world.runFor(15_000)
          const sent = watched.take(subject)
          costs.push(sent.length)
          scouts.push(sent.filter(({ type }) => type === 'findNode').length)
          stores.push(sent.filter(({ type }) => type !== 'findNode').length)
          wasted.push(sent.filter(({ to }) => to >= 28).length)
        }
      }
      expect(meanOf(costs)).toBeLessThanOrEqual(24)
      expect(Math.min(...scouts)).toBeGreaterThanOrEqual(2)
      expect(meanOf(wasted)).toBeLessThanOrEqual(0.5)
      expect(meanOf(stores)).toBeLessThanOrEqual(20.2)
      expect(Math.min(...stores)).toBeGreaterThanOrEqual(20)
    })
})
