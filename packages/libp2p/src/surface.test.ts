import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerInfo, RoutingOptions } from '@libp2p/interface'
import type * as Theirs from '@libp2p/kad-dht'
import * as theirExports from '@libp2p/kad-dht'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, expectTypeOf, test } from 'vitest'
import * as ours from './events.ts'
import * as ourMappers from './mappers.ts'
import { PROTOCOL as OUR_PROTOCOL } from './options.ts'
import type * as Ours from './types.ts'

const id = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
const path = { index: 0, queued: 1, running: 2, total: 3 }
const addresses = [
  '/ip4/127.0.0.1/tcp/1',
  '/ip4/8.8.8.8/tcp/1',
  '/dns4/a.com/tcp/1',
  '/ip6/fe80::1/tcp/1',
]
const peer: PeerInfo = { id, multiaddrs: addresses.map((text) => multiaddr(text)) }

/** To be looked up by name. */
const mappers: Record<string, (info: PeerInfo) => PeerInfo> = { ...ourMappers }
const theirs = { ...theirExports }

/** Their constructors, which are not exported. */
type Constructor = (fields: object, options: object) => object
const theirEvents: Record<string, Constructor> = await import(
  new URL('./query/events.js', import.meta.resolve('@libp2p/kad-dht')).href
)

describe('values', () => {
  test('event types and message types are theirs, back and forth', () => {
    expect({ ...ours.EventTypes }).toEqual({ ...theirs.EventTypes })
    expect(Object.entries(ours.MessageType).slice(0, 6)).toEqual(
      Object.entries(theirs.MessageType).slice(0, 6),
    )
    expect(ours.EventTypes[ours.EventTypes.VALUE]).toBe('VALUE')
  })

  test('defaults are theirs', async () => {
    const { PROTOCOL } = (await import(
      new URL('./constants.js', import.meta.resolve('@libp2p/kad-dht')).href
    )) as { PROTOCOL: string }
    expect(OUR_PROTOCOL).toBe(PROTOCOL)
  })

  test.each([
    'removePrivateAddressesMapper',
    'removePublicAddressesMapper',
    'passthroughMapper',
  ] as const)('%s keeps the same addresses', (name) => {
    const texts = (info: PeerInfo): string[] => info.multiaddrs.map(String)
    expect(texts(mappers[name]?.(peer) as PeerInfo)).toEqual(texts(theirs[name](peer)))
  })
})

describe('events', () => {
  const { GET_VALUE, PING } = ours.MessageType
  const cases: [name: string, make: unknown, fields: object][] = [
    ['sendQueryEvent', ours.sendQueryEvent, { to: id, type: PING, path }],
    [
      'peerResponseEvent',
      ours.peerResponseEvent,
      { from: id, messageType: GET_VALUE, path, closer: [peer] },
    ],
    ['finalPeerEvent', ours.finalPeerEvent, { from: id, peer, path }],
    ['queryErrorEvent', ours.queryErrorEvent, { from: id, error: new Error('no'), path }],
    ['providerEvent', ours.providerEvent, { from: id, providers: [peer], path }],
    ['valueEvent', ours.valueEvent, { from: id, value: Uint8Array.of(1), path }],
    ['addPeerEvent', ours.addPeerEvent, { peer: id, path }],
    ['dialPeerEvent', ours.dialPeerEvent, { peer: id, path }],
    ['pathEndedEvent', ours.pathEndedEvent, { path }],
  ]

  test.each(cases)('%s', (name, make, fields) => {
    const progress: string[][] = [[], []]
    const record = (into: string[] | undefined) => ({
      onProgress: (event: CustomEvent) => into?.push(event.type, JSON.stringify(event.detail)),
    })
    const mine = (make as Constructor)(fields, record(progress[0]))
    const other = theirEvents[name]?.(fields, record(progress[1]))
    expect(mine).toEqual(other)
    expect(progress[0]).toHaveLength(2)
    expect(progress[0]?.[0]).toBe(progress[1]?.[0])
    expect(progress[0]?.[1]).toBe(JSON.stringify(mine))
  })

  test('without a listener nothing is told', () => {
    expect(ours.pathEndedEvent({ path })).toEqual({ name: 'PATH_ENDED', type: 8, path })
  })
})

