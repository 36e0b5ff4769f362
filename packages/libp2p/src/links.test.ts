import { type Input, PeerBook } from '@kadmium/core'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type {
  Connection,
  IdentifyResult,
  Libp2pEvents,
  Peer,
  PeerId,
  PeerUpdate,
} from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { TypedEventEmitter } from 'main-event'
import { beforeEach, describe, expect, test } from 'vitest'
import { Directory } from './directory.ts'
import { ipGroup } from './ip-group.ts'
import { Links } from './links.ts'
import { removePrivateAddressesMapper } from './mappers.ts'

const PROTOCOL = '/test/kad/1.0.0'
const id = async (): Promise<PeerId> => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
const [self, alice, bob] = [await id(), await id(), await id()]
const ADDRESS = multiaddr('/ip4/8.8.8.8/tcp/4001')
const REMOTE = multiaddr('/ip4/9.9.9.9/tcp/50000')
const PRIVATE = multiaddr('/ip4/10.0.0.1/tcp/4001')

type StubConnection = {
  -readonly [K in 'remotePeer' | 'remoteAddr' | 'status' | 'direction']: Connection[K]
} & { limits?: Connection['limits'] | undefined }

/** What the core is told, without the refs. */
type Told =
  | { kind: 'protocolChanged'; peer: PeerId; speaks: boolean }
  | { kind: 'linkChanged'; peer: PeerId; link: string; dialled: boolean; ipGroup: number }

class Rig {
  readonly events = new TypedEventEmitter<Libp2pEvents>()
  readonly connections: StubConnection[] = []
  readonly known = new Map<string, Partial<Peer>>()
  readonly told: Told[] = []
  readonly speakers: string[] = []
  readonly directory: Directory
  readonly links: Links
  /** What the core knows at the end: by peer, whether it speaks and how near it is. */
  readonly state = new Map<string, { speaks?: boolean; link?: string; dialled?: boolean }>()
  /** Runs when the peer store is asked. */
  onGet: () => void = () => {}

  constructor() {
    this.directory = new Directory({
      book: new PeerBook(),
      mapper: removePrivateAddressesMapper,
      peerId: self,
      ownAddresses: () => [],
    })
    this.links = new Links({
      directory: this.directory,
      connectionManager: {
        getConnections: (peer) =>
          this.connections.filter(
            ({ remotePeer }) => peer === undefined || peer.equals(remotePeer),
          ) as Connection[],
      },
      peerStore: {
        get: async (peer) => {
          this.onGet()
          const known = this.known.get(peer.toString())
          if (known === undefined) throw new Error('not found')
          return { addresses: [], metadata: new Map(), protocols: [], ...known } as unknown as Peer
        },
      },
      events: this.events,
      protocol: PROTOCOL,
      dispatch: (arrival) => this.hear(typeof arrival === 'function' ? arrival() : arrival),
      onSpeaker: (ref) => this.speakers.push(`${this.directory.peerId(ref)}`),
    })
  }

  open(peer: PeerId, init: Partial<StubConnection> = {}): StubConnection {
    const connection: StubConnection = {
      remotePeer: peer,
      remoteAddr: REMOTE,
      status: 'open',
      direction: 'inbound',
      ...init,
    }
    this.connections.push(connection)
    this.events.safeDispatchEvent('connection:open', { detail: connection as Connection })
    return connection
  }

  close(connection: StubConnection, status: Connection['status'] = 'closed'): void {
    connection.status = status
    this.connections.splice(this.connections.indexOf(connection), 1)
    this.events.safeDispatchEvent('connection:close', { detail: connection as Connection })
  }

  identify(peer: PeerId, result: Partial<IdentifyResult> = {}): void {
    const { protocols = [PROTOCOL, '/other'], listenAddrs = [ADDRESS] } = result
    const detail = { peerId: peer, ...result, protocols, listenAddrs } as IdentifyResult
    this.events.safeDispatchEvent('peer:identify', { detail })
  }

  update(peer: PeerId, before: string[] | null, now: string[]): void {
    const of = (protocols: string[]) => ({ id: peer, protocols, addresses: [] })
    const detail = { peer: of(now), ...(before !== null && { previous: of(before) }) }
    this.events.safeDispatchEvent('peer:update', { detail: detail as unknown as PeerUpdate })
  }

