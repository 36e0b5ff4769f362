/**
 * What the core costs: time for a step, for what routing and lookups do most, and memory for a node.
 * `npm run bench:core`, with `-- --json` for machines. It asserts nothing: figures of a shared machine
 * vary by a third and more, so compare runs of the same minutes only.
 *
 * Each figure is the median of several rounds of fixed work after one round of warming up, in processor time of the
 * thread; only the kinds of steps are told by the clock.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  type Config,
  KEY_WORDS,
  type Key,
  Nodes,
  Outbox,
  PeerBook,
  type PeerRef,
  Random,
} from '@kadmium/core'
import { copyInput, type Step, sharedNames, World } from '@kadmium/testkit'

/** What the bench uses of a machine that core keeps to itself. */
interface LookupMachine {
  begin(key: Key, keyAt: number, self: PeerRef, failureShare: number): void
  add(peer: PeerRef, costMs: number): boolean
  next(): PeerRef
  answered(peer: PeerRef): boolean
  readonly done: boolean
  end(): void
}

const built = new URL('../../packages/core/dist/lookup/lookup.js', import.meta.url)
const { Lookup } = (await import(built.href)) as {
  Lookup: new (
    book: PeerBook,
    init: { k: number; alpha: number; candidatesMax: number },
  ) => LookupMachine
}

const WORLD_NODES = 1_000
const LOOKUPS = 400
const ROUNDS = 7
const K = 20

/** Small tables for very many nodes: k places in each of as many buckets as 10^6 nodes fill. */
const LEAN: Partial<Config> = { bucketGoodPeers: [20], bucketBenchSeats: 0, buckets: 16 }

interface Figure {
  what: string
  value: number
  unit: string
  note: string
}

const figures: Figure[] = []

function tell(what: string, value: number, unit: string, note = ''): void {
  figures.push({ what, value: Number(value.toPrecision(4)), unit, note })
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] as number
}

/** Time that this thread has worked so far, ms: what others do on the machine counts less than by the clock. */
function workedMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

/** Nanoseconds for one of `count` pieces of work. */
function timed(count: number, work: () => void): number {
  work()
  const rounds = Array.from({ length: ROUNDS }, () => {
    const startMs = workedMs()
    work()
    return workedMs() - startMs
  })
  return (median(rounds) * 1e6) / count
}

function randomKey(random: Random): Key {
  return Uint32Array.from({ length: KEY_WORDS }, () => random.word())
}

/** Lives through lookups, writes down all steps, and hands them to fresh nodes again and again. */
function steps(): void {
  const heard: Pick<Step, 'node' | 'nowMs' | 'input'>[] = []
  const onStep = ({ node, nowMs, input }: Step): void => {
    heard.push({ node, nowMs, input: copyInput(input) })
  }
  const init = { nodes: WORLD_NODES, seed: 1 }
  const world = new World({ ...init, onStep })
  world.fillTables()
  const random = new Random(2)
  const startedMs = world.nowMs
  for (let i = 0; i < LOOKUPS; i++) {
    world.start(random.below(WORLD_NODES), { type: 'getClosest', ...world.subject('') })
    world.runFor(20)
  }
  world.runFor(20_000)
  const rpcs = world.sent.findNode
  const byKind = new Map<string, { count: number; ms: number }>()
  const rounds: number[] = []
  for (let round = 0; round < ROUNDS + 1; round++) {
    const fresh = new World(init)
    fresh.fillTables()
    const { nodes } = fresh.seats[0] as World['seats'][0]
    const outbox = new Outbox()
    const split = round === ROUNDS
    const startMs = workedMs()
    for (const { node, nowMs, input } of heard) {
      outbox.clear()
      const beganMs = split ? performance.now() : 0
      nodes.handle(node, nowMs, input, outbox)
      if (!split) continue
      const sum = byKind.get(input.kind) ?? { count: 0, ms: 0 }
      sum.count++
      sum.ms += performance.now() - beganMs
      byKind.set(input.kind, sum)
    }
    if (!split && round > 0) rounds.push(workedMs() - startMs)
  }
  const ms = median(rounds)
  const spanS = ((heard.at(-1)?.nowMs ?? 0) - startedMs) / 1000
  tell('step', (ms * 1e6) / heard.length, 'ns', `${heard.length} inputs, ${spanS.toFixed(0)} s`)
  tell('RPC, all its steps at both ends', (ms * 1e3) / rpcs, 'us', `${rpcs} requests`)
  tell('lookup, all its steps', (ms * 1e3) / LOOKUPS, 'us', `${rpcs / LOOKUPS} requests`)
  const timerMs = timerCostMs()
  for (const [kind, { count, ms: sumMs }] of byKind)
    if (count > 100) tell(`step: ${kind}`, (sumMs / count - timerMs) * 1e6, 'ns', `${count}`)
}

