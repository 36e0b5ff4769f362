/** What a node does for its table without being asked. */
import { key8, plainOutput, tinyBook } from '@kadmium/testkit'
import { describe, expect, it } from 'vitest'
import type { Config } from './config.ts'
import type { FailureReason, Input, Link } from './messages.ts'
import { Message } from './messages.ts'
import { Nodes } from './node.ts'
import { Outbox } from './outbox.ts'
import type { PeerRef } from './peers.ts'

const NEVER = Number.POSITIVE_INFINITY

/** Keys of the peers; the first is the node's own. They lie in buckets 0, 0, 1, 2 and 3. */
const BYTES = [0b0000_0000, 0b1000_0000, 0b1100_0000, 0b0100_0000, 0b0010_0000, 0b0001_0000]

/** One node whose host does nothing by itself. */
class Node {
  nowMs = 1_000_000
  /** What the last inputs led to, as "kind what". */
  outputs: string[] = []
  readonly nodes: Nodes
  readonly refs: PeerRef[]
  private readonly outbox = new Outbox()
  private readonly sent: { request: number; to: PeerRef }[] = []

  constructor(config: Partial<Config> = {}) {
    const { book, refs } = tinyBook(BYTES)
    for (const ref of refs) book.pin(ref) // a test may name them at any time
    this.refs = refs
    const selves = [refs[0] as PeerRef]
    this.nodes = new Nodes({ book, selves, seed: 1, config })
  }

  ref(peer: number): PeerRef {
    return this.refs[peer] as PeerRef
  }

  give(input: Input): void {
    this.outbox.clear()
    this.nodes.handle(0, this.nowMs, input, this.outbox)
    for (const output of this.outbox) {
      const { kind, bits, peers, peer, to, request } = plainOutput(output)
      const who = peer ?? to
      const what =
        bits ?? peers ?? (who === undefined ? request : this.refs.indexOf(who as PeerRef))
      this.outputs.push(`${kind} ${what}`)
      if (output.kind === 'send') this.sent.push({ request: output.request, to: output.to })
    }
  }

  take(): string[] {
    return this.outputs.splice(0)
  }

  /** Wakes the node at its deadlines until `ms` have passed. */
  pass(ms: number): void {
    const untilMs = this.nowMs + ms
    for (let i = 0; this.nodes.deadline(0) <= untilMs; i++) {
      if (i > 1000) throw new Error('the node does not come to rest')
      this.nowMs = Math.max(this.nowMs, this.nodes.deadline(0))
      this.give({ kind: 'wake' })
    }
    this.nowMs = untilMs
  }

  link(peer: number, link: Link, dialled = true): void {
    this.give({ kind: 'linkChanged', peer: this.ref(peer), link, dialled, ipGroup: 0 })
  }

  speaks(peer: number): void {
    this.give({ kind: 'protocolChanged', peer: this.ref(peer), speaks: true })
  }

  dialEnded(peer: number, ok: boolean): void {
    this.give({ kind: 'dialEnded', peer: this.ref(peer), ok, ipGroup: 0 })
  }

  /** A peer answers the oldest request that it was sent, with nothing. */
  answer(peer: number): void {
    const at = this.sent.findIndex(({ to }) => to === this.ref(peer))
    const [sent] = this.sent.splice(at, 1)
    if (at < 0 || sent === undefined) throw new Error(`${peer} was not asked`)
    const message = new Message().clear('findNode')
    this.give({ kind: 'answerArrived', request: sent.request, message, rttMs: 40 })
  }

  /** A request to a peer ends without an answer. */
  fail(peer: number, reason: FailureReason): void {
    const sent = this.sent.find(({ to }) => to === this.ref(peer))
    if (sent === undefined) throw new Error(`${peer} was not asked`)
    this.give({ kind: 'requestFailed', request: sent.request, reason })
  }

  /** The node meets a peer in full: it is a member then. */
  meet(peer: number): void {
    this.link(peer, 'connected')
    this.speaks(peer)
    this.answer(peer)
    this.take()
  }

  isMember(peer: number): boolean {
    return this.nodes.routing.isMember(0, this.ref(peer))
  }
}

