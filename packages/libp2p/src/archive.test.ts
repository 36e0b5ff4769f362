import { NO_PEER, Nodes, PeerBook, type PeerRef } from '@kadmium/core'
import { HandClock, Notes } from '@kadmium/testkit'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { MemoryDatastore } from 'datastore-core'
import { Key } from 'interface-datastore'
import { beforeEach, describe, expect, test } from 'vitest'
import { Archive } from './archive.ts'
import { keyOf } from './bridge.ts'
import { Directory } from './directory.ts'
import { Driver } from './driver.ts'
import { passthroughMapper } from './mappers.ts'
import { Storage } from './storage.ts'

const HOUR_MS = 3_600_000
const VALIDITY_MS = 48 * HOUR_MS

const id = async (): Promise<PeerId> => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
const [self, alice, bob] = [await id(), await id(), await id()]
const ADDRESS = multiaddr('/ip4/8.8.8.8/tcp/4001')
const KEY = Uint8Array.of(0x12, 2, 7, 7)
const OTHER_KEY = Uint8Array.of(0x12, 2, 8, 8)

let datastore: MemoryDatastore
let clock: HandClock

/** One run of a node over the datastore: its core, its archive, and nothing else. */
class Run {
  readonly notes = new Notes()
  readonly told: { job: number; ok: boolean }[] = []
  readonly directory: Directory
  readonly nodes: Nodes
  readonly driver: Driver
  readonly storage: Storage
  readonly archive: Archive

  constructor() {
    const { notes } = this
    const book = new PeerBook()
    this.directory = new Directory({
      book,
      mapper: passthroughMapper,
      peerId: self,
      ownAddresses: () => [ADDRESS],
    })
    const config = { recordValidityMs: VALIDITY_MS }
    this.nodes = new Nodes({ book, selves: [this.directory.self], seed: 1, config })
    const place = { logPrefix: 'test', prefix: '/dht', validityMs: VALIDITY_MS }
    this.storage = new Storage({ datastore, logger: notes, ...place })
    this.archive = new Archive({
      peerId: self,
      storage: this.storage,
      directory: this.directory,
      nodes: this.nodes,
      clock,
      log: notes.log,
      dispatch: (arrival) => {
        if (typeof arrival !== 'function' && arrival.kind === 'persisted') this.told.push(arrival)
        else this.driver.dispatch(arrival)
      },
    })
    const nothing = (): void => {}
    this.driver = new Driver(this.nodes, clock, {
      send: nothing,
      cancelRequest: nothing,
      respond: nothing,
      conclude: nothing,
      dial: nothing,
      pickKey: nothing,
      walkEnded: nothing,
      settled: nothing,
      validate: nothing,
      event: nothing,
      failed: (error) => {
        throw error
      },
      persistRecord: (output) => this.archive.persistRecord(output),
      persistProvider: (output) => this.archive.persistProvider(output),
      forget: (peer) => {
        this.archive.forget(peer)
        this.directory.forget(peer)
      },
    })
  }

  /** The peer announces a key. */
  async announce(peer: PeerId, keyBytes = KEY, inMs = VALIDITY_MS): Promise<PeerRef> {
    const provider = this.meet(peer)
    const expiresAtMs = clock.now() + inMs
    const key = keyOf(keyBytes)
    this.driver.dispatch({ kind: 'providerLoaded', key, keyBytes, provider, expiresAtMs })
    this.persistProvider(provider, keyBytes, expiresAtMs)
    await this.storage.settled()
    return provider
  }

  persistProvider(provider: PeerRef, keyBytes: Uint8Array, expiresAtMs: number, job = 0): void {
    this.archive.persistProvider({
      kind: 'persistProvider',
      job,
      keyBytes,
      provider,
      expiresAtMs,
    })
  }

  /** A peer that was asked once, with success. */
  meet(peer: PeerId): PeerRef {
    const ref = this.directory.internId(peer)
    this.directory.addAddress(ref, ADDRESS)
    return ref
  }

