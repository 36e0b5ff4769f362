import { tinyBook } from '@kadmium/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NodeRows } from './node-rows.ts'
import type { PeerRef } from './peers.ts'
import { Requests } from './requests.ts'

const NEVER = Number.POSITIVE_INFINITY

test('each request has two clocks, and holds its peer until it is closed', () => {
  const { book, refs } = tinyBook([1, 2])
  const [, peer] = refs as [PeerRef, PeerRef]
  const requests = new Requests(2, book, new NodeRows(2))
  expect(requests.deadlineMs(1)).toBe(NEVER)
  requests.open(1, 7, peer, 'check', null, 1000, 300, 10_000)
  expect([requests.count(0), requests.count(1)]).toEqual([0, 1])
  expect([requests.isAsked(1, peer), requests.isAsked(0, peer)]).toEqual([true, false])
  expect(requests.deadlineMs(1)).toBe(1300)
  expect(requests.nextDue(1, 1299)).toBeNull()
  const late = requests.nextDue(1, 1300)
  expect(late).toMatchObject({ id: 7, peer, lateAtMs: 1300, deadlineMs: 11_000 })
  if (late === null) return
  late.lateAtMs = NEVER
  expect(requests.nextDue(1, 1300)).toBeNull()
  expect(requests.deadlineMs(1)).toBe(11_000)
  expect(requests.nextDue(1, 11_000)).toBe(late)
  requests.close(1, late)
  expect([requests.count(1), requests.deadlineMs(1), requests.find(1, 7)]).toEqual([0, NEVER, null])
})

test('in any order of opening and closing there is what was opened and not closed', () => {
  const call = fc.record({ opens: fc.boolean(), peer: fc.nat(3), afterMs: fc.nat(50) })
  fc.assert(
    fc.property(fc.array(call, { maxLength: 60 }), (calls) => {
      const { book, refs } = tinyBook([1, 2, 3, 4])
      const requests = new Requests(1, book, new NodeRows(1))
      const open = new Map<number, { peer: PeerRef; lateAtMs: number }>()
      let nowMs = 0
      for (const [id, { opens, peer, afterMs }] of calls.entries()) {
        nowMs += afterMs
        const ref = refs[peer] as PeerRef
        if (opens) {
          requests.open(0, id, ref, 'ask', null, nowMs, 100, 1000)
          open.set(id, { peer: ref, lateAtMs: nowMs + 100 })
        } else {
          const [first] = open.keys()
          const found = requests.find(0, first ?? -1)
          expect(found === null).toBe(first === undefined)
          if (found !== null) requests.close(0, found)
          open.delete(first ?? -1)
        }
        expect(requests.count(0)).toBe(open.size)
        for (const one of refs)
          expect(requests.isAsked(0, one)).toBe([...open.values()].some((r) => r.peer === one))
        const due = Math.min(...[...open.values()].map((r) => r.lateAtMs))
        expect(requests.deadlineMs(0)).toBeLessThanOrEqual(due)
        if (requests.nextDue(0, nowMs - 100) === null) expect(requests.deadlineMs(0)).toBe(due)
      }
    }),
    { numRuns: 1000 },
  )
})
