import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromMultihash, peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import * as Digest from 'multiformats/hashes/digest'
import { describe, expect, test } from 'vitest'
import { isMultiaddr } from './addresses.ts'
import { isPeerId, toPeerId } from './ids.ts'

describe('peer ids', () => {
  test('real ones of all three key types are recognised and parse to themselves', async () => {
    for (const type of ['Ed25519', 'secp256k1', 'RSA'] as const) {
      const id = peerIdFromPrivateKey(
        type === 'RSA' ? await generateKeyPair(type, 1024) : await generateKeyPair(type),
      )
      expect(isPeerId(id.toMultihash().bytes)).toBe(true)
      expect(toPeerId(id.toMultihash().bytes)?.equals(id)).toBe(true)
    }
  })

  test('what parses has been recognised, and what has the form but no key in it is null', () => {
    const prefix = fc.constantFrom(
      [0, 36, 8, 1, 18, 32],
      [0, 37, 8, 2, 18, 33, 2],
      [18, 32],
      [0, 36, 8, 0],
      [17, 20],
    )
    const bytes = fc
      .tuple(prefix, fc.uint8Array({ minLength: 31, maxLength: 33 }))
      .map(([head, tail]) => Uint8Array.from([...head, ...tail]))
    fc.assert(
      fc.property(bytes, (candidate) => {
        const id = toPeerId(candidate)
        expect(isPeerId(candidate) || id === null).toBe(true)
        if (id !== null) expect([...id.toMultihash().bytes]).toEqual([...candidate])
        else expect(() => key(candidate)).toThrow()
      }),
      { numRuns: 1_000 },
    )
  })
})

/** The key or hash that libp2p finds in an id; ids that are URLs are of no use in a DHT. */
function key(bytes: Uint8Array): void {
  if (peerIdFromMultihash(Digest.decode(bytes)).type === 'url') throw new Error('a URL')
}

describe('multiaddrs', () => {
  const ED25519 = '12D3KooWJH5k6LZ8hVg3LdzM4gq9yJHV4d1kq4eSTn1DH3yoZyhh'
  const HASH = 'uEiAkH5a4DPGKUuOBjYw0CgwjvcJCJMD2K_1aluKR_tpevQ'

  test.each([
    '/ip4/1.2.3.4/tcp/4001',
    '/ip6/2001:db8::1/udp/4001/quic-v1',
    `/ip4/1.2.3.4/udp/4001/quic-v1/webtransport/certhash/${HASH}/certhash/${HASH}`,
    `/dns4/example.com/tcp/443/tls/ws/p2p/${ED25519}/p2p-circuit`,
    `/ip6zone/eth0/ip6/fe80::1/tcp/80/p2p/${ED25519}`,
    '/dnsaddr/bootstrap.libp2p.io',
    '/unix/a%2Fb',
    '/onion3/vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd:1234',
  ])('%s', (text) => expect(isMultiaddr(multiaddr(text).bytes)).toBe(true))

  test('nothing, cut ones, unknown protocols and long numbers are none', () => {
    const bytes = multiaddr('/ip4/1.2.3.4/tcp/4001/dns4/example.com').bytes
    for (const length of [0, 3, 6, 9, bytes.length - 1])
      expect(isMultiaddr(bytes.subarray(0, length))).toBe(false)
    expect(isMultiaddr(Uint8Array.of(0xfd, 0xff, 3))).toBe(false)
    expect(isMultiaddr(Uint8Array.of(0x84, 0, 1, 2, 3, 4))).toBe(false)
    expect(isMultiaddr(Uint8Array.of(0x36, 0xff, 0xff, 0xff, 0xff, 0xff))).toBe(false)
  })

  test('a peer id in one must be a peer id: base58 of 8 KiB would stop the node', () => {
    const long = Uint8Array.from([0xa5, 0x03, 0x80, 0x40, ...new Array(8192).fill(1)])
    expect(isMultiaddr(long)).toBe(false)
  })

  test('all that are recognised can be made and stay the same bytes', () => {
    const codes = [
      4, 6, 41, 42, 43, 53, 54, 55, 56, 273, 290, 400, 421, 444, 445, 446, 447, 460, 461, 465, 466,
      480,
    ]
    const varint = (code: number): number[] =>
      code < 128 ? [code] : [(code & 127) | 128, code >> 7]
    const component = fc
      .tuple(fc.constantFrom(...codes), fc.uint8Array({ maxLength: 40 }), fc.boolean())
      .map(([code, value, sized]) => [...varint(code), ...(sized ? [value.length] : []), ...value])
    let made = 0
    fc.assert(
      fc.property(fc.array(component, { minLength: 1, maxLength: 4 }), (components) => {
        const bytes = Uint8Array.from(components.flat())
        if (!isMultiaddr(bytes)) return
        made++
        expect([...multiaddr(bytes).bytes]).toEqual([...bytes])
        expect(multiaddr(bytes).toString()).toMatch(/^\//)
      }),
      { numRuns: 20_000 },
    )
    expect(made).toBeGreaterThan(1_000)
  })
})
