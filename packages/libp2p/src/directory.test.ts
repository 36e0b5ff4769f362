import { NO_PEER, PeerBook, type PeerRef } from '@kadmium/core'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId, PeerInfo } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { Directory } from './directory.ts'
import { passthroughMapper, removePrivateAddressesMapper } from './mappers.ts'
import type { PeerInfoMapper } from './types.ts'

const id = async (): Promise<PeerId> => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
const [self, peer, other] = [await id(), await id(), await id()]
const rsa = peerIdFromPrivateKey(await generateKeyPair('RSA', 1024))

/** A public address with this number in it. */
const address = (i: number): Multiaddr => multiaddr(`/ip4/8.8.${i >> 8}.${i & 255}/tcp/4001`)

let directory: Directory
let book: PeerBook
let own: Multiaddr[]

function make(mapper: PeerInfoMapper, capacityMax = 100): void {
  book = new PeerBook({ capacity: 4, capacityMax })
  directory = new Directory({ book, mapper, peerId: self, ownAddresses: () => own })
}

const texts = (ref: PeerRef): string[] => directory.addresses(ref).map(String)

/** The peer as a message names it. */
const named = (of: PeerId, ...addresses: string[]) => ({
  id: of.toMultihash().bytes.slice(),
  multiaddrs: addresses.map((text): Uint8Array => multiaddr(text).bytes.slice()),
  connection: 0 as const,
})

beforeEach(() => {
  own = []
  make(passthroughMapper)
})

describe('peers', () => {
  test('have one ref, however they are met', () => {
    const ref = directory.internId(peer)
    expect(directory.intern(peer.toMultihash().bytes)).toBe(ref)
    expect(directory.internWire(named(peer))).toBe(ref)
    expect(directory.find(peer)).toBe(ref)
    expect(directory.internId(other)).not.toBe(ref)
  })

  test('are not found before they were met, nor after they were forgotten', () => {
    expect(directory.find(peer)).toBe(NO_PEER)
    const ref = directory.internId(peer)
    directory.addAddress(ref, address(1))
    directory.forget(ref)
    expect(directory.find(peer)).toBe(NO_PEER)
    expect(directory.peerId(ref)).toBeNull()
    expect(directory.info(ref)).toBeNull()
    expect(directory.wire(ref, 0)).toBeNull()
    expect(directory.addresses(ref)).toEqual([])
    directory.forget(ref)
  })

  test('that are met anew have nothing of what was known', () => {
    const ref = directory.internId(peer)
    directory.setAddresses(ref, [address(1)])
    while (book.nextReleased() !== NO_PEER);
    directory.forget(ref)
    const again = directory.internId(peer)
    expect(again).not.toBe(ref)
    expect(texts(again)).toEqual([])
  })

  test('beyond what the book holds have none', () => {
    make(passthroughMapper, 4)
    const ids = Array.from({ length: 4 }, (_, i) => {
      const bytes = peer.toMultihash().bytes.slice()
      bytes[20] = i
      return directory.intern(bytes)
    })
    expect(ids.filter((ref) => ref === NO_PEER)).toHaveLength(1)
    expect(directory.internId(other)).toBe(NO_PEER)
    expect(directory.internWire(named(other, '/ip4/8.8.8.8/tcp/1'))).toBe(NO_PEER)
  })

  test('have an id object where their bytes are one', () => {
    const ref = directory.internWire(named(peer))
    expect(directory.peerId(ref)?.equals(peer)).toBe(true)
    const secp = Uint8Array.from([0, 37, 8, 2, 0x12, 33, ...new Uint8Array(33)])
    const nonsense = directory.intern(secp)
    expect(directory.peerId(nonsense)).toBeNull()
    expect(directory.info(nonsense)).toBeNull()
    directory.addAddress(nonsense, address(1))
    expect(directory.addresses(nonsense)).toEqual([])
  })

  test('keep their bytes when those they came in are used again', () => {
    const wire = named(peer, '/ip4/8.8.8.8/tcp/1')
    const ref = directory.internWire(wire)
    wire.id.fill(0)
    for (const bytes of wire.multiaddrs) bytes.fill(0)
    expect(directory.peerId(ref)?.equals(peer)).toBe(true)
    expect(texts(ref)).toEqual(['/ip4/8.8.8.8/tcp/1'])
  })
})

