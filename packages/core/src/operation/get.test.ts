/** Which record is the value, when a get decides, and what becomes of those who had another. */
import { type OperationRun, recordOf, type Subject, World } from '@kadmium/testkit'
import { describe, expect, it } from 'vitest'
import type { Config } from '../config.ts'

const INVALID = recordOf(0xff)

/** A world in which all know and have streams to all, node 0 reads, and the 20 nearest hold a record. */
class Library {
  readonly world: World
  readonly subject: Subject
  /** Holders, the quickest for node 0 first. */
  readonly holders: number[]

  constructor(prefix: string, seed: number, config: Partial<Config> = {}, judgeMs = 0) {
    this.world = new World({ nodes: 32, seed, delayMs: [10, 200], config, judgeMs })
    this.world.fillTables()
    this.warmUp()
    this.subject = this.world.subject(prefix)
    this.holders = this.world
      .nearest(this.subject.key, 20, 0)
      .sort((a, b) => this.world.delayMs(0, a) - this.world.delayMs(0, b))
  }

  /** Puts a record of its own into a node's store, as at its start. */
  shelve(node: number, record: Uint8Array): void {
    const expiresAtMs = this.world.nowMs + 3_600_000
    this.world.give(node, { kind: 'recordLoaded', ...this.subject, record, expiresAtMs })
  }

  shelveAll(record: Uint8Array): void {
    for (const node of this.holders) this.shelve(node, record)
  }

  held(node: number): Uint8Array | null {
    const { nodes, row } = this.world.seats[node] as World['seats'][0]
    return nodes.records.get(row, this.world.nowMs, this.subject.key, 0)
  }

  read(quorum = 0): OperationRun {
    return this.world.perform(0, { type: 'getValue', ...this.subject, quorum })
  }

  roundTripMs(node: number): number {
    return 2 * this.world.delayMs(0, node)
  }

  /** The n-th quickest holder. */
  quick(n: number): number {
    return this.holders[n] as number
  }

  private warmUp(): void {
    for (let i = 0; i < 12; i++) {
      this.world.perform(0, { type: 'getClosest', ...this.world.subject('') })
      this.world.runFor(5_000)
    }
  }
}

describe('a record that can have only one value', () => {
  it('is there after one round trip to the quickest holder', () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const library = new Library('/pk/', seed)
      library.shelveAll(recordOf(1))
      const run = library.read()
      expect([run.outcome, run.value]).toEqual(['ok', recordOf(1)])
      expect(run.valueFrom).toBe(library.quick(0))
      expect(run.endedMs - run.startedMs).toBe(library.roundTripMs(library.quick(0)))
      expect(run.asked.length).toBeLessThanOrEqual(5)
    }
  })

  it('is the first that is valid: liars are passed over, and believed less from then on', () => {
    const library = new Library('/pk/', 6)
    const [first, second, third] = library.holders as [number, number, number]
    for (const liar of [first, second]) library.shelve(liar, INVALID)
    for (const honest of library.holders.slice(2)) library.shelve(honest, recordOf(1))
    const run = library.read()
    expect([run.outcome, run.value, run.valueFrom]).toEqual(['ok', recordOf(1), third])
    expect(run.answered).toEqual([first, second, third])
    const { nodes, row } = library.world.seats[0] as World['seats'][0]
    const score = (node: number): number => nodes.routing.score(row, node, library.world.nowMs)
    for (const liar of [first, second]) expect(score(liar)).toBeLessThan(score(third) - 0.1)
  })

  it('does not exist where all that there is is invalid', () => {
    const library = new Library('/pk/', 7)
    library.shelveAll(INVALID)
    const run = library.read()
    expect([run.outcome, run.value]).toEqual(['notFound', null])
  })

  it('is looked for with those that are late a second longer than with all others', () => {
    const library = new Library('/pk/', 9)
    const { world } = library
    for (const node of library.holders.slice(0, 3)) world.kill(node, true)
    const run = library.read()
    expect(run.outcome).toBe('notFound')
    expect(run.answered.length).toBeGreaterThanOrEqual(20)
    // The dead are late after their round trips and some slack, at most 5 s, and fail after 10 s.
    expect(run.endedMs - run.startedMs).toBeLessThan(6_000)
    const slow = new Library('/pk/', 9, { lateGraceMs: 8_000 })
    for (const node of slow.holders.slice(0, 3)) slow.world.kill(node, true)
    const long = slow.read()
    expect(long.endedMs - long.startedMs).toBe(run.endedMs - run.startedMs + 7_000)
  })

  it('is waited for to the last where there are fewer than k others', () => {
    const library = new Library('/pk/', 9)
    const { world } = library
    for (const node of world.live()) if (node > 10) world.kill(node, true)
    const run = library.read()
    expect(run.outcome).toBe('notFound')
    expect(run.endedMs - run.startedMs).toBeGreaterThanOrEqual(10_000)
  })

  it('costs nothing to read where it is held', () => {
    const library = new Library('/pk/', 8)
    library.shelve(0, recordOf(4))
    const run = library.read()
    expect([run.value, run.valueFrom, run.endedMs]).toEqual([recordOf(4), -1, run.startedMs])
    expect(run.asked).toEqual([])
  })
})

