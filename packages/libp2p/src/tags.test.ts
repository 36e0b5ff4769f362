import { Notes } from '@kadmium/testkit'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Peer, PeerData, PeerId, PeerStore } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { KAD_CLOSE, KAD_PEER, KEEP_ALIVE, type Member, Tags } from './tags.ts'

const PROTOCOL = '/test/kad/1.0.0'
const LAN = '/test/lan/kad/1.0.0'
const ids: PeerId[] = []
for (let i = 0; i < 6; i++) ids.push(peerIdFromPrivateKey(await generateKeyPair('Ed25519')))
const idOf = (index: number): PeerId => ids[index] as PeerId
const member = (index: number, isClose = false): Member => ({ id: idOf(index), isClose })

/** Tags, protocols and addresses of each peer, as libp2p keeps them. */
class FakePeerStore implements Pick<PeerStore, 'forEach' | 'merge'> {
  readonly peers = new Map<string, Peer>()
  merges = 0

  add(index: number, tags: string[], protocols = [PROTOCOL]): void {
    const id = idOf(index)
    this.peers.set(id.toString(), {
      id,
      addresses: [{ multiaddr: multiaddr('/ip4/8.8.8.8/tcp/1'), isCertified: false }],
      protocols,
      metadata: new Map(),
      tags: new Map(tags.map((tag) => [tag, { value: 1 }])),
    })
  }

  async forEach(visit: (peer: Peer) => void): Promise<void> {
    for (const peer of this.peers.values()) visit(peer)
  }

  async merge(id: PeerId, { tags = {} }: PeerData): Promise<Peer> {
    this.merges++
    const peer = this.peers.get(id.toString())
    if (peer === undefined) throw new Error('not there')
    for (const [tag, options] of Object.entries(tags)) {
      if (options === undefined) peer.tags.delete(tag)
      else peer.tags.set(tag, { value: options.value ?? 0 })
    }
    return peer
  }

  tagsOf(index: number): Record<string, number> {
    const tags = this.peers.get(idOf(index).toString())?.tags ?? new Map()
    return Object.fromEntries([...tags].map(([tag, { value }]) => [tag, value]))
  }
}

let store: FakePeerStore
let notes: Notes

beforeEach(() => {
  store = new FakePeerStore()
  notes = new Notes()
  for (let i = 0; i < ids.length; i++) store.add(i, [])
})

const make = (protocol = PROTOCOL): Tags => new Tags({ peerStore: store, protocol, log: notes.log })

const nobody = (): boolean => false

describe('members', () => {
  test('are tagged, the near ones more, and lose what they lose', async () => {
    const tags = make()
    await tags.update([member(0), member(1, true)])
    expect(store.tagsOf(0)).toEqual({ [KAD_PEER]: 1 })
    expect(store.tagsOf(1)).toEqual({ [KAD_PEER]: 1, [KAD_CLOSE]: 50 })
    await tags.update([member(0, true), member(1)])
    expect(store.tagsOf(0)).toEqual({ [KAD_PEER]: 1, [KAD_CLOSE]: 50 })
    expect(store.tagsOf(1)).toEqual({ [KAD_PEER]: 1 })
    await tags.update([])
    expect(store.tagsOf(0)).toEqual({})
    expect(store.tagsOf(1)).toEqual({})
  })

  test('that stay cost nothing', async () => {
    const tags = make()
    await tags.update([member(0), member(1, true)])
    const { merges } = store
    await tags.update([member(0), member(1, true)])
    expect(store.merges).toBe(merges)
  })

  test('keep what others tagged them with, and are not tagged to be kept alive', async () => {
    store.add(0, ['mine', 'keep-alive'])
    const tags = make()
    await tags.update([member(0, true)])
    await tags.update([])
    expect(store.tagsOf(0)).toEqual({ mine: 1, 'keep-alive': 1 })
  })

  test('of whom the peer store knows nothing spoil nothing for the others', async () => {
    store.peers.delete(idOf(0).toString())
    await make().update([member(0), member(1)])
    expect(store.tagsOf(1)).toEqual({ [KAD_PEER]: 1 })
    expect(notes.errors).toHaveLength(1)
  })

  test('of two updates at once are in the end those of the second', async () => {
    const tags = make()
    await Promise.all([tags.update([member(0)]), tags.update([member(1)])])
    expect(store.tagsOf(0)).toEqual({})
    expect(store.tagsOf(1)).toEqual({ [KAD_PEER]: 1 })
  })
})

describe('what an earlier run has left', () => {
  test('is read with its addresses, if the peer spoke the protocol', async () => {
    store.add(0, [KAD_PEER])
    store.add(1, [KAD_PEER], [LAN])
    store.add(2, [KEEP_ALIVE, KAD_CLOSE])
    const found = await make().read((name) => name === idOf(3).toString())
    expect(found.map(({ id, wasMember }) => [ids.indexOf(id), wasMember])).toEqual([
      [0, true],
      [2, true],
      [3, false],
    ])
    expect(found[0]?.addresses.map(String)).toEqual(['/ip4/8.8.8.8/tcp/1'])
  })

  test('stays until the table has somebody, and then only with members; nobody is kept alive', async () => {
    for (const index of [0, 1]) store.add(index, [KAD_PEER, KAD_CLOSE, KEEP_ALIVE])
    const tags = make()
    await tags.read(nobody)
    await tags.update([])
    expect(store.tagsOf(0)).toHaveProperty(KAD_PEER)
    await tags.update([member(1)])
    expect(store.tagsOf(0)).toEqual({})
    expect(store.tagsOf(1)).toEqual({ [KAD_PEER]: 1 })
  })

  test('is what the next run finds, also in the same process', async () => {
    const tags = make()
    await tags.update([member(0), member(1, true)])
    await tags.stop()
    expect(await tags.read(nobody)).toHaveLength(2)
    await tags.update([member(1)])
    expect(store.tagsOf(0)).toEqual({})
    expect(store.tagsOf(1)).toEqual({ [KAD_PEER]: 1 })
  })
})

const table = fc.subarray([0, 1, 2, 3, 4, 5]).chain((indices) =>
  fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }).map((near) => {
    return indices.map((index) => ({ index, isClose: near[index] === true }))
  }),
)
const moves = fc.array(fc.record({ which: fc.nat({ max: 1 }), table }), {
  maxLength: 8,
})

test('two instances on one peer store: a peer has the tags that one of them means', async () => {
  await fc.assert(
    fc.asyncProperty(moves, async (script) => {
      store = new FakePeerStore()
      for (let i = 0; i < ids.length; i++) store.add(i, [], [PROTOCOL, LAN])
      const both = [make(), make(LAN)]
      const now: { index: number; isClose: boolean }[][] = [[], []]
      for (const { which, table: members } of script) {
        now[which] = members
        await both[which]?.update(members.map(({ index, isClose }) => member(index, isClose)))
        for (let i = 0; i < ids.length; i++) {
          const held = now.flat().filter(({ index }) => index === i)
          expect(store.tagsOf(i)).toEqual({
            ...(held.length > 0 && { [KAD_PEER]: 1 }),
            ...(held.some(({ isClose }) => isClose) && { [KAD_CLOSE]: 50 }),
          })
        }
      }
    }),
    { numRuns: 1_000 },
  )
})
