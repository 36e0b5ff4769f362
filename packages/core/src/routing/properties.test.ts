/** What holds under any sequence of inputs, with tiny tables so that all of their limits are met. */
import { key8, tinyBook } from '@kadmium/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Config, DEFAULT_CONFIG } from '../config.ts'
import { KEY_WORDS } from '../key.ts'
import type { Link, ProviderOutcome } from '../messages.ts'
import { NO_PEER, type PeerBook, type PeerRef } from '../peers.ts'
import { Routing } from './routing.ts'

const RUNS = 1000
const PEERS = 18
const SELVES = [0x00, 0x5a, 0xc3]

const CONFIG: Config = {
  ...DEFAULT_CONFIG,
  bucketGoodPeers: [3, 2],
  bucketBenchSeats: 1,
  buckets: 4,
  groupPerBucketMax: 1,
  groupPerTableMax: 2,
  memoryPeersMax: 10,
}

/** Keys of the peers: spread over all buckets, the first ones are the nodes' own. */
const BYTES = Array.from({ length: PEERS }, (_, i) => SELVES[i] ?? (i * 37 + 11) & 0xff)

/** Nodes with their book; peer i has the key `BYTES[i]`, whatever its ref. */
class World {
  readonly book: PeerBook
  readonly refs: PeerRef[]
  readonly routing: Routing

  constructor(selves: number[], reversed: boolean) {
    const order = [...BYTES.keys()]
    const { book, refs } = tinyBook(BYTES, reversed ? order.reverse() : order)
    this.book = book
    this.refs = refs
    const selfKeys = new Uint32Array(selves.length * KEY_WORDS)
    for (const [i, byte] of selves.entries()) selfKeys.set(key8(byte), i * KEY_WORDS)
    this.routing = new Routing({
      nodes: selves.length,
      book: this.book,
      config: CONFIG,
      selfKeys,
    })
  }

  ref(peer: number): PeerRef {
    return this.refs[peer] as PeerRef
  }

  /** Which peer a ref stands for. */
  peer(ref: PeerRef): number {
    return this.refs.indexOf(ref)
  }

  pins(): number {
    const pins = Reflect.get(this.book, 'pins') as Uint16Array
    return pins.reduce((sum, count) => sum + count, 0)
  }

  probe(node: number, nowMs: number): number[] {
    const peer = this.routing.nextProbe(node, nowMs)
    return peer === NO_PEER ? [] : [this.peer(peer)]
  }

  retries(node: number, nowMs: number, countMax: number): number[] {
    const out = new Int32Array(countMax)
    const count = this.routing.retries(node, nowMs, out)
    return [...out.subarray(0, count)].map((ref) => this.peer(ref))
  }

  seeds(node: number, target: number, count: number, nowMs: number): number[] {
    const out = new Int32Array(PEERS)
    const found = this.routing.seeds(node, key8(target), 0, count, nowMs, out)
    return [...out.subarray(0, found)].map((ref) => this.peer(ref))
  }

  nearest(node: number, target: number, count: number, nowMs: number, exclude: number): number[] {
    const out = new Int32Array(PEERS)
    const without = this.refs[exclude] ?? NO_PEER
    const found = this.routing.nearest(node, key8(target), 0, count, nowMs, without, out)
    return [...out.subarray(0, found)].map((ref) => this.peer(ref))
  }
}

const LINKS: readonly Link[] = ['cold', 'connected', 'pooled', 'lost']

const OUTCOMES: readonly ProviderOutcome[] = ['served', 'failed', 'lied']

const KINDS = [
  ...(['success', 'success', 'success', 'failure', 'failure', 'speaks', 'speaks'] as const),
  ...(['link', 'link', 'dial', 'load', 'place', 'probe', 'retry', 'report'] as const),
]

/** One input, `gapMs` after the one before; each kind reads what it needs. */
interface Step {
  kind: (typeof KINDS)[number]
  peer: number
  yes: boolean
  number: number
  group: number
  gapMs: number
}

