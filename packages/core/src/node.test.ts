/** Nodes among nodes: whole worlds, in which what holds for the many is what one node alone would do. */
import {
  copyInput,
  type OperationRun,
  type PlainOutput,
  plainOutput,
  recordOf,
  type Step,
  sharedNames,
  World,
} from '@kadmium/testkit'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { KEY_WORDS } from './key.ts'
import type { Input } from './messages.ts'
import { Nodes } from './node.ts'
import { Outbox } from './outbox.ts'
import { Random } from './random.ts'

const everybody = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

function meanOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, one) => sum + one, 0) / numbers.length
}

/** Share of the first that are among the second. */
function shareIn(some: readonly number[], others: readonly number[]): number {
  return some.filter((one) => others.includes(one)).length / some.length
}

describe('a node replayed alone', () => {
  interface Heard {
    nowMs: number
    input: Input
    outputs: PlainOutput[]
    deadlineMs: number
  }

  /** Writes down all steps of some rows of a column while a world lives through all that a test can think of. */
  function livedThrough(seed: number, rows: readonly number[]): { world: World; heard: Heard[][] } {
    const heard = new Map<number, Heard[]>(rows.map((row) => [row, []]))
    const onStep = ({ node, nowMs, input, outbox, deadlineMs }: Step): void => {
      const outputs = Array.from(outbox, plainOutput)
      heard.get(node)?.push({ nowMs, input: copyInput(input), outputs, deadlineMs })
    }
    const world = new World({ nodes: 24, seed, natted: [3, 9], judgeMs: 3, persistMs: 40, onStep })
    world.join(150, 4_000)
    for (const node of [5, 6, 7]) world.kill(node, node === 7)
    for (const node of [...rows, 0]) {
      const record = world.subject('/ipns/')
      world.perform(node, { type: 'putValue', ...record, record: recordOf(1, node) })
      world.perform(11, { type: 'putValue', ...record, record: recordOf(2, node) })
      world.start(node, { type: 'getValue', ...record, quorum: 5 })
      const content = world.subject('')
      world.perform(12, { type: 'provide', ...content })
      world.start(node, { type: 'findProviders', ...content })
      world.start(node, { type: 'findPeer', ...world.subjectOf(6), peer: 6 })
      const run = world.start(node, { type: 'getClosest', ...world.subject('') })
      world.runFor(100)
      world.give(node, { kind: 'cancelOperation', operation: run.id })
      world.runFor(3_000)
    }
    world.revive(5)
    world.runFor(20_000)
    for (const row of rows) world.give(row, { kind: 'stop' })
    world.runFor(20_000)
    return { world, heard: rows.map((row) => heard.get(row) as Heard[]) }
  }

  it('gives the same outputs as in a column of many', () => {
    const rows = [0, 3, 8, 17]
    for (const seed of [1, 2, 3]) {
      const { world, heard } = livedThrough(seed, rows)
      for (const [i, row] of rows.entries()) {
        const steps = heard[i] as Heard[]
        expect(steps.length).toBeGreaterThan(300)
        const { book } = sharedNames(world.keys)
        const selfBytes = [world.subjectOf(row).keyBytes]
        const alone = new Nodes({ book, selves: [row], selfBytes, seed })
        const outbox = new Outbox()
        for (const { nowMs, input, outputs, deadlineMs } of steps) {
          outbox.clear()
          alone.handle(0, nowMs, input, outbox)
          expect(Array.from(outbox, plainOutput)).toEqual(outputs)
          expect(alone.deadline(0)).toBe(deadlineMs)
        }
      }
    }
  })

  it('does so with a book of its own too: a world of nodes apart lives as one of rows', () => {
    const traces = [false, true].map((apart) => {
      const trace: string[] = []
      const onStep = ({ node, nowMs, input, outbox }: Step): void => {
        const outputs = Array.from(outbox, ({ kind }) => kind).filter((kind) => kind !== 'forget')
        trace.push(`${nowMs} ${node} ${input.kind}: ${outputs.join(' ')}`)
      }
      const world = new World({ nodes: 30, seed: 5, natted: [4], apart, onStep })
      world.join(100, 3_000)
      const record = world.subject('/pk/')
      world.perform(7, { type: 'putValue', ...record, record: recordOf(1) })
      expect(world.perform(21, { type: 'getValue', ...record }).outcome).toBe('ok')
      world.runFor(20_000)
      return trace
    })
    expect(traces[1]).toEqual(traces[0])
  })
})

