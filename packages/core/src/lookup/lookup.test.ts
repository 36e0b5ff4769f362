import {
  goLookup,
  jsLookup,
  key8,
  type LookupCall,
  type LookupMeans,
  lookupCalls,
  lookupMeans,
  Network,
  networkBook,
  runLookup,
  type TinyBook,
  type TinyWorld,
  tinyBook,
  tinyWorld,
} from '@kadmium/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CONFIG_BOUNDS } from '../config.ts'
import { NO_PEER, type PeerRef } from '../peers.ts'
import { Random } from '../random.ts'
import { Lookup } from './lookup.ts'

const CASES = { numRuns: 1000 }

it('the bounds of the configuration leave every lookup the room that it needs', () => {
  const { book } = tinyBook([1])
  const [k, candidatesMax] = [CONFIG_BOUNDS.k[1], CONFIG_BOUNDS.candidatesMax[0]]
  expect(new Lookup(book, { k, alpha: 1, candidatesMax }).size).toBe(0)
  expect(() => new Lookup(book, { k: k + 1, alpha: 1, candidatesMax })).toThrow('4k')
})

describe('a lookup', () => {
  it('asks the nearest first and ends when k of them have answered', () => {
    const { book, refs } = tinyBook([0b0000_0000, 0b1000_0000, 0b1110_0000, 0b1111_0000])
    const [self, far, near, nearest] = refs as [PeerRef, PeerRef, PeerRef, PeerRef]
    const lookup = new Lookup(book, { k: 1, alpha: 2, candidatesMax: 8 })
    lookup.begin(key8(0b1111_1111), 0, self, 0)
    expect(lookup.done).toBe(true)
    lookup.add(far, 1)
    expect(lookup.done).toBe(false)
    expect([lookup.next(), lookup.next()]).toEqual([far, NO_PEER])
    lookup.answered(far)
    lookup.add(near, 1)
    lookup.add(nearest, 1)
    expect([lookup.next(), lookup.next()]).toEqual([nearest, NO_PEER])
    lookup.answered(nearest)
    expect(lookup.done).toBe(true)
    expect(resultOf(lookup)).toEqual([nearest])
  })

  it('asks the quick first among those equally near', () => {
    const { book, refs } = tinyBook([0b1000_0000, 0b0000_0011, 0b0000_0100, 0b0000_0010])
    const [self, slow, quick, middling] = refs as [PeerRef, PeerRef, PeerRef, PeerRef]
    const lookup = new Lookup(book, { k: 3, alpha: 3, candidatesMax: 12 })
    lookup.begin(key8(0b0000_0000), 0, self, 0)
    lookup.add(slow, 500)
    lookup.add(quick, 10)
    lookup.add(middling, 100)
    expect([lookup.next(), lookup.next(), lookup.next()]).toEqual([quick, middling, slow])
  })

  it('holds its candidates in the book until it begins anew', () => {
    const { book, refs } = tinyBook([0b0000_0000, 0b1000_0000, 0b0100_0000])
    const [self, candidate, other] = refs as [PeerRef, PeerRef, PeerRef]
    const lookup = new Lookup(book, { k: 2, alpha: 2, candidatesMax: 8 })
    lookup.begin(key8(0b1111_1111), 0, self, 0)
    lookup.add(candidate, 1)
    const released = [book.nextReleased(), book.nextReleased()].sort((a, b) => a - b)
    expect(released).toEqual([self, other].sort((a, b) => a - b))
    expect(book.nextReleased()).toBe(NO_PEER)
    lookup.begin(key8(0b1111_1111), 0, self, 0)
    expect(book.nextReleased()).toBe(candidate)
  })

  it('begins anew without a trace of the walk before', () => {
    fc.assert(
      fc.property(tinyWorld, lookupCalls, (world, calls) => {
        const tiny = tinyBook(world.keys)
        const used = newLookup(world, tiny)
        begin(used, { ...world, target: world.target ^ 0b0101_0101 }, tiny)
        for (const call of calls) {
          const { peer } = meant(call, tiny)
          if (call.method === 'next') used.next()
          else if (call.method === 'add') used.add(peer, 1)
          else used[call.method](peer)
        }
        expect(walk(world, tiny, [], used)).toEqual(walk(world, tiny))
      }),
      CASES,
    )
  })

  it('takes calls in any order and believes only those that make sense', () => {
    fc.assert(
      fc.property(tinyWorld, lookupCalls, (world, calls) => {
        const tiny = tinyBook(world.keys)
        const lookup = newLookup(world, tiny)
        begin(lookup, world, tiny)
        const model = new Model(world, tiny)
        for (const call of calls) {
          const before = dump(lookup)
          const { expected, actual } = apply(call, world, tiny, lookup, model)
          expect(actual).toBe(expected)
          if (actual === false || actual === NO_PEER) expect(dump(lookup)).toEqual(before)
          model.check(lookup)
        }
      }),
      CASES,
    )
  })

  it('terminates, with at most alpha in flight, asking nobody twice', () => {
    fc.assert(
      fc.property(tinyWorld, (world) => {
        const { asked, steps } = walk(world, tinyBook(world.keys))
        expect(new Set(asked).size).toBe(asked.length)
        // Each peer can be asked, be late and end: one step each.
        expect(steps).toBeLessThanOrEqual(3 * world.keys.length)
      }),
      CASES,
    )
  })

  it('does all that with too little room for its candidates, too', () => {
    fc.assert(
      fc.property(tinyWorld, fc.integer({ min: 1, max: 4 }), (drawn, k) => {
        const world = { ...drawn, k, candidatesMax: 4 * k }
        const { asked, steps } = walk(world, tinyBook(world.keys))
        expect(new Set(asked).size).toBe(asked.length)
        expect(steps).toBeLessThanOrEqual(3 * world.keys.length)
      }),
      CASES,
    )
  })

  it('is not moved by late, doubled, unknown and stale inputs', () => {
    fc.assert(
      fc.property(tinyWorld, lookupCalls, (world, noise) => {
        const quiet = walk(world, tinyBook(world.keys))
        const noisy = walk(world, tinyBook(world.keys), noise)
        expect(noisy).toEqual(quiet)
      }),
      CASES,
    )
  })

  it('does not depend on the values of refs', () => {
    fc.assert(
      fc.property(tinyWorld, (world) => {
        const one = walk(world, tinyBook(world.keys))
        const other = walk(world, tinyBook(world.keys, world.shuffled))
        expect(other).toEqual(one)
      }),
      CASES,
    )
  })

  it('finds exactly the k closest live peers where everybody knows everybody', () => {
    fc.assert(
      fc.property(tinyWorld, (drawn) => {
        const everybody = [...drawn.keys.keys()]
        const knows = drawn.knows.map((some, i) => (i === 0 ? some : everybody))
        const fates = drawn.fates.map((fate) => (fate === 'answers' ? fate : 'failsLate'))
        const world: TinyWorld = { ...drawn, knows, fates }
        const { asked, found } = walk(world, tinyBook(world.keys))
        const live = everybody.filter((i) => i !== 0 && fates[i] === 'answers')
        // Nobody can be found by a lookup none of whose first peers is alive.
        const met = asked.some((i) => live.includes(i))
        expect(found).toEqual(met ? nearest(world, live) : [])
      }),
      CASES,
    )
  })

  it('finds exactly the k closest where everybody lives and names only the k closest it knows', () => {
    fc.assert(
      fc.property(tinyWorld, (drawn) => {
        const others = [...drawn.keys.keys()].slice(1)
        const named = nearest(drawn, others)
        const knows = drawn.knows.map((some, i) => (i === 0 ? some : named))
        const world: TinyWorld = { ...drawn, knows, fates: drawn.fates.map(() => 'answers') }
        const started = (knows[0] as number[]).some((i) => i !== 0)
        expect(walk(world, tinyBook(world.keys)).found).toEqual(started ? named : [])
      }),
      CASES,
    )
  })
})

