/** An operation while nobody is there to ask: what the node does by itself is done at once, the walk waits. */
import { type Ask, OPERATION_TYPES, type OperationRun, recordOf, World } from '@kadmium/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { OperationType } from '../messages.ts'

const PATIENCE_MS = 10_000

/** Node 0 knows nobody; node 1 is there to be met. */
function lonely(seed = 1): World {
  const world = new World({ nodes: 2, seed, delayMs: [10, 10] })
  for (const node of [0, 1]) world.give(node, { kind: 'start' })
  return world
}

function start(world: World, type: OperationType, more: Partial<Ask> = {}): OperationRun {
  const subject = type === 'findPeer' ? world.subjectOf(1) : world.subject('/pk/')
  const peer = type === 'findPeer' ? { peer: 1 } : {}
  const ask = { type, ...subject, ...peer, record: recordOf(1), patienceMs: PATIENCE_MS, ...more }
  return world.start(0, ask)
}

function held(world: World, ask: Ask['key']): Uint8Array | null {
  const { nodes, row } = world.seats[0] as World['seats'][0]
  return nodes.records.get(row, world.nowMs, ask, 0)
}

describe('where nobody is there to ask', () => {
  it.each(OPERATION_TYPES)('%s waits for somebody, and not for ever', (type) => {
    const world = lonely()
    const run = start(world, type)
    world.runFor(PATIENCE_MS - 1)
    expect(run.outcome).toBeNull()
    world.runFor(1)
    expect(run.outcome).toBe('noPeers')
  })

  it.each(OPERATION_TYPES)('%s goes on as soon as somebody is met', (type) => {
    const world = lonely()
    const run = start(world, type)
    world.runFor(2_000)
    expect(run.outcome).toBeNull()
    world.connect(0, 1)
    world.runFor(1_000)
    expect(run.outcome).not.toBeNull()
    expect(run.outcome).not.toBe('noPeers')
  })

  it.each(OPERATION_TYPES)('%s without patience ends at once', (type) => {
    const world = lonely()
    const run = start(world, type, { patienceMs: 0 })
    world.runFor(100)
    expect(run.outcome).toBe('noPeers')
  })

  it('a value is stored, and got, before anybody is met', () => {
    const world = lonely()
    const subject = world.subject('/pk/')
    const put = start(world, 'putValue', subject)
    world.runFor(100)
    expect([put.outcome, held(world, subject.key)]).toEqual([null, recordOf(1)])
    const get = start(world, 'getValue', subject)
    world.runFor(100)
    expect([get.outcome, get.value]).toEqual(['ok', recordOf(1)])
  })

  it('an invalid value is refused at once', () => {
    const world = lonely()
    const put = start(world, 'putValue', { record: recordOf(0xff) })
    world.runFor(100)
    expect(put.outcome).toBe('invalid')
  })

  it('a value that changes is decided by our own after the time for a quorum', () => {
    const world = lonely()
    const subject = world.subject('/ipns/')
    start(world, 'putValue', subject)
    world.runFor(100)
    const get = start(world, 'getValue', subject)
    world.runFor(900)
    expect(get.outcome).toBeNull()
    world.runFor(200)
    expect([get.outcome, get.value]).toEqual(['ok', recordOf(1)])
  })

  it('what we provide is found before anybody is met', () => {
    const world = lonely()
    const subject = world.subject('')
    const provide = start(world, 'provide', subject)
    const find = start(world, 'findProviders', subject)
    expect([provide.outcome, find.outcome, find.providers]).toEqual([null, null, [0]])
  })

  it('a peer that is connected is found though it does not speak', () => {
    const world = lonely()
    const { names } = world.seats[0] as World['seats'][0]
    const peer = names.refOf(1)
    world.give(0, { kind: 'linkChanged', peer, link: 'connected', dialled: true, ipGroup: 0 })
    expect(start(world, 'findPeer').outcome).toBe('ok')
    expect(start(world, 'getClosest').outcome).toBeNull()
  })
})

describe('a network that is lost', () => {
  function offline(): World {
    const world = lonely()
    world.connect(0, 1)
    world.runFor(20_000)
    expect(start(world, 'getClosest').outcome).toBeNull()
    world.runFor(1_000)
    world.kill(1)
    world.runFor(60_000)
    return world
  }

  it.each(OPERATION_TYPES)('lets %s wait as at the start', (type) => {
    const world = offline()
    const run = start(world, type, type === 'findPeer' ? world.subject('') : {})
    world.runFor(PATIENCE_MS / 2)
    expect(run.outcome).toBeNull()
    world.revive(1)
    world.connect(0, 1)
    world.runFor(1_000)
    expect(run.outcome).not.toBeNull()
    expect(run.outcome).not.toBe('noPeers')
  })
})

it('waiting ends with cancel and stop, and whoever comes when', () => {
  const asks = fc.array(
    fc.record({
      type: fc.constantFrom(...OPERATION_TYPES),
      patienceMs: fc.integer({ min: 0, max: 3_000 }),
      runMs: fc.integer({ min: 0, max: 2_000 }),
      after: fc.constantFrom('nothing', 'cancel', 'stop', 'meet', 'kill'),
    }),
    { minLength: 1, maxLength: 8 },
  )
  fc.assert(
    fc.property(asks, fc.nat(), (script, seed) => {
      const world = lonely(seed)
      const runs: OperationRun[] = []
      for (const { type, patienceMs, runMs, after } of script) {
        const run = start(world, type, { patienceMs })
        runs.push(run)
        world.runFor(runMs)
        if (after === 'cancel') world.give(0, { kind: 'cancelOperation', operation: run.id })
        else if (after === 'kill' && world.isAlive(1)) world.kill(1)
        else if (after === 'meet') {
          if (!world.isAlive(1)) world.revive(1)
          world.connect(0, 1)
        } else if (after === 'stop') {
          world.give(0, { kind: 'stop' })
          expect(runs.filter(({ outcome }) => outcome === null)).toEqual([])
          world.give(0, { kind: 'start' })
        }
        if (after === 'cancel') expect(run.outcome).not.toBeNull()
      }
      world.runFor(60_000)
      expect(runs.filter(({ outcome }) => outcome === null)).toEqual([])
    }),
    { numRuns: 1_000 },
  )
})