describe('tables', () => {
  interface Figures {
    rpcs: number
    recall: number
    ms: number
  }

  /** Lookups of random keys by many nodes, some of which may be dead in everybody's table. */
  function lookups(world: World, count: number): Figures {
    const rpcs: number[] = []
    const recalls: number[] = []
    const times: number[] = []
    const live = world.live()
    for (let i = 0; i < count; i++) {
      const node = live[(i * 13) % live.length] as number
      const subject = world.subject('')
      const before = world.sent.findNode
      const run = world.perform(node, { type: 'getClosest', ...subject })
      rpcs.push(world.sent.findNode - before)
      recalls.push(shareIn(world.nearest(subject.key, 20, node), run.closest))
      times.push(run.endedMs - run.startedMs)
    }
    return { rpcs: meanOf(rpcs), recall: meanOf(recalls), ms: meanOf(times) }
  }

  it('that nodes filled by joining serve as well as those that an oracle filled', () => {
    const init = { nodes: 300, seed: 11, config: { bucketGoodPeers: [40, 30, 20] } }
    const oracle = new World(init)
    oracle.fillTables()
    const joined = new World(init)
    joined.join(20, 14_000)
    for (const node of joined.live()) {
      joined.give(node, { kind: 'stop' }) // no upkeep while we count
      joined.disconnect(node, 'cold')
    }
    const byOracle = lookups(oracle, 60)
    const byJoining = lookups(joined, 60)
    expect(byJoining.recall).toBeGreaterThanOrEqual(0.995)
    expect(byOracle.recall).toBeGreaterThanOrEqual(0.995)
    expect(Math.abs(byJoining.rpcs / byOracle.rpcs - 1)).toBeLessThan(0.15)
    expect(Math.abs(byJoining.ms / byOracle.ms - 1)).toBeLessThan(0.25)
  })
})

describe('a NATed peer', () => {
  const natted = [2, 5, 11, 23]

  it('that dialled us is named to nobody, but is found by its own key', () => {
    const named = new Map<number, number>()
    const onStep = ({ outbox }: Step): void => {
      for (const output of outbox) {
        if (output.kind !== 'respond') continue
        const { message } = output
        for (const peer of message.closer.subarray(0, message.closerCount)) {
          // Asked for by the very key of a peer, one names it: that is no naming to strangers.
          const isSubject = message.key.every((word, i) => word === keyOf(peer)[i])
          if (natted.includes(peer) && !isSubject) named.set(peer, (named.get(peer) ?? 0) + 1)
        }
      }
    }
    const world: World = new World({ nodes: 60, seed: 4, natted, onStep })
    const keyOf = (node: number): Uint32Array =>
      world.keys.subarray(node * KEY_WORDS, (node + 1) * KEY_WORDS)
    world.join(100, 20_000)
    for (const node of natted) {
      // It uses the network like everybody else, and all of them answer it.
      world.perform(node, { type: 'getClosest', ...world.subject('') })
      const content = world.subject('')
      expect(world.perform(node, { type: 'provide', ...content }).outcome).toBe('ok')
      expect(world.perform(30, { type: 'findProviders', ...content }).providers).toEqual([node])
    }
    for (let i = 0; i < 20; i++)
      world.perform(i * 2 + 20, { type: 'getClosest', ...world.subject('') })
    expect([...named]).toEqual([])
    for (const node of natted) {
      // Who has no connection to it (any more) finds it by way of those that have.
      world.disconnect(31, 'cold')
      const run = world.perform(31, { type: 'findPeer', ...world.subjectOf(node), peer: node })
      expect([run.outcome, run.peer]).toEqual(['ok', node])
      expect(run.answered.length).toBeGreaterThan(0)
    }
    for (const { nodes, row } of world.seats)
      for (const node of natted) expect(nodes.routing.isMember(row, node)).toBe(false)
  })
})

describe('a network in which nodes come and go', () => {
  /** Lets nodes die, noticed or not, and come back, while others work. */
  function churn(world: World, rounds: number): OperationRun[] {
    const dice = new Random(9)
    const types = [
      ...(['putValue', 'getValue', 'provide'] as const),
      ...(['findProviders', 'findPeer', 'getClosest'] as const),
    ]
    return Array.from({ length: rounds }, () => {
      const node = 1 + dice.below(world.size - 1)
      if (!world.isAlive(node)) world.revive(node)
      else if (dice.chance(1, 2)) world.kill(node, dice.chance(1, 3))
      const live = world.live()
      const asker = live[dice.below(live.length)] as number
      const run = world.start(asker, {
        type: types[dice.below(types.length)] as OperationRun['type'],
        ...world.subject(dice.chance(1, 2) ? '/pk/' : '/ipns/'),
        record: recordOf(1 + dice.below(5)),
        peer: dice.below(world.size),
      })
      world.runFor(2_000)
      return run
    })
  }

  it('ends every operation, and is whole again some minutes after', () => {
    const world = new World({ nodes: 40, seed: 6, apart: true, natted: [5, 17], persistMs: 5 })
    world.join(100, 12_000)
    const runs = churn(world, 200)
    world.runFor(30_000)
    const hung = runs.filter(({ node, outcome }) => outcome === null && world.isAlive(node))
    expect(hung).toEqual([])
    expect(runs.filter(({ outcome }) => outcome === 'ok').length).toBeGreaterThan(60)
    for (let node = 0; node < 40; node++) if (!world.isAlive(node)) world.revive(node)
    world.runFor(5 * 60_000)
    for (let node = 0; node < 40; node++) {
      const subject = world.subject('/pk/')
      const put = world.perform(node, { type: 'putValue', ...subject, record: recordOf(1) })
      expect([put.outcome, put.stored]).toEqual(['ok', 15])
      const reader = (node + 13) % 40
      expect(world.perform(reader, { type: 'getValue', ...subject }).outcome).toBe('ok')
    }
    for (const { index, nodes, row, names } of world.seats) {
      expect([index, nodes.routing.size(row) >= 33]).toEqual([index, true])
      // Nobody is kept of whom there is nothing to be kept: there are only 40.
      expect(names.book.size).toBeLessThanOrEqual(40)
    }
  })
})