describe('a lookup of a fresh node among 10,000', () => {
  const LOOKUPS = 80
  const settings = [
    { deadPercent: 0, rpcsMax: 45, js: 340, go: [40, 20], go20: 44 },
    { deadPercent: 10, rpcsMax: 50, js: 320, go: [43, 18.3], go20: 69 },
    { deadPercent: 30, rpcsMax: 60, js: 318, go: [42, 15.2], go20: 68 },
  ] as const

  it.each(settings)('finds the 20 closest live ones with $deadPercent % dead', (setting) => {
    const network = new Network({ nodes: 10_000, deadPercent: setting.deadPercent, seed: 1 })
    const lookup = new Lookup(networkBook(network), { k: 20, alpha: 10, candidatesMax: 256 })
    const ours = lookupMeans(network, LOOKUPS, (asker, target, random) =>
      runLookup(lookup, network, asker, target, random),
    )
    // A node that has measured its peers asks the quick ones first, and must find the same.
    const scored = lookupMeans(network, LOOKUPS, (asker, target, random) =>
      runLookup(lookup, network, asker, target, random, roundTripOf),
    )
    const go = lookupMeans(network, LOOKUPS, (asker, target, random) =>
      goLookup(network, asker, target, { alpha: 10, beta: 3 }, random),
    )
    const go20 = lookupMeans(network, LOOKUPS, (asker, target, random) =>
      goLookup(network, asker, target, { alpha: 10, beta: 20 }, random),
    )
    const js = lookupMeans(network, LOOKUPS, (asker, target, random) =>
      jsLookup(network, asker, target, { alpha: 10, paths: 10 }, random),
    )
    report(setting.deadPercent, { kadmium: ours, 'kadmium, RTTs known': scored, go, go20, js })
    expect(ours.recall).toBeGreaterThanOrEqual(0.99)
    expect(ours.rpcs).toBeLessThanOrEqual(setting.rpcsMax)
    expect(scored.recall).toBeGreaterThanOrEqual(0.99)
    // What the others needed in a network like this one; of go's 20 results so many were live.
    expectNear(js.rpcs, setting.js, 0.1)
    expectNear(go.rpcs, setting.go[0], 0.1)
    expectNear(go.recall * 20, setting.go[1], 0.03)
    expectNear(go20.rpcs, setting.go20, 0.1)
    expect(js.recall).toBeGreaterThanOrEqual(0.98)
  })
})

