/**
 * What time does to provider records at a server: providers are named with their addresses for as long as their
 * record lives (D5), and no longer (D12). Only the clock is moved; time-outs run as ever.
 */
import * as Digest from 'multiformats/hashes/digest'
import { afterEach, expect, test, vi } from 'vitest'
import { hex, stopAll } from '../live/calls.ts'
import { type LiveNode, type RawPeer, startNode, startRawPeer } from '../live/nodes.ts'
import { TYPE } from '../live/wire.ts'
import { SeededChoice } from '../random.ts'
import { BOTH, expectMended } from './both.ts'

const HOUR_MS = 3_600_000

/** The wall clock, which can be put forward. In place before anybody takes hold of it, and never put back. */
const clock = vi.hoisted(() => {
  const moved = { aheadMs: 0 }
  const now = Date.now.bind(Date)
  Date.now = () => now() + moved.aheadMs
  return moved
})

const choose = new SeededChoice(42)
const running: (LiveNode | RawPeer)[] = []

afterEach(() => stopAll(running.splice(0)))

/** What a server says of the one provider of some content, so long after it was announced. */
async function namedAfter(
  kind: LiveNode['kind'],
  hours: readonly number[],
  peerStore: { maxAddressAge?: number; maxPeerAge?: number } = {},
): Promise<string[]> {
  const server = await startNode(kind, { peerStore })
  running.push(server)
  const provider = await startRawPeer()
  running.push(provider)
  const asker = await startRawPeer()
  running.push(asker)
  const key = Digest.create(0x12, choose.bytes(32)).bytes
  const stream = await provider.open(server.libp2p.getMultiaddrs())
  const self = { id: provider.idBytes, addresses: provider.addresses }
  stream.send({ type: TYPE.addProvider, key, providers: [self] })
  expect((await stream.ask({ type: TYPE.ping }))?.type).toBe(TYPE.ping)
  await provider.libp2p.hangUp(server.peerId)
  await vi.waitFor(
    () => expect(server.libp2p.getConnections(provider.libp2p.peerId)).toEqual([]),
    10_000,
  )
  const seen: string[] = []
  const startMs = clock.aheadMs
  for (const hour of hours) {
    clock.aheadMs = startMs + hour * HOUR_MS
    const asking = await asker.open(server.libp2p.getMultiaddrs())
    const answer = await asking.ask({ type: TYPE.getProviders, key })
    const [named, ...others] = answer?.providers ?? []
    expect(others).toEqual([])
    if (answer === null) seen.push('reset')
    else if (named === undefined) seen.push('nobody')
    else {
      expect(hex(named.id)).toBe(hex(provider.idBytes))
      seen.push(named.addresses.length > 0 ? 'named' : 'no address')
    }
  }
  return seen
}

test.each(BOTH)(
  'D5: a provider is named 2 and 7 hours after it announced itself: $node',
  async ({ kind }) => {
    const [first, ...later] = await namedAfter(kind, [0, 2, 7])
    expect(first).toBe('named')
    const defect = 'a live provider is not named any more'
    expectMended(kind, defect, () => expect(later, defect).toEqual(['named', 'named']))
  },
)

test.each(BOTH)(
  'D12: a provider is not named when its record has expired: $node',
  async ({ kind }) => {
    // The store of peers forgets nobody here, so that only the record's own end counts.
    const forever = { maxAddressAge: 100 * HOUR_MS, maxPeerAge: 100 * HOUR_MS }
    const [before, after] = await namedAfter(kind, [0, 49], forever)
    expect(before).toBe('named')
    const defect = 'an expired provider is named'
    expectMended(kind, defect, () => expect(after, defect).toBe('nobody'))
  },
)
