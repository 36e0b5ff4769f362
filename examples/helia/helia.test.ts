/** Helia with Kadmium as its DHT, on loopback: nobody there but DHT servers, a writer and a reader. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type IPNS, ipns, multihashToIPNSRoutingKey } from '@helia/ipns'
import { unixfs } from '@helia/unixfs'
import type { ComponentLogger, Logger, PeerId } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type HeliaNode, type KadmiumNode, reportTo, startHelia, startServer } from './nodes.ts'

const SERVERS = 4
const FILE_BYTES = 3 * 1024 * 1024 + 7

let servers: KadmiumNode[] = []
let writer: HeliaNode
let reader: HeliaNode
const errors: unknown[][] = [] // BOUNDED: by what goes wrong
const warnings: Error[] = [] // BOUNDED: by what goes wrong
/** Keeps what is logged as an error, with the part of the node that did. */
const logger: ComponentLogger = {
  forComponent: (name) => {
    const log: Logger = Object.assign(() => {}, {
      error: (...args: unknown[]) => {
        errors.push([name, ...args])
      },
      trace: () => {},
      enabled: false,
      newScope: (scope: string) => logger.forComponent(`${name}:${scope}`),
    })
    return log
  },
}
const onWarning = (warning: Error): void => {
  warnings.push(warning)
}

beforeAll(async () => {
  process.on('warning', onWarning)
  servers = await Promise.all(Array.from({ length: SERVERS }, () => startServer()))
  const [first, ...others] = servers as [KadmiumNode, ...KadmiumNode[]]
  for (const server of others) await server.dial(first.getMultiaddrs())
  // Writer and reader enter the network at different ends.
  writer = await startHelia(servers.slice(0, 2), logger)
  reader = await startHelia(servers.slice(2), logger)
  await vi.waitFor(() => {
    for (const { services } of servers) expect(services.dht.routingTable.size).toBe(SERVERS - 1)
    for (const { libp2p } of [writer, reader])
      expect(libp2p.services.dht.routingTable.size).toBeGreaterThanOrEqual(2)
  }, 20_000)
})

afterAll(async () => {
  await Promise.all([writer, reader, ...servers].map((node) => node?.stop()))
  process.off('warning', onWarning)
})

/** Some bytes that nobody else has. */
function content(seed: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed + (i >>> 8)) & 0xff)
}

async function read(
  node: HeliaNode,
  cid: CID,
  onProgress?: (event: { type: string; detail: unknown }) => void,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [] // BOUNDED: by the file
  const options = onProgress === undefined ? {} : { onProgress }
  for await (const chunk of unixfs(node).cat(cid, options)) chunks.push(chunk)
  return Uint8Array.from(chunks.flatMap((chunk) => [...chunk]))
}

/** The providers of some content in the order in which a node hears of them. */
async function providersOf(node: HeliaNode, cid: CID): Promise<PeerId[]> {
  const found: PeerId[] = [] // BOUNDED: by the providers that there are
  for await (const event of node.libp2p.services.dht.findProviders(cid)) {
    if (event.name === 'PROVIDER') found.push(...event.providers.map(({ id }) => id))
  }
  return found
}

/** What a name stands for, asked of the network and not of what was published or resolved here. */
async function resolve(names: IPNS, publicKey: Parameters<IPNS['resolve']>[0]): Promise<string> {
  for await (const { value } of names.resolve(publicKey, { nocache: true })) return value
  throw new Error('the name stands for nothing')
}

test('Helia starts with Kadmium in the place of its DHT, and has nothing to warn of', () => {
  for (const { libp2p, status } of [writer, reader]) {
    expect(status).toBe('started')
    expect(String(Object(libp2p.services.dht)[Symbol.toStringTag])).toBe('@kadmium/libp2p')
    expect(libp2p.services.dht.getMode()).toBe('client')
  }
  // On every connection libp2p logs that the stream of identify came to its end.
  const ofStreams = /^libp2p:tcp:connection:/
  expect(errors.filter(([name]) => !ofStreams.test(String(name)))).toEqual([])
  expect(warnings).toEqual([])
})

