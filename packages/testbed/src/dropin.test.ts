/**
 * What callers of `@libp2p/kad-dht` lean on, each as one test that both implementations pass: the symbols,
 * the routers of libp2p, discovery, starting and stopping, modes, validators, events. What differs has
 * its tests in defects/, what crosses from one to the other in mixed.test.ts.
 */
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { kadDHT as kadmium } from '@kadmium/libp2p'
import {
  type ContentRouting,
  contentRoutingSymbol,
  isPeerId,
  type PeerInfo,
  type PeerRouting,
  peerDiscoverySymbol,
  peerRoutingSymbol,
  type Startable,
  serviceCapabilities,
  serviceDependencies,
} from '@libp2p/interface'
import { kadDHT } from '@libp2p/kad-dht'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { KAD_PROTOCOL } from './implementations.ts'
import { collect, hex } from './live/calls.ts'
import { type Kind, type LiveInit, type LiveNode, startNode } from './live/nodes.ts'
import { SeededChoice } from './random.ts'
import { ipnsName, ipnsVersion, publicKeyRecord, randomCid } from './work/records.ts'

const K = 3
const choose = new SeededChoice(11)
const KINDS: readonly Kind[] = ['kadmium', 'kad-dht']

const timeout = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(20_000) })
const text = (value: string): Uint8Array => new TextEncoder().encode(value)

interface Service extends Startable {
  isStarted: () => boolean
}

/** A service as libp2p sees it. */
function symbolsOf({ dht }: LiveNode): Record<symbol, unknown> & Service {
  return dht as unknown as Record<symbol, unknown> & Service
}

/** Identify pushes what changed a second later or more. */
const PATIENCE = { timeout: 20_000, interval: 50 }

/** Until a node has heard whether another one speaks the protocol; of the other kind what it would say. */
async function untilSpeaks(node: LiveNode, about: LiveNode, speaks: boolean): Promise<void> {
  await vi.waitFor(async () => {
    expect(about.libp2p.getProtocols().includes(KAD_PROTOCOL)).toBe(speaks)
    if (node.kind === 'kad-dht') return
    const { protocols } = await node.libp2p.peerStore.get(about.peerId)
    expect(protocols.includes(KAD_PROTOCOL)).toBe(speaks)
  }, PATIENCE)
}

