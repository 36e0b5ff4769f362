import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateKeyPair, publicKeyFromProtobuf, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { createIPNSRecord, marshalIPNSRecord } from 'ipns'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  addressOf,
  kadmium,
  type Run,
  startServer,
  type TestIoInit,
  temporaryFolder,
} from '../test/fixtures.ts'
import { EXIT } from './errors.ts'
import { parseTarget } from './keys.ts'
import type { Session } from './session.ts'

const CID = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'
const OTHER_CID = 'QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN'

/** Servers on loopback, of which the commands know one. */
const SERVERS = 4

let servers: Session[]
let folder: Awaited<ReturnType<typeof temporaryFolder>>
const idOf = (server: Session): string => server.node.peerId.toString()

beforeAll(async () => {
  folder = await temporaryFolder()
  const first = await startServer()
  servers = [first]
  while (servers.length < SERVERS) servers.push(await startServer([addressOf(first)]))
})

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()))
  await folder.remove()
})

/** Runs a command against the network. */
function ask(args: readonly string[], init: TestIoInit = {}): Promise<Run> {
  const env = { KADMIUM_BOOTSTRAP: addressOf(servers[0] as Session), ...init.env }
  return kadmium(args, { ...init, env })
}

interface Peer {
  id: string
  addresses: string[]
}

describe('put and get', () => {
  test('of the own key need nothing else', async () => {
    const put = await ask(['put', '--pk', '--json'])
    expect([put.code, put.err]).toEqual([0, ''])
    expect(put.json).toMatchObject({ command: 'put', ok: true, exitCode: 0 })
    const { asked, answered } = put.json.peers as Record<string, number>
    expect(put.json.stored).toBeGreaterThan(0)
    expect(answered).toBeGreaterThanOrEqual(put.json.stored as number)
    expect(asked).toBeGreaterThanOrEqual(answered as number)
    expect(asked).toBeLessThanOrEqual(SERVERS)
    const key = put.json.key as string
    const got = await ask(['get', key])
    expect(got.code).toBe(0)
    expect(got.err).toBe('')
    const id = publicKeyFromProtobuf(got.bytes).toCID()
    const byCid = await ask(['get', `/pk/${id}`, '--json'])
    expect(byCid.json).toMatchObject({ command: 'get', ok: true, key, bytes: got.bytes.length })
    expect(byCid.json.value).toBe(got.bytes.toString('base64'))
  })

  test('of a value from a file, stdin, text or hexadecimal, into a file', async () => {
    const value = publicKeyToProtobuf((await generateKeyPair('Ed25519')).publicKey)
    const key = `/pk/${publicKeyFromProtobuf(value).toCID()}`
    const file = join(folder.path, 'key.bin')
    await writeFile(file, value)
    const hex = Buffer.from(value).toString('hex')
    const stdin = [value.subarray(0, 5), value.subarray(5)]
    for (const source of [[file], ['-'], ['--value-hex', hex]]) {
      const { code, out } = await ask(['put', key, ...source], { stdin })
      expect(code).toBe(0)
      expect(out).toMatch(/^\/pk\/12D3KooW\w+ stored on \d peers?\n$/)
    }
    const out = join(folder.path, 'out.bin')
    const got = await ask(['get', key, '--out', out])
    expect(got.out).toBe(`${value.length} bytes written to ${out}\n`)
    expect(new Uint8Array(await readFile(out))).toEqual(value)
    const unwritable = await ask(['get', key, '--out', join(folder.path, 'no', 'such')])
    expect(unwritable.code).toBe(EXIT.usage)
    expect(unwritable.err).toContain('no such file or folder')
  })

  test('of IPNS records takes the signed record', async () => {
    const privateKey = await generateKeyPair('Ed25519')
    const key = `/ipns/${peerIdFromPrivateKey(privateKey).toCID()}`
    const versions = [1n, 2n].map((sequence) =>
      createIPNSRecord(privateKey, `/ipfs/${CID}`, sequence, 3_600_000),
    )
    const [older, newer] = (await Promise.all(versions)).map(marshalIPNSRecord) as [
      Uint8Array,
      Uint8Array,
    ]
    const data = ['--data', join(folder.path, 'ipns')]
    expect((await ask(['put', key, '-', ...data], { stdin: [newer] })).code).toBe(0)
    expect(new Uint8Array((await ask(['get', key])).bytes)).toEqual(newer)
    const stale = await ask(['put', key, '-', ...data], { stdin: [older] })
    expect(stale.code).toBe(EXIT.usage)
    expect(stale.err).toContain('older than the one known here')
  })

  test('of a record that does not belong to its key asks nobody', async () => {
    const put = await ask(['put', `/pk/${OTHER_CID}`, '--value', 'nonsense', '--json'])
    expect(put.code).toBe(EXIT.usage)
    expect(put.err).toContain(`not a valid record for /pk/${OTHER_CID}`)
    const ipns = await ask(['put', `/ipns/${OTHER_CID}`, '--value', 'nonsense'])
    expect(ipns.code).toBe(EXIT.usage)
  })

  test('of what nobody has is no success', async () => {
    const got = await ask(['get', `/pk/${OTHER_CID}`, '--json'])
    expect(got.code).toBe(EXIT.notFound)
    expect(got.err).toContain(`nobody has a record under /pk/${OTHER_CID} `)
    expect(got.json).toMatchObject({ ok: false, exitCode: 1, error: { code: 'notFound' } })
  })

  test('with --data keep the identity', async () => {
    const data = ['--data', join(folder.path, 'kept')]
    const [first, second] = [
      await ask(['put', '--pk', ...data]),
      await ask(['put', '--pk', ...data]),
    ]
    expect(first.code).toBe(0)
    expect(second.out.split(' ')[0]).toBe(first.out.split(' ')[0])
  })
})

