/** What an operation may go by: everything, only what the node has itself, or only what others say. */
import {
  type Ask,
  judge,
  OPERATION_TYPES,
  type OperationRun,
  recordOf,
  type Subject,
  World,
} from '@kadmium/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { OperationType, Reach, Verdict } from '../messages.ts'

const HOUR_MS = 3_600_000

/** As hosts judge: what is valid beats what has run out. */
function judgeOfHosts(record: Uint8Array, against: Uint8Array | null): Verdict {
  const hasRunOut = against !== null && judge(against, null) === 'invalid'
  return judge(record, hasRunOut ? null : against)
}

/** A world of nodes that know one another; node 0 is asked. */
class Library {
  readonly world: World
  readonly subject: Subject
  /** Requests of any type that node 0 sent, and its dials. */
  asked = 0

  constructor(prefix = '/ipns/', nodes = 24, seed = 5, judgeMs = 0) {
    this.world = new World({
      nodes,
      seed,
      judgeMs,
      judge: judgeOfHosts,
      onStep: ({ node, outbox }) => {
        for (const { kind } of outbox) {
          if (node === 0 && (kind === 'send' || kind === 'dial')) this.asked++
        }
      },
    })
    this.world.fillTables()
    this.subject = this.world.subject(prefix)
  }

  shelve(node: number, version: number): void {
    const record = recordOf(version)
    const expiresAtMs = this.world.nowMs + HOUR_MS
    this.world.give(node, { kind: 'recordLoaded', ...this.subject, record, expiresAtMs })
  }

  shelveAtOthers(version: number): void {
    for (let node = 1; node < this.world.size; node++) this.shelve(node, version)
  }

  held(node: number): Uint8Array | null {
    const { nodes, row } = this.world.seats[node] as World['seats'][0]
    return nodes.records.get(row, this.world.nowMs, this.subject.key, 0)
  }

  perform(type: OperationType, reach: Reach, more: Partial<Ask> = {}): OperationRun {
    return this.world.perform(0, { type, reach, ...this.subject, ...more })
  }
}

describe('an operation that may ask nobody', () => {
  it('gets what is stored here, and nothing else', () => {
    const library = new Library()
    library.shelveAtOthers(9)
    expect(library.perform('getValue', 'local').outcome).toBe('notFound')
    library.shelve(0, 2)
    const run = library.perform('getValue', 'local')
    expect([run.outcome, run.value, run.valueFrom]).toEqual(['ok', recordOf(2), -1])
    expect(library.asked).toBe(0)
  })

  it('gets no record that has run out here', () => {
    const library = new Library()
    library.shelve(0, 0xff)
    expect(library.perform('getValue', 'local').outcome).toBe('notFound')
    expect(library.asked).toBe(0)
  })

  it('puts into its own store alone, and only what is valid', () => {
    const library = new Library()
    const bad = library.perform('putValue', 'local', { record: recordOf(0xff) })
    expect([bad.outcome, library.held(0)]).toEqual(['invalid', null])
    const empty = library.perform('putValue', 'local', { record: new Uint8Array(0) })
    expect([empty.outcome, library.held(0)]).toEqual(['size', null])
    const run = library.perform('putValue', 'local', { record: recordOf(3) })
    expect([run.outcome, run.stored]).toEqual(['ok', 0])
    const old = library.perform('putValue', 'local', { record: recordOf(2) })
    expect([old.outcome, library.held(0)]).toEqual(['older', recordOf(3)])
    library.world.runFor(10_000)
    expect(library.held(0)).toEqual(recordOf(3))
    for (let node = 1; node < library.world.size; node++) expect(library.held(node)).toBeNull()
    expect(library.asked).toBe(0)
  })

  it('provides in its own store alone, and finds there what is provided', () => {
    const library = new Library('')
    expect(library.perform('findProviders', 'local').outcome).toBe('notFound')
    expect(library.perform('provide', 'local').outcome).toBe('ok')
    const run = library.perform('findProviders', 'local')
    expect([run.outcome, run.providers]).toEqual(['ok', [0]])
    expect(library.asked).toBe(0)
    const elsewhere = library.world.perform(1, { type: 'findProviders', ...library.subject })
    expect(elsewhere.providers).toEqual([0]) // asked for on the way
    library.world.kill(0)
    const without = library.world.perform(2, { type: 'findProviders', ...library.subject })
    expect(without.providers).toEqual([])
  })

  it('finds peers that it knows, connected or not', () => {
    const library = new Library()
    const run = library.perform('findPeer', 'local', { peer: 7 })
    expect([run.outcome, run.peer]).toEqual(['ok', 7])
    const nobody = new World({ nodes: 3, seed: 1 })
    const subject = nobody.subjectOf(2)
    expect(
      nobody.perform(0, { type: 'findPeer', reach: 'local', ...subject, peer: 2 }).outcome,
    ).toBe('notFound')
    expect(library.asked).toBe(0)
  })

  it('finds the closest of its own table', () => {
    const library = new Library()
    const run = library.perform('getClosest', 'local')
    expect(run.closest).toEqual(library.world.nearest(library.subject.key, 20, 0))
    expect([run.outcome, library.asked]).toEqual(['ok', 0])
    const nobody = new World({ nodes: 3, seed: 1 })
    expect(
      nobody.perform(0, { type: 'getClosest', reach: 'local', ...nobody.subject('') }).outcome,
    ).toBe('noPeers')
  })
})