type State = 'heard' | 'inFlight' | 'late' | 'answered' | 'failed'

/** What must be so whatever the lookup decides: kept by its calls and their rules alone. */
class Model {
  readonly states = new Map<number, State>()
  private readonly world: TinyWorld
  private readonly refs: readonly PeerRef[]

  constructor(world: TinyWorld, tiny: TinyBook) {
    this.world = world
    this.refs = tiny.refs
  }

  in(...states: State[]): number[] {
    return [...this.states.keys()].filter((i) => states.includes(this.states.get(i) as State))
  }

  check(lookup: Lookup): void {
    const { alpha, k } = this.world
    const outstanding = this.in('heard', 'inFlight')
    expect(lookup.inFlight).toBe(this.in('inFlight').length)
    expect(lookup.inFlight).toBeLessThanOrEqual(alpha)
    const result = nearest(this.world, this.in('answered'))
    expect(resultOf(lookup)).toEqual(result.map((i) => this.refs[i]))
    if (outstanding.length === 0) expect(lookup.done).toBe(true)
    if (!lookup.done || outstanding.length === 0) return
    // Done with some outstanding: then k are confirmed, and all of them nearer.
    expect(result.length).toBe(k)
    expect(nearest(this.world, [...result, ...outstanding])).toEqual(result)
  }
}