describe('provide and find-providers', () => {
  const listen = ['--listen', '/ip4/127.0.0.1/tcp/0']

  test('tell who has a content and where', async () => {
    const provided = await ask(['provide', CID, ...listen, '--json'])
    expect(provided.code).toBe(0)
    expect(provided.err).toContain('the announced peer ends with this command')
    const provider = provided.json.provider as Peer
    expect(provided.json).toMatchObject({ command: 'provide', ok: true, cid: CID })
    expect(provided.json.stored).toBeGreaterThan(0)
    expect(provider.addresses[0]).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3KooW/)
    const found = await ask(['find-providers', CID])
    expect(found.code).toBe(0)
    expect(found.out).toBe(`${provider.id} ${provider.addresses[0]}\n`)
    const json = await ask(['find-providers', CID, '--json'])
    expect(json.json).toMatchObject({ ok: true, complete: true, providers: [provider] })
  })

  test('stop at the count', async () => {
    for (let i = 0; i < 3; i++) await ask(['provide', OTHER_CID, ...listen])
    const all = await ask(['find-providers', OTHER_CID, '--json'])
    expect((all.json.providers as Peer[]).length).toBe(3)
    const two = await ask(['find-providers', OTHER_CID, '--json', '--count', '2'])
    expect((two.json.providers as Peer[]).length).toBe(2)
  })

  test('end with not found where nobody provides', async () => {
    const { code, err } = await ask(['find-providers', CID.replace(/zy$/, 'za')])
    expect(code).toBe(EXIT.notFound)
    expect(err).toContain('nobody announced')
  })

  test('refuse to announce a node that nobody could reach', async () => {
    const { code, err } = await ask(['provide', CID, ...listen, '--network', 'public'])
    expect(code).toBe(EXIT.usage)
    expect(err).toContain('give one that leads here with --announce')
  })

  test('stay up on demand, until interrupted', async () => {
    const user = new AbortController()
    const staying = ask(['provide', CID, ...listen, '--stay', '--json'], { interrupt: user.signal })
    // The node is there for as long as it stays: others find it, and it answers.
    for (let isUp = false; !isUp; ) {
      const found = await ask(['find-providers', CID, '--json'])
      const providers = found.json.providers as Peer[]
      const addresses = providers.flatMap((each) => each.addresses.slice(0, 1))
      const dials = addresses.map((address) => servers[0]?.node.dial(multiaddr(address)))
      isUp = (await Promise.allSettled(dials)).some((dial) => dial.status === 'fulfilled')
    }
    user.abort()
    expect((await staying).code).toBe(0)
  })
})

describe('find-peer', () => {
  test('prints where a peer is', async () => {
    const wanted = servers[2] as Session
    const { code, out } = await ask(['find-peer', idOf(wanted)])
    expect(code).toBe(0)
    expect(out).toBe(`${addressOf(wanted)}\n`)
    const { json } = await ask(['find-peer', idOf(wanted), '--json'])
    expect(json.peer).toEqual({ id: idOf(wanted), addresses: [addressOf(wanted)] })
  })

  test('does not find a peer that is not there', async () => {
    const { code, err } = await ask(['find-peer', OTHER_CID])
    expect(code).toBe(EXIT.notFound)
    expect(err).toContain(`nobody knows the peer ${OTHER_CID}`)
  })
})

describe('closest', () => {
  test.each([
    ['a CID', CID],
    ['a record key', `/pk/${OTHER_CID}`],
    ['a peer', OTHER_CID],
  ])('prints the peers nearest to %s', async (_, target) => {
    const { code, json } = await ask(['closest', target, '--json'])
    expect(code).toBe(0)
    const found = json.closest as Peer[]
    // How many of them answer in time is the service's matter, and this machine's.
    expect(found.length).toBeGreaterThan(0)
    const known = new Map(servers.map((server) => [idOf(server), addressOf(server)]))
    for (const { id, addresses } of found) expect(addresses).toEqual([known.get(id)])
    const shares = found.map(({ id }) => distance(target, id))
    expect(shares).toEqual(shares.toSorted())
    const lines = await ask(['closest', target])
    for (const line of lines.out.trimEnd().split('\n')) {
      const [id = '', address] = line.split(' ')
      expect(known.get(id)).toBe(address)
    }
  })
})

/** XOR distance of a target and a peer, in hexadecimal: texts of one length sort as the numbers do. */
function distance(target: string, peer: string): string {
  const a = createHash('sha256').update(parseTarget(target)).digest()
  const b = createHash('sha256').update(parseTarget(peer)).digest()
  return Buffer.from(a.map((byte, i) => byte ^ (b[i] as number))).toString('hex')
}