  addresses(peer: PeerId): string[] {
    return this.directory.addresses(this.directory.find(peer)).map(String)
  }

  private hear(input: Input | null): void {
    if (input === null) return
    const { kind } = input
    if (kind !== 'protocolChanged' && kind !== 'linkChanged') throw new Error(kind)
    const peer = this.directory.peerId(input.peer) as PeerId
    this.told.push({ ...input, peer })
    const { kind: _, peer: __, ...news } = input
    this.state.set(`${peer}`, { ...this.state.get(`${peer}`), ...news })
  }
}

let rig: Rig

beforeEach(async () => {
  rig = new Rig()
  await rig.links.start()
})

const speaks = (peer: PeerId, isSpeaking = true) => ({
  kind: 'protocolChanged',
  peer,
  speaks: isSpeaking,
})
const link = (peer: PeerId, how: string, dialled = false, from: Multiaddr | null = REMOTE) => ({
  kind: 'linkChanged',
  peer,
  link: how,
  dialled,
  ipGroup: from === null ? 0 : ipGroup(from),
})

describe('identify', () => {
  test('tells of a speaker, its addresses and its connection', () => {
    rig.open(alice)
    expect(rig.told).toEqual([]) // nothing is known of it yet
    rig.identify(alice)
    expect(rig.told).toEqual([speaks(alice), link(alice, 'connected')])
    expect(rig.addresses(alice)).toEqual([`${ADDRESS}`])
    expect(rig.speakers).toEqual([`${alice}`])
  })

  test('may come before its connection', () => {
    rig.identify(alice)
    expect(rig.told).toEqual([speaks(alice), link(alice, 'cold', false, null)])
    rig.open(alice, { direction: 'outbound' })
    expect(rig.told.at(-1)).toEqual(link(alice, 'connected', true))
  })

  test('of a peer that speaks something else tells nothing', () => {
    rig.open(alice)
    rig.identify(alice, { protocols: ['/other'] })
    expect(rig.told).toEqual([])
    expect(rig.speakers).toEqual([])
  })

  test('of a peer that no longer speaks is the end of that', () => {
    rig.open(alice)
    rig.identify(alice)
    const moved = multiaddr('/ip4/8.8.4.4/tcp/1')
    rig.identify(alice, { protocols: ['/other'], listenAddrs: [moved] })
    expect(rig.told.slice(2)).toEqual([speaks(alice, false), link(alice, 'connected')])
    expect(rig.addresses(alice)).toEqual([`${moved}`])
    expect(rig.speakers).toHaveLength(1)
  })

  test('that comes again with the protocol begins it anew', () => {
    rig.open(alice)
    rig.identify(alice)
    rig.identify(alice, { protocols: ['/other'] })
    rig.identify(alice)
    expect(rig.state.get(`${alice}`)?.speaks).toBe(true)
  })

  test('without protocols says nothing of them', () => {
    rig.open(alice)
    rig.identify(alice)
    rig.identify(alice, { protocols: [], agentVersion: 'kubo/1' })
    expect(rig.told).toHaveLength(2)
    expect(rig.links.agentOf(alice)).toBe('kubo/1')
  })

  test('has the signed addresses where there are some', () => {
    const signed = multiaddr('/ip4/8.8.4.4/tcp/1')
    rig.identify(alice, { signedPeerRecord: { addresses: [signed], seq: 1n } })
    expect(rig.addresses(alice)).toEqual([`${signed}`])
  })

  test('of a peer that nobody can reach is left', () => {
    rig.open(alice)
    rig.identify(alice, { listenAddrs: [PRIVATE] })
    rig.identify(bob, { listenAddrs: [] })
    expect(rig.told.filter(({ kind }) => kind === 'protocolChanged')).toEqual([])
    expect(rig.speakers).toEqual([])
  })

  test('of a peer that we reached is kept with the address we reached it at', () => {
    rig.open(alice, { direction: 'outbound', remoteAddr: REMOTE })
    rig.identify(alice, { listenAddrs: [PRIVATE] })
    expect(rig.addresses(alice)).toEqual([`${REMOTE}`])
    expect(rig.told).toEqual([speaks(alice), link(alice, 'connected', true)])
    rig.open(bob, { direction: 'inbound' }) // where it came from is no place to reach it at
    rig.identify(bob)
    expect(rig.addresses(bob)).toEqual([`${ADDRESS}`])
  })
})