describe('walks', () => {
  it('begin when there is somebody to ask, go once round quickly and then at leisure', () => {
    const node = new Node({ refreshIntervalMs: 100_000 })
    node.give({ kind: 'start' })
    node.pass(3_600_000)
    expect(node.take()).toEqual([])
    expect(node.nodes.deadline(0)).toBe(NEVER)
    node.meet(4) // in bucket 2: three buckets matter
    const picks = (ms: number): string[] => {
      node.pass(ms)
      return node.take().filter((output) => output.startsWith('pickKey'))
    }
    expect(picks(999)).toEqual([])
    expect(picks(1)).toEqual(['pickKey 256'])
    expect(picks(1_000)).toEqual(['pickKey 0'])
    expect(picks(2_000)).toEqual(['pickKey 1', 'pickKey 2'])
    expect(picks(1_000)).toEqual(['pickKey 256'])
    expect(picks(24_999)).toEqual([])
    expect(picks(1)).toEqual(['pickKey 0'])
    expect(picks(100_000)).toEqual(['pickKey 1', 'pickKey 2', 'pickKey 256', 'pickKey 0'])
  })

  it('go to the key that the host picked, and report how many they found', () => {
    const node = new Node()
    node.give({ kind: 'start' })
    node.meet(1)
    node.meet(2)
    node.give({ kind: 'keyPicked', key: key8(0b1000_0001), keyBytes: Uint8Array.of(1) })
    expect(node.take().toSorted()).toEqual(['send 1', 'send 2'])
    node.answer(1)
    node.answer(2)
    expect(node.take()).toEqual(['walkEnded 2'])
    expect(node.nodes.inFlight(0)).toBe(0)
  })

  it('report their end also where nobody answers, and where there is no room for them', () => {
    const node = new Node({ operationsMax: 1 })
    node.give({ kind: 'start' })
    node.meet(1)
    const picked: Input = { kind: 'keyPicked', key: key8(1), keyBytes: Uint8Array.of(1) }
    node.give(picked)
    expect(node.take()).toEqual(['send 1'])
    node.give(picked)
    expect(node.take()).toEqual(['walkEnded 0'])
    node.fail(1, 'reset')
    expect(node.take()).toEqual(['walkEnded 0'])
  })

  it('end with stop, and begin anew with start', () => {
    const node = new Node()
    node.give({ kind: 'start' })
    node.meet(1)
    node.give({ kind: 'keyPicked', key: key8(1), keyBytes: Uint8Array.of(1) })
    expect(node.take()).toEqual(['send 1'])
    node.give({ kind: 'stop' })
    expect(node.take().map((output) => output.split(' ')[0])).toEqual(['cancelRequest'])
    node.give({ kind: 'keyPicked', key: key8(1), keyBytes: Uint8Array.of(1) })
    node.pass(3_600_000)
    expect(node.take()).toEqual([])
    node.give({ kind: 'start' })
    node.pass(0)
    expect(node.take()).toEqual(['pickKey 256'])
  })
})