/** Whom a call means: an index of the world's peers, -1 for no peer or -2 for a stale ref; and its ref. */
function meant(call: LookupCall, tiny: TinyBook): { index: number; peer: PeerRef } {
  if (call.peer === -1) return { index: -1, peer: NO_PEER }
  if (call.peer === -2) return { index: -2, peer: tiny.stale }
  const index = call.peer % tiny.refs.length
  return { index, peer: tiny.refs[index] as PeerRef }
}

/** Makes a call, and says what it returned and what it had to return. */
function apply(
  call: LookupCall,
  world: TinyWorld,
  tiny: TinyBook,
  lookup: Lookup,
  model: Model,
): { expected: boolean | PeerRef; actual: boolean | PeerRef } {
  const { index, peer } = meant(call, tiny)
  const state = model.states.get(index)
  switch (call.method) {
    case 'add': {
      const expected = index > 0 && state === undefined
      if (expected) model.states.set(index, 'heard')
      return { expected, actual: lookup.add(peer, world.costsMs[index] ?? 1) }
    }
    case 'next': {
      const mayAsk = !lookup.done && lookup.inFlight < world.alpha
      const actual = lookup.next()
      if (actual === NO_PEER) {
        // It may hold back while others are under way, but not with nothing under way.
        if (lookup.inFlight === 0) expect(lookup.done).toBe(true)
        return { expected: NO_PEER, actual }
      }
      const asked = tiny.refs.indexOf(actual)
      expect([mayAsk, model.states.get(asked)]).toEqual([true, 'heard'])
      model.states.set(asked, 'inFlight')
      return { expected: actual, actual }
    }
    case 'late': {
      const expected = state === 'inFlight'
      if (expected) model.states.set(index, 'late')
      return { expected, actual: lookup.late(peer) }
    }
    default: {
      const expected = state === 'inFlight' || state === 'late'
      if (expected) model.states.set(index, call.method)
      return { expected, actual: lookup[call.method](peer) }
    }
  }
}

interface Walk {
  /** Indices of the peers that were asked, in order. */
  asked: number[]
  /** The result as indices. */
  found: number[]
  /** Events that the lookup was told. */
  steps: number
}

/** Runs a lookup to its end in a tiny world; between any two events come calls of the noise that must fail. */
function walk(
  world: TinyWorld,
  tiny: TinyBook,
  noise: readonly LookupCall[] = [],
  lookup: Lookup = newLookup(world, tiny),
): Walk {
  begin(lookup, world, tiny)
  const asked: number[] = []
  const underWay: { peer: number; events: ('answered' | 'failed' | 'late')[] }[] = []
  const states = new Map<number, State>()
  const hearFrom = (from: number): void => {
    for (const i of world.knows[from] as number[])
      if (lookup.add(tiny.refs[i] as PeerRef, world.costsMs[i] as number)) states.set(i, 'heard')
  }
  let steps = 0
  hearFrom(0)
  while (!lookup.done) {
    for (let ref = lookup.next(); ref !== NO_PEER; ref = lookup.next()) {
      const peer = tiny.refs.indexOf(ref)
      asked.push(peer)
      states.set(peer, 'inFlight')
      underWay.push({ peer, events: eventsOf(world, peer) })
    }
    expect(lookup.inFlight).toBeLessThanOrEqual(world.alpha)
    makeNoise(noise, steps, tiny, lookup, states)
    if (lookup.done) break
    // Not done, so somebody is in flight, not only late.
    expect(lookup.inFlight).toBeGreaterThan(0)
    const pick = (world.picks[steps % world.picks.length] as number) % underWay.length
    const { peer, events } = underWay[pick] as (typeof underWay)[number]
    const event = events.shift() as 'answered' | 'failed' | 'late'
    expect(lookup[event](tiny.refs[peer] as PeerRef)).toBe(true)
    states.set(peer, event)
    if (events.length === 0) underWay.splice(pick, 1)
    if (event === 'answered') hearFrom(peer)
    steps++
  }
  expect(lookup.next()).toBe(NO_PEER)
  const found = resultOf(lookup).map((ref) => tiny.refs.indexOf(ref))
  const answered = [...states.keys()].filter((i) => states.get(i) === 'answered')
  expect(answered).toEqual(expect.arrayContaining(found))
  expect(found).toEqual(nearest(world, found))
  return { asked, found, steps }
}

