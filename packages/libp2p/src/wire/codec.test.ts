import { CLOSER_MAX, type MessageType, PROVIDERS_MAX } from '@kadmium/core'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type ConnectionType,
  decodeMessage,
  encodeMessage,
  MESSAGE_NAMES,
  type WireMessage,
  type WirePeer,
} from './codec.ts'
import { MalformedMessageError } from './errors.ts'
import { isPeerId } from './ids.ts'
import { encodedLength, peerLength } from './length.ts'
import { REQUEST_BYTES_MAX } from './limits.ts'

/** What `@libp2p/kad-dht` makes of the same protocol: its own generated codec, not a public export. */
interface TheirPeer {
  id: Uint8Array
  multiaddrs: Uint8Array[]
  connection?: string
}
interface TheirMessage {
  type: string
  clusterLevel?: number
  key?: Uint8Array
  record?: Uint8Array
  closer: TheirPeer[]
  providers: TheirPeer[]
}
const theirs: {
  Message: {
    encode(message: Partial<TheirMessage>): Uint8Array
    decode(bytes: Uint8Array): TheirMessage
  }
  MessageType: object
} = await import(new URL('./message/dht.js', import.meta.resolve('@libp2p/kad-dht')).href)

const ADDRESSES = [
  '/ip4/127.0.0.1/tcp/4001',
  '/ip6/2001:db8::1/udp/4001/quic-v1',
  '/dns4/example.com/tcp/443/tls/ws',
  '/ip4/10.0.0.1/tcp/4001/p2p/12D3KooWJH5k6LZ8hVg3LdzM4gq9yJHV4d1kq4eSTn1DH3yoZyhh/p2p-circuit',
].map((text) => multiaddr(text).bytes)

const secp256k1 = peerIdFromPrivateKey(await generateKeyPair('secp256k1')).toMultihash().bytes

/** Ids of the three forms; keys inlined or hashed. */
const id = fc.oneof(
  bytesOf(32).map((key) => join([0, 36, 8, 1, 18, 32], key)),
  bytesOf(32).map((digest) => join([18, 32], digest)),
  fc.constant(secp256k1),
)

const peer: fc.Arbitrary<WirePeer> = fc.record({
  id,
  multiaddrs: fc.array(fc.constantFrom(...ADDRESSES), { maxLength: 8 }),
  connection: fc.constantFrom<ConnectionType>(0, 1, 2, 3),
})

function messageOf(peersMax: number): fc.Arbitrary<WireMessage> {
  return fc.record({
    type: fc.constantFrom(...(Object.keys(MESSAGE_NAMES) as MessageType[])),
    keyBytes: fc.uint8Array({ maxLength: 80 }),
    record: fc.option(fc.uint8Array({ maxLength: 600 })),
    closer: fc.array(peer, { maxLength: peersMax }),
    providers: fc.array(peer, { maxLength: peersMax }),
  })
}

const message = messageOf(24)

function bytesOf(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: length, maxLength: length })
}

function join(...parts: ArrayLike<number>[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)))
}

/** Plain arrays in place of views, so that a comparison sees the bytes alone. */
function plain(value: WireMessage): object {
  return {
    ...value,
    keyBytes: [...value.keyBytes],
    record: value.record && [...value.record],
    closer: value.closer.map(plainPeer),
    providers: value.providers.map(plainPeer),
  }
}

function plainPeer(value: WirePeer): object {
  return { ...value, id: [...value.id], multiaddrs: value.multiaddrs.map((bytes) => [...bytes]) }
}

const CONNECTIONS = [undefined, 'CONNECTED', 'CAN_CONNECT', 'CANNOT_CONNECT']

function toTheirs(value: WireMessage): Partial<TheirMessage> {
  const peers = (list: WirePeer[]): TheirPeer[] =>
    list.map(({ connection, ...rest }) => {
      const name = CONNECTIONS[connection]
      return name === undefined ? rest : { ...rest, connection: name }
    })
  return {
    type: MESSAGE_NAMES[value.type],
    ...(value.keyBytes.length > 0 && { key: value.keyBytes }),
    ...(value.record !== null && { record: value.record }),
    closer: peers(value.closer),
    providers: peers(value.providers),
  }
}

