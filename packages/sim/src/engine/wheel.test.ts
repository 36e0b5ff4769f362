import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LAST_MS, Wheel } from './wheel.ts'

interface Event {
  atMs: number
  node: number
  kind: number
  source: number
  sequence: number
  payload: number
}

const TURN_MS = 8192
/** From here on an event lies beyond both wheels. */
const BEYOND_MS = TURN_MS * TURN_MS

function taken(wheel: Wheel): Event[] {
  const atMs = wheel.nowMs
  const count = wheel.advance()
  if (count === 0) return []
  return Array.from({ length: count }, (_, i) => ({
    atMs,
    node: wheel.node(i),
    kind: wheel.kind(i),
    source: wheel.source(i),
    sequence: wheel.sequence(i),
    payload: wheel.payload(i),
  }))
}

function add(wheel: Wheel, { atMs, node, kind, source, sequence, payload }: Event): void {
  wheel.add(atMs, node, kind, source, sequence, payload)
}

function byOrder(a: Event, b: Event): number {
  return (
    a.atMs - b.atMs ||
    a.node - b.node ||
    a.kind - b.kind ||
    a.source - b.source ||
    a.sequence - b.sequence
  )
}

const small = fc.integer({ min: 0, max: 3 })
const distance = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -2, max: 6 }) },
  { weight: 3, arbitrary: fc.integer({ min: TURN_MS - 3, max: TURN_MS + 3 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 3 * TURN_MS }) },
  { weight: 1, arbitrary: fc.integer({ min: BEYOND_MS - 9, max: LAST_MS }) },
)
const step = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(distance, small, small, small) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 4 }) },
  { weight: 1, arbitrary: fc.integer({ min: TURN_MS - 4, max: TURN_MS + 4 }) },
)
const start = fc.oneof(
  fc.integer({ min: 0, max: 3 * TURN_MS }),
  // Just before a turn of the coarse wheel, where those that lie beyond it are looked at.
  fc.integer({ min: BEYOND_MS - TURN_MS - 5, max: BEYOND_MS + 5 }),
)

test('events come out at their time and in their order, as from a sorted list', () => {
  fc.assert(
    fc.property(start, fc.array(step, { maxLength: 25 }), (startMs, steps) => {
      const wheel = new Wheel(startMs)
      let waiting: Event[] = []
      let sequence = 0
      for (const one of steps) {
        if (typeof one !== 'number') {
          const [inMs, node, kind, source] = one
          const event = {
            atMs: wheel.nowMs + inMs,
            node,
            kind,
            source,
            sequence,
            payload: sequence ^ 5,
          }
          sequence++
          add(wheel, event)
          const atMs = Math.max(event.atMs, wheel.nowMs)
          // What lies behind the last time is never to be: no run lasts so long.
          if (atMs <= LAST_MS) waiting.push({ ...event, atMs })
          continue
        }
        const untilMs = wheel.nowMs + one
        const found: Event[] = []
        while (wheel.nowMs < untilMs) for (const each of taken(wheel)) found.push(each)
        expect(found).toEqual(waiting.filter(({ atMs }) => atMs < untilMs).sort(byOrder))
        waiting = waiting.filter(({ atMs }) => atMs >= untilMs)
      }
      expect(wheel.size).toBe(waiting.length)
    }),
    { numRuns: 1_000 },
  )
})

test('the order of one millisecond does not depend on who was added first', () => {
  const event = fc.record({
    atMs: fc.constant(7),
    node: fc.integer({ min: 0, max: 5 }),
    kind: small,
    source: small,
    sequence: fc.integer({ min: 0, max: 1_000_000 }),
    payload: fc.constant(0),
  })
  const events = fc.uniqueArray(event, {
    maxLength: 150,
    selector: ({ node, kind, source, sequence }) => `${node} ${kind} ${source} ${sequence}`,
  })
  const orders = events.chain((list) =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
  )
  fc.assert(
    fc.property(orders, ([one, other]) => {
      const [a, b] = [one, other].map((list) => {
        const wheel = new Wheel(7)
        for (const each of list) add(wheel, each)
        return taken(wheel)
      })
      expect(a).toEqual(b)
      expect(a).toEqual([...one].sort(byOrder))
    }),
    { numRuns: 1_000 },
  )
})

test('what is added while a millisecond is lived through comes in a later one', () => {
  const wheel = new Wheel(100)
  const event = { atMs: 100, node: 1, kind: 2, source: 3, sequence: 4, payload: 5 }
  add(wheel, event)
  expect(taken(wheel)).toEqual([event])
  add(wheel, event)
  // Those that were taken out stay readable meanwhile.
  expect(wheel.node(0)).toBe(1)
  expect(taken(wheel)).toEqual([{ ...event, atMs: 101 }])
  expect(taken(wheel)).toEqual([])
})

test('events beyond both wheels come at their time', () => {
  const wheel = new Wheel(TURN_MS - 1)
  const times = [BEYOND_MS - 1, BEYOND_MS, BEYOND_MS + TURN_MS - 1, BEYOND_MS + TURN_MS + 1]
  for (const [i, atMs] of times.entries()) wheel.add(atMs, i, 0, 0, 0, 0)
  const found: number[] = []
  while (wheel.nowMs < BEYOND_MS + 2 * TURN_MS) {
    const { nowMs } = wheel
    if (wheel.advance() > 0) found.push(nowMs)
  }
  expect(found).toEqual(times)
})

test('rows are used again', () => {
  const wheel = new Wheel(0)
  for (let i = 0; i < 5_000; i++) wheel.add(i >> 1, i, 0, 0, 0, 0)
  const { bytes } = wheel
  for (let i = 0; i < 100_000; i++) {
    wheel.advance()
    wheel.add(wheel.nowMs + (i % 3), i, 0, 0, 0, 0)
  }
  expect(wheel.bytes).toBe(bytes)
})
