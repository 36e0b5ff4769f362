/** Small networks of real nodes: that the WAN delays and swallows, and that meters and stores are read right. */
import type { Ping } from '@libp2p/ping'
import { afterEach, expect, test, vi } from 'vitest'
import { form } from './form.ts'
import { IMPLEMENTATIONS } from './implementations.ts'
import { MESSAGE_TYPES } from './meters/frame-counter.ts'
import { countsBetween, rpcsOf } from './meters/meter.ts'
import { createNetwork, type Network, type NetworkOptions, type TestNode } from './network.ts'
import { SeededChoice } from './random.ts'
import { holdersAmong, holdsProvider, holdsValue } from './work/holders.ts'
import { findPeer, findProvider, get, provide, put } from './work/operations.ts'
import { publicKeyRecord, randomCid } from './work/records.ts'

let network: Network | undefined

afterEach(async () => {
  await network?.close()
  network = undefined
})

async function build(options: Partial<NetworkOptions>): Promise<Network> {
  network = await createNetwork({ implementation: IMPLEMENTATIONS.kadDht, ...options })
  return network
}

function dial(from: TestNode, to: TestNode, signal?: AbortSignal): Promise<unknown> {
  return from.libp2p.dial(to.libp2p.getMultiaddrs(), signal === undefined ? {} : { signal })
}

/** A ping that took less than so long; a busy machine may need several. */
async function pingBelow(limitMs: number, from: TestNode, to: TestNode): Promise<number> {
  const ping = from.libp2p.services.ping as Ping
  return await vi.waitFor(
    async () => {
      const ms = await ping.ping(to.peerId)
      expect(ms).toBeLessThan(limitMs)
      return ms
    },
    { timeout: 20_000 },
  )
}

test('a ping takes the round trip of its regions, a dial at least three', async () => {
  const { nodes } = await build({ nodes: 2, population: { NA: 1, EUW: 1 } })
  const [a, b] = nodes as [TestNode, TestNode]
  const startMs = performance.now()
  await dial(a, b)
  // TCP, Noise after its negotiation, Yamux's negotiation.
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(3 * 115)
  expect(await pingBelow(2 * 115, a, b)).toBeGreaterThanOrEqual(113)
  expect(await pingBelow(2 * 115, b, a)).toBeGreaterThanOrEqual(113)
})

test('an unreachable node loses its connections, and dials to it and from it hang until given up', async () => {
  const { nodes, wan } = await build({ nodes: 3, population: { EUN: 1 } })
  const [a, b, dark] = nodes as [TestNode, TestNode, TestNode]
  await dial(a, dark)
  const lost = new Promise((resolve) => {
    a.libp2p.addEventListener('peer:disconnect', resolve, { once: true })
  })
  network?.goDark(dark)
  await lost
  expect(a.libp2p.getConnections(dark.peerId)).toEqual([])

  const giveUp = new AbortController()
  const outcomes = [dial(a, dark, giveUp.signal), dial(dark, b, giveUp.signal)].map((dialled) =>
    dialled.then(
      () => 'connected',
      () => 'failed',
    ),
  )
  // A dial to a live node, begun later, is through first: neither a refusal nor an answer came to the others.
  await dial(a, b)
  expect(wan.dialsInFlight).toBe(1)
  expect(await Promise.race([...outcomes, 'pending'])).toBe('pending')
  giveUp.abort()
  expect(await Promise.all(outcomes)).toEqual(['failed', 'failed'])
  expect(wan.dialsInFlight).toBe(0)

  network?.comeBack(dark)
  await dial(dark, b)
  await expect.poll(() => b.libp2p.getConnections(dark.peerId).length).toBe(1)
})

test('the same seed builds the same network', async () => {
  const first = (await build({ nodes: 3, seed: 5 })).nodes
  const ids = first.map(({ peerId, region }) => `${peerId} ${region}`)
  await network?.close()
  const second = (await build({ nodes: 3, seed: 5 })).nodes
  expect(second.map(({ peerId, region }) => `${peerId} ${region}`)).toEqual(ids)
})