describe.each(KINDS)('%s', (kind) => {
  const nodes: LiveNode[] = []
  const extra: LiveNode[] = []
  const join = async (init: LiveInit = {}): Promise<LiveNode> => {
    const node = await startNode(kind, { ...init, dht: { kBucketSize: K, ...init.dht } })
    extra.push(node)
    await node.libp2p.dial(at(0).libp2p.getMultiaddrs())
    return node
  }
  const at = (index: number): LiveNode => nodes[index] as LiveNode

  beforeAll(async () => {
    for (let i = 0; i < 6; i++) nodes.push(await startNode(kind, { dht: { kBucketSize: K } }))
    for (const node of nodes.slice(1)) await node.libp2p.dial(at(0).libp2p.getMultiaddrs())
    await vi.waitFor(
      () => expect(Math.min(...nodes.map(({ dht }) => dht.routingTable.size))).toBeGreaterThan(1),
      { timeout: 30_000, interval: 100 },
    )
  }, 60_000)

  afterAll(() => Promise.all([...nodes, ...extra].map(({ libp2p }) => libp2p.stop())))

  test('carries the symbols that libp2p looks for', () => {
    const service = symbolsOf(at(0))
    expect(service[serviceCapabilities]).toEqual([
      '@libp2p/content-routing',
      '@libp2p/peer-routing',
      '@libp2p/peer-discovery',
      '@libp2p/kad-dht',
    ])
    expect(service[serviceDependencies]).toContain('@libp2p/identify')
    expect(String(service)).toMatch(/^\[object @\w+\/[\w-]+\]$/)
    for (const symbol of [contentRoutingSymbol, peerRoutingSymbol, peerDiscoverySymbol]) {
      expect(service[symbol]).toBeTypeOf('object')
    }
  })

  test('does without identify in no node', async () => {
    const dht = (kind === 'kadmium' ? kadmium() : kadDHT()) as () => object
    const made = createLibp2p({
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { dht },
    })
    await expect(made).rejects.toThrow('@libp2p/identify')
  })

  test('says what its parameters are', () => {
    expect([at(0).dht.k, at(0).dht.routingTable.size > 0]).toEqual([K, true])
    expect(at(0).dht.a).toBe(10)
    expect(at(0).dht.d).toBeGreaterThan(0)
  })

  test('provides and finds through the content routing of libp2p, with addresses and its name', async () => {
    const cid = await randomCid(choose)
    await at(1).libp2p.contentRouting.provide(cid, timeout())
    await vi.waitFor(
      async () => {
        const [provider] = await collect(at(5).libp2p.contentRouting.findProviders(cid, timeout()))
        expect(provider?.id.equals(at(1).peerId)).toBe(true)
        expect(provider?.multiaddrs.length).toBeGreaterThan(0)
        expect(provider?.routing).toBeTypeOf('string')
      },
      { timeout: 20_000 },
    )
    await at(1).libp2p.contentRouting.cancelReprovide(cid)
  })

  test('puts and gets through the content routing of libp2p', async () => {
    const { key, value } = await publicKeyRecord(choose)
    await at(2).libp2p.contentRouting.put(key, value, timeout())
    expect(hex(await at(4).libp2p.contentRouting.get(key, timeout()))).toBe(hex(value))
  })

  test('says NotFoundError where there is no record and no peer', async () => {
    const { key } = await publicKeyRecord(choose)
    const service = symbolsOf(at(3))
    const contentRouting = service[contentRoutingSymbol] as ContentRouting
    const found = contentRouting.get(key, timeout())
    await expect(found).rejects.toThrow(expect.objectContaining({ name: 'NotFoundError' }))
    const stranger = await startNode(kind)
    extra.push(stranger)
    const peerRouting = service[peerRoutingSymbol] as PeerRouting
    const peer = peerRouting.findPeer(stranger.peerId, timeout())
    await expect(peer).rejects.toThrow(expect.objectContaining({ name: 'NotFoundError' }))
  })

  test('finds a peer and the closest peers through the peer routing of libp2p', async () => {
    const found = await at(1).libp2p.peerRouting.findPeer(at(4).peerId, timeout())
    expect(found.id.equals(at(4).peerId)).toBe(true)
    expect(found.multiaddrs.length).toBeGreaterThan(0)
    const closest = await collect(
      at(1).libp2p.peerRouting.getClosestPeers(at(4).idBytes, timeout()),
    )
    expect(closest).toHaveLength(K)
    for (const { id, multiaddrs } of closest) {
      expect([isPeerId(id), multiaddrs.length > 0]).toEqual([true, true])
    }
  })

  test('tells of peers with their addresses while it runs', async () => {
    const service = symbolsOf(at(5))[peerDiscoverySymbol] as EventTarget
    const found: PeerInfo[] = []
    service.addEventListener('peer', (event) => found.push((event as CustomEvent<PeerInfo>).detail))
    const newcomer = await join()
    await newcomer.libp2p.dial(at(5).libp2p.getMultiaddrs())
    await at(5).dht.refreshRoutingTable(timeout())
    await vi.waitFor(() => expect(found.length).toBeGreaterThan(0), { timeout: 20_000 })
    for (const { id, multiaddrs } of found) {
      expect([isPeerId(id), multiaddrs.length > 0]).toEqual([true, true])
    }
  })

  test('tells of nobody before its start and after its stop', async () => {
    const node = await join()
    const service = symbolsOf(node)
    await service.stop()
    const found: PeerInfo[] = []
    const discovery = service[peerDiscoverySymbol] as EventTarget
    discovery.addEventListener('peer', (event) =>
      found.push((event as CustomEvent<PeerInfo>).detail),
    )
    const other = await join()
    await node.libp2p.dial(other.libp2p.getMultiaddrs())
    // Identify has told all that it tells.
    await vi.waitFor(async () => {
      const { protocols } = await node.libp2p.peerStore.get(other.peerId)
      expect(protocols).toContain(KAD_PROTOCOL)
    }, PATIENCE)
    expect(found).toEqual([])
    await service.start()
    await node.dht.refreshRoutingTable(timeout())
    const third = await join()
    await third.libp2p.dial(node.libp2p.getMultiaddrs())
    await vi.waitFor(() => expect(found.length).toBeGreaterThan(0), PATIENCE)
  })

  test('starts and stops more than once, and goes on where it was', async () => {
    const node = await join()
    const service = symbolsOf(node)
    await service.start()
    expect(service.isStarted()).toBe(true)
    await service.stop()
    await service.stop()
    expect(service.isStarted()).toBe(false)
    // The other kind goes on telling its peers that it serves them.
    if (kind === 'kadmium') await untilSpeaks(at(0), node, false)
    await service.start()
    expect(service.isStarted()).toBe(true)
    await untilSpeaks(at(0), node, true)
    const { key, value } = await publicKeyRecord(choose)
    await node.libp2p.contentRouting.put(key, value, timeout())
    expect(hex(await at(1).libp2p.contentRouting.get(key, timeout()))).toBe(hex(value))
  })

  test.runIf(kind === 'kadmium')('says at once that it is not started', async () => {
    const node = await join()
    await symbolsOf(node).stop()
    const { dht } = node
    const { key, value } = await publicKeyRecord(choose)
    const cid = await randomCid(choose)
    const calls = [
      dht.put(key, value),
      dht.get(key),
      dht.provide(cid),
      dht.findProviders(cid),
      dht.findPeer(at(0).peerId),
      dht.getClosestPeers(key),
    ].map((events) => collect(events))
    for (const call of [...calls, dht.refreshRoutingTable()]) {
      await expect(call).rejects.toMatchObject({ name: 'NotStartedError' })
    }
  })

  test('changes its mode, and its peers are told', async () => {
    const node = await join()
    expect(node.dht.getMode()).toBe('server')
    await untilSpeaks(at(0), node, true)
    await node.dht.setMode('client')
    expect(node.dht.getMode()).toBe('client')
    await untilSpeaks(at(0), node, false)
    await node.dht.setMode('server')
    await node.dht.setMode('server', { force: true })
    await untilSpeaks(at(0), node, true)
  })

  test('is a client by default, and a server as soon as it has a public address', async () => {
    const client = await join({ dht: { clientMode: undefined } as object })
    expect(client.dht.getMode()).toBe('client')
    const open = await join({
      dht: { clientMode: undefined } as object,
      announce: ['/ip4/8.8.8.8/tcp/4001'],
    })
    await vi.waitFor(() => expect(open.dht.getMode()).toBe('server'), PATIENCE)
    expect(client.dht.getMode()).toBe('client')
  })

  test('takes validators and selectors after its construction', async () => {
    const key = text('/late/greeting')
    // Those that came in other tests are still there, and any of them can be among the nearest.
    for (const { dht } of [...nodes, ...extra]) {
      dht.validators.late = (_, value) => {
        if (value.length !== 5) throw new Error('not five')
      }
      dht.selectors.late = () => 0
    }
    await at(0).libp2p.contentRouting.put(key, text('hello'), timeout())
    expect(hex(await at(5).libp2p.contentRouting.get(key, timeout()))).toBe(hex(text('hello')))
  })

  test('has judges for pk and ipns keys', async () => {
    expect(Object.keys(at(0).dht.validators)).toEqual(expect.arrayContaining(['pk', 'ipns']))
    const name = await ipnsName(choose)
    const [older, newer] = [await ipnsVersion(name, 1), await ipnsVersion(name, 2)]
    await at(0).libp2p.contentRouting.put(older.key, older.value, timeout())
    await at(1).libp2p.contentRouting.put(newer.key, newer.value, timeout())
    expect(hex(await at(4).libp2p.contentRouting.get(name.key, timeout()))).toBe(hex(newer.value))
  })

  test('hands what a query yields to onProgress as well', async () => {
    const progress: string[] = []
    const onProgress = (event: { type: string }): number => progress.push(event.type)
    const options = { ...timeout(), onProgress }
    const events = await collect(at(0).dht.getClosestPeers(at(3).idBytes, options))
    const kebab = (name: string): string => `kad-dht:query:${name.toLowerCase().replace('_', '-')}`
    const counts = (names: string[]): Record<string, number> =>
      Object.fromEntries(
        ['SEND_QUERY', 'PEER_RESPONSE', 'FINAL_PEER'].map((name) => [
          name,
          names.filter((each) => each === name || each === kebab(name)).length,
        ]),
      )
    const yielded = counts(events.map(({ name }) => name))
    expect(yielded.FINAL_PEER).toBeGreaterThan(1)
    expect(counts(progress)).toEqual(yielded)
    for (const event of events) {
      expect(event.path).toEqual({
        index: expect.any(Number),
        queued: expect.any(Number),
        running: expect.any(Number),
        total: expect.any(Number),
      })
    }
  })

  test('ends a query whose signal is aborted before it begins', async () => {
    const signal = AbortSignal.abort()
    const { key } = await publicKeyRecord(choose)
    await expect(collect(at(0).dht.get(key, { signal }))).rejects.toThrow(/abort/i)
    await expect(at(0).libp2p.contentRouting.get(key, { signal })).rejects.toThrow()
  })
})
