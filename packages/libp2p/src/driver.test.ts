import { type Input, Message, type Outbox } from '@kadmium/core'
import { HandClock } from '@kadmium/testkit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Arrival, Driver, type Effects } from './driver.ts'

const DAY_MS = 86_400_000

/** A node that writes down what it hears, and does what a test tells it to. */
class Rig {
  readonly clock = new HandClock(1_000)
  readonly heard: { atMs: number; input: Input }[] = []
  readonly done: string[] = []
  readonly failures: unknown[] = []
  deadlineMs = Number.POSITIVE_INFINITY
  onInput: (input: Input, outbox: Outbox) => void = () => {}
  /** What an effect does besides being written down. */
  onEffect: (name: string) => void = () => {}
  readonly driver: Driver

  constructor() {
    const node = {
      handle: (_node: number, atMs: number, input: Input, outbox: Outbox): void => {
        this.heard.push({ atMs, input })
        this.onInput(input, outbox)
      },
      deadline: () => this.deadlineMs,
    }
    const note =
      (name: keyof Effects) =>
      (...told: unknown[]): void => {
        const texts = told.map((each) => (typeof each === 'object' ? '' : ` ${each}`))
        const text = name + texts.join('')
        this.done.push(text)
        this.onEffect(text)
      }
    const effects: Effects = {
      send: (output) => note('send')(output.request),
      cancelRequest: note('cancelRequest'),
      respond: note('respond'),
      conclude: note('conclude'),
      dial: note('dial'),
      pickKey: note('pickKey'),
      walkEnded: (_, peers) => note('walkEnded')(peers),
      settled: () => {},
      validate: (output) => note('validate')(output.job),
      persistRecord: (output) => note('persistRecord')(output.job),
      persistProvider: (output) => note('persistProvider')(output.job),
      event: (event) => note('event')(event.kind, event.operation),
      forget: note('forget'),
      failed: (error) => {
        this.failures.push(error)
      },
    }
    this.driver = new Driver(node, this.clock, effects)
    this.driver.start()
  }

  get kinds(): string[] {
    return this.heard.map(({ input }) => input.kind)
  }
}

const wake: Input = { kind: 'wake' }
const start: Input = { kind: 'start' }
const stop: Input = { kind: 'stop' }
const found = (operation: number): Input => ({ kind: 'cancelOperation', operation })

describe('outputs', () => {
  test('each kind is carried out, in the order of asking', () => {
    const rig = new Rig()
    rig.onInput = (_, outbox) => {
      const message = new Message()
      outbox.send(1, 2, message, 3)
      outbox.cancelRequest(4, true)
      outbox.respond(5, message)
      outbox.refuse(6)
      outbox.accept(7)
      outbox.dial(8, 9)
      outbox.pickKey(10)
      outbox.validate(11, new Uint8Array(1), new Uint8Array(1), null)
      outbox.persistRecord(12, new Uint8Array(1), null, 0)
      outbox.persistProvider(13, new Uint8Array(1), 1, 0)
      outbox.asking(14, 1, message)
      outbox.operationEnded(15, 'ok', 1, 1)
      outbox.forget(16)
    }
    rig.driver.dispatch(start)
    expect(rig.done).toEqual([
      'send 1',
      'cancelRequest 4 true',
      'respond 5',
      'conclude 6 true',
      'conclude 7 false',
      'dial 8 9',
      'pickKey 10',
      'validate 11',
      'persistRecord 12',
      'persistProvider 13',
      'event asking 14',
      'event operationEnded 15',
      'forget 16',
    ])
  })

  test('an effect that throws takes nothing else with it', () => {
    const rig = new Rig()
    rig.deadlineMs = 5_000
    rig.onInput = (input, outbox) => {
      if (input.kind !== 'start') return
      outbox.pickKey(1)
      outbox.pickKey(2)
    }
    rig.onEffect = (name) => {
      rig.driver.dispatch(stop)
      if (name === 'pickKey 1') throw new Error('no')
    }
    rig.driver.dispatch(start)
    expect(rig.done).toEqual(['pickKey 1', 'pickKey 2'])
    expect(rig.kinds).toEqual(['start', 'stop', 'stop'])
    expect(rig.failures).toEqual([new Error('no')])
    expect(rig.clock.nextMs).toBe(5_000)
  })

  test('a mistake of the node is told to who dispatched, and the next input is handled', () => {
    const rig = new Rig()
    rig.onInput = (input) => {
      if (input.kind === 'start') throw new Error('assert')
    }
    expect(() => rig.driver.dispatch(start)).toThrow('assert')
    rig.driver.dispatch(stop)
    expect(rig.kinds).toEqual(['start', 'stop'])
  })
})

