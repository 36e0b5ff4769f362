import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { testIo } from '../test/fixtures.ts'
import { PUBLIC_BOOTSTRAP, parseBootstrap, parseOwnAddress } from './addresses.ts'
import { CliError } from './errors.ts'
import { chooseNetwork, optionsFor } from './network.ts'

const PEER = '/p2p/12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8'
const LOOPBACK = `/ip4/127.0.0.1/tcp/4001${PEER}`
const PRIVATE = `/ip4/192.168.1.7/tcp/4001${PEER}`
const PUBLIC = `/ip4/104.131.131.82/tcp/4001${PEER}`

const choose = (bootstrap: string[], listen: string[] = [], env: Record<string, string> = {}) =>
  chooseNetwork({ bootstrap }, listen.map(parseOwnAddress), testIo({ env }))

describe('the network', () => {
  test.each([
    ['nothing is given', [], [], 'public'],
    ['all bootstrap peers are private', [LOOPBACK, PRIVATE], [], 'any'],
    ['one bootstrap peer is public', [LOOPBACK, PUBLIC], [], 'public'],
    ['a bootstrap peer has a name', [`/dns4/example.org/tcp/4001${PEER}`], [], 'public'],
    ['a node listens on loopback alone', [], ['/ip4/127.0.0.1/tcp/0'], 'any'],
    ['a node listens on all interfaces', [], ['/ip4/0.0.0.0/tcp/4001'], 'public'],
    ['a node listens on all interfaces, IPv6', [], ['/ip6/::/tcp/4001'], 'public'],
    ['a node on loopback enters by a public peer', [PUBLIC], ['/ip4/127.0.0.1/tcp/0'], 'public'],
    ['a node on all interfaces enters by a private peer', [PRIVATE], ['/ip4/0.0.0.0/tcp/1'], 'any'],
  ])('where %s is %4$s', (_, bootstrap, listen, name) => {
    expect(choose(bootstrap, listen).name).toBe(name)
  })

  test('has the public bootstrap peers only where it is public and none are given', () => {
    expect(choose([]).bootstrap.map(String)).toEqual(PUBLIC_BOOTSTRAP)
    expect(choose([PUBLIC]).bootstrap.map(String)).toEqual([PUBLIC])
    expect(chooseNetwork({ network: 'any' }, [], testIo()).bootstrap).toEqual([])
    expect(chooseNetwork({ network: 'local' }, [], testIo()).bootstrap).toEqual([])
  })

  test('is entered by KADMIUM_BOOTSTRAP unless --bootstrap is given; both take commas', () => {
    const env = { KADMIUM_BOOTSTRAP: ` ${LOOPBACK}, ${PRIVATE},` }
    expect(choose([], [], env).bootstrap.map(String)).toEqual([LOOPBACK, PRIVATE])
    expect(choose([PUBLIC], [], env).bootstrap.map(String)).toEqual([PUBLIC])
    expect(choose([`${LOOPBACK},${PRIVATE}`, PUBLIC]).bootstrap.length).toBe(3)
  })

  test('decides the protocol, unless one is given', () => {
    expect(choose([]).protocol).toBe('/ipfs/kad/1.0.0')
    expect(chooseNetwork({ network: 'local' }, [], testIo()).protocol).toBe('/ipfs/lan/kad/1.0.0')
    expect(chooseNetwork({ protocol: '/my/kad/1' }, [], testIo()).protocol).toBe('/my/kad/1')
    expect(() => chooseNetwork({ protocol: 'my' }, [], testIo())).toThrow('bad protocol')
  })

  test('keeps the addresses that mean something on it', () => {
    const multiaddrs = [parseBootstrap(PRIVATE), parseBootstrap(PUBLIC)]
    const kept = (network: 'public' | 'local' | 'any') => {
      const { peerInfoMapper } = chooseNetwork({ network }, [], testIo())
      const peer = { id: undefined as never, multiaddrs }
      return peerInfoMapper(peer).multiaddrs.map(String)
    }
    expect(kept('public')).toEqual([PUBLIC])
    expect(kept('local')).toEqual([PRIVATE])
    expect(kept('any')).toEqual([PRIVATE, PUBLIC])
  })
})

test('a protocol is spoken by the options of its network', () => {
  expect(optionsFor('/ipfs/kad/1.0.0')).toBe('--network any')
  expect(optionsFor('/ipfs/lan/kad/1.0.0')).toBe('--network local')
  expect(optionsFor('/my/kad/1.0.0')).toBe('--protocol /my/kad/1.0.0')
})

describe('multiaddrs', () => {
  test.each([
    ['foo', 'bad multiaddr'],
    ['', 'write /ip4/<address>/tcp/<port>'],
    ['/ip4/300.0.0.1/tcp/1', 'bad multiaddr'],
    ['/ip4/127.0.0.1', 'write /ip4/<address>/tcp/<port>'],
    ['/tcp/4001', 'write /ip4/<address>/tcp/<port>'],
    [`/ip4/127.0.0.1/udp/4001/quic-v1${PEER}`, 'TCP only'],
    [`/ip4/127.0.0.1/tcp/4001/ws${PEER}`, 'TCP only'],
    ['/ip4/127.0.0.1/tcp/4001', 'must end in /p2p'],
    [`${LOOPBACK}/p2p-circuit`, 'TCP only'],
  ])('of bootstrap peers refuse %j', (text, reason) => {
    expect(() => parseBootstrap(text)).toThrow(reason)
  })

  test('to listen on are no names to look up', () => {
    expect(() => parseOwnAddress('/dnsaddr/bootstrap.libp2p.io')).toThrow('bad multiaddr')
    expect(String(parseOwnAddress('/ip6/::1/tcp/0'))).toBe('/ip6/::1/tcp/0')
  })

  test('of any text are read or bad input, never a defect', () => {
    const part = fc.constantFrom(
      '/ip4',
      '/127.0.0.1',
      '/tcp',
      '/4001',
      '/p2p',
      '/udp',
      '/dnsaddr',
      '/',
      PEER,
    )
    const texts = fc.oneof(
      fc.string(),
      fc
        .array(fc.oneof(part, fc.string({ maxLength: 6 })), { maxLength: 7 })
        .map((p) => p.join('')),
    )
    fc.assert(
      fc.property(texts, (text) => {
        try {
          parseBootstrap(text)
        } catch (error) {
          expect(error).toBeInstanceOf(CliError)
          expect((error as CliError).exit).toBe('usage')
        }
      }),
      { numRuns: 2_000 },
    )
  })
})