describe('an operation that goes only by what others say', () => {
  it('gets their record, be ours the newest', () => {
    const library = new Library()
    library.shelveAtOthers(2)
    library.shelve(0, 9)
    expect(library.perform('getValue', 'network').value).toEqual(recordOf(2))
    expect(library.held(0)).toEqual(recordOf(9))
    expect(library.perform('getValue', 'all').value).toEqual(recordOf(9))
  })

  it('finds nothing where only we have it', () => {
    const library = new Library()
    library.shelve(0, 9)
    expect(library.perform('getValue', 'network').outcome).toBe('notFound')
    library.perform('provide', 'local')
    const run = library.perform('findProviders', 'network')
    expect(run.answered.length).toBeGreaterThan(0)
    expect(run.providers).toEqual([])
  })

  it('asks for a peer that is in its table', () => {
    const library = new Library()
    const all = library.perform('findPeer', 'all', { ...library.world.subjectOf(7), peer: 7 })
    expect([all.peer, library.asked]).toEqual([7, 0])
    const run = library.perform('findPeer', 'network', { ...library.world.subjectOf(7), peer: 7 })
    expect([run.outcome, run.peer]).toEqual(['ok', 7])
    expect(library.asked).toBeGreaterThan(0)
  })
})

describe('our own copy of a record', () => {
  it.each<Reach>(['all', 'network'])(
    'gives way to the newer one that a get (%s) finds',
    (reach) => {
      const library = new Library()
      library.shelve(0, 1)
      library.shelveAtOthers(2)
      expect(library.perform('getValue', reach).value).toEqual(recordOf(2))
      library.world.runFor(1_000)
      expect(library.held(0)).toEqual(recordOf(2))
    },
  )

  it('gives way where it has run out', () => {
    const library = new Library()
    library.shelve(0, 0xff)
    library.shelveAtOthers(2)
    expect(library.perform('getValue', 'all').value).toEqual(recordOf(2))
    library.world.runFor(1_000)
    expect(library.held(0)).toEqual(recordOf(2))
  })

  it('stands where a get finds the same, and a reader that holds none holds none after', () => {
    const library = new Library()
    library.shelveAtOthers(2)
    library.perform('getValue', 'all')
    library.world.runFor(1_000)
    expect(library.held(0)).toBeNull()
    library.shelve(0, 2)
    let writes = 0
    const run = library.perform('getValue', 'all')
    library.world.runFor(1_000)
    for (const type of ['putValue', 'addProvider'] as const) writes += library.world.sent[type]
    expect([run.value, library.held(0), writes]).toEqual([recordOf(2), recordOf(2), 0])
  })
})

it('whatever is asked: local asks nobody, and no reach makes up what nobody has', () => {
  const asks = fc.array(
    fc.record({
      type: fc.constantFrom(...OPERATION_TYPES),
      version: fc.integer({ min: 0, max: 255 }),
      peer: fc.integer({ min: 0, max: 7 }),
      quorum: fc.integer({ min: 0, max: 3 }),
      countMax: fc.integer({ min: 0, max: 3 }),
    }),
    { minLength: 1, maxLength: 6 },
  )
  fc.assert(
    fc.property(asks, fc.nat({ max: 40 }), fc.nat(), (script, judgeMs, seed) => {
      const library = new Library('/ipns/', 8, seed, judgeMs)
      let newest = -1
      let provides = false
      for (const { type, version, ...ask } of script) {
        const run = library.perform(type, 'local', { ...ask, record: recordOf(version) })
        if (type === 'putValue' && run.outcome === 'ok') newest = Math.max(newest, version)
        if (type === 'provide') provides = true
        if (type === 'getValue') expect(run.value?.[0] ?? -1).toBe(newest)
        if (type === 'findProviders') expect(run.providers).toEqual(provides ? [0] : [])
        if (type === 'getClosest') {
          expect(run.closest).toEqual(library.world.nearest(library.subject.key, 20, 0))
        }
      }
      expect(library.asked).toBe(0)
    }),
    { numRuns: 1_000 },
  )
})