  /** A peer with evidence, as an earlier run remembered it. */
  remember(peer: PeerId, successes: number): PeerRef {
    const evidence = { successes, failures: 0, rttMs: 50, rttDeviationMs: 5, dialled: true }
    this.driver.dispatch(() => ({
      kind: 'peerLoaded',
      peer: this.meet(peer),
      evidence,
      ageMs: 0,
      ipGroup: 9,
    }))
    return this.directory.find(peer)
  }

  /** Those that our core names as providers of the key. */
  providers(keyBytes = KEY): string[] {
    const { records } = this.nodes
    const names: string[] = []
    const message = { addProvider: (ref: PeerRef) => names.push(`${this.directory.peerId(ref)}`) }
    records.providers(0, clock.now(), keyOf(keyBytes), 0, message as never, NO_PEER)
    return names
  }
}

const keys = (): string[] => [...(datastore.queryKeys({}) as Generator<Key>)].map(String).sort()

beforeEach(() => {
  datastore = new MemoryDatastore()
  clock = new HandClock()
})

describe('writes', () => {
  test('of values are done and told', async () => {
    const run = new Run()
    const write = { kind: 'persistRecord', keyBytes: KEY, expiresAtMs: clock.now() } as const
    run.archive.persistRecord({ ...write, job: 4, record: Uint8Array.of(1) })
    await run.storage.settled()
    await expect.poll(() => run.told).toMatchObject([{ job: 4, ok: true }])
    expect(keys()).toHaveLength(1)
    run.archive.persistRecord({ ...write, job: 0, record: null })
    await run.storage.settled()
    expect(keys()).toEqual([])
    expect(run.told).toHaveLength(1)
  })

  test('that fail are told as such, and logged', async () => {
    const run = new Run()
    datastore.put = () => {
      throw new Error('full')
    }
    const write = { kind: 'persistRecord', keyBytes: KEY, expiresAtMs: clock.now() } as const
    run.archive.persistRecord({ ...write, job: 4, record: Uint8Array.of(1) })
    await expect.poll(() => run.told).toMatchObject([{ job: 4, ok: false }])
    expect(run.notes.errors).toHaveLength(1)
  })

  test('of a provider that is known no more are left', async () => {
    const run = new Run()
    run.persistProvider(12_345, KEY, clock.now(), 0)
    await run.storage.settled()
    expect(keys()).toEqual([])
  })
})

describe('an announcement', () => {
  test('waits for its own write', async () => {
    const run = new Run()
    run.persistProvider(run.meet(alice), KEY, clock.now() + VALIDITY_MS)
    expect(await run.archive.takeAnnounced()).toBe(true)
    expect(keys()).toHaveLength(2)
  })

  test('without a write has nothing to wait for, also after one that failed', async () => {
    const run = new Run()
    const { put } = datastore
    datastore.put = () => {
      throw new Error('full')
    }
    run.persistProvider(run.meet(alice), KEY, clock.now() + VALIDITY_MS)
    expect(await run.archive.takeAnnounced()).toBe(false)
    datastore.put = put
    expect(await run.archive.takeAnnounced()).toBe(true)
  })
})

describe('what another implementation left in the peer store', () => {
  const left = (id: PeerId, wasMember: boolean) => ({ id, addresses: [ADDRESS], wasMember })
  /** Its provider records name nobody's addresses. */
  const leaveProvider = async (name: string): Promise<void> => {
    await new Run().storage.putProvider(KEY, name, clock.now() + HOUR_MS, [])
  }

  test('where providers are reached is asked for and kept for the run after', async () => {
    for (const name of [`${alice}`, `${bob}`, `${self}`]) await leaveProvider(name)
    const asked: boolean[] = []
    const run = new Run()
    await run.archive.load(async (isWanted) => {
      asked.push(...[alice, bob, self].map((id) => isWanted(id.toString())))
      return [left(alice, false)]
    })
    expect(asked).toEqual([true, true, false])
    const later = new Run()
    await later.archive.load(async (isWanted) => {
      asked.push(...[alice, bob].map((id) => isWanted(id.toString())))
      return []
    })
    expect(asked.slice(3)).toEqual([false, true])
    for (const { directory } of [run, later]) {
      expect(directory.addresses(directory.find(alice)).map(String)).toEqual([`${ADDRESS}`])
    }
  })

  test('former members are remembered as peers that answered once', async () => {
    const run = new Run()
    await run.archive.load(async () => [left(alice, true), { ...left(bob, true), addresses: [] }])
    const ref = run.directory.find(alice)
    expect(run.nodes.routing.score(0, ref, clock.now())).toBeGreaterThan(0.5)
    expect(run.nodes.routing.isMember(0, ref)).toBe(false)
    expect(run.directory.find(bob)).toBe(NO_PEER)
  })

  test('what we wrote of a peer ourselves stands', async () => {
    const run = new Run()
    await run.archive.load(async () => [])
    run.remember(alice, 40)
    await run.archive.savePeers()
    const [later, without] = [new Run(), new Run()]
    await later.archive.load(async () => [left(alice, true)])
    await without.archive.load(async () => [])
    const scores = [later, without].map(({ nodes, directory }) =>
      nodes.routing.score(0, directory.find(alice), clock.now()),
    )
    expect(scores[0]).toBe(scores[1])
  })

  test('a peer store that can not be read costs nothing else', async () => {
    await leaveProvider(`${alice}`)
    const run = new Run()
    await run.archive.load(async () => {
      throw new Error('no disk')
    })
    expect(run.providers()).toEqual([`${alice}`])
    expect(run.notes.errors).toHaveLength(1)
  })
})