const peer = fc.nat(PEERS - 1)
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...KINDS),
  peer,
  yes: fc.constantFrom(true, true, true, false),
  number: fc.nat(900),
  group: fc.nat(3),
  // Mostly seconds, at times days.
  gapMs: fc.oneof(
    { weight: 9, arbitrary: fc.nat(9_000) },
    { weight: 1, arbitrary: fc.nat(5 * 24 * 3_600_000) },
  ),
})
/** A whole acquaintance: we dial, it speaks, it answers. */
const meeting: fc.Arbitrary<Step[]> = step.map((one) => [
  { ...one, kind: 'link', yes: true, number: 1 },
  { ...one, kind: 'speaks', yes: true, gapMs: 0 },
  { ...one, kind: 'success', gapMs: 0 },
])
const some = fc.oneof(
  { weight: 3, arbitrary: step.map((one) => [one]) },
  { weight: 1, arbitrary: meeting },
)
const steps: fc.Arbitrary<Step[]> = fc
  .array(some, { maxLength: 70, size: 'max' })
  .map((parts) => parts.flat())

/** Applies a step; returns the peers that it named. */
function apply(world: World, node: number, step: Step, nowMs: number): number[] {
  const { routing } = world
  const { yes, number, group } = step
  const ref = world.ref(step.peer)
  if (step.kind === 'success') routing.noteSuccess(node, ref, nowMs, number - 1)
  else if (step.kind === 'failure') routing.noteFailure(node, ref, nowMs, !yes)
  else if (step.kind === 'speaks') routing.setSpeaks(node, ref, yes, nowMs)
  else if (step.kind === 'link') routing.setLink(node, ref, linkOf(step), yes, group, nowMs)
  else if (step.kind === 'dial') routing.noteDial(node, ref, yes, group, nowMs)
  else if (step.kind === 'place') routing.place(node, ref, nowMs, number, group)
  else if (step.kind === 'report')
    routing.noteReport(node, ref, key8(group), outcomeOf(step), nowMs)
  else if (step.kind === 'load') {
    const counts = { successes: number % 51, failures: number % 7 }
    const evidence = { ...counts, rttMs: 30, rttDeviationMs: 5, dialled: yes }
    routing.loadPeer(node, ref, evidence, 1_000, 0, nowMs)
  } else if (step.kind === 'probe') return world.probe(node, nowMs)
  else return world.retries(node, nowMs, group)
  return []
}

/** Whether a step tells of a connection. */
function isLink(step: Step): boolean {
  return linkOf(step) === 'connected' || linkOf(step) === 'pooled'
}

function outcomeOf(step: Step): ProviderOutcome {
  return OUTCOMES[step.number % OUTCOMES.length] as ProviderOutcome
}

function linkOf(step: Step): Link {
  return LINKS[step.number % LINKS.length] as Link
}

/** Whether a step tells what may be all that a peer lacks. */
function opensDoors(step: Step): boolean {
  if (step.kind === 'link') return isLink(step)
  return (step.kind === 'speaks' || step.kind === 'dial') && step.yes
}

interface Told {
  speaks: boolean | undefined
  dialled: boolean
  answered: boolean
  connected: boolean
  /** Reported for a lie at some time. */
  lied: boolean
  /** Of the address it dialled us from. */
  group: number
}

/** What a plain model knows of each peer: what it was told since the peer was first remembered. */
class Model {
  /** Who was connected, and who known not to speak, before the step. */
  connectedBefore: number[] = []
  muteBefore: number[] = []
  private readonly known = new Set<number>() // BOUNDED: by PEERS
  private readonly told: Told[] = BYTES.map(() => this.untold())

  of(peer: number): Told {
    return this.told[peer] as Told
  }

  /** Follows a step, after it. `blank`: the routing had no evidence of the peer before. */
  follow(world: World, node: number, step: Step, blank: boolean): void {
    const told = this.of(step.peer)
    this.connectedBefore = EVERYONE.filter((i) => this.of(i).connected)
    this.muteBefore = EVERYONE.filter((i) => this.of(i).speaks === false)
    if (step.kind === 'success') told.answered = true
    else if (step.kind === 'speaks') told.speaks = step.yes
    else if (step.kind === 'dial') told.dialled ||= step.yes
    else if (step.kind === 'report') {
      told.lied ||= outcomeOf(step) === 'lied'
      // Remembered as a provider alone.
      if (!this.known.has(step.peer)) told.speaks = false
    } else if (step.kind === 'load') told.dialled ||= step.yes && blank
    else if (step.kind === 'link') {
      told.connected = isLink(step)
      if (told.connected && !step.yes) told.group = step.group
      told.dialled ||= step.yes && told.connected
    } else if (step.kind === 'place' && world.routing.isMember(node, world.ref(step.peer))) {
      Object.assign(told, { speaks: true, dialled: true, answered: true })
    }
    for (let i = 0; i < PEERS; i++) {
      if (world.routing.knows(node, world.ref(i))) {
        this.known.add(i)
        continue
      }
      this.known.delete(i)
      this.told[i] = this.untold()
    }
  }