describe('small networks', () => {
  test('a node alone: everything ends at once, and what it has itself it finds', () => {
    const world = new World({ nodes: 1, seed: 1 })
    world.join(0, 1_000)
    const record = world.subject('/ipns/')
    const content = world.subject('')
    const stranger = world.subject('')
    expect(world.perform(0, { type: 'getClosest', ...stranger }).outcome).toBe('noPeers')
    expect(world.perform(0, { type: 'getValue', ...record }).outcome).toBe('noPeers')
    expect(world.perform(0, { type: 'findProviders', ...content }).outcome).toBe('noPeers')
    expect(world.perform(0, { type: 'findPeer', ...stranger }).outcome).toBe('noPeers')
    expect(world.perform(0, { type: 'findPeer', ...world.subjectOf(0), peer: 0 }).peer).toBe(0)
    const put = world.perform(0, { type: 'putValue', ...record, record: recordOf(1) })
    expect([put.outcome, put.stored]).toEqual(['noPeers', 0])
    expect(world.perform(0, { type: 'getValue', ...record }).value).toEqual(recordOf(1))
    expect(world.perform(0, { type: 'provide', ...content }).outcome).toBe('noPeers')
    expect(world.perform(0, { type: 'findProviders', ...content }).providers).toEqual([0])
    expect(world.nowMs).toBeLessThan(1_000_000_000 + 1_100)
  })

  test('two nodes serve each other', () => {
    for (const apart of [false, true]) {
      const world = new World({ nodes: 2, seed: 1, apart })
      world.join(1_000, 3_000)
      const record = world.subject('/ipns/')
      const content = world.subject('')
      expect(world.perform(0, { type: 'getClosest', ...content }).closest).toEqual([1])
      const put = world.perform(0, { type: 'putValue', ...record, record: recordOf(3) })
      expect([put.outcome, put.stored]).toEqual(['ok', 1])
      expect(world.perform(1, { type: 'getValue', ...record }).value).toEqual(recordOf(3))
      expect(world.perform(0, { type: 'provide', ...content }).outcome).toBe('ok')
      expect(world.perform(1, { type: 'findProviders', ...content }).providers).toEqual([0])
      expect(world.perform(1, { type: 'findPeer', ...world.subjectOf(0), peer: 0 }).peer).toBe(0)
      const nothing = world.subject('/pk/')
      expect(world.perform(1, { type: 'getValue', ...nothing }).outcome).toBe('notFound')
      // The other is gone: what can't be done ends, and soon.
      world.kill(1)
      const late = world.perform(0, { type: 'putValue', ...nothing, record: recordOf(1) })
      expect([late.outcome, late.stored]).toEqual(['noPeers', 0])
      expect(late.endedMs - late.startedMs).toBeLessThan(15_100)
    }
  })

  test('in a network of fewer than k all hold all, whatever its size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 19 }), fc.nat(999), (nodes, seed) => {
        const world = new World({ nodes, seed })
        world.join(50, 4_000)
        const [writer, reader] = [seed % nodes, (seed + 1) % nodes] as const
        const record = world.subject('/ipns/')
        const put = world.perform(writer, { type: 'putValue', ...record, record: recordOf(1) })
        expect([put.outcome, put.stored]).toEqual(['ok', Math.min(nodes - 1, 15)])
        expect(world.perform(reader, { type: 'getValue', ...record }).value).toEqual(recordOf(1))
        const all = world.perform(reader, { type: 'getClosest', ...world.subject('') })
        expect(all.closest.toSorted((a, b) => a - b)).toEqual(
          everybody(nodes).filter((node) => node !== reader),
        )
      }),
      { numRuns: 40 },
    )
  })

  test('a node that meets its first peer long after its start joins then', () => {
    const world = new World({ nodes: 12, seed: 3 })
    world.join(100, 8_000)
    const late = new World({ nodes: 12, seed: 3 })
    for (let node = 1; node < 12; node++) late.give(node, { kind: 'start' })
    for (let node = 2; node < 12; node++) late.connect(node, 1)
    late.give(0, { kind: 'start' })
    late.runFor(3_600_000)
    late.connect(0, 1)
    late.runFor(10_000)
    for (const { nodes, row } of [world.seats[0], late.seats[0]] as World['seats'][0][])
      expect(nodes.routing.size(row)).toBe(11)
  })
})
