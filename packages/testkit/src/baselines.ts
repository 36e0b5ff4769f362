/**
 * The lookups of go-libp2p-kad-dht and of @libp2p/kad-dht as plain models, for comparison in tests.
 * They follow what those do, not how they are built, and count each request sent, to dead peers too.
 *
 * Time runs in mean round trips: live peers answer after 0.2 to 1.8, dead ones fail after 8. That
 * time-out decides how much go asks: it goes on to farther peers while it waits. With it, over 1,800
 * lookups in three networks of 10,000, this is what was measured, and in brackets what the published
 * 16.4.5 engine of js (30-60 lookups each) and another model of go did in a network like it:
 *
 * | dead | js, 10 paths | go, beta 3 | live ones of go's 20 | go, beta 20 |
 * |---|---|---|---|---|
 * | 0 % | 333 (342) | 40 (40) | 20.0 (20.0) | 44 (44) |
 * | 10 % | 314 (320) | 45 (43) | 18.3 (18.3) | 68 (69) |
 * | 30 % | 312 (318) | 42 (42) | 15.2 (15.2) | 66 (68) |
 *
 * Left out, because nothing here depends on it: js's filter of seen peers is exact, not a cuckoo
 * filter; no peer is refused for its addresses or its IP group; dials and requests are one step.
 */
import { compareDistance, KEY_WORDS, type Random } from '@kadmium/core'
import { Agenda } from './agenda.ts'
import type { Network } from './network.ts'

const K = 20
const DEAD_PEER_TIMEOUT = 8

export interface BaselineResult {
  /** Requests sent, with those to dead peers. */
  rpcs: number
  /** The nodes that it believes nearest, nearest first. */
  found: number[]
}

/** Round trips until a live peer answers: 0.2..1.8, 1 on average. */
export function answerDelay(random: Random): number {
  return 0.2 + random.below(1000) / 625
}

export interface GoInit {
  /** Requests in flight. Its default is 10. */
  alpha: number
  /** Nearest peers that must have answered. Its default is 3. */
  beta: number
}

/** go: one path, ends when the beta nearest that did not fail have answered; then asks the rest of the nearest 20 once. */
export function goLookup(
  network: Network,
  asker: number,
  target: Uint32Array,
  init: GoInit,
  random: Random,
): BaselineResult {
  const state = new Map<number, 'heard' | 'waiting' | 'queried' | 'unreachable'>()
  const heard = new Ranking(network, target)
  const flights = new Agenda<number>()
  let rpcs = 0
  const hear = (node: number): void => {
    if (node === asker || state.has(node)) return
    state.set(node, 'heard')
    heard.insert(node)
  }
  const ask = (node: number): void => {
    state.set(node, 'waiting')
    rpcs++
    flights.enter(network.isDead(node) ? DEAD_PEER_TIMEOUT : answerDelay(random), node)
  }
  for (const node of namedBy(network, asker, target)) hear(node)
  for (;;) {
    const usable = heard.nodes.filter((node) => state.get(node) !== 'unreachable')
    const waiting = usable.filter((node) => state.get(node) === 'waiting').length
    const fresh = usable.filter((node) => state.get(node) === 'heard')
    if (fresh.length + waiting === 0) break
    if (usable.slice(0, init.beta).every((node) => state.get(node) === 'queried')) break
    for (const node of fresh.slice(0, init.alpha - waiting)) ask(node)
    const ended = flights.take() as number
    state.set(ended, network.isDead(ended) ? 'unreachable' : 'queried')
    if (!network.isDead(ended)) for (const node of namedBy(network, ended, target)) hear(node)
  }
  // Those that fail in the follow-up stay in the result; so do requests still under way, asked twice.
  const found = heard.nodes.filter((node) => state.get(node) !== 'unreachable').slice(0, K)
  rpcs += found.filter((node) => state.get(node) !== 'queried').length
  return { rpcs, found }
}

export interface JsInit {
  /** Requests in flight on each path. Its default is 10. */
  alpha: number
  /** Disjoint paths. Its default is 10. */
  paths: number
}

/** js: seeds dealt to disjoint paths that share what they have seen; each path looks for 20 responders of its own. */
export function jsLookup(
  network: Network,
  asker: number,
  target: Uint32Array,
  init: JsInit,
  random: Random,
): BaselineResult {
  const seen = new Set([asker])
  const flights = new Agenda<{ node: number; path: JsPath }>()
  const responders = new Ranking(network, target)
  let rpcs = 0
  const run = (path: JsPath): void => {
    while (path.running < init.alpha) {
      const node = path.queue.nodes.shift()
      if (node === undefined) return
      if (!path.wants(node)) continue
      path.running++
      rpcs++
      flights.enter(network.isDead(node) ? DEAD_PEER_TIMEOUT : answerDelay(random), { node, path })
    }
  }
  const paths = Array.from({ length: init.paths }, () => new JsPath(network, target))
  const seeds = shuffled(namedBy(network, asker, target), random)
  for (const [i, node] of seeds.entries()) {
    seen.add(node)
    paths[i % init.paths]?.queue.insert(node)
  }
  for (const path of paths) run(path)
  for (let ended = flights.take(); ended !== undefined; ended = flights.take()) {
    const { node, path } = ended
    path.running--
    if (!network.isDead(node)) {
      responders.insert(node)
      path.responders.insert(node)
      for (const named of namedBy(network, node, target)) {
        if (seen.has(named) || !path.queue.isNearer(named, node) || !path.wants(named)) continue
        seen.add(named)
        path.queue.insert(named)
      }
    }
    run(path)
  }
  return { rpcs, found: responders.nodes.slice(0, K) }
}

class JsPath {
  readonly queue: Ranking
  readonly responders: Ranking
  running = 0

  constructor(network: Network, target: Uint32Array) {
    this.queue = new Ranking(network, target)
    this.responders = new Ranking(network, target)
  }

  /** Whether the node could enter the path's own 20 responders. */
  wants(node: number): boolean {
    const worst = this.responders.nodes[K - 1]
    return worst === undefined || this.responders.isNearer(node, worst)
  }
}

/** Nodes, nearest to a target first. */
class Ranking {
  readonly nodes: number[] = [] // BOUNDED: by the nodes of the network
  private readonly network: Network
  private readonly target: Uint32Array

  constructor(network: Network, target: Uint32Array) {
    this.network = network
    this.target = target
  }

  insert(node: number): void {
    let at = this.nodes.length
    while (at > 0 && this.isNearer(node, this.nodes[at - 1] as number)) at--
    this.nodes.splice(at, 0, node)
  }

  isNearer(a: number, b: number): boolean {
    const keys = this.network.keys
    return compareDistance(this.target, 0, keys, a * KEY_WORDS, keys, b * KEY_WORDS) < 0
  }
}

function namedBy(network: Network, node: number, target: Uint32Array): number[] {
  const named = new Int32Array(K)
  return [...named.subarray(0, network.closest(node, target, 0, K, named))]
}

function shuffled(nodes: number[], random: Random): number[] {
  for (let i = nodes.length - 1; i > 0; i--) {
    const j = random.below(i + 1)
    const node = nodes[i] as number
    nodes[i] = nodes[j] as number
    nodes[j] = node
  }
  return nodes
}
