import { keyToBytes, Message, NO_PEER, PeerBook, type PeerRef } from '@kadmium/core'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { Libp2pRecord } from '@libp2p/record'
import { multiaddr } from '@multiformats/multiaddr'
import { sha256 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { Bridge, keyOf } from './bridge.ts'
import { Directory } from './directory.ts'
import { passthroughMapper } from './mappers.ts'
import { encodeRecord } from './records/record.ts'
import { decodeMessage, encodeMessage, type WireMessage, type WirePeer } from './wire/codec.ts'

const NOW = new Date('2026-03-04T05:06:07.890Z')
const id = async (): Promise<PeerId> => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
const [self, alice, bob] = [await id(), await id(), await id()]
const ADDRESS = multiaddr('/ip4/8.8.8.8/tcp/4001')
const KEY = Uint8Array.of(47, 120, 47, 1)
const VALUE = Uint8Array.of(7, 7, 7)

let book: PeerBook
let directory: Directory
let bridge: Bridge
let connected: Set<PeerRef>

beforeEach(() => {
  book = new PeerBook()
  const ownAddresses = () => [multiaddr(`/ip4/9.9.9.9/tcp/1/p2p/${self}`)]
  directory = new Directory({ book, mapper: passthroughMapper, peerId: self, ownAddresses })
  connected = new Set()
  bridge = new Bridge({
    directory,
    now: () => NOW.getTime(),
    isConnected: (ref) => connected.has(ref),
  })
})

const wirePeer = (of: PeerId): WirePeer => ({
  id: of.toMultihash().bytes,
  multiaddrs: [ADDRESS.bytes],
  connection: 0,
})

const wireOf = (parts: Partial<WireMessage>): WireMessage => ({
  type: 'getValue',
  keyBytes: KEY,
  record: null,
  closer: [],
  providers: [],
  ...parts,
})

describe('a message of the core', () => {
  test('becomes one of the wire, with ids, addresses and connections', () => {
    const [a, b] = [directory.internWire(wirePeer(alice)), directory.internId(bob)]
    connected.add(b)
    const message = new Message().clear('getProviders')
    message.keyBytes = KEY
    for (const ref of [a, b, NO_PEER, 12_345]) message.addCloser(ref)
    message.addProvider(directory.self)
    const wire = decodeMessage(bridge.encode(message))
    expect(wire).toMatchObject({ type: 'getProviders', record: null })
    expect([...wire.keyBytes]).toEqual([...KEY])
    const text = ({ id, multiaddrs, connection }: WirePeer): string =>
      `${id} ${multiaddrs.map((bytes) => multiaddr(bytes))} ${connection}`
    expect(wire.closer.map(text)).toEqual([
      `${alice.toMultihash().bytes} ${ADDRESS} 0`,
      `${bob.toMultihash().bytes}  1`,
    ])
    expect(wire.providers.map(text)).toEqual([`${self.toMultihash().bytes} /ip4/9.9.9.9/tcp/1 0`])
  })

  test('has its value in a record of its key and of the time', () => {
    const message = new Message().clear('putValue')
    message.keyBytes = KEY
    message.record = VALUE
    const { record } = decodeMessage(bridge.encode(message))
    const decoded = Libp2pRecord.deserialize(record as Uint8Array)
    expect([[...decoded.key], [...decoded.value]]).toEqual([[...KEY], [...VALUE]])
    expect(decoded.timeReceived).toEqual(NOW)
  })
})

describe('a request', () => {
  test('has a key that is hashed, bytes of its own, and refs for its peers', () => {
    const message = new Message()
    const bytes = encodeMessage(
      wireOf({ type: 'addProvider', providers: [wirePeer(alice)], closer: [wirePeer(bob)] }),
    )
    expect(bridge.decodeRequest(decodeMessage(bytes), message)).toBe(true)
    bytes.fill(0)
    expect(message.type).toBe('addProvider')
    expect(message.keyBytes).toEqual(KEY)
    expect(keyToBytes(message.key)).toEqual(sha256(KEY))
    expect(message.key).toEqual(keyOf(KEY))
    expect([...message.providers.subarray(0, 1)]).toEqual([directory.find(alice)])
    expect([...message.closer.subarray(0, 1)]).toEqual([directory.find(bob)])
    expect(directory.addresses(directory.find(alice)).map(String)).toEqual([String(ADDRESS)])
  })

  test('leaves nothing of what was in the message before', () => {
    const message = new Message()
    const record = encodeRecord(KEY, VALUE, NOW)
    bridge.decodeRequest(wireOf({ type: 'putValue', record, closer: [wirePeer(alice)] }), message)
    bridge.decodeRequest(wireOf({ type: 'ping', keyBytes: new Uint8Array(0) }), message)
    expect(message.record).toBeNull()
    expect(message.closerCount).toBe(0)
    expect(message.key).toEqual(new Uint32Array(8))
  })

  test('has a value of its own bytes', () => {
    const message = new Message()
    const record = encodeRecord(KEY, VALUE, NOW)
    expect(bridge.decodeRequest(wireOf({ type: 'putValue', record }), message)).toBe(true)
    record.fill(0)
    expect(message.record).toEqual(VALUE)
  })

  test.each([
    ['that is none', Uint8Array.of(0x0a, 9, 1)],
    ['of another key', encodeRecord(Uint8Array.of(1), VALUE, NOW)],
  ])('with a record %s is refused, and its peers are not met', (_, record) => {
    const message = new Message()
    const wire = wireOf({ type: 'putValue', record, closer: [wirePeer(alice)] })
    expect(bridge.decodeRequest(wire, message)).toBe(false)
    expect(directory.find(alice)).toBe(NO_PEER)
  })

  test('names only as many peers as the book has room for', () => {
    book = new PeerBook({ capacity: 2, capacityMax: 2 })
    directory = new Directory({
      book,
      mapper: passthroughMapper,
      peerId: self,
      ownAddresses: () => [],
    })
    bridge = new Bridge({ directory, now: () => 0, isConnected: () => false })
    const message = new Message()
    bridge.decodeRequest(wireOf({ closer: [wirePeer(alice), wirePeer(bob)] }), message)
    expect(message.closerCount).toBe(1)
  })
})

describe('an answer', () => {
  test('has the record of the key that was asked for, whatever key it names itself', () => {
    const record = encodeRecord(KEY, VALUE, NOW)
    const message = new Message()
    const nameless = wireOf({ record, keyBytes: new Uint8Array(0) })
    expect(bridge.decodeAnswer(nameless, message, KEY)).toBe(true)
    expect(message.record).toEqual(VALUE)
    expect(bridge.decodeAnswer(nameless, message, Uint8Array.of(1))).toBe(false)
  })

  test('to no record has none', () => {
    const message = new Message()
    expect(bridge.decodeAnswer(wireOf({ closer: [wirePeer(alice)] }), message, KEY)).toBe(true)
    expect(message.record).toBeNull()
    expect(message.closerCount).toBe(1)
  })
})

test('what one node encodes another reads, for any key and value', () => {
  const bytes = (max: number) => fc.uint8Array({ minLength: 1, maxLength: max })
  fc.assert(
    fc.property(bytes(80), bytes(300), (keyBytes, value) => {
      const message = new Message().clear('putValue')
      message.keyBytes = keyBytes
      message.record = value
      const read = new Message()
      expect(bridge.decodeRequest(decodeMessage(bridge.encode(message)), read)).toBe(true)
      expect([...read.keyBytes]).toEqual([...keyBytes])
      expect([...(read.record ?? [])]).toEqual([...value])
    }),
    { numRuns: 1_000 },
  )
})
