/**
 * What servers take and hand out: keys of every hash (D6), no record in the place of a newer or of another one
 * (D7), and in answers nobody who asks, not the server itself, and only addresses that the mapper lets pass (D12).
 */
import { generateKeyPair, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import { multiaddr } from '@multiformats/multiaddr'
import * as Digest from 'multiformats/hashes/digest'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { drain, ended, hex, inTime, stopAll } from '../live/calls.ts'
import {
  type LiveInit,
  type LiveNode,
  type RawPeer,
  startNode,
  startRawPeer,
} from '../live/nodes.ts'
import type { RawStream } from '../live/raw-stream.ts'
import { type RawMessage, TYPE, valueIn, writeRecord } from '../live/wire.ts'
import { SeededChoice } from '../random.ts'
import { holdsValue } from '../work/holders.ts'
import { ipnsName, ipnsVersion, publicKeyRecord } from '../work/records.ts'
import { BOTH, expectMended } from './both.ts'
import { knowsNothing, meet, type ScriptedPeer, startScripted } from './scripted.ts'

const choose = new SeededChoice(41)
const running: (LiveNode | RawPeer | ScriptedPeer)[] = []

afterEach(() => stopAll(running.splice(0)))

interface Scene {
  server: LiveNode
  peer: RawPeer
  open: () => Promise<RawStream>
}

/** A server of a kind and a peer that may say to it what it likes. */
async function scene(kind: LiveNode['kind'], init: LiveInit = {}): Promise<Scene> {
  const server = await startNode(kind, init)
  running.push(server)
  const peer = await startRawPeer()
  running.push(peer)
  return { server, peer, open: () => peer.open(server.libp2p.getMultiaddrs()) }
}

/** Codes of multihashes by name, and how many bytes each has. */
const HASHES: readonly (readonly [name: string, code: number, bytes: number])[] = [
  ['sha2-512', 0x13, 64],
  ['sha3-256', 0x16, 32],
  ['blake2b-256', 0xb220, 32],
  ['blake3', 0x1e, 32],
  ['identity', 0x00, 40],
]

describe('D6: providers of content', () => {
  test.each(
    BOTH.flatMap((each) => HASHES.map(([hash, code, bytes]) => ({ ...each, hash, code, bytes }))),
  )('whose multihash is $hash are taken and named by a server of $node', async (each) => {
    const { server, peer, open } = await scene(each.kind)
    const asker = await startRawPeer()
    running.push(asker)
    const self = { id: peer.idBytes, addresses: peer.addresses }
    const namedFor = async (code: number, bytes: number): Promise<string[] | 'reset'> => {
      const key = Digest.create(code, choose.bytes(bytes)).bytes
      const stream = await open()
      stream.send({ type: TYPE.addProvider, key, providers: [self] })
      // Answered when the announcement is dealt with; not at all where its stream was reset.
      const isTaken = (await stream.ask({ type: TYPE.ping })) !== null
      const asking = await asker.open(server.libp2p.getMultiaddrs())
      const answer = isTaken ? await asking.ask({ type: TYPE.getProviders, key }) : null
      return answer === null ? 'reset' : answer.providers.map(({ id }) => hex(id))
    }
    expect(await namedFor(0x12, 32)).toEqual([hex(peer.idBytes)])
    const named = await namedFor(each.code, each.bytes)
    expectMended(each.kind, `content by ${each.hash} can't be provided`, () =>
      expect(named, `content by ${each.hash} can't be provided`).toEqual([hex(peer.idBytes)]),
    )
  })
})

describe('D7: a server', () => {
  const put = (key: Uint8Array, record: Uint8Array): RawMessage => ({
    type: TYPE.putValue,
    key,
    record,
  })

  test.each(BOTH)('keeps the newer of two valid records: $node', async ({ kind }) => {
    const { server, open } = await scene(kind)
    const name = await ipnsName(choose)
    const older = await ipnsVersion(name, 1)
    const newer = await ipnsVersion(name, 2)
    const stream = await open()
    const taken = await stream.ask(put(newer.key, writeRecord(newer.key, newer.value)))
    expect(taken?.type).toBe(TYPE.putValue)
    expect(await holdsValue(server, newer.key, newer.value)).toBe(true)
    await (await open()).ask(put(older.key, writeRecord(older.key, older.value)))
    const answer = await (await open()).ask({ type: TYPE.getValue, key: name.key })
    if (answer?.record == null) throw new Error('the server has no record')
    const version = hex(valueIn(answer.record)) === hex(newer.value) ? 'newer' : 'older'
    expectMended(kind, 'an older record replaces a newer one', () =>
      expect(version, 'an older record replaces a newer one').toBe('newer'),
    )
  })

  test.each(BOTH)('takes no record of another key than it is told: $node', async ({ kind }) => {
    const { server, open } = await scene(kind)
    const told = await publicKeyRecord(choose)
    const inside = await publicKeyRecord(choose)
    const stream = await open()
    await stream.ask(put(told.key, writeRecord(inside.key, inside.value)))
    expect(await holdsValue(server, told.key)).toBe(false)
    const isKept = await holdsValue(server, inside.key)
    expectMended(kind, 'the record of another key is stored', () =>
      expect(isKept, 'the record of another key is stored').toBe(false),
    )
  })

  test.each(BOTH)('does not put a value of its own that is not valid: $node', async ({ kind }) => {
    const dht = { allowQueryWithZeroPeers: true, initialQuerySelfInterval: 0 }
    const { server } = await scene(kind, { dht })
    const valid = await publicKeyRecord(choose)
    await ended(drain(server.dht.put(valid.key, valid.value, inTime())))
    expect(await holdsValue(server, valid.key)).toBe(true)
    const { key } = await publicKeyRecord(choose)
    const outcome = await ended(drain(server.dht.put(key, Buffer.from('no key'), inTime())))
    const isKept = await holdsValue(server, key)
    expectMended(kind, 'an invalid value is put', () => {
      expect(outcome, 'an invalid value is put').toBeInstanceOf(Error)
      expect(isKept, 'an invalid value is put').toBe(false)
    })
  })
})

/** Nobody listens there: an address that the mapper of these servers takes out. */
const DECOY = multiaddr('/ip4/127.0.0.1/tcp/9')

describe('D12: the answers of a server', () => {
  /** A server that knows two peers; one asks, and both can be reached at an address that nobody is to be told. */
  async function known(kind: LiveNode['kind']): Promise<Scene & { peers: ScriptedPeer[] }> {
    const made = await scene(kind, {
      dht: {
        peerInfoMapper: (peer) => ({
          ...peer,
          multiaddrs: peer.multiaddrs.filter((at) => !at.toString().startsWith(String(DECOY))),
        }),
      },
    })
    const peers: ScriptedPeer[] = []
    for (let i = 0; i < 2; i++) {
      const peer = await startScripted(knowsNothing)
      running.push(peer)
      peers.push(peer)
      await meet(made.server, [peer])
    }
    const { server } = made
    await vi.waitFor(() => expect(server.dht.routingTable.size).toBe(peers.length), 10_000)
    for (const { id } of peers) {
      await server.libp2p.peerStore.merge(id, { multiaddrs: [DECOY] })
    }
    return { ...made, peers }
  }

  test.each(
    BOTH.flatMap((each) =>
      (['getValue', 'getProviders'] as const).map((type) => ({ ...each, type })),
    ),
  )('to $type do not name who asks, nor itself: $node', async ({ kind, type }) => {
    const { server, peers } = await known(kind)
    const [asker, other] = peers as [ScriptedPeer, ScriptedPeer]
    const stream = await asker.raw.open(server.libp2p.getMultiaddrs())
    const key = Digest.create(0x12, choose.bytes(32)).bytes
    const answer = await stream.ask({ type: TYPE[type], key })
    const named = (answer?.closer ?? []).map(({ id }) => hex(id))
    expect(named).toContain(hex(other.idBytes))
    expectMended(kind, 'who asks is named', () =>
      expect(named, 'who asks is named').toEqual([hex(other.idBytes)]),
    )
  })

  test.each(BOTH)('to getValue have the addresses that the mapper leaves: $node', async (each) => {
    const { server, peers } = await known(each.kind)
    const [asker] = peers as [ScriptedPeer]
    const stream = await asker.raw.open(server.libp2p.getMultiaddrs())
    const key = Digest.create(0x12, choose.bytes(32)).bytes
    const [byNode, byValue] = [
      await stream.ask({ type: TYPE.findNode, key }),
      await stream.ask({ type: TYPE.getValue, key }),
    ]
    const isDecoy = (at: Uint8Array): boolean => Buffer.from(at).equals(DECOY.bytes)
    expect(byNode?.closer.length).toBeGreaterThan(0)
    expect(byNode?.closer.flatMap(({ addresses }) => addresses).some(isDecoy)).toBe(false)
    expect(byValue?.closer.length).toBeGreaterThan(0)
    const told = byValue?.closer.flatMap(({ addresses }) => addresses).filter(isDecoy)
    expectMended(each.kind, 'an address is told that the mapper takes out', () =>
      expect(told, 'an address is told that the mapper takes out').toEqual([]),
    )
  })
})

test('a server of Kadmium tells its own RSA key, which its id does not carry', async () => {
  const privateKey = await generateKeyPair('RSA', 2048)
  const { server, open } = await scene('kadmium', { privateKey })
  const key = Buffer.concat([Buffer.from('/pk/'), server.idBytes])
  const answer = await (await open()).ask({ type: TYPE.getValue, key })
  const value = valueIn(answer?.record as Uint8Array)
  expect(hex(value)).toBe(hex(publicKeyToProtobuf(privateKey.publicKey)))
})