describe('peer updates', () => {
  test('tell of protocols that ended, and of nothing else', () => {
    rig.open(alice)
    rig.identify(alice)
    rig.told.length = 0
    rig.update(alice, [PROTOCOL], [PROTOCOL])
    rig.update(alice, [], [PROTOCOL])
    rig.update(alice, null, [])
    rig.update(bob, [PROTOCOL], [])
    expect(rig.told).toEqual([])
    rig.update(alice, [PROTOCOL, '/other'], ['/other'])
    expect(rig.told).toEqual([speaks(alice, false), link(alice, 'connected')])
  })
})

describe('connections', () => {
  beforeEach(() => {
    rig.identify(alice)
    rig.told.length = 0
  })

  test('that end leave the peer as near as the others are', () => {
    const [one, other] = [rig.open(alice), rig.open(alice, { direction: 'outbound' })]
    rig.close(one)
    rig.close(other)
    expect(rig.told).toEqual([
      link(alice, 'connected'),
      link(alice, 'connected', true),
      link(alice, 'connected', true),
      link(alice, 'cold', false, null),
    ])
  })

  test.each([
    ['closed', 'cold'],
    ['reset', 'lost'],
    ['aborted', 'lost'],
  ] as const)('that were %s leave the peer %s', (status, left) => {
    rig.close(rig.open(alice), status)
    expect(rig.told.at(-1)).toEqual(link(alice, left, false, null))
  })

  test('that broke beside another leave the peer connected', () => {
    rig.open(alice)
    rig.close(rig.open(alice), 'reset')
    expect(rig.told.at(-1)).toEqual(link(alice, 'connected'))
  })

  test('through a relay count for nothing, whatever becomes of them', () => {
    const limited = rig.open(alice, { limits: {}, direction: 'outbound' })
    expect(rig.links.isConnected(alice)).toBe(false)
    rig.close(limited, 'reset')
    const none = link(alice, 'cold', false, null)
    expect(rig.told).toEqual([none, none])
  })

  test('that are closing count for nothing', () => {
    rig.open(alice).status = 'closing'
    expect(rig.links.isConnected(alice)).toBe(false)
    rig.links.setPooled(alice, false)
    expect(rig.told.at(-1)).toEqual(link(alice, 'cold', false, null))
  })

  test('have the group of the address we reached the peer at, if we did', () => {
    rig.open(alice, { remoteAddr: multiaddr('/ip4/7.7.7.7/tcp/1') })
    rig.open(alice, { direction: 'outbound' })
    expect(rig.told.at(-1)).toEqual(link(alice, 'connected', true, REMOTE))
  })

  test('of peers that nobody told of are not told of', () => {
    rig.close(rig.open(bob))
    expect(rig.told).toEqual([])
  })
})

describe('pooled streams', () => {
  test('make a connected peer nearer, until they end', () => {
    rig.identify(alice)
    rig.open(alice)
    rig.told.length = 0
    rig.links.setPooled(alice, true)
    rig.links.setPooled(alice, false)
    expect(rig.told).toEqual([link(alice, 'pooled'), link(alice, 'connected')])
  })

  test('end with the last connection', () => {
    rig.identify(alice)
    const connection = rig.open(alice)
    rig.links.setPooled(alice, true)
    rig.close(connection)
    rig.open(alice)
    expect(rig.told.at(-1)).toEqual(link(alice, 'connected'))
  })
})

describe('agents', () => {
  test('are known as long as the peer is connected', () => {
    rig.identify(alice, { agentVersion: 'kubo/1' })
    expect(rig.links.agentOf(alice)).toBeUndefined()
    const connections = [rig.open(alice), rig.open(alice)]
    rig.identify(alice, { agentVersion: 'kubo/1' })
    for (const connection of connections) {
      expect(rig.links.agentOf(alice)).toBe('kubo/1')
      rig.close(connection)
    }
    expect(rig.links.agentOf(alice)).toBeUndefined()
  })
})