/** What reading the clock adds to what is measured with it. */
function timerCostMs(): number {
  const count = 100_000
  let sum = 0
  for (let i = 0; i < count; i++) {
    const beganMs = performance.now()
    sum += performance.now() - beganMs
  }
  return sum / count
}

function routing(): void {
  const world = new World({ nodes: WORLD_NODES, seed: 3 })
  world.fillTables()
  const { nodes } = world.seats[0] as World['seats'][0]
  const { routing: table } = nodes
  const random = new Random(4)
  const count = 20_000
  const keys = Array.from({ length: 1000 }, () => randomKey(random))
  const rows = Int32Array.from({ length: count }, () => random.below(WORLD_NODES))
  const peers = Int32Array.from({ length: count }, () => random.below(WORLD_NODES))
  const out = new Int32Array(2 * K)
  const { nowMs } = world
  let sink = 0
  const each = (what: string, run: (node: number, peer: number, key: Key) => number): void => {
    const work = (): void => {
      for (let i = 0; i < count; i++)
        sink += run(rows[i] as number, peers[i] as number, keys[i % 1000] as Key)
    }
    tell(what, timed(count, work), 'ns', `tables of ${table.size(0)} peers`)
  }
  each('routing.nearest, 20 peers', (node, peer, key) =>
    table.nearest(node, key, 0, K, nowMs, peer, out),
  )
  each('routing.seeds, 40 peers', (node, _, key) => table.seeds(node, key, 0, 2 * K, nowMs, out))
  each('routing.costMs', (node, peer) => table.costMs(node, peer, nowMs))
  each('routing.isAvoided', (node, peer) => (table.isAvoided(node, peer, nowMs) ? 1 : 0))
  each('routing.rtoMs', (node, peer) => table.rtoMs(node, peer, nowMs))
  each('routing.noteSuccess', (node, peer) => {
    table.noteSuccess(node, peer, nowMs, 50)
    return 0
  })
  if (Number.isNaN(sink)) throw new Error('a cost is no number')
}

/** The lookup machine alone, fed with the nearest of a network of which each peer knows a part. */
function lookups(): void {
  const nodes = 10_000
  const random = new Random(5)
  const keys = Uint32Array.from({ length: nodes * KEY_WORDS }, () => random.word())
  const { book } = sharedNames(keys)
  const lookup = new Lookup(book, { k: K, alpha: 10, candidatesMax: 256 })
  const walks = 300
  const script: { target: Key; named: Int32Array }[] = Array.from({ length: walks }, () => ({
    target: randomKey(random),
    named: Int32Array.from({ length: 64 * K }, () => random.below(nodes)),
  }))
  let requests = 0
  const run = (): void => {
    requests = 0
    for (const { target, named } of script) {
      lookup.begin(target, 0, 0, 0)
      for (let i = 0; i < 2 * K; i++) lookup.add(named[i] as number, 100 + (i % 7))
      let from = 2 * K
      for (let peer = lookup.next(); peer >= 0 && !lookup.done; peer = lookup.next()) {
        requests++
        lookup.answered(peer)
        for (let i = 0; i < K && from < named.length; i++, from++)
          lookup.add(named[from] as number, 100 + (i % 7))
      }
      lookup.end()
    }
  }
  const walkNs = timed(walks, run)
  const asked = requests / walks
  tell('lookup machine, an RPC', walkNs / asked, 'ns', 'next, answered, 20 add, done')
  const adds = 2_000
  const addNs = timed(adds * 40, () => {
    for (let i = 0; i < adds; i++) {
      const { target, named } = script[i % walks] as (typeof script)[0]
      lookup.begin(target, 0, 0, 0)
      for (let j = 0; j < 40; j++) lookup.add(named[j] as number, 100)
    }
  })
  tell('lookup.add', addNs, 'ns', 'the first 40 of a walk')
}