describe('inputs', () => {
  test('that arise while one is handled wait for their turn, in order', () => {
    const rig = new Rig()
    rig.onInput = (input, outbox) => {
      if (input.kind === 'start') for (const bits of [1, 2]) outbox.pickKey(bits)
    }
    rig.onEffect = (name) => {
      rig.driver.dispatch(found(name === 'pickKey 1' ? 1 : 3))
      rig.driver.dispatch(found(name === 'pickKey 1' ? 2 : 4))
      expect(rig.kinds).toEqual(['start'])
    }
    rig.driver.dispatch(start)
    expect(rig.heard.slice(1).map(({ input }) => input)).toEqual([1, 2, 3, 4].map(found))
  })

  test('are made when their turn has come, or not at all', () => {
    const rig = new Rig()
    const order: string[] = []
    rig.onInput = (input, outbox) => {
      order.push(input.kind)
      if (input.kind === 'start') outbox.pickKey(1)
    }
    rig.onEffect = () => {
      rig.driver.dispatch(stop)
      rig.driver.dispatch(() => {
        order.push('made')
        return wake
      })
      rig.driver.dispatch(() => null)
    }
    rig.driver.dispatch(start)
    expect(order).toEqual(['start', 'stop', 'made', 'wake'])
  })

  test('in any nesting are handled one at a time and in the order of arrival', () => {
    // Input i, once handled, has these inputs arrive, some from within its effects.
    const tree = fc.array(fc.array(fc.boolean(), { maxLength: 3 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(tree, (arrivals) => {
        const rig = new Rig()
        let [next, depth] = [1, 0]
        const arrived: number[] = []
        const arrive = (late: boolean): void => {
          if (next > arrivals.length) return
          const operation = next++
          arrived.push(operation)
          const arrival: Arrival = late ? () => found(operation) : found(operation)
          rig.driver.dispatch(arrival)
        }
        rig.onInput = (input, outbox) => {
          expect(depth++).toBe(0)
          const { operation } = input as Extract<Input, { kind: 'cancelOperation' }>
          outbox.pickKey(operation)
          depth--
        }
        rig.onEffect = (name) => {
          const operation = Number(name.split(' ')[1])
          for (const late of arrivals[operation - 1] ?? []) arrive(late)
        }
        arrive(false)
        expect(rig.heard.map(({ input }) => input)).toEqual(arrived.map(found))
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('the timer', () => {
  test('is one, and wakes the node at its deadline', () => {
    const rig = new Rig()
    rig.deadlineMs = 1_500.25
    rig.driver.dispatch(stop)
    rig.driver.dispatch(stop)
    expect(rig.clock.timerCount).toBe(1)
    rig.clock.advance(500)
    expect(rig.kinds).not.toContain('wake')
    rig.deadlineMs = Number.POSITIVE_INFINITY
    rig.clock.advance(1)
    expect(rig.kinds.filter((kind) => kind === 'wake')).toHaveLength(1)
    expect(rig.clock.timerCount).toBe(0)
  })

  test('is set anew for an earlier deadline, and left alone for a later one', () => {
    const rig = new Rig()
    for (const [deadlineMs, timerMs] of [
      [5_000, 5_000],
      [9_000, 5_000],
      [3_000, 3_000],
    ] as const) {
      rig.deadlineMs = deadlineMs
      rig.driver.dispatch(stop)
      expect(rig.clock.nextMs).toBe(timerMs)
      expect(rig.clock.timerCount).toBe(1)
    }
  })

  test('a deadline that has passed is served at once, but not within the input', () => {
    const rig = new Rig()
    rig.deadlineMs = 0
    rig.driver.dispatch(stop)
    expect(rig.kinds).toEqual(['stop'])
    rig.deadlineMs = Number.POSITIVE_INFINITY
    rig.clock.advance(0)
    expect(rig.kinds).toEqual(['stop', 'wake'])
  })

  test('a deadline beyond what timers can do is met by several', () => {
    const rig = new Rig()
    rig.deadlineMs = 1_000 + 60 * DAY_MS
    rig.driver.dispatch(stop)
    rig.onInput = () => {
      if (rig.clock.now() >= rig.deadlineMs) rig.deadlineMs = Number.POSITIVE_INFINITY
    }
    rig.clock.advance(61 * DAY_MS)
    const wakes = rig.heard.filter(({ input }) => input.kind === 'wake')
    expect(wakes).toHaveLength(3) // 25 + 25 + 10 days
    expect(wakes.at(-1)?.atMs).toBe(1_000 + 60 * DAY_MS)
    expect(rig.clock.timerCount).toBe(0)
  })

  test('is never late and never two, whatever the deadlines are', () => {
    const step = fc.record({ inMs: fc.nat(1_000), onMs: fc.nat(500) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const rig = new Rig()
        rig.onInput = (input) => {
          if (input.kind !== 'wake' || rig.clock.now() < rig.deadlineMs) return
          expect(rig.clock.now()).toBe(Math.ceil(rig.deadlineMs))
          rig.deadlineMs = Number.POSITIVE_INFINITY
        }
        for (const { inMs, onMs } of steps) {
          rig.deadlineMs = Math.min(rig.deadlineMs, rig.clock.now() + inMs + 0.5)
          rig.driver.dispatch(stop)
          expect(rig.clock.timerCount).toBe(1)
          rig.clock.advance(onMs)
          expect(rig.deadlineMs).toBeGreaterThan(rig.clock.now() - 1)
        }
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('a driver that is stopped', () => {
  test('has no timer, sets none, and still handles inputs', () => {
    const rig = new Rig()
    rig.deadlineMs = 5_000
    rig.driver.dispatch(stop)
    rig.driver.stop()
    expect(rig.clock.timerCount).toBe(0)
    rig.driver.dispatch(start)
    expect(rig.kinds).toEqual(['stop', 'start'])
    expect(rig.clock.timerCount).toBe(0)
  })

  test('and is so by an effect sets no timer afterwards', () => {
    const rig = new Rig()
    rig.deadlineMs = 5_000
    rig.onInput = (_, outbox) => outbox.pickKey(1)
    rig.onEffect = () => rig.driver.stop()
    rig.driver.dispatch(start)
    expect(rig.clock.timerCount).toBe(0)
  })

  test('wakes the node again once it is started again', () => {
    const rig = new Rig()
    rig.deadlineMs = 5_000
    rig.driver.stop()
    rig.driver.dispatch(stop)
    rig.driver.start()
    expect(rig.clock.nextMs).toBe(5_000)
    rig.onInput = () => {
      rig.deadlineMs = Number.POSITIVE_INFINITY
    }
    rig.clock.advance(4_000)
    expect(rig.kinds).toContain('wake')
  })
})