  private untold(): Told {
    return {
      speaks: undefined,
      dialled: false,
      answered: false,
      connected: false,
      lied: false,
      group: 0,
    }
  }
}

const EVERYONE = BYTES.map((_, i) => i)

/** One node's table as seen from outside. */
class View {
  readonly world: World
  readonly nowMs: number
  readonly members: number[]
  readonly known: number[]
  readonly benched: Set<number>
  readonly groups = new Map<number, number>()
  readonly successes = new Map<number, number>()
  readonly failures = new Map<number, number>()
  readonly seenMs = new Map<number, number>()

  constructor(world: World, nowMs: number) {
    const { routing } = world
    this.world = world
    this.nowMs = nowMs
    this.members = EVERYONE.filter((i) => routing.isMember(0, world.ref(i)))
    this.known = EVERYONE.filter((i) => routing.knows(0, world.ref(i)))
    this.benched = new Set(
      EVERYONE.filter((i) => routing.state(0, world.ref(i), nowMs) === 'benched'),
    )
    for (const { peer, evidence, ipGroup, lastSeenMs } of routing.exportPeers(0)) {
      this.seenMs.set(world.peer(peer), lastSeenMs)
      this.groups.set(world.peer(peer), ipGroup)
      this.failures.set(world.peer(peer), evidence.failures)
      this.successes.set(world.peer(peer), evidence.successes)
    }
  }

  /** Whether there is no evidence of the peer. */
  isBlank(peer: number): boolean {
    return (this.successes.get(peer) ?? 0) === 0 && (this.failures.get(peer) ?? 0) === 0
  }

  get unbenched(): number[] {
    return this.members.filter((i) => !this.benched.has(i))
  }

  bucket(peer: number): number {
    return Math.min(Math.clz32(BYTES[peer] as number) - 24, CONFIG.buckets - 1)
  }

  /** Whether the rules let the peer take a place. */
  hasPlace(peer: number, ipGroup: number): boolean {
    const bucket = this.bucket(peer)
    const inBucket = this.members.filter((i) => this.bucket(i) === bucket)
    const placesMax = CONFIG.bucketGoodPeers[Math.min(bucket, 1)] as number
    if (inBucket.filter((i) => !this.benched.has(i)).length >= placesMax) return false
    const alike = (peers: number[]): number =>
      ipGroup === 0 ? -1 : peers.filter((i) => this.groups.get(i) === ipGroup).length
    return (
      alike(inBucket) < CONFIG.groupPerBucketMax && alike(this.members) < CONFIG.groupPerTableMax
    )
  }

  byDistance(peers: number[], target: number): number[] {
    const distance = (i: number): number => (BYTES[i] as number) ^ target
    return peers.sort((a, b) => distance(a) - distance(b))
  }
}

/** Runs a sequence on one node and looks at it before and after each step. */
function watch(
  sequence: Step[],
  look: (before: View, step: Step, named: number[], after: View, model: Model) => void,
): void {
  const world = new World([SELVES[0] as number], false)
  const model = new Model()
  let nowMs = 0
  let before = new View(world, nowMs)
  for (const step of sequence) {
    nowMs += step.gapMs
    const named = apply(world, 0, step, nowMs)
    model.follow(world, 0, step, before.isBlank(step.peer))
    const after = new View(world, nowMs)
    look(before, step, named, after, model)
    before = after
  }
}

test('a table has only peers that speak, answered and were dialled; the caps hold; each peer is pinned once', () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      watch(sequence, (_before, _step, _named, after, model) => {
        const { members, groups, known, world } = after
        const crowded = members.filter((i) => {
          const alike = members.filter(
            (j) => groups.get(i) !== 0 && groups.get(j) === groups.get(i),
          )
          const inBucket = alike.filter((j) => after.bucket(j) === after.bucket(i))
          return (
            alike.length > CONFIG.groupPerTableMax || inBucket.length > CONFIG.groupPerBucketMax
          )
        })
        expect(crowded).toEqual([])
        const unfit = members.filter((i) => {
          const { speaks, dialled, answered } = model.of(i)
          return speaks !== true || !dialled || !answered
        })
        expect(unfit).toEqual([])
        expect(world.routing.size(0)).toBe(members.length)
        expect(known.length - members.length).toBeLessThanOrEqual(CONFIG.memoryPeersMax)
        expect(known).not.toContain(0)
        expect(world.pins()).toBe(known.length)
      })
    }),
    { numRuns: RUNS },
  )
})