describe('checks', () => {
  it('ask a newcomer for our own neighbourhood, and make a member of it that answers', () => {
    const node = new Node()
    node.give({ kind: 'start' })
    node.link(1, 'connected')
    node.speaks(1)
    expect(node.take()).toEqual(['send 1'])
    expect(node.isMember(1)).toBe(false)
    node.answer(1)
    expect(node.isMember(1)).toBe(true)
    node.speaks(1) // told anew: nothing to ask
    expect(node.take()).toEqual([])
  })

  it('ask no newcomer for whom there is no seat, and one that was dialled back for its answer', () => {
    const node = new Node({ bucketGoodPeers: [1] })
    node.give({ kind: 'start' })
    node.meet(1)
    node.link(2, 'connected') // in the same bucket
    node.speaks(2)
    expect(node.take()).toEqual([])
    node.link(3, 'connected', false)
    node.speaks(3)
    expect(node.take()).toEqual(['send 3', 'dial 3'])
    node.fail(3, 'cancelled')
    node.dialEnded(3, true)
    expect(node.take()).toEqual(['send 3'])
    node.answer(3) // to the request that was cancelled: it changes nothing
    expect(node.isMember(3)).toBe(false)
    node.answer(3)
    expect([node.isMember(1), node.isMember(2), node.isMember(3)]).toEqual([true, false, true])
  })

  it('dial back who dialled us, so many at a time, and take them in when that works', () => {
    const node = new Node({ probesMax: 2 })
    node.give({ kind: 'start' })
    for (const peer of [1, 2, 3, 4]) {
      node.link(peer, 'connected', false)
      node.speaks(peer)
      node.answer(peer)
    }
    const dials = (): string[] => node.take().filter((output) => output.startsWith('dial'))
    expect(dials()).toEqual(['dial 1', 'dial 2'])
    expect([1, 2, 3, 4].some((peer) => node.isMember(peer))).toBe(false)
    node.dialEnded(1, true)
    expect(node.isMember(1)).toBe(true)
    node.dialEnded(2, false)
    expect(node.isMember(2)).toBe(false)
    expect(dials().toSorted()).toEqual(['dial 3', 'dial 4'])
    node.dialEnded(3, true)
    node.dialEnded(4, true)
    // Peer 2 is connected, but can't be dialled: it is tried less and less often.
    node.pass(5_000)
    expect(dials()).toEqual([])
    node.pass(2_000)
    expect(dials()).toEqual(['dial 2'])
    node.dialEnded(2, false)
    node.pass(10_000)
    expect(dials()).toEqual([])
    node.pass(3_000)
    expect(dials()).toEqual(['dial 2'])
  })

  it('look for a member at once when its connection broke, and forgive it when it is there', () => {
    const node = new Node()
    node.give({ kind: 'start' })
    for (const peer of [1, 2]) node.meet(peer)
    node.link(1, 'lost')
    node.link(2, 'lost')
    expect(node.take()).toEqual(['dial 1', 'dial 2'])
    const isAvoided = (peer: number): boolean =>
      node.nodes.routing.isAvoided(0, node.ref(peer), node.nowMs)
    expect([isAvoided(1), isAvoided(2)]).toEqual([true, true])
    node.dialEnded(1, false)
    node.link(2, 'connected')
    node.dialEnded(2, true)
    expect([isAvoided(1), isAvoided(2)]).toEqual([true, false])
    expect(node.nodes.routing.state(0, node.ref(1), node.nowMs)).toBe('benched')
  })

  it('do not doubt a peer whose connection broke while nobody looks after it', () => {
    const node = new Node()
    node.give({ kind: 'start' })
    node.meet(1)
    node.give({ kind: 'stop' })
    node.link(1, 'lost')
    expect(node.take()).toEqual([])
    expect(node.nodes.routing.isAvoided(0, node.ref(1), node.nowMs)).toBe(false)
  })

  it('dial a benched peer when its back-off is over, and ask it once it is there', () => {
    const node = new Node()
    node.give({ kind: 'start' })
    node.meet(1)
    node.meet(2)
    node.link(1, 'lost')
    node.dialEnded(1, false)
    node.take()
    const about1 = (): string[] => node.take().filter((output) => output.endsWith(' 1'))
    node.pass(5_000)
    expect(about1()).toEqual([])
    node.pass(2_000)
    expect(about1()).toEqual(['dial 1'])
    node.dialEnded(1, false)
    node.pass(10_000)
    expect(about1()).toEqual([])
    node.pass(4_000)
    expect(about1()).toEqual(['dial 1'])
    node.link(1, 'connected')
    node.dialEnded(1, true)
    expect(about1()).toEqual(['send 1'])
    node.answer(1)
    expect(node.nodes.routing.state(0, node.ref(1), node.nowMs)).not.toBe('benched')
  })

  it('ask a benched peer that shows up by itself at once', () => {
    const node = new Node()
    node.give({ kind: 'start' })
    node.meet(1)
    node.link(1, 'lost')
    node.dialEnded(1, false)
    node.take()
    node.link(1, 'connected', false)
    node.speaks(1)
    expect(node.take()).toEqual(['send 1'])
    node.answer(1)
    expect(node.nodes.routing.state(0, node.ref(1), node.nowMs)).not.toBe('benched')
  })
})

it('a request that was cancelled says nothing of its peer, any other end does', () => {
  const node = new Node()
  node.give({ kind: 'start' })
  for (const peer of [1, 2]) node.meet(peer)
  node.give({ kind: 'keyPicked', key: key8(0b1000_0000), keyBytes: Uint8Array.of(1) })
  const score = (peer: number): number => node.nodes.routing.score(0, node.ref(peer), node.nowMs)
  const before = score(1)
  node.fail(1, 'cancelled')
  expect(score(1)).toBe(before)
  node.fail(2, 'reset')
  expect(score(2)).toBeLessThan(before)
})

it('peers of an earlier run are somebody to ask', () => {
  const node = new Node()
  node.give({ kind: 'start' })
  node.pass(0)
  expect(node.nodes.deadline(0)).toBe(NEVER)
  const evidence = { successes: 9, failures: 0, rttMs: 50, rttDeviationMs: 5, dialled: true }
  node.give({ kind: 'peerLoaded', peer: node.ref(3), evidence, ageMs: 60_000, ipGroup: 0 })
  node.pass(1_000)
  expect(node.take()).toEqual(['pickKey 256'])
})