test.each(['kadDht', 'kadmium'] as const)(
  '%s: the operations work, and every message is counted',
  async (id) => {
    const built = await build({
      nodes: 6,
      population: { EUN: 1 },
      implementation: IMPLEMENTATIONS[id],
    })
    const { nodes, meter } = built
    const formation = await form(built, { quietMs: 300 })
    expect(formation.tables.min).toBeGreaterThanOrEqual(4)
    expect(formation.rpcs).toBeGreaterThanOrEqual(4 * nodes.length)
    const limits = { timeoutMs: 10_000 }
    const choose = new SeededChoice(9)
    const [writer, reader] = nodes as [TestNode, TestNode]

    const record = await publicKeyRecord(choose)
    const before = meter.snapshot()
    expect(await put(writer.dht, record, limits)).toMatchObject({ ok: true })
    await expect
      .poll(async () => (await holdersAmong(nodes, (node) => holdsValue(node, record.key))).length)
      .toBe(6)
    expect(await holdsValue(reader, record.key, record.value)).toBe(true)
    expect(await holdsValue(reader, record.key, Uint8Array.of(1, 2, 3, 4))).toBe(false)
    const counts = countsBetween(before, meter.snapshot())
    // The other five hold it, and each got it by one message.
    expect(counts.requests.get(MESSAGE_TYPES.indexOf('PUT_VALUE'))).toBeGreaterThanOrEqual(5)
    expect([...counts.requests.values()].reduce((sum, count) => sum + count, 0)).toBe(counts.sent)
    expect(rpcsOf(counts)).toBe(counts.sent + counts.inVain)

    const cid = await randomCid(choose)
    expect(await provide(writer.dht, cid, limits)).toMatchObject({ ok: true })
    await expect
      .poll(
        async () =>
          (await holdersAmong(nodes, (node) => holdsProvider(node, cid, writer.peerId))).length,
      )
      .toBeGreaterThanOrEqual(5)
    expect(await get(reader.dht, record, limits)).toMatchObject({ ok: true })
    expect(await findProvider(reader.dht, cid, writer.peerId, limits)).toMatchObject({ ok: true })
    expect(await findPeer(reader.dht, writer.peerId, limits)).toMatchObject({ ok: true })
    await expect.poll(() => meter.isQuiet()).toBe(true)
  },
)

test('a request to an unreachable peer counts as in vain', async () => {
  const built = await build({ nodes: 3, population: { EUN: 1 } })
  const [asker, , dark] = built.nodes as [TestNode, TestNode, TestNode]
  await form(built, { quietMs: 300 })
  built.goDark(dark)
  await expect.poll(() => asker.libp2p.getConnections(dark.peerId)).toEqual([])
  const before = built.meter.snapshot()
  const giveUp = new AbortController()
  const lookup = (async () => {
    const target = dark.peerId.toMultihash().bytes
    for await (const _ of asker.dht.getClosestPeers(target, { signal: giveUp.signal })) {
      // Until it is given up.
    }
  })().catch(() => {})
  await expect.poll(() => built.wan.dialsInFlight).toBeGreaterThanOrEqual(1)
  await expect
    .poll(() => countsBetween(before, built.meter.snapshot()).sent)
    .toBeGreaterThanOrEqual(1)
  giveUp.abort()
  await lookup
  await expect.poll(() => built.meter.isQuiet()).toBe(true)
  expect(countsBetween(before, built.meter.snapshot()).inVain).toBeGreaterThanOrEqual(1)
})

test('an operation that is not answered ends by its own deadline and says so', async () => {
  const { nodes } = await build({ nodes: 2, population: { EUN: 1 } })
  const [lonely] = nodes as [TestNode]
  const record = await publicKeyRecord(new SeededChoice(1))
  // No peer is known: this service waits for one for ever, the operation does not.
  const outcome = await get(lonely.dht, record, { timeoutMs: 300 })
  expect(outcome.ok).toBe(false)
  expect(outcome.error).toBeDefined()
})