test('nobody loses a place but by its own doing, and who qualifies takes a place that is free', () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      watch(sequence, (before, step, _named, after, model) => {
        const actor = step.peer
        const lost = before.unbenched.filter((i) => i !== actor && !after.unbenched.includes(i))
        expect(lost).toEqual([])
        if (before.members.includes(actor) || !after.known.includes(actor)) return
        const { speaks, dialled, answered, lied } = model.of(actor)
        const qualifies = speaks === true && dialled && answered && !lied
        // One that has failed before needs an answer first.
        const news = step.kind === 'success' || (opensDoors(step) && !after.failures.get(actor))
        if (!qualifies || !news) return
        expect(after.benched).not.toContain(actor)
        const group = after.groups.get(actor)
        if (group === undefined) return // all evidence has faded, so nobody tells its group
        expect(after.members.includes(actor)).toBe(before.hasPlace(actor, group))
      })
    }),
    { numRuns: RUNS },
  )
})

test('a benched peer keeps its seat until somebody needs it, and an answer ends the bench', () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      watch(sequence, (before, step, _named, after, model) => {
        for (const i of before.members) {
          if (after.members.includes(i) || step.peer === i) continue
          // Only a newcomer in the same bucket can have its seat.
          const newcomers = after.members.filter((j) => !before.members.includes(j))
          expect(newcomers.map((j) => after.bucket(j))).toContain(after.bucket(i))
        }
        if (step.kind !== 'success' || model.of(step.peer).lied) return
        expect(after.benched).not.toContain(step.peer)
        if (before.members.includes(step.peer)) expect(after.members).toContain(step.peer)
      })
    }),
    { numRuns: RUNS },
  )
})

test('the memory lets go of the unconnected who are not good, and of nobody for one who fails', () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      watch(sequence, (before, step, _named, after, model) => {
        const gone = before.known.filter((i) => !after.known.includes(i))
        for (const i of gone.filter((i) => i !== step.peer)) {
          expect(model.connectedBefore).not.toContain(i)
          if (model.muteBefore.includes(i)) continue
          const score = scoreOf(before, i, after.nowMs)
          expect(score).toBeLessThan(CONFIG.goodScore)
          if (step.kind === 'failure' || step.kind === 'report')
            expect(score).toBeLessThan(CONFIG.benchScore)
        }
        // A member that loses its seat may find no room in the memory.
        if (!gone.includes(step.peer) || before.members.includes(step.peer)) return
        expect(before.isBlank(step.peer)).toBe(true)
        expect(['link', 'speaks']).toContain(step.kind)
      })
    }),
    { numRuns: RUNS },
  )
})

/** The score that a peer had before a step, as of the time of the step. */
function scoreOf(before: View, peer: number, nowMs: number): number {
  const age = (nowMs - (before.seenMs.get(peer) ?? 0)) / CONFIG.evidenceHalfLifeMs
  const successes = (before.successes.get(peer) ?? 0) * 2 ** -Math.max(0, age)
  const failures = (before.failures.get(peer) ?? 0) * 2 ** -Math.max(0, age)
  return (successes + 2.25) / (successes + failures + 4.5) - 1e-4
}

test('nearest and seeds are what sorting all peers by distance gives', () => {
  fc.assert(
    fc.property(steps, fc.nat(255), fc.nat(PEERS), peer, (sequence, target, count, exclude) => {
      watch(sequence, (_before, _step, _named, after, model) => {
        const { world, nowMs, known, benched } = after
        const named = after.byDistance(
          after.unbenched.filter((i) => i !== exclude),
          target,
        )
        expect(world.nearest(0, target, count, nowMs, exclude)).toEqual(named.slice(0, count))
        const asked = known.filter((i) => model.of(i).speaks !== false)
        const worth = asked.filter((i) => {
          const { speaks, answered } = model.of(i)
          const heard = speaks || answered || (after.successes.get(i) ?? 0) > 0
          return heard && !benched.has(i)
        })
        const spare = asked.filter((i) => !worth.includes(i))
        const expected = [...after.byDistance(worth, target), ...after.byDistance(spare, target)]
        expect(world.seeds(0, target, count, nowMs)).toEqual(expected.slice(0, count))
      })
    }),
    { numRuns: RUNS },
  )
})

