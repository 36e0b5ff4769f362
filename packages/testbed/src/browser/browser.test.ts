/**
 * Kadmium in a browser: clients in headless Chromium dial Node servers over WebSockets. A record has two of
 * eight holders, and never the server by which a client enters, so that a client must find its way.
 */
import { fileURLToPath } from 'node:url'
import { CODE_P2P } from '@multiformats/multiaddr'
import type { CID } from 'multiformats/cid'
import type { Page } from 'playwright-core'
import { toString as bytesToString } from 'uint8arrays/to-string'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { dhtKey, dhtKeyOfPeer, nearest } from '../distance.ts'
import { type LiveNode, startNode } from '../live/nodes.ts'
import { SeededChoice } from '../random.ts'
import { holdersAmong, holdsProvider, holdsValue } from '../work/holders.ts'
import { publicKeyRecord, randomCid, type ValueRecord } from '../work/records.ts'
import { bundle } from './bundle.ts'
import { findChromium, TestBrowser } from './chromium.ts'
import type { BrowserClient } from './client.ts'

const K = 2
const SERVERS = 8
/** The server by which clients enter. */
const ENTRY = 0

const executable = findChromium()
const isRequired = (process.env.KADMIUM_REQUIRE ?? '').split(',').includes('chromium')
if (executable === undefined && !isRequired)
  console.warn(
    '\n!!! SKIPPED: Kadmium in a browser. There is no `chromium` on the PATH.\n' +
      '!!! Debian, Ubuntu: apt-get install chromium; elsewhere set KADMIUM_CHROMIUM to a Chromium.\n',
  )

const choose = new SeededChoice(11)
const servers: LiveNode[] = []
const places: { node: LiveNode; key: Uint8Array }[] = []
const hex = (bytes: Uint8Array): string => bytesToString(bytes, 'hex')
const addressesOf = ({ libp2p }: LiveNode): string[] =>
  libp2p.getMultiaddrs().map((address) => address.decapsulateCode(CODE_P2P).toString())

/** A client that lives in a page. */
function clientIn(page: Page): BrowserClient {
  const call =
    (method: string) =>
    (...args: string[]) =>
      page.evaluate(`client.${method}(...${JSON.stringify(args)})`)
  return new Proxy({} as BrowserClient, {
    // A promise would take what has a `then` for another promise.
    get: (_, method) => (method === 'then' ? undefined : call(String(method))),
  })
}

/** The servers where what lies under this key belongs. */
async function holdersOf(key: Uint8Array): Promise<LiveNode[]> {
  return nearest(places, await dhtKey(key), K).map(({ node }) => node)
}

/** Draws until the server that clients enter by is none of the holders. */
async function draw<T>(fresh: () => Promise<T>, keyOf: (drawn: T) => Uint8Array): Promise<T> {
  for (;;) {
    const drawn = await fresh()
    if (!(await holdersOf(keyOf(drawn))).includes(servers[ENTRY] as LiveNode)) return drawn
  }
}

const freshRecord = (): Promise<ValueRecord> =>
  draw(
    () => publicKeyRecord(choose),
    ({ key }) => key,
  )
const freshCid = (): Promise<CID> =>
  draw(
    () => randomCid(choose),
    ({ multihash }) => multihash.bytes,
  )

async function startServers(): Promise<void> {
  for (let i = 0; i < SERVERS; i++) {
    const dht = { clientMode: false, kBucketSize: K }
    const server = await startNode('kadmium', { dht, listen: ['/ip4/127.0.0.1/tcp/0/ws'] })
    for (const { libp2p } of servers) await server.libp2p.dial(libp2p.getMultiaddrs())
    servers.push(server)
    places.push({ node: server, key: await dhtKeyOfPeer(server.peerId) })
  }
  await vi.waitFor(
    () => {
      for (const { dht } of servers) expect(dht.routingTable.size).toBe(SERVERS - 1)
    },
    { timeout: 20_000, interval: 50 },
  )
}