/** One protobuf field: a number, a wire type, and its bytes with their length before them. */
function field(number: number, bytes: ArrayLike<number>): Uint8Array {
  return join([(number << 3) | 2], varint(bytes.length), bytes)
}

function varint(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest]
    bytes.push((rest % 128) | 128)
  }
}

/** Decodes what no decoder should choke on; only the one error may come out. */
function survive(bytes: Uint8Array): void {
  try {
    const decoded = decodeMessage(bytes, REQUEST_BYTES_MAX)
    expect(decoded.keyBytes.length).toBeLessThanOrEqual(80)
    expect(decoded.closer.length).toBeLessThanOrEqual(CLOSER_MAX)
    expect(decoded.providers.length).toBeLessThanOrEqual(PROVIDERS_MAX)
    for (const { id, multiaddrs } of [...decoded.closer, ...decoded.providers]) {
      expect(isPeerId(id)).toBe(true)
      for (const bytes of multiaddrs) expect(() => multiaddr(bytes)).not.toThrow()
    }
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedMessageError)
  }
}

function codeOf(bytes: Uint8Array, bytesMax?: number): string {
  try {
    decodeMessage(bytes, bytesMax)
  } catch (error) {
    if (error instanceof MalformedMessageError) return error.code
    throw error
  }
  return 'ok'
}

describe('against the codec of @libp2p/kad-dht', () => {
  test('both write the same bytes', () => {
    fc.assert(
      fc.property(message, (value) => {
        expect([...encodeMessage(value)]).toEqual([...theirs.Message.encode(toTheirs(value))])
      }),
      { numRuns: 1_000 },
    )
  })

  test('each reads what the other wrote', () => {
    fc.assert(
      fc.property(message, (value) => {
        expect(plain(decodeMessage(theirs.Message.encode(toTheirs(value))))).toEqual(plain(value))
        const read = theirs.Message.decode(encodeMessage(value))
        expect([...theirs.Message.encode(read)]).toEqual([...encodeMessage(value)])
      }),
      { numRuns: 1_000 },
    )
  })

  test('a cluster level, which we do not have, is skipped', () => {
    const bytes = theirs.Message.encode({ type: 'PING', clusterLevel: 7 })
    expect(decodeMessage(bytes).type).toBe('ping')
  })

  test('message types have the same names', () => {
    expect(Object.values(MESSAGE_NAMES)).toEqual(Object.keys(theirs.MessageType).slice(0, 6))
  })
})

test('the length of a message is known without encoding it', () => {
  const lengthOf = (value: WirePeer): number =>
    peerLength(
      value.id.length,
      value.multiaddrs.map((bytes) => bytes.length),
      value.connection !== 0,
    )
  fc.assert(
    fc.property(message, (value) => {
      const length = encodedLength({
        isPutValue: value.type === 'putValue',
        keyBytes: value.keyBytes.length,
        recordBytes: value.record?.length ?? -1,
        closerBytes: value.closer.map(lengthOf),
        providerBytes: value.providers.map(lengthOf),
      })
      expect(length).toBe(encodeMessage(value).length)
    }),
    { numRuns: 1_000 },
  )
})

describe('fuzz', () => {
  test('random bytes are a message or malformed', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), survive), { numRuns: 10_000 })
  })

  test('mutated messages are messages or malformed', () => {
    const mutation = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }), fc.nat({ max: 3 }))
    const mutated = fc
      .tuple(messageOf(3), fc.array(mutation, { minLength: 1, maxLength: 6 }))
      .map(([value, mutations]) => mutations.reduce(mutate, encodeMessage(value)))
    fc.assert(fc.property(mutated, survive), { numRuns: 10_000 })
  })

  test('every cut of a message is a shorter message or malformed', () => {
    const [value] = fc.sample(message, { numRuns: 1, seed: 7 }) as [WireMessage]
    const bytes = encodeMessage({
      ...value,
      type: 'findNode',
      keyBytes: new Uint8Array(80).fill(1),
    })
    for (let length = 0; length < bytes.length; length++) survive(bytes.subarray(0, length))
    expect(codeOf(bytes.subarray(0, 40))).toBe('syntax')
  })
})