describe('types', () => {
  test('our events are theirs', () => {
    expectTypeOf<ours.QueryEvent>().toExtend<Theirs.QueryEvent>()
    expectTypeOf<ours.SendQueryEvent>().toExtend<Theirs.SendQueryEvent>()
    expectTypeOf<ours.PeerResponseEvent>().toExtend<Theirs.PeerResponseEvent>()
    expectTypeOf<ours.FinalPeerEvent>().toExtend<Theirs.FinalPeerEvent>()
    expectTypeOf<ours.QueryErrorEvent>().toExtend<Theirs.QueryErrorEvent>()
    expectTypeOf<ours.ProviderEvent>().toExtend<Theirs.ProviderEvent>()
    expectTypeOf<ours.ValueEvent>().toExtend<Theirs.ValueEvent>()
    expectTypeOf<ours.AddPeerEvent>().toExtend<Theirs.AddPeerEvent>()
    expectTypeOf<ours.DialPeerEvent>().toExtend<Theirs.DialPeerEvent>()
    expectTypeOf<ours.PathEndedEvent>().toExtend<Theirs.PathEndedEvent>()
    expectTypeOf<ours.DHTProgressEvents['type']>().toEqualTypeOf<Theirs.DHTProgressEvents['type']>()
    expectTypeOf<ours.MessageName>().toEqualTypeOf<Theirs.MessageName>()
    expectTypeOf<ours.MessageType>().toExtend<Theirs.MessageType>()
    expectTypeOf<ours.DHTRecord>().toEqualTypeOf<Theirs.DHTRecord>()
    expectTypeOf<ours.DisjointPath>().toEqualTypeOf<Theirs.DisjointPath>()
  })

  test('our service is theirs, and their options and components are ours', () => {
    expectTypeOf<Ours.KadDHT>().toExtend<Theirs.KadDHT>()
    expectTypeOf<Ours.SingleKadDHT>().toExtend<Theirs.SingleKadDHT>()
    expectTypeOf<keyof Theirs.KadDHTInit>().toExtend<keyof Ours.KadDHTInit>()
    expectTypeOf<Theirs.KadDHTInit>().toExtend<Ours.KadDHTInit>()
    expectTypeOf<Ours.KadDHTInit>().toExtend<Theirs.KadDHTInit>()
    expectTypeOf<Theirs.KadDHTComponents>().toExtend<Ours.KadDHTComponents>()
    expectTypeOf<Ours.Validators>().toEqualTypeOf<Theirs.Validators>()
    expectTypeOf<Ours.Selectors>().toEqualTypeOf<Theirs.Selectors>()
    expectTypeOf<Ours.ValidateFn>().toExtend<Theirs.ValidateFn>()
    expectTypeOf<Ours.SelectFn>().toExtend<Theirs.SelectFn>()
    expectTypeOf<Ours.PeerInfoMapper>().toExtend<Theirs.PeerInfoMapper>()
    expectTypeOf<Ours.SetModeOptions>().toEqualTypeOf<Theirs.SetModeOptions>()
    expectTypeOf<Ours.ProvidersInit>().toEqualTypeOf<Theirs.ProvidersInit>()
    expectTypeOf<Ours.ReProvideInit>().toEqualTypeOf<Theirs.ReProvideInit>()
    expectTypeOf<Ours.RoutingTable>().toEqualTypeOf<Theirs.RoutingTable>()
  })

  test('code written for theirs compiles and runs with ours', async () => {
    const events: ours.QueryEvent[] = [
      ours.peerResponseEvent({ from: id, messageType: ours.MessageType.GET_VALUE, path }),
      ours.valueEvent({ from: id, value: Uint8Array.of(7), path }),
    ]
    const get = async function* (): AsyncIterable<ours.QueryEvent> {
      yield* events
    }
    const service: Pick<Ours.KadDHT, 'get'> = { get }
    expect(await readValue(service, Uint8Array.of(1))).toEqual(Uint8Array.of(7))
    expect(await readOurs(service, Uint8Array.of(1))).toBe(6)
  })
})

/** Written against `@libp2p/kad-dht`, as an application would be. */
async function readValue(
  dht: Pick<Theirs.KadDHT, 'get'>,
  key: Uint8Array,
  options?: RoutingOptions,
): Promise<Uint8Array | undefined> {
  let value: Uint8Array | undefined
  for await (const event of dht.get(key, options)) {
    if (event.type === theirs.EventTypes.VALUE) value = event.value
    if (event.name === 'PEER_RESPONSE') expect(event.messageType).toBe(theirs.MessageType.GET_VALUE)
  }
  return value
}

/** The same with the import line changed: narrows by number and by a type named after a member. */
async function readOurs(dht: Pick<Ours.KadDHT, 'get'>, key: Uint8Array): Promise<number> {
  const kind: ours.EventTypes.VALUE = ours.EventTypes.VALUE
  let types = 0
  for await (const event of dht.get(key)) {
    const type: ours.EventTypes = event.type
    types += type
    switch (event.type) {
      case ours.EventTypes.PEER_RESPONSE:
        expect(event.messageType).toBe(ours.MessageType.GET_VALUE)
        break
      case kind:
        expect(event.value).toHaveLength(1)
    }
  }
  return types
}
