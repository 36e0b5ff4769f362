import { compareDistance, KEY_WORDS, keyText } from '@kadmium/core'
import { describe, expect, it } from 'vitest'
import { recordOf } from './judge.ts'
import { plainOutput } from './trace.ts'
import { type Step, World } from './world.ts'

/** How long one question to one peer takes: two nodes, of which one knows the other. */
function askMs(world: World): number {
  const run = world.perform(0, { type: 'getClosest', ...world.subject('') })
  expect(run.closest).toEqual([1])
  return run.endedMs - run.startedMs
}

describe('a world', () => {
  it('lives the same life for the same seed, and another for another', () => {
    const life = (seed: number): string[] => {
      const trace: string[] = []
      const onStep = ({ node, nowMs, outbox }: Step): void => {
        trace.push(`${node} ${nowMs} ${JSON.stringify(Array.from(outbox, plainOutput))}`)
      }
      const world = new World({ nodes: 12, seed, natted: [3], onStep })
      world.join(50, 3_000)
      world.kill(4)
      world.perform(2, { type: 'putValue', ...world.subject('/pk/'), record: recordOf(1) })
      return trace
    }
    expect(life(1).length).toBeGreaterThan(300)
    expect(life(1)).toEqual(life(1))
    expect(life(1)).not.toEqual(life(2))
  })

  it('has an answer cost 5 round trips cold, then 1, and 2 without a stream', () => {
    const world = new World({ nodes: 2, seed: 1, delayMs: [30, 30] })
    world.fillTables()
    expect(askMs(world)).toBe(5 * 60)
    expect(askMs(world)).toBe(60)
    world.disconnect(0, 'cold')
    world.connect(0, 1)
    world.runFor(3 * 60)
    expect(askMs(world)).toBe(2 * 60)
  })

  it('has delays of each pair, the same in both directions', () => {
    const world = new World({ nodes: 40, seed: 1, delayMs: [10, 90] })
    const delays = new Set<number>()
    for (let a = 0; a < 40; a++)
      for (let b = 0; b < a; b++) {
        const ms = world.delayMs(a, b)
        expect([ms, ms >= 10, ms <= 90]).toEqual([world.delayMs(b, a), true, true])
        delays.add(ms)
      }
    expect(delays.size).toBeGreaterThan(75)
  })

  it('tells both ends of a connection, and who dialled', () => {
    const heard: string[] = []
    const onStep = ({ node, nowMs, input }: Step): void => {
      if (input.kind === 'linkChanged')
        heard.push(`${nowMs % 1000} ${node}: ${input.link}${input.dialled ? ', dialled' : ''}`)
      if (input.kind === 'protocolChanged') heard.push(`${nowMs % 1000} ${node}: speaks`)
    }
    const world = new World({ nodes: 2, seed: 1, delayMs: [20, 20], onStep })
    world.connect(1, 0)
    world.runFor(1_000)
    world.kill(0)
    expect(heard).toEqual([
      ...['120 1: connected, dialled', '120 0: connected', '160 1: speaks', '160 0: speaks'],
      ...['0 0: lost', '0 1: lost, dialled'],
    ])
  })

  it('swallows what goes to the dead, and fails dials to them and to NATed nodes', () => {
    const ends: string[] = []
    const onStep = ({ node, nowMs, input }: Step): void => {
      if (node === 0 && input.kind === 'requestFailed')
        ends.push(`${input.reason} ${nowMs - 1_000_000_000}`)
    }
    const world = new World({ nodes: 3, seed: 1, natted: [2], onStep })
    world.seats[0]?.nodes.routing.place(0, 1, world.nowMs, 50, 0)
    world.seats[0]?.nodes.routing.place(0, 2, world.nowMs, 50, 0)
    world.kill(1, true)
    const run = world.perform(0, { type: 'getClosest', ...world.subject('') })
    expect(run.outcome).toBe('noPeers')
    expect(ends).toEqual(['dial 5000', 'dial 5000'])
    // The NATed one can be asked on a connection that it made.
    world.connect(2, 0)
    world.runFor(1_000)
    expect(world.perform(0, { type: 'getClosest', ...world.subject('') }).closest).toEqual([2])
  })

  it('brings back the dead with what their hosts owe them', () => {
    const world = new World({ nodes: 1, seed: 1, persistMs: 500 })
    const subject = world.subject('/pk/')
    const run = world.start(0, { type: 'putValue', ...subject, record: recordOf(1) })
    world.runFor(100)
    world.kill(0)
    world.runFor(10_000)
    expect(run.outcome).toBeNull()
    world.revive(0)
    expect(run.outcome).toBe('noPeers')
  })

  it('knows the truth', () => {
    const world = new World({ nodes: 30, seed: 1, natted: [7] })
    world.kill(9)
    const { key } = world.subject('')
    const near = world.nearest(key, 10, 4)
    expect(near).toHaveLength(10)
    for (const node of [4, 7, 9]) expect(world.nearest(key, 30, 4)).not.toContain(node)
    for (let i = 1; i < 10; i++) {
      const [before, here] = [near[i - 1], near[i]].map((node) => (node as number) * KEY_WORDS)
      const { keys } = world
      expect(compareDistance(key, 0, keys, before as number, keys, here as number)).toBeLessThan(0)
    }
  })

  it('picks keys that share as many bits with a node as it asks for', () => {
    const wanted = new Map<number, number>()
    const picked = new Set<number>()
    const onStep = ({ node, input, outbox }: Step): void => {
      if (input.kind === 'keyPicked') {
        const own = bitsOf(world.subjectOf(node).key)
        const key = bitsOf(input.key)
        const shared = [...own].findIndex((bit, i) => bit !== key[i])
        expect(shared < 0 ? 256 : shared).toBe(wanted.get(node))
        picked.add(shared)
      }
      for (const output of outbox) if (output.kind === 'pickKey') wanted.set(node, output.bits)
    }
    const world: World = new World({ nodes: 30, seed: 1, onStep })
    world.join(10, 10_000)
    expect(picked.size).toBeGreaterThan(3)
  })
})

function bitsOf(key: Uint32Array): string {
  return [...keyText(key)]
    .map((digit) => Number.parseInt(digit, 16).toString(2).padStart(4, '0'))
    .join('')
}
