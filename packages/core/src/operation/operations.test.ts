/** What callers may ask for at once, and the finds. */
import { type OperationRun, recordOf, World } from '@kadmium/testkit'
import { describe, expect, it } from 'vitest'

function knownToAll(nodes: number, seed: number, config: { operationsMax?: number } = {}): World {
  const world = new World({ nodes, seed, config })
  world.fillTables()
  return world
}

describe('operations', () => {
  it('above the limit end as busy, and those below go on', () => {
    const world = knownToAll(20, 1, { operationsMax: 3 })
    const runs = Array.from({ length: 5 }, () =>
      world.start(0, { type: 'getClosest', ...world.subject('') }),
    )
    expect(runs.map(({ outcome }) => outcome)).toEqual([null, null, null, 'busy', 'busy'])
    world.runFor(5_000)
    expect(runs.map(({ outcome }) => outcome)).toEqual(['ok', 'ok', 'ok', 'busy', 'busy'])
    expect(world.perform(0, { type: 'getClosest', ...world.subject('') }).outcome).toBe('ok')
  })

  it('end once, whatever is asked under their id', () => {
    const world = knownToAll(20, 2)
    const run = world.start(0, { type: 'getClosest', ...world.subject('') })
    const { key, keyBytes } = world.subject('/pk/')
    world.give(0, {
      kind: 'startOperation',
      operation: run.id,
      type: 'putValue',
      key,
      keyBytes,
      record: recordOf(1),
      peer: -1,
      quorum: 0,
      countMax: 0,
      reach: 'all',
      patienceMs: 0,
    })
    world.runFor(5_000)
    expect([run.outcome, run.closest.length, world.sent.putValue]).toEqual(['ok', 19, 0])
    world.give(0, { kind: 'cancelOperation', operation: run.id })
    expect(run.outcome).toBe('ok')
  })

  it('all end as cancelled when the node stops', () => {
    const world = knownToAll(20, 3)
    const types = ['getClosest', 'getValue', 'findProviders', 'provide', 'putValue'] as const
    const runs = types.map((type) =>
      world.start(0, { type, ...world.subject('/pk/'), record: recordOf(1) }),
    )
    world.runFor(100)
    world.give(0, { kind: 'stop' })
    expect(runs.map(({ outcome }) => outcome)).toEqual(types.map(() => 'cancelled'))
    const { nodes, row } = world.seats[0] as World['seats'][0]
    expect(nodes.inFlight(row)).toBe(0)
    world.runFor(20_000)
  })
})

describe('the search for providers', () => {
  /** Ten providers of one thing, and one who looks for them. */
  function search(countMax: number): { world: World; run: OperationRun } {
    const world = knownToAll(60, 4)
    const content = world.subject('')
    for (let node = 10; node < 20; node++) world.perform(node, { type: 'provide', ...content })
    world.runFor(10_000)
    // The farthest holds no record itself.
    const reader = world.nearest(content.key, 60).findLast((node) => node >= 20) as number
    return { world, run: world.perform(reader, { type: 'findProviders', ...content, countMax }) }
  }

  it('names each once, and goes on until all that may know have been asked', () => {
    const { run } = search(0)
    expect(run.outcome).toBe('ok')
    expect(run.providers.toSorted((a, b) => a - b)).toEqual([
      10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
    ])
    expect(run.answered.length).toBeGreaterThanOrEqual(20)
    expect(run.foundMs).toBeLessThan(run.endedMs)
  })

  it('ends with as many as are wanted, once three have named some', () => {
    const { run } = search(4)
    expect(run.outcome).toBe('ok')
    expect(run.providers.length).toBeGreaterThanOrEqual(4)
    expect(run.answered).toHaveLength(3)
  })

  it('names those first who served, and those last who failed or lied', () => {
    // So few that each of them holds all records.
    const world = knownToAll(20, 4)
    const content = world.subject('')
    for (let node = 10; node < 20; node++) world.perform(node, { type: 'provide', ...content })
    world.runFor(10_000)
    const reader = 3
    const find = (): number[] =>
      world.perform(reader, { type: 'findProviders', ...content }).providers
    const { names } = world.seats[reader] as World['seats'][0]
    const before = find()
    expect(before).toHaveLength(10)
    const [first, second, third] = before as [number, number, number]
    const last = before.at(-1) as number
    for (const [node, outcome] of [
      [first, 'lied'],
      [second, 'failed'],
      [third, 'failed'],
      [last, 'served'],
    ] as const) {
      const { key } = content
      world.give(reader, { kind: 'providerReported', key, peer: names.refOf(node), outcome })
    }
    const after = find()
    expect(after.toSorted()).toEqual(before.toSorted())
    expect(after.slice(-3).toSorted()).toEqual([first, second, third].toSorted())
    expect(after.indexOf(last)).toBeLessThan(before.indexOf(last))
  })

  it('ends as not found where there are none', () => {
    const world = knownToAll(30, 5)
    const run = world.perform(3, { type: 'findProviders', ...world.subject('') })
    expect([run.outcome, run.providers]).toEqual(['notFound', []])
  })
})

describe('the search for a peer', () => {
  it('is over at once for one of our table, and for ourselves', () => {
    const world = knownToAll(30, 6)
    for (const peer of [9, 3]) {
      const run = world.perform(3, { type: 'findPeer', ...world.subjectOf(peer), peer })
      expect([run.outcome, run.peer, run.endedMs]).toEqual(['ok', peer, run.startedMs])
    }
    expect(world.sent.findNode).toBe(0)
  })

  it('finds one that others know', () => {
    const world = new World({ nodes: 300, seed: 7, config: { bucketGoodPeers: [20] } })
    world.fillTables()
    const { nodes, row } = world.seats[3] as World['seats'][0]
    const strangers = world.live().filter((node) => node !== 3 && !nodes.routing.knows(row, node))
    expect(strangers.length).toBeGreaterThan(50)
    for (const peer of strangers.slice(0, 20)) {
      const run = world.perform(3, { type: 'findPeer', ...world.subjectOf(peer), peer })
      expect([run.outcome, run.peer]).toEqual(['ok', peer])
    }
  })

  it('ends as not found for one that is dead and known to nobody', () => {
    const world = new World({ nodes: 30, seed: 8 })
    world.kill(29)
    world.fillTables()
    const run = world.perform(3, { type: 'findPeer', ...world.subjectOf(29), peer: 29 })
    expect([run.outcome, run.peer]).toEqual(['notFound', -1])
  })
})