describe('an address', () => {
  const relayed = `/ip4/8.8.8.8/tcp/1/p2p/${other}/p2p-circuit`

  test.each([peer, rsa])('is the same with the id of the peer behind it and without', (of) => {
    for (const [first, second] of [
      ['', `/p2p/${of}`],
      [`/p2p/${of}`, ''],
    ]) {
      make(passthroughMapper)
      const ref = directory.internWire(named(of, `/ip4/8.8.8.8/tcp/1${first}`))
      directory.internWire(named(of, `/ip4/8.8.8.8/tcp/1${second}`))
      directory.addAddress(ref, multiaddr(`/ip4/8.8.8.8/tcp/1${second}`))
      expect(texts(ref)).toEqual(['/ip4/8.8.8.8/tcp/1'])
    }
  })

  test('that leads to another peer is dropped', () => {
    const ref = directory.internWire(
      named(
        peer,
        `/ip4/8.8.8.8/tcp/1/p2p/${other}`,
        `${relayed}/p2p/${other}`,
        `/p2p/${other}`,
        `/p2p/${peer}`,
      ),
    )
    directory.setAddresses(ref, [multiaddr(`/ip4/8.8.8.8/tcp/1/p2p/${other}`)])
    directory.addAddress(ref, multiaddr(`/ip4/8.8.8.8/tcp/2/p2p/${other}`))
    expect(texts(ref)).toEqual([])
  })

  test('through a relay is kept, with the id behind it and without', () => {
    const ref = directory.internWire(named(peer, relayed, `${relayed}/p2p/${peer}`))
    expect(texts(ref)).toEqual([relayed])
    directory.setAddresses(ref, [multiaddr(`${relayed}/p2p/${peer}`)])
    expect(texts(ref)).toEqual([relayed])
  })

  test('that is none is dropped, and the others stay', () => {
    const wire = named(peer, '/ip4/8.8.8.8/tcp/1')
    wire.multiaddrs.unshift(Uint8Array.of(4, 1), new Uint8Array(0), Uint8Array.of(255, 255, 255))
    expect(texts(directory.internWire(wire))).toEqual(['/ip4/8.8.8.8/tcp/1'])
  })

  test('that the mapper drops is dropped', () => {
    make(removePrivateAddressesMapper)
    const ref = directory.internWire(named(peer, '/ip4/10.0.0.1/tcp/1', '/ip4/8.8.8.8/tcp/1'))
    expect(texts(ref)).toEqual(['/ip4/8.8.8.8/tcp/1'])
    directory.setAddresses(ref, [multiaddr('/ip4/192.168.1.1/tcp/1'), address(2)])
    expect(texts(ref)).toEqual([String(address(2))])
  })

  test('that the mapper saw is not shown to it again', () => {
    const shown: string[] = []
    const mapper = (info: PeerInfo): PeerInfo => {
      shown.push(...info.multiaddrs.map(String))
      return { ...info, multiaddrs: [] }
    }
    make(mapper)
    for (let i = 0; i < 3; i++) directory.internWire(named(peer, '/ip4/10.0.0.1/tcp/1'))
    expect(shown).toEqual(['/ip4/10.0.0.1/tcp/1'])
  })

  test('on the wire is in its bytes', () => {
    const ref = directory.internWire(named(peer, '/ip4/8.8.8.8/tcp/1'))
    expect(directory.wire(ref, 1)).toEqual({
      id: peer.toMultihash().bytes,
      multiaddrs: [multiaddr('/ip4/8.8.8.8/tcp/1').bytes],
      connection: 1,
    })
    expect(directory.info(ref)).toEqual({
      id: directory.peerId(ref),
      multiaddrs: [multiaddr('/ip4/8.8.8.8/tcp/1')],
    })
  })
})

