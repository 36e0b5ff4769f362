import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ipGroup } from './ip-group.ts'

const group = (text: string): number => ipGroup(multiaddr(text))

describe('no group', () => {
  test.each([
    '/ip4/127.0.0.1/tcp/1',
    '/ip4/10.1.2.3/tcp/1',
    '/ip4/192.168.1.1/udp/1/quic-v1',
    '/ip4/172.16.0.1/tcp/1',
    '/ip4/169.254.1.1/tcp/1',
    '/ip4/100.64.0.1/tcp/1',
    '/ip6/::1/tcp/1',
    '/ip6/::/tcp/1',
    '/ip6/fe80::1/tcp/1',
    '/ip6zone/eth0/ip6/fe80::1/tcp/1',
    '/ip6/fc00::1/tcp/1',
    '/ip6/fd12:3456::1/tcp/1',
    '/ip6/::ffff:10.0.0.1/tcp/1',
    '/ip6/::ffff:127.0.0.1/tcp/1',
    '/dns4/example.com/tcp/443',
    '/dns6/example.com/tcp/443',
    '/dnsaddr/bootstrap.libp2p.io',
    '/dns/localhost/tcp/1',
    '/memory/1',
    '/unix/tmp%2Fsocket',
  ])('for %s', (text) => {
    expect(group(text)).toBe(0)
  })
})

describe('one group', () => {
  test.each([
    ['a /16', '/ip4/8.8.8.8/tcp/1', '/ip4/8.8.255.1/udp/9/quic-v1'],
    ['a /32', '/ip6/2a00:1450:4001:811::200e/tcp/1', '/ip6/2a00:1450:ffff::/tcp/2'],
    ['a written-out form', '/ip6/2a00:1450::1/tcp/1', '/ip6/2a00:1450:0:0:0:0:0:1/tcp/1'],
    ['a compressed second part', '/ip6/2a00::5/tcp/1', '/ip6/2a00:0:1:2:3:4:5:6/tcp/1'],
    ['IPv4 mapped to IPv6', '/ip6/::ffff:8.8.1.2/tcp/1', '/ip4/8.8.3.4/tcp/1'],
    ['IPv4 translated to IPv6', '/ip6/64:ff9b::808:102/tcp/1', '/ip4/8.8.3.4/tcp/1'],
    [
      'a relay in it',
      '/ip4/8.8.8.8/tcp/1/p2p/12D3KooWJKCAW8Eis4NrVqd8UtAvhhGnWqTxVi8hwLjPFvhKSwAr/p2p-circuit',
      '/ip4/8.8.1.1/tcp/1',
    ],
  ])('for %s', (_, a, b) => {
    expect(group(a)).toBe(group(b))
    expect(group(a)).toBeGreaterThan(0)
  })
})

describe('other groups', () => {
  test.each([
    ['/ip4/8.8.8.8/tcp/1', '/ip4/8.9.8.8/tcp/1'],
    ['/ip6/::ffff:8.8.8.8/tcp/1', '/ip6/::ffff:9.9.9.9/tcp/1'],
    ['/ip6/2a00:1450::1/tcp/1', '/ip6/2a00:1451::1/tcp/1'],
    ['/ip6/2a00::1/tcp/1', '/ip6/2a01::1/tcp/1'],
  ])('for %s and %s', (a, b) => {
    expect(group(a)).not.toBe(group(b))
  })
})

const hex = (word: number): string => word.toString(16)

describe('any address', () => {
  const byte = fc.nat(255)
  const word = fc.nat(0xffff)

  test('of IPv4 has a 31-bit group that its first two parts decide', () => {
    fc.assert(
      fc.property(fc.tuple(byte, byte, byte, byte), byte, byte, ([a, b, c, d], e, f) => {
        const one = group(`/ip4/${a}.${b}.${c}.${d}/tcp/1`)
        const other = group(`/ip4/${a}.${b}.${e}.${f}/udp/1`)
        expect(one).toBeGreaterThanOrEqual(0)
        expect(one).toBeLessThan(2 ** 31)
        // Some /16 are private in part.
        if (one !== 0 && other !== 0) expect(one).toBe(other)
        if (one !== 0) expect([(one >> 8) & 0xff, one & 0xff]).toEqual([a, b])
      }),
      { numRuns: 2_000 },
    )
  })

  test('of IPv6 has a 31-bit group that its first two parts decide, in every form', () => {
    const words = fc.array(fc.oneof(word, fc.constant(0)), { minLength: 8, maxLength: 8 })
    fc.assert(
      fc.property(words, words, (parts, others) => {
        const one = group(`/ip6/${parts.map(hex).join(':')}/tcp/1`)
        const rest = [...parts.slice(0, 2), ...others.slice(2)]
        const other = group(`/ip6/${rest.map(hex).join(':')}/tcp/1`)
        expect(one).toBeGreaterThanOrEqual(0)
        expect(one).toBeLessThan(2 ** 31)
        const [first = 0] = parts
        if (first >= 0x2000 && first < 0x4000 && one !== 0 && other !== 0) expect(one).toBe(other)
      }),
      { numRuns: 2_000 },
    )
  })

  test('of public IPv6 space has the same group only as its /32', () => {
    const publicWord = fc.integer({ min: 0x2400, max: 0x2fff })
    fc.assert(
      fc.property(publicWord, word, publicWord, word, (a, b, c, d) => {
        const one = group(`/ip6/${hex(a)}:${hex(b)}::1/tcp/1`)
        const other = group(`/ip6/${hex(c)}:${hex(d)}::1/tcp/1`)
        expect(one === other).toBe(a === c && b === d)
        expect(one).toBeGreaterThan(0)
      }),
      { numRuns: 1_000 },
    )
  })

  test('of IPv4 and of IPv6 never share one unless one is mapped to the other', () => {
    fc.assert(
      fc.property(byte, byte, word, word, (a, b, c, d) => {
        const v4 = group(`/ip4/${a}.${b}.1.1/tcp/1`)
        const v6 = group(`/ip6/${hex(c | 0x2000)}:${hex(d)}::1/tcp/1`)
        if (v4 !== 0) expect(v4).not.toBe(v6)
      }),
      { numRuns: 1_000 },
    )
  })
})