/** Replaces, inserts, removes or cuts at a place. */
function mutate(bytes: Uint8Array, [where, byte, kind]: [number, number, number]): Uint8Array {
  const at = bytes.length === 0 ? 0 : where % bytes.length
  const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)]
  if (kind === 0) return join(head, [byte], tail.subarray(1))
  if (kind === 1) return join(head, [byte], tail)
  return kind === 2 ? join(head, tail.subarray(1)) : Uint8Array.from(head)
}

describe('limits', () => {
  const [onePeer] = fc.sample(peer, { numRuns: 1, seed: 1 }) as [WirePeer]
  const ping: WireMessage = {
    type: 'ping',
    keyBytes: new Uint8Array(0),
    record: null,
    closer: [],
    providers: [],
  }

  test('a message over the bound is refused unread', () => {
    expect(codeOf(encodeMessage({ ...ping, record: new Uint8Array(100) }), 100)).toBe('oversized')
  })

  test('a message type that we do not know is malformed', () => {
    expect(codeOf(Uint8Array.of(8, 6))).toBe('type')
    expect(codeOf(Uint8Array.of(8, ...new Array(9).fill(255), 1))).toBe('type')
  })

  test('a key of 81 bytes is malformed, one of 80 is read', () => {
    expect(codeOf(encodeMessage({ ...ping, keyBytes: new Uint8Array(80) }))).toBe('ok')
    expect(codeOf(encodeMessage({ ...ping, keyBytes: new Uint8Array(81) }))).toBe('key')
  })

  test('the first 40 closer peers and the first 128 providers are kept', () => {
    const many = Array.from({ length: 150 }, () => onePeer)
    const read = decodeMessage(encodeMessage({ ...ping, closer: many, providers: many }))
    expect(read.closer).toHaveLength(40)
    expect(read.providers).toHaveLength(128)
  })

  test('invalid peers take no place of valid ones', () => {
    const bad = { ...onePeer, id: Uint8Array.of(1, 2, 3) }
    const list = Array.from({ length: 80 }, (_, i) => (i % 2 === 0 ? bad : onePeer))
    expect(decodeMessage(encodeMessage({ ...ping, closer: list })).closer).toHaveLength(40)
  })

  test('a peer record over 8 KiB is left out, the rest stays', () => {
    const long = { ...onePeer, multiaddrs: new Array(1_000).fill(ADDRESSES[0]) }
    const read = decodeMessage(encodeMessage({ ...ping, closer: [long, onePeer] }))
    expect(read.closer.map(plainPeer)).toEqual([plainPeer(onePeer)])
  })

  test('addresses that do not parse are left out, and of the rest 32 are kept', () => {
    const good = ADDRESSES[0] as Uint8Array
    const bad = [Uint8Array.of(), Uint8Array.of(4, 127, 0), Uint8Array.of(0xfd, 0xff, 3)]
    const mixed = { ...onePeer, multiaddrs: [...bad, good, ...bad, good] }
    const many = { ...onePeer, multiaddrs: new Array(100).fill(good) }
    const read = decodeMessage(encodeMessage({ ...ping, closer: [mixed, many] }))
    expect(read.closer.map((value) => value.multiaddrs.length)).toEqual([2, 32])
  })

  test('an unknown connection type reads as not connected', () => {
    const raw = join(field(1, onePeer.id), [3 << 3, 9])
    const read = decodeMessage(join([8, 4], field(8, raw)))
    expect(read.closer.map((value) => value.connection)).toEqual([0])
  })

  test('unknown fields are skipped', () => {
    const bytes = join([8, 5], field(15, [1, 2, 3]), [14 << 3, 1], [(13 << 3) | 5, 1, 2, 3, 4])
    expect(decodeMessage(bytes)).toEqual(ping)
  })

  test('a flood of empty peers and deep groups are malformed, not work', () => {
    const flood = new Uint8Array(4 * 1024 * 1024)
    for (let i = 0; i < flood.length; i += 2) flood[i] = (9 << 3) | 2
    expect(codeOf(flood)).toBe('count')
    expect(codeOf(new Uint8Array(1_000_000).fill((15 << 3) | 3))).toBe('syntax')
  })
})