describe('what a peer says of itself', () => {
  test('replaces hearsay, and comes before what is heard later', () => {
    const ref = directory.internWire(named(peer, String(address(1)), String(address(2))))
    directory.setAddresses(ref, [address(3), address(2)])
    directory.addAddress(ref, address(4))
    directory.addAddress(ref, address(3))
    expect(texts(ref)).toEqual([3, 2, 4].map((i) => String(address(i))))
  })

  test('replaces what it said before', () => {
    const ref = directory.internId(peer)
    directory.setAddresses(ref, [address(1)])
    directory.setAddresses(ref, [address(2)])
    expect(texts(ref)).toEqual([String(address(2))])
    directory.addAddress(ref, address(1))
    expect(texts(ref)).toEqual([2, 1].map((i) => String(address(i))))
  })

  test('changes nothing where nothing of it is of use', () => {
    make(removePrivateAddressesMapper)
    const ref = directory.internWire(named(peer, String(address(1))))
    directory.setAddresses(ref, [])
    directory.setAddresses(ref, [multiaddr('/ip4/10.0.0.1/tcp/1')])
    expect(texts(ref)).toEqual([String(address(1))])
  })

  test('is kept whole however many private addresses come first', () => {
    make(removePrivateAddressesMapper)
    const ref = directory.internId(peer)
    const many = Array.from({ length: 30 }, (_, i) => multiaddr(`/ip4/10.0.0.${i}/tcp/1`))
    directory.setAddresses(ref, [...many, address(1), address(1)])
    expect(texts(ref)).toEqual([String(address(1))])
  })

  test('can not be displaced by hearsay', () => {
    const ref = directory.internId(peer)
    const said = Array.from({ length: 5 }, (_, i) => address(i))
    directory.setAddresses(ref, said)
    for (let i = 100; i < 200; i++) directory.addAddress(ref, address(i))
    expect(texts(ref).slice(0, 5)).toEqual(said.map(String))
    expect(texts(ref)).toHaveLength(16)
    directory.setAddresses(
      ref,
      Array.from({ length: 40 }, (_, i) => address(i)),
    )
    directory.addAddress(ref, address(300))
    expect(texts(ref)).toEqual(Array.from({ length: 16 }, (_, i) => String(address(i))))
  })
})

describe('hearsay', () => {
  test('is kept up to 16 addresses, the newest', () => {
    const ref = directory.internId(peer)
    for (let i = 0; i < 20; i++) directory.addAddress(ref, address(i))
    expect(texts(ref)).toEqual(Array.from({ length: 16 }, (_, i) => String(address(i + 4))))
  })

  test('that was displaced comes back when it is heard again', () => {
    const ref = directory.internId(peer)
    for (let i = 0; i < 17; i++) directory.addAddress(ref, address(i))
    expect(texts(ref)).not.toContain(String(address(0)))
    directory.addAddress(ref, address(0))
    expect(texts(ref).at(-1)).toBe(String(address(0)))
  })

  test('of private addresses takes no room from public ones', () => {
    make(removePrivateAddressesMapper)
    const ref = directory.internId(peer)
    for (let i = 0; i < 100; i++) directory.addAddress(ref, multiaddr(`/ip4/10.0.0.${i}/tcp/1`))
    directory.addAddress(ref, address(1))
    expect(texts(ref)).toEqual([String(address(1))])
  })
})

describe('we ourselves', () => {
  test('have the addresses that we have now, mapped, without our id', () => {
    make(removePrivateAddressesMapper)
    own = [
      multiaddr(`/ip4/127.0.0.1/tcp/1/p2p/${self}`),
      multiaddr(`/ip4/8.8.8.8/tcp/1/p2p/${self}`),
    ]
    expect(directory.find(self)).toBe(directory.self)
    expect(directory.info(directory.self)?.multiaddrs.map(String)).toEqual(['/ip4/8.8.8.8/tcp/1'])
    own = [address(1)]
    expect(directory.wire(directory.self, 0)?.multiaddrs).toEqual([address(1).bytes])
  })

  test('know better than what others say', () => {
    own = [address(1)]
    directory.internWire(named(self, String(address(2))))
    expect(texts(directory.self)).toEqual([String(address(1))])
  })
})

test('in any order of events each address is kept once, and no more than 16', () => {
  const place = fc.nat(60)
  const form = fc.constantFrom('', `/p2p/${peer}`, `/p2p/${other}`)
  const event = fc.record({
    kind: fc.constantFrom('wire', 'add', 'set'),
    addresses: fc.array(fc.tuple(place, form), { maxLength: 20 }),
  })
  fc.assert(
    fc.property(fc.array(event, { maxLength: 20 }), (events) => {
      make(passthroughMapper)
      const ref = directory.internId(peer)
      for (const { kind, addresses } of events) {
        const list = addresses.map(([i, suffix]) => `${address(i)}${suffix}`)
        const before = texts(ref)
        if (kind === 'wire') directory.internWire(named(peer, ...list))
        else if (kind === 'set')
          directory.setAddresses(
            ref,
            list.map((text) => multiaddr(text)),
          )
        else for (const text of list) directory.addAddress(ref, multiaddr(text))
        const now = texts(ref)
        expect(new Set(now).size).toBe(now.length)
        expect(now.length).toBeLessThanOrEqual(16)
        const given = addresses.map(([i]) => String(address(i)))
        for (const text of now) expect([...before, ...given]).toContain(text)
        expect(now.join()).not.toContain('p2p')
      }
    }),
    { numRuns: 1_000 },
  )
})