describe('at the start', () => {
  const remembered = (protocols: string[]): Partial<Peer> => ({
    protocols,
    addresses: [{ multiaddr: ADDRESS, isCertified: true }],
    metadata: new Map([['AgentVersion', new TextEncoder().encode('kubo/2')]]),
  })

  beforeEach(() => {
    rig = new Rig()
  })

  test('what is known of connected peers is told, once for each', async () => {
    rig.known.set(`${alice}`, remembered([PROTOCOL]))
    rig.open(alice)
    rig.open(alice, { direction: 'outbound' })
    rig.open(bob)
    await rig.links.start()
    expect(rig.told).toEqual([speaks(alice), link(alice, 'connected', true)])
    expect(rig.addresses(alice)).toEqual([`${ADDRESS}`, `${REMOTE}`])
    expect(rig.links.agentOf(alice)).toBe('kubo/2')
    expect(rig.speakers).toEqual([`${alice}`])
  })

  test('peers that speak something else are not told of', async () => {
    rig.known.set(`${alice}`, remembered(['/other']))
    rig.open(alice)
    await rig.links.start()
    expect(rig.told).toEqual([])
  })

  test('nothing is told once it has been stopped on the way', async () => {
    rig.known.set(`${alice}`, remembered([PROTOCOL]))
    rig.open(alice)
    rig.onGet = () => rig.links.stop()
    await rig.links.start()
    expect(rig.told).toEqual([])
    expect(rig.links.agentOf(alice)).toBeUndefined()
  })
})

describe('after the stop', () => {
  test('nothing is heard any more, and nothing kept', () => {
    const connection = rig.open(alice)
    rig.identify(alice, { agentVersion: 'kubo/1' })
    rig.links.setPooled(alice, true)
    rig.links.stop()
    rig.told.length = 0
    rig.identify(bob)
    rig.update(alice, [PROTOCOL], [])
    rig.close(connection)
    rig.open(alice)
    expect(rig.told).toEqual([])
    expect(rig.links.agentOf(alice)).toBeUndefined()
  })
})

test('events in any order leave the core with what is true at the end', () => {
  const event = fc.record({
    kind: fc.constantFrom('open', 'close', 'identify', 'leave', 'update', 'pool', 'unpool'),
    peer: fc.constantFrom(alice, bob),
    limited: fc.boolean(),
    outbound: fc.boolean(),
    status: fc.constantFrom('closed', 'reset', 'aborted'),
  })
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      const any = new Rig()
      void any.links.start()
      const spoke = new Map<string, boolean>()
      const pooled = new Map<string, boolean>()
      for (const { kind, peer, limited, outbound, status } of events) {
        const name = `${peer}`
        const mine = any.connections.filter(({ remotePeer }) => remotePeer.equals(peer))
        const direct = mine.filter(({ limits }) => limits === undefined)
        if (kind === 'open') {
          const direction = outbound ? 'outbound' : 'inbound'
          any.open(peer, { direction, ...(limited && { limits: {} }) })
        } else if (kind === 'close' && mine[0] !== undefined) {
          any.close(mine[0], status as Connection['status'])
          if (direct.length === 1 && mine[0] === direct[0]) pooled.set(name, false)
        } else if (kind === 'identify') {
          any.identify(peer)
          spoke.set(name, true)
        } else if (kind === 'leave') {
          any.identify(peer, { protocols: ['/other'] })
          if (spoke.has(name)) spoke.set(name, false)
        } else if (kind === 'update' && spoke.get(name) === true) {
          any.update(peer, [PROTOCOL], [])
          spoke.set(name, false)
        } else if (kind === 'pool' && direct.length > 0) {
          any.links.setPooled(peer, true)
          pooled.set(name, true)
        } else if (kind === 'unpool') {
          any.links.setPooled(peer, false)
          pooled.set(name, false)
        }
      }
      for (const [name, isSpeaking] of spoke) {
        const open = any.connections.filter(
          ({ remotePeer, limits }) => `${remotePeer}` === name && limits === undefined,
        )
        const state = any.state.get(name)
        const near = pooled.get(name) === true ? 'pooled' : 'connected'
        expect(state?.speaks).toBe(isSpeaking)
        if (open.length > 0) expect(state?.link).toBe(near)
        else expect(['cold', 'lost']).toContain(state?.link)
        expect(state?.dialled).toBe(open.some(({ direction }) => direction === 'outbound'))
      }
    }),
    { numRuns: 1_000 },
  )
})
