import { compareDistance, Nodes, PeerBook } from '@kadmium/core'
import { HandClock, Notes } from '@kadmium/testkit'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { expect, test, vi } from 'vitest'
import { keyOf } from './bridge.ts'
import { Directory } from './directory.ts'
import { passthroughMapper } from './mappers.ts'
import { Saving } from './saving.ts'
import type { Member } from './tags.ts'

const id = async (): Promise<PeerId> => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
const self = await id()
const peers = await Promise.all(Array.from({ length: 26 }, id))

/** What is saved of a node that has met the peers, of whom the last fails. */
class Bench {
  readonly clock = new HandClock()
  readonly notes = new Notes()
  readonly updates: (readonly Member[])[] = []
  readonly saving: Saving
  saves = 0
  stopped = 0

  constructor(met: readonly PeerId[]) {
    const book = new PeerBook()
    const directory = new Directory({
      book,
      mapper: passthroughMapper,
      peerId: self,
      ownAddresses: () => [],
    })
    const nodes = new Nodes({ book, selves: [directory.self], seed: 1 })
    for (const peer of met) {
      nodes.routing.place(0, directory.internId(peer), this.clock.now(), 50, 0)
    }
    const failing = met.at(-1)
    for (let i = 0; i < 4 && failing !== undefined; i++) {
      nodes.routing.noteFailure(0, directory.internId(failing), this.clock.now(), false)
    }
    this.saving = new Saving({
      nodes,
      directory,
      archive: {
        savePeers: async () => {
          this.saves++
          if (this.saves === 1) throw new Error('full')
        },
      },
      tags: {
        update: async (members) => {
          this.updates.push(members)
        },
        stop: async () => {
          this.stopped++
        },
      },
      clock: this.clock,
      log: this.notes.log,
    })
  }
}

test('members that are not benched are tagged, the 20 nearest as close', async () => {
  const bench = new Bench(peers)
  await bench.saving.stop()
  const [members = []] = bench.updates
  const texts = (list: readonly Member[]): string[] => list.map((each) => `${each.id}`).sort()
  const sound = peers.slice(0, -1)
  expect(texts(members)).toEqual(sound.map(String).sort())
  const at = (peer: PeerId): Uint32Array => keyOf(peer.toMultihash().bytes)
  const nearest = [...sound].sort((a, b) => compareDistance(at(self), 0, at(a), 0, at(b), 0))
  const close = members.filter(({ isClose }) => isClose)
  expect(texts(close)).toEqual(nearest.slice(0, 20).map(String).sort())
})

test('every 30 s and at the end, and what fails is told and tried again', async () => {
  const bench = new Bench([])
  bench.saving.start()
  bench.clock.advance(29_999)
  expect(bench.saves).toBe(0)
  bench.clock.advance(1)
  await vi.waitFor(() => expect(bench.updates).toHaveLength(1), 10_000)
  bench.clock.advance(30_000)
  await vi.waitFor(() => expect(bench.updates).toHaveLength(2), 10_000)
  expect(bench.notes.errors).toHaveLength(1)
  await bench.saving.stop()
  expect(bench.saves).toBe(3)
  expect(bench.stopped).toBe(1)
  bench.clock.advance(100_000)
  expect(bench.saves).toBe(3)
})