test('estimates are bounded, for any peer at any time', () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      watch(sequence, (_before, _step, _named, { world, nowMs, known }) => {
        const { routing } = world
        const bounded = (value: number, min: number, max: number): boolean =>
          value >= min && value <= max
        const strange = EVERYONE.filter((i) => {
          const ref = world.ref(i)
          const score = routing.score(0, ref, nowMs)
          const sane =
            bounded(score, 0.01, 0.99) &&
            bounded(routing.rtoMs(0, ref, nowMs), CONFIG.rtoMinMs, CONFIG.rtoMaxMs) &&
            bounded(routing.costMs(0, ref, nowMs), 0, 5 * 900 + CONFIG.rtoMaxMs)
          return !sane || (!known.includes(i) && score !== 0.5)
        })
        expect(strange).toEqual([])
        expect(bounded(routing.failureShare(0), 0, 1)).toBe(true)
      })
    }),
    { numRuns: RUNS },
  )
})

test('only what is due is checked, and the deadline is never late', () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      let deadlineMs = Number.POSITIVE_INFINITY
      let last: [View, Model] | undefined
      watch(sequence, (before, step, named, after, model) => {
        last = [after, model]
        if (named.length > 0) expect(deadlineMs).toBeLessThanOrEqual(after.nowMs)
        deadlineMs = after.world.routing.deadlineMs(0)
        for (const i of named) {
          if (step.kind === 'retry') {
            expect(before.members).toContain(i)
            expect(before.benched).toContain(i)
          } else {
            const { speaks, dialled, answered, connected } = model.of(i)
            expect(speaks === true && !dialled && (answered || connected)).toBe(true)
            expect(before.benched).not.toContain(i)
          }
        }
      })
      if (last !== undefined) expectAllChecked(...last)
    }),
    { numRuns: RUNS },
  )
})

/** Whoever wakes at the deadlines alone checks everybody there is to check within the longest back-off. */
function expectAllChecked(view: View, model: Model): void {
  const { world, members, benched, known, nowMs } = view
  const waiting = new Set(members.filter((i) => benched.has(i)))
  for (const i of known) {
    const { speaks, dialled, answered, connected, group } = model.of(i)
    const lacksDial = speaks === true && !dialled && (answered || connected)
    const failed = (view.failures.get(i) ?? 0) > 0
    if (lacksDial && !failed && view.hasPlace(i, group)) waiting.add(i)
  }
  const endMs = nowMs + CONFIG.retryMaxMs + 2_000
  for (let wakes = 0; waiting.size > 0; wakes++) {
    const wakeMs = Math.max(nowMs, world.routing.deadlineMs(0))
    expect(wakeMs).toBeLessThanOrEqual(endMs)
    expect(wakes).toBeLessThan(20_000)
    for (const i of world.retries(0, wakeMs, 8)) waiting.delete(i)
    for (let named = world.probe(0, wakeMs); named.length > 0; named = world.probe(0, wakeMs))
      waiting.delete(named[0] as number)
  }
}

test('a node among many is the same as a node alone, whatever the refs', () => {
  const rows = fc.array(fc.record({ node: fc.nat(SELVES.length - 1), part: some }), {
    maxLength: 100,
    size: 'max',
  })
  fc.assert(
    fc.property(rows, fc.nat(255), (sequence, target) => {
      const many = new World(SELVES, false)
      const alone = SELVES.map((byte) => new World([byte], true))
      let nowMs = 0
      for (const { node, step } of sequence.flatMap(({ node, part }) =>
        part.map((step) => ({ node, step })),
      )) {
        nowMs += step.gapMs
        const one = alone[node] as World
        expect(apply(one, 0, step, nowMs)).toEqual(apply(many, node, step, nowMs))
        expect(one.routing.deadlineMs(0)).toBe(many.routing.deadlineMs(node))
        expect(one.seeds(0, target, 20, nowMs)).toEqual(many.seeds(node, target, 20, nowMs))
      }
      for (const [node, one] of alone.entries()) {
        const all = (world: World, row: number): object[] =>
          [...world.routing.exportPeers(row)].map((entry) => ({
            ...entry,
            peer: world.peer(entry.peer),
          }))
        expect(all(one, 0)).toEqual(all(many, node))
        expect(one.routing.failureShare(0)).toBe(many.routing.failureShare(node))
        for (const i of EVERYONE) {
          const cost = one.routing.costMs(0, one.ref(i), nowMs)
          expect(cost).toBe(many.routing.costMs(node, many.ref(i), nowMs))
        }
      }
    }),
    { numRuns: RUNS },
  )
})