describe.skipIf(executable === undefined && !isRequired)('a client in a browser', () => {
  let browser: TestBrowser
  let client: BrowserClient

  /** A page with a node of its own. */
  async function enter(): Promise<BrowserClient> {
    const page = await browser.open()
    const [address] = (servers[ENTRY] as LiveNode).libp2p.getMultiaddrs()
    await page.evaluate(
      `import('/module.js')
        .then(({ startClient }) => startClient('${address}', ${K}))
        .then((client) => { globalThis.client = client })`,
    )
    return clientIn(page)
  }

  beforeAll(async () => {
    if (executable === undefined) throw new Error('KADMIUM_REQUIRE wants chromium: it is not there')
    const client = fileURLToPath(new URL('./client.ts', import.meta.url))
    browser = await TestBrowser.start(executable, await bundle(client))
    await startServers()
  }, 120_000)

  beforeAll(async () => {
    client = await enter()
  })

  afterAll(async () => {
    await browser?.stop()
    await Promise.all(servers.map(({ libp2p }) => libp2p.stop()))
  })

  test('is a client and has met one server', async () => {
    expect(await client.mode()).toBe('client')
    const [connection] = await client.connections()
    expect(connection).toContain(addressesOf(servers[ENTRY] as LiveNode)[0])
  })

  test('puts a value on the servers nearest to it, where others get it', async () => {
    const { key, value } = await freshRecord()
    await client.put(hex(key), hex(value))
    const holders = await holdersOf(key)
    await vi.waitFor(async () => {
      const found = await holdersAmong(servers, (node) => holdsValue(node, key, value))
      expect(new Set(found)).toEqual(new Set(holders))
    }, 10_000)
    const other = await enter()
    expect(await other.get(hex(key))).toBe(hex(value))
    await other.stop()
    const stranger = servers.find((server) => !holders.includes(server)) as LiveNode
    expect(hex(await stranger.libp2p.contentRouting.get(key))).toBe(hex(value))
  })

  test('gets a value that a server put', async () => {
    const { key, value } = await freshRecord()
    await (servers[ENTRY] as LiveNode).libp2p.contentRouting.put(key, value)
    expect(await client.get(hex(key))).toBe(hex(value))
  })

  test('is told that nobody has a value', async () => {
    const { key } = await freshRecord()
    await expect(client.get(hex(key))).rejects.toThrow('AggregateError')
  })

  test('finds the providers of a content, with addresses that it can dial', async () => {
    const cid = await freshCid()
    const [provider, second] = servers.slice(-2) as [LiveNode, LiveNode]
    for (const { libp2p } of [provider, second]) await libp2p.contentRouting.provide(cid)
    const holders = await holdersAmong(servers, (node) => holdsProvider(node, cid, provider.peerId))
    expect(holders).not.toContain(servers[ENTRY])
    const found = new Map(await client.findProviders(cid.toString()))
    const expected = [provider, second].map((node) => [node.peerId.toString(), addressesOf(node)])
    expect(found).toEqual(new Map(expected as [string, string[]][]))
  })

  test('finds a peer', async () => {
    const peer = servers[SERVERS - 1] as LiveNode
    expect(await client.findPeer(peer.peerId.toString())).toEqual(addressesOf(peer))
  })

  test('stops, and the browser had nothing to complain of', async () => {
    await client.stop()
    expect(await client.connections()).toEqual([])
    expect(browser.complaints).toEqual([])
  })

  test('what a page complains of is seen', async () => {
    const seen = browser.complaints.length
    const page = await browser.open()
    await page.evaluate(`console.error('one'); setTimeout(() => { throw new Error('two') })`)
    await vi.waitFor(() => expect(browser.complaints.length).toBe(seen + 2), 10_000)
    // A name leads nowhere, so nothing leaves the machine.
    await page.evaluate(`fetch('http://a.example/').catch(() => {})`)
    await vi.waitFor(
      () => expect(browser.complaints.join()).toContain('ERR_NAME_NOT_RESOLVED'),
      10_000,
    )
  })
})