describe('what an earlier run wrote', () => {
  test('values come back', async () => {
    const run = new Run()
    await run.storage.putRecord(KEY, Uint8Array.of(5), clock.now() + HOUR_MS)
    await run.storage.putRecord(OTHER_KEY, Uint8Array.of(6), clock.now() - 1)
    const later = new Run()
    await later.archive.load(async () => [])
    await later.storage.settled()
    expect(later.nodes.records.get(0, clock.now(), keyOf(KEY), 0)).toEqual(Uint8Array.of(5))
    expect(later.nodes.records.get(0, clock.now(), keyOf(OTHER_KEY), 0)).toBeNull()
    expect(keys()).toHaveLength(1) // what has expired is gone
  })

  test('providers come back with their addresses', async () => {
    const run = new Run()
    await run.announce(alice)
    await run.announce(alice, OTHER_KEY)
    await run.announce(bob)
    const later = new Run()
    await later.archive.load(async () => [])
    expect(later.providers().sort()).toEqual([`${alice}`, `${bob}`].sort())
    expect(later.providers(OTHER_KEY)).toEqual([`${alice}`])
    for (const peer of [alice, bob]) {
      const ref = later.directory.find(peer)
      expect(later.directory.addresses(ref).map(String)).toEqual([`${ADDRESS}`])
    }
  })

  test('peers come back with what was learned of them', async () => {
    const run = new Run()
    await run.archive.load(async () => [])
    run.remember(alice, 4)
    await run.archive.savePeers()
    const later = new Run()
    await later.archive.load(async () => [])
    const ref = later.directory.find(alice)
    expect(later.nodes.routing.knows(0, ref)).toBe(true)
    expect(later.nodes.routing.score(0, ref, clock.now())).toBeGreaterThan(0.6)
    expect(later.directory.addresses(ref).map(String)).toEqual([`${ADDRESS}`])
  })

  test('is older by the time in between', async () => {
    const run = new Run()
    await run.archive.load(async () => [])
    run.remember(alice, 4)
    await run.archive.savePeers()
    clock.advance(24 * HOUR_MS)
    const later = new Run()
    await later.archive.load(async () => [])
    const [exported] = [...later.nodes.routing.exportPeers(0)]
    expect(exported?.evidence.successes).toBeCloseTo(2, 1)
  })

  test.each(['not an id', '', 'QmNothing', '1'.repeat(60)])(
    'under the name "%s" is passed over',
    async (name) => {
      const run = new Run()
      await run.storage.putProvider(KEY, name, clock.now() + HOUR_MS, [ADDRESS])
      const evidence = { successes: 1, failures: 0, rttMs: 0, rttDeviationMs: 0, dialled: true }
      const saved = { evidence, lastSeenMs: 0, ipGroup: 0, addresses: [ADDRESS.bytes] }
      await run.storage.savePeers(new Map([[name, saved]]))
      const later = new Run()
      await later.archive.load(async () => [])
      expect(later.providers()).toEqual([])
      expect([...later.nodes.routing.exportPeers(0)]).toEqual([])
    },
  )
})