/** Makes each call that cannot be true now, and sees that it changes nothing. */
function makeNoise(
  noise: readonly LookupCall[],
  step: number,
  tiny: TinyBook,
  lookup: Lookup,
  states: ReadonlyMap<number, State>,
): void {
  for (let i = 0; i < Math.min(noise.length, 6); i++) {
    const call = noise[(step * 6 + i) % noise.length] as LookupCall
    const { index, peer } = meant(call, tiny)
    const state = states.get(index)
    const isTrue = {
      add: index > 0 && state === undefined,
      next: true,
      late: state === 'inFlight',
      answered: state === 'inFlight' || state === 'late',
      failed: state === 'inFlight' || state === 'late',
    }
    if (call.method === 'next' || isTrue[call.method]) continue
    const before = dump(lookup)
    expect(call.method === 'add' ? lookup.add(peer, 1) : lookup[call.method](peer)).toBe(false)
    expect(dump(lookup)).toEqual(before)
  }
}

function eventsOf(world: TinyWorld, peer: number): ('answered' | 'failed' | 'late')[] {
  switch (world.fates[peer] as TinyWorld['fates'][number]) {
    case 'answers':
      return ['answered']
    case 'fails':
      return ['failed']
    case 'answersLate':
      return ['late', 'answered']
    case 'failsLate':
      return ['late', 'failed']
  }
}

function newLookup({ k, alpha, candidatesMax }: TinyWorld, tiny: TinyBook): Lookup {
  return new Lookup(tiny.book, { k, alpha, candidatesMax })
}

function begin(lookup: Lookup, { target, failureShare }: TinyWorld, tiny: TinyBook): void {
  lookup.begin(key8(target), 0, tiny.refs[0] as PeerRef, failureShare)
}

/** The k of some peers that are nearest to the target, nearest first: plain numbers, as 8 bits allow. */
function nearest(world: TinyWorld, peers: readonly number[]): number[] {
  const distance = (i: number): number => (world.keys[i] as number) ^ world.target
  return [...peers].sort((a, b) => distance(a) - distance(b)).slice(0, world.k)
}

function resultOf(lookup: Lookup): PeerRef[] {
  const out = new Int32Array(40)
  return [...out.subarray(0, lookup.closest(out))]
}

function dump(lookup: Lookup): unknown {
  return { inFlight: lookup.inFlight, done: lookup.done, result: resultOf(lookup) }
}

/** A round trip for each node, 0.2..1.8 times the mean, at random but always the same. */
function roundTripOf(node: number): number {
  return 0.2 + new Random(node).below(1000) / 625
}

function report(deadPercent: number, rows: Record<string, LookupMeans>): void {
  const lines = Object.entries(rows).map(([name, { rpcs, recall, rounds }]) => {
    const time = Number.isNaN(rounds) ? '' : `${rounds.toFixed(1).padStart(5)} round trips`
    return `${name.padEnd(20)}${rpcs.toFixed(1).padStart(6)} RPCs  recall ${recall.toFixed(3)}${time}`
  })
  console.log([`N = 10,000, ${deadPercent} % dead`, ...lines].join('\n  '))
}

/** Within a share of a figure. */
function expectNear(actual: number, figure: number, share: number): void {
  expect(Math.abs(actual / figure - 1)).toBeLessThanOrEqual(share)
}