function memory(what: string, config: Partial<Config>, count: number): void {
  const random = new Random(6)
  const keys = Uint32Array.from({ length: count * KEY_WORDS }, () => random.word())
  const book = new PeerBook({ fixed: true, capacity: count })
  for (let i = 0; i < count; i++) book.add(keys, i * KEY_WORDS)
  const selves = Array.from({ length: count }, (_, i) => i)
  const before = used()
  const nodes = new Nodes({ book, selves, seed: 1, config })
  const perNode = (used() - before) / count
  const { bytesPerNode, seatsPerNode } = nodes.routing
  tell(`${what}: seats of a table`, seatsPerNode, 'peers')
  tell(`${what}: a table entry`, bytesPerNode / seatsPerNode, 'B', 'with its share of the rest')
  tell(
    `${what}: a node`,
    perNode,
    'B',
    `measured on ${count} rows, its identity (32 B) not counted`,
  )
  tell(`${what}: 10^6 nodes`, ((perNode + 32) * 1e6) / 2 ** 30, 'GiB', 'before anything happens')
  const met = 1_000
  const grown = used()
  for (let node = 0; node < met; node++) {
    const peer = (node + 1) % count
    nodes.routing.setSpeaks(node, peer, true, 1_000_000)
  }
  tell(`${what}: the first peer outside the table`, (used() - grown) / met, 'B')
}

/** Keys in order, far enough apart to be told by their first words. */
function ascendingKeys(count: number): Uint32Array {
  const random = new Random(7)
  const keys = Uint32Array.from({ length: count * KEY_WORDS }, () => random.word())
  for (let i = 0; i < count; i++) keys[i * KEY_WORDS] = Math.floor(((i + 0.5) / count) * 2 ** 32)
  return keys
}

/** Full tables for very many nodes at once, each peer with a group and a round trip. */
function filling(): void {
  const count = 1 << 16
  const book = new PeerBook({ fixed: true, keys: ascendingKeys(count) })
  const selves = Int32Array.from({ length: count }, (_, i) => i)
  const nodes = new Nodes({ book, selves, seed: 1, config: { buckets: 14, bucketBenchSeats: 2 } })
  const { routing } = nodes
  const groups = Int32Array.from({ length: count }, (_, i) => 1 + (i % 0xffff))
  const rttsMs = Float32Array.from({ length: 128 }, (_, i) => 10 + i)
  const peers = new Int32Array(128)
  let seated = 0
  const fill = (isFilled: boolean): number => {
    const startMs = workedMs()
    for (let node = 0; node < count; node++) {
      for (let bucket = 0; bucket < 13; bucket++) {
        // Ranks stand for keys here: the bucket's peers are those that differ first in its bit.
        const width = count >>> (bucket + 1)
        const first = (node ^ width) & ~(width - 1)
        const wanted = Math.min(routing.bucketSeats(bucket), width)
        for (let i = 0; i < wanted; i++) peers[i] = first + Math.floor((i * width) / wanted)
        seated += wanted
        if (isFilled) routing.seat(node, bucket, peers, wanted, 1_000_000, groups, rttsMs)
      }
    }
    return workedMs() - startMs
  }
  const idleMs = fill(false)
  seated = 0
  const ms = fill(true) - idleMs
  tell('routing.seat, a peer', (ms * 1e6) / seated, 'ns', `${seated} peers`)
  tell('a node with a full table', nodes.bytes / count, 'B', `${seated / count} peers`)
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes in use, after two collections: the first one leaves buffers to be freed behind it. */
function used(): number {
  collect()
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

function print(): void {
  const widest = Math.max(...figures.map(({ what }) => what.length))
  for (const { what, value, unit, note } of figures) {
    const number = value.toLocaleString('en', { maximumFractionDigits: 2 })
    console.log(`${what.padEnd(widest)}  ${number.padStart(10)} ${unit.padEnd(5)}  ${note}`)
  }
}

steps()
routing()
lookups()
memory('default', {}, 10_000)
memory('lean', LEAN, 100_000)
filling()
if (process.argv.includes('--json')) console.log(JSON.stringify(figures))
else print()