describe('what we provide', () => {
  const own = (): Promise<void> =>
    new Run().storage.putProvider(KEY, `${self}`, clock.now() + HOUR_MS, [])

  test('stays in the store when it expires, and is withdrawn only by us', async () => {
    await own()
    clock.advance(2 * HOUR_MS)
    const later = new Run()
    await later.archive.load(async () => [])
    await later.storage.settled()
    expect(later.providers()).toEqual([])
    expect(keys()).toHaveLength(1)
    await later.archive.withdraw(KEY)
    expect(keys()).toEqual([])
  })

  test('is named until it is withdrawn', async () => {
    await own()
    const later = new Run()
    await later.archive.load(async () => [])
    expect(later.providers()).toEqual([`${self}`])
    await later.archive.withdraw(KEY)
    expect(later.providers()).toEqual([])
    expect(keys()).toEqual([])
    await later.archive.withdraw(OTHER_KEY)
  })

  test('has no addresses in the store, which would be old ones', async () => {
    await own()
    expect(keys().filter((key) => key.includes('kadmium'))).toEqual([])
  })
})

describe('addresses of providers', () => {
  const stored = (): string[] => keys().filter((key) => key.startsWith('/dht/kadmium/provider/'))

  test('go with the last record of the provider', async () => {
    const run = new Run()
    await run.announce(alice)
    await run.announce(alice, OTHER_KEY)
    expect(stored()).toHaveLength(1)
    const provider = run.directory.find(alice)
    run.driver.dispatch({ kind: 'withdrawProvider', key: keyOf(KEY), provider })
    await run.storage.settled()
    expect(stored()).toHaveLength(1)
    run.driver.dispatch({ kind: 'withdrawProvider', key: keyOf(OTHER_KEY), provider })
    await run.storage.settled()
    expect(keys()).toEqual([])
    expect(run.directory.find(alice)).toBe(NO_PEER)
  })

  test('stay as long as the peer is known otherwise, and go with it', async () => {
    const run = new Run()
    const provider = await run.announce(alice)
    run.nodes.book.pin(provider)
    run.driver.dispatch({ kind: 'withdrawProvider', key: keyOf(KEY), provider })
    await run.storage.settled()
    expect(stored()).toHaveLength(1)
    run.nodes.book.unpin(provider)
    run.driver.dispatch({ kind: 'wake' })
    await run.storage.settled()
    expect(keys()).toEqual([])
  })

  test('that an earlier run left without a record are cleared away', async () => {
    const run = new Run()
    await run.announce(alice)
    await run.announce(bob)
    await run.storage.putProvider(KEY, `${alice}`, 0, [])
    await run.storage.putProvider(KEY, 'nonsense', clock.now(), [ADDRESS])
    const later = new Run()
    await later.archive.load(async () => [])
    await later.storage.settled()
    expect(stored()).toEqual([`/dht/kadmium/provider/${bob}`])
    expect(later.directory.find(alice)).toBe(NO_PEER)
  })
})

describe('saving peers', () => {
  test('leaves what is in the store until that was read', async () => {
    const run = new Run()
    await run.archive.load(async () => [])
    run.remember(alice, 3)
    await run.archive.savePeers()
    const later = new Run()
    const { query } = datastore
    datastore.query = () => {
      throw new Error('broken')
    }
    await expect(later.archive.load(async () => [])).rejects.toThrow('broken')
    await later.archive.savePeers()
    datastore.query = query
    expect(datastore.has(new Key(`/dht/kadmium/peer/${alice}`))).toBe(true)
  })

  test('leaves out those without an address', async () => {
    const run = new Run()
    await run.archive.load(async () => [])
    run.remember(alice, 3)
    run.driver.dispatch(() => ({
      kind: 'peerLoaded',
      peer: run.directory.internId(bob),
      evidence: { successes: 1, failures: 0, rttMs: 1, rttDeviationMs: 1, dialled: true },
      ageMs: 0,
      ipGroup: 0,
    }))
    await run.archive.savePeers()
    expect(keys()).toEqual([`/dht/kadmium/peer/${alice}`])
  })
})