test('a file is found through the DHT alone, fetched from a stranger, and the score of who served moves', async () => {
  const { libp2p } = reader
  const { dht } = libp2p.services
  const { peerId } = writer.libp2p
  const bytes = content(1, FILE_BYTES)
  const cid = await unixfs(writer).addBytes(bytes)
  await writer.routing.provide(cid)

  expect(libp2p.getConnections(peerId)).toEqual([])
  expect(await libp2p.peerStore.has(peerId)).toBe(false)
  expect(writer.libp2p.getConnections(libp2p.peerId)).toEqual([])
  expect(dht.peerScore(peerId)).toBeUndefined()

  const found = vi.spyOn(dht, 'findProviders')
  const named: unknown[] = [] // BOUNDED: by the providers that there are
  const served = new Set<string>() // BOUNDED: by those who serve
  const report = reportTo(dht)
  const read1 = await read(reader, cid, (event) => {
    const { type, detail } = event
    if (type === 'kad-dht:query:provider') named.push(detail)
    if (type === 'helia:block-broker:receive-block')
      served.add(String((detail as { provider: CID }).provider))
    report(event)
  })
  expect(Buffer.compare(read1, bytes)).toBe(0)

  expect(found.mock.calls[0]?.[0].equals(cid)).toBe(true)
  const { providers, from } = named[0] as { providers: { id: PeerId }[]; from: PeerId }
  expect(providers.map(({ id }) => String(id))).toEqual([String(peerId)])
  expect(servers.some((server) => server.peerId.equals(from))).toBe(true)
  expect([...served]).toEqual([String(peerId.toCID())])
  // The root and its leaves, each reported once.
  expect(dht.peerScore(peerId)).toBeGreaterThan(0.7)
  expect(libp2p.services.dht.routingTable.size).toBeLessThanOrEqual(SERVERS)
  found.mockRestore()
})

test('who lied is named last by the next search', async () => {
  const cid = await unixfs(writer).addBytes(content(2, 100))
  const mirror = await startHelia(servers.slice(1, 3))
  try {
    await unixfs(mirror).addBytes(content(2, 100))
    await Promise.all([writer, mirror].map((node) => node.routing.provide(cid)))
    const { dht } = reader.libp2p.services
    const order = async (): Promise<string[]> => (await providersOf(reader, cid)).map(String)
    const ids = [writer, mirror].map(({ libp2p }) => String(libp2p.peerId))
    // It served before, the mirror never did.
    expect(await order()).toEqual(ids)
    dht.reportProvider(cid, writer.libp2p.peerId, 'lied')
    expect(dht.peerScore(writer.libp2p.peerId)).toBeLessThan(0.3)
    expect(await order()).toEqual(ids.reverse())
  } finally {
    await mirror.stop()
  }
})

test('a name is published and resolved through the DHT, by the rules that Helia adds to it', async () => {
  const { dht } = reader.libp2p.services
  const builtIn = { ...dht.validators, ...dht.selectors }
  const names = ipns(reader)
  const publisher = ipns(writer)
  const { validators, selectors } = dht
  for (const rules of [validators, selectors]) expect(rules.ipns).not.toBe(builtIn.ipns)
  const judged = vi.spyOn(validators, 'ipns')
  const chosen = vi.spyOn(writer.libp2p.services.dht.selectors, 'ipns')

  const first = await unixfs(writer).addBytes(content(3, 10))
  const { publicKey } = await publisher.publish('site', first)
  expect(await resolve(names, publicKey)).toBe(`/ipfs/${first}`)
  expect(judged).toHaveBeenCalled()

  const second = await unixfs(writer).addBytes(content(4, 10))
  await publisher.publish('site', second)
  expect(await resolve(names, publicKey)).toBe(`/ipfs/${second}`)
  expect(judged.mock.calls.length).toBeGreaterThan(1)
  expect(chosen).toHaveBeenCalled()

  validators.ipns = () => {
    throw new Error('nothing is good enough')
  }
  const key = multihashToIPNSRoutingKey(publicKey.toMultihash())
  await expect(reader.libp2p.contentRouting.get(key)).rejects.toThrow()
})

test('the program beside this test runs as it stands', async () => {
  const program = fileURLToPath(new URL('./main.ts', import.meta.url))
  const run = await promisify(execFile)(process.execPath, [program])
  expect(run.stdout).toMatch(/^read "Remember who delivers\."$/m)
  expect(run.stdout).toMatch(/^the score of \S+ is 0\.6\d$/m)
  expect(run.stderr).toBe('')
})
