import { KEY_WORDS, type Message, PeerBook } from '@kadmium/core'
import { describe, expect, test } from 'vitest'
import { Connections, DIALLING } from '../host/connections.ts'
import type { Slice } from '../measure/result.ts'
import { CONTENT, recordOf, storedSubject, VALUE } from '../workload/subjects.ts'
import type { Task } from '../workload/workload.ts'
import { idlePhase, sampleScenario } from '../world/sample.ts'
import { convergenceFaults } from './convergence.ts'
import { endingFault } from './endings.ts'
import { type Ask, holderFault, isTurn, TURNS } from './holders.ts'
import { linksFault } from './links.ts'
import { requestsFault } from './requests.ts'
import { TableCheck } from './tables.ts'
import { Violations } from './violations.ts'

/** Sixteen peers whose keys begin with their number, in four bits. */
const keys = new Uint32Array(16 * KEY_WORDS)
for (let peer = 0; peer < 16; peer++) keys[peer * KEY_WORDS] = peer * 2 ** 28
const book = new PeerBook({ fixed: true, keys })

describe('tables', () => {
  const fault = (members: number[], self = 0): string | null =>
    new TableCheck(
      {
        members: (_row, out) => {
          out.set(members.slice(0, out.length))
          return Math.min(members.length, out.length)
        },
        bucketSeats: (bucket) => (bucket < 3 ? 2 : 0),
        benchSeats: 1,
        inBuckets: true,
      },
      book,
    ).fault(0, self)

  test('that are right pass', () => {
    expect(fault([8, 9, 10, 4, 5, 2, 3, 1])).toBeNull()
    expect(fault([])).toBeNull()
  })

  test.each([
    [[8, 9, 8], /peer 8 twice/],
    [[8, 0], /itself/],
    [[8, 99], /nobody/],
    [[8, 4, 9], /peer 9 of bucket 0 in bucket 1 or behind/],
    [[8, 9, 10, 11], /4 peers in bucket 0 of 3 seats/],
    [[8, 9, 10, 11, 4, 5, 6, 7, 2, 3], /more peers than seats/],
  ])('%j is told', (members, text) => {
    expect(fault(members)).toMatch(text)
  })
})

describe('connections', () => {
  const made = (): Connections => {
    const connections = new Connections(2)
    connections.add(1, 5, 0, 0, 0)
    connections.add(1, 6, DIALLING, 0, 0)
    return connections
  }

  test('that are right pass', () => {
    expect(linksFault(made(), 1, 1, true, 1)).toBeNull()
    expect(linksFault(made(), 0, 0, false, 1)).toBeNull()
  })

  test('of a node that is down, to itself, twice or too many are told', () => {
    expect(linksFault(made(), 1, 1, false, 1)).toMatch(/down and has 2/)
    expect(linksFault(made(), 1, 5, true, 1)).toMatch(/itself/)
    expect(linksFault(made(), 1, 1, true, 0)).toMatch(/1 open connections, 0 at most/)
    const twice = made()
    twice.add(1, 5, 0, 0, 0)
    expect(linksFault(twice, 1, 1, true, 9)).toMatch(/two connections to 5/)
  })
})

test('requests above the bound, or of a node that is down, are told', () => {
  const column = { inFlight: () => 3, inFlightMax: 3 }
  expect(requestsFault(column, 0, 0, true)).toBeNull()
  expect(requestsFault({}, 0, 0, true)).toBeNull()
  expect(requestsFault({ ...column, inFlightMax: 2 }, 0, 7, true)).toMatch(/node 7 has 3/)
  expect(requestsFault(column, 0, 7, false)).toMatch(/down/)
})

describe('a holder', () => {
  const value = storedSubject(VALUE, 3)
  const answering =
    (fill: (message: Message) => void): Ask =>
    (_row, _nowMs, input) => {
      if (input.kind !== 'requestArrived') return null
      const { message } = input
      fill(message)
      return message
    }
  const fault = (ask: Ask, subject = value): string | null =>
    holderFault(ask, 0, 9, subject, 2, 1, 5_000)
  const record = (version: number): Ask =>
    answering((message) => {
      message.record = recordOf(value, version)
    })

  test('that answers with what it holds, or with better, passes', () => {
    expect([fault(record(2)), fault(record(3))]).toEqual([null, null])
    const named = answering((message) => message.addProvider(4))
    expect(fault(named, storedSubject(CONTENT, 3))).toBeNull()
  })

  test.each([1, 3, 16, 32])('is asked for each record in turn, one node in %i a look', (stride) => {
    for (const subject of [0, 1, 17, 12_345])
      for (let row = 0; row < stride; row++) {
        const looks = Array.from({ length: TURNS }, (_, i) => i * stride + row + stride)
        expect(looks.filter((turn) => isTurn(subject, turn, stride))).toHaveLength(1)
      }
  })

  test('that has lost it, or answers with less, is told', () => {
    expect(fault(record(1))).toMatch(/holds version 2 .* answers with 1/)
    expect(fault(answering(() => {}))).toMatch(/lost the record/)
    expect(
      fault(
        answering(() => {}),
        storedSubject(CONTENT, 3),
      ),
    ).toMatch(/lost the providers/)
    expect(fault(() => null)).toMatch(/does not answer/)
  })
})

test('an operation without an end is told', () => {
  const task: Task = { number: 4, name: 'get', atMs: 0, asker: 7, subject: 0, peer: -1, phase: 0 }
  expect(endingFault({ task, endedMs: 0 })).toBeNull()
  expect(endingFault({ task, endedMs: -1 })).toBe('get 4 of node 7 has no end')
})

describe('convergence', () => {
  const names = ['before', 'faults', 'after']
  const phases = names.map((name) => ({ ...idlePhase(100), name, measured: true }))
  const faulty = { ...phases[1], faults: { loss: 0.5, down: 0, partition: false } }
  const scenario = sampleScenario(10, {}, { phases: Object.assign([...phases], { 1: faulty }) })
  const slices = (oks: number[]): Slice[] =>
    oks.map((ok, i) => ({
      atSeconds: i * 50,
      phase: names[Math.floor(i / 2)] as string,
      done: 500,
      ok,
      rpcs: 0,
      timeouts: 0,
      up: 10,
    }))

  test('to what was before passes, whatever was between and while it heals', () => {
    expect(convergenceFaults(scenario, slices([490, 490, 10, 0, 100, 480]))).toEqual([])
  })

  test('to less is told', () => {
    const [found, ...more] = convergenceFaults(scenario, slices([490, 490, 490, 490, 490, 400]))
    expect(found?.text).toBe('80 % succeed in after, 98 % did in before, before faults')
    expect([found?.atMs, more]).toEqual([250_000, []])
  })

  test('is not asked for where no phase has faults, or nothing is measured behind it', () => {
    const quiet = sampleScenario(10, {}, { phases })
    expect(convergenceFaults(quiet, slices([500, 500, 0, 0, 0, 0]))).toEqual([])
    const last = { ...scenario, phases: scenario.phases.slice(0, 2) }
    expect(convergenceFaults(last, slices([500, 500, 0, 0]))).toEqual([])
  })
})

test('violations are bounded', () => {
  const violations = new Violations()
  for (let i = 0; i < 1_000; i++) violations.add('tables', i, 'broken')
  expect(violations.all).toHaveLength(100)
  expect(violations.all[0]).toEqual({ checker: 'tables', atMs: 0, text: 'broken' })
})