describe('a record that changes', () => {
  it('is the newest of the first three, and the older of those are put right', () => {
    const library = new Library('/ipns/', 11)
    for (const [i, node] of library.holders.entries())
      library.shelve(node, recordOf(i === 2 ? 9 : 1))
    const run = library.read()
    expect([run.outcome, run.value, run.valueFrom]).toEqual(['ok', recordOf(9), library.quick(2)])
    expect(run.endedMs - run.startedMs).toBe(library.roundTripMs(library.quick(2)))
    library.world.runFor(2_000)
    for (const n of [0, 1, 2]) expect(library.held(library.quick(n))).toEqual(recordOf(9))
    expect(library.held(library.quick(3))).toEqual(recordOf(1)) // was not asked in time
    expect(library.world.sent.putValue).toBe(2)
  })

  it('is the newest of all with a quorum of all, and all others are put right', () => {
    const library = new Library('/ipns/', 12)
    const versions = [3, 3, 7, 7, 1, 9, 2]
    for (const [i, node] of library.holders.entries())
      library.shelve(node, recordOf(versions[i] ?? 5))
    const run = library.read(20)
    expect([run.outcome, run.value]).toEqual(['ok', recordOf(9)])
    library.world.runFor(2_000)
    for (const node of library.holders) expect(library.held(node)).toEqual(recordOf(9))
    expect(library.world.sent.putValue).toBe(19)
  })

  it('is what came in time where the quorum does not', () => {
    const library = new Library('/ipns/', 13, { quorumTimeoutMs: 500 })
    const { world } = library
    library.shelve(library.quick(0), recordOf(2))
    const run = library.read()
    expect([run.outcome, run.value]).toEqual(['ok', recordOf(2)])
    const firstMs = library.roundTripMs(library.quick(0))
    expect(run.endedMs - run.startedMs).toBeLessThanOrEqual(firstMs + 500)
    // The deadline binds where nobody answers any more.
    for (const node of world.live())
      if (node > 0 && node !== library.quick(0)) world.kill(node, true)
    const slow = library.read()
    expect([slow.outcome, slow.value]).toEqual(['ok', recordOf(2)])
    expect(slow.endedMs - slow.startedMs).toBe(firstMs + 500)
  })

  it('counts its own copy as one answer, and finds what is newer', () => {
    const library = new Library('/ipns/', 14)
    library.shelve(0, recordOf(1))
    library.shelveAll(recordOf(2))
    const run = library.read()
    expect([run.outcome, run.value, run.valueFrom]).toEqual(['ok', recordOf(2), library.quick(0)])
    expect(run.endedMs - run.startedMs).toBe(library.roundTripMs(library.quick(1)))
  })

  it('is not lost when the judge has too much to do', () => {
    const library = new Library('/ipns/', 15, { jobsMax: 4 }, 25)
    const { world } = library
    library.shelve(library.quick(1), recordOf(3)) // one chance each
    const runs = Array.from({ length: 30 }, () =>
      world.start(0, { type: 'getValue', ...library.subject, quorum: 2 }),
    )
    world.runFor(30_000)
    for (const run of runs) expect([run.outcome, run.value]).toEqual(['ok', recordOf(3)])
  })
})

describe('a get', () => {
  it('ends as not found when nobody near the key has a record', () => {
    const library = new Library('/pk/', 21)
    const run = library.read()
    expect(run.outcome).toBe('notFound')
    const near = library.world.nearest(library.subject.key, 20, 0)
    for (const node of near) expect(run.answered).toContain(node)
  })

  it('takes no verdict for one that compares with nothing', () => {
    const world = new World({ nodes: 12, seed: 24, judge: () => 'same' })
    world.fillTables()
    const subject = world.subject('/ipns/')
    const expiresAtMs = world.nowMs + 3_600_000
    for (let node = 1; node < 12; node++)
      world.give(node, { kind: 'recordLoaded', ...subject, record: recordOf(1), expiresAtMs })
    const run = world.perform(0, { type: 'getValue', ...subject })
    expect([run.outcome, run.value]).toEqual(['notFound', null])
  })

  it('whose answers come while another waits ends by its own deadline', () => {
    const library = new Library('/ipns/', 23, { quorumTimeoutMs: 700 })
    const { world } = library
    library.shelve(library.quick(0), recordOf(1))
    for (const node of world.live())
      if (node > 0 && node !== library.quick(0)) world.kill(node, true)
    const ask = { type: 'getValue', ...library.subject } as const
    const first = world.start(0, ask)
    world.runFor(350)
    const second = world.start(0, ask)
    world.runFor(3_000)
    const answerMs = library.roundTripMs(library.quick(0))
    for (const run of [first, second]) {
      expect([run.outcome, run.value]).toEqual(['ok', recordOf(1)])
      expect(run.endedMs - run.startedMs).toBe(answerMs + 700)
    }
  })

  it('takes back what it asked when it is cancelled', () => {
    const library = new Library('/pk/', 22)
    library.shelveAll(recordOf(1))
    const { world } = library
    const run = world.start(0, { type: 'getValue', ...library.subject })
    const { nodes, row } = world.seats[0] as World['seats'][0]
    expect(nodes.inFlight(row)).toBeGreaterThan(0)
    world.give(0, { kind: 'cancelOperation', operation: run.id })
    expect([run.outcome, nodes.inFlight(row)]).toEqual(['cancelled', 0])
    world.runFor(20_000)
    expect([run.value, run.answered]).toEqual([null, []])
  })
})
