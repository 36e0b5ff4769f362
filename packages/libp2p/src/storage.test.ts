import { Notes } from '@kadmium/testkit'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { MemoryDatastore } from 'datastore-core'
import fc from 'fast-check'
import { type Datastore, Key } from 'interface-datastore'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { identity } from 'multiformats/hashes/identity'
import { sha512 } from 'multiformats/hashes/sha2'
import { beforeEach, describe, expect, test } from 'vitest'
import type { SavedPeer } from './peer-record.ts'
import { Storage } from './storage.ts'

const HOUR_MS = 3_600_000
const VALIDITY_MS = 48 * HOUR_MS
const NOW_MS = 1_800_000_000_000

const id = async (): Promise<PeerId> => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
const [alice, bob] = [await id(), await id()]
const ADDRESS = multiaddr('/ip4/8.8.8.8/tcp/4001')
const OTHER_ADDRESS = multiaddr('/ip4/9.9.9.9/tcp/4001')

async function all<T>(source: Iterable<T> | AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

/** A datastore whose writes end when, and in what order, the test wants. */
class SlowDatastore extends MemoryDatastore {
  readonly waiting: (() => void)[] = []
  held = false
  writes: string[] = []

  override async put(key: Key, value: Uint8Array): Promise<Key> {
    await this.turn()
    this.writes.push(`put ${key.name()}`)
    return super.put(key, value) as Key
  }

  override async delete(key: Key): Promise<void> {
    await this.turn()
    this.writes.push(`delete ${key.name()}`)
    super.delete(key)
  }

  /** Ends all that wait, the last first. */
  async release(): Promise<void> {
    while (this.waiting.length > 0) {
      this.waiting.pop()?.()
      await new Promise(setImmediate)
    }
  }

  private turn(): Promise<void> {
    return this.held ? new Promise((resolve) => this.waiting.push(resolve)) : Promise.resolve()
  }
}

let datastore: SlowDatastore
let notes: Notes
let storage: Storage

const open = (store: Datastore = datastore, prefix = '/dht'): Storage =>
  new Storage({
    datastore: store,
    logger: notes,
    logPrefix: 'test',
    prefix,
    validityMs: VALIDITY_MS,
  })

beforeEach(() => {
  datastore = new SlowDatastore()
  notes = new Notes()
  storage = open()
})

const keys = async (): Promise<string[]> => (await all(datastore.queryKeys({}))).map(String)

describe('values', () => {
  test('come back as they went, whatever bytes they and their keys are', async () => {
    const entry = fc.record({
      keyBytes: fc.uint8Array({ minLength: 1, maxLength: 80 }),
      value: fc.uint8Array({ minLength: 1, maxLength: 200 }),
      leftMs: fc.integer({ min: 0, max: VALIDITY_MS }),
    })
    const entries = fc.uniqueArray(entry, { maxLength: 5, selector: (e) => String(e.keyBytes) })
    await fc.assert(
      fc.asyncProperty(entries, async (values) => {
        const store = open(new MemoryDatastore())
        for (const { keyBytes, value, leftMs } of values)
          await store.putRecord(keyBytes, value, NOW_MS + leftMs)
        const found = new Map((await all(store.records())).map((e) => [String(e.keyBytes), e]))
        expect(found.size).toBe(values.length)
        for (const { keyBytes, value, leftMs } of values) {
          const stored = found.get(String(keyBytes))
          expect([...(stored?.value ?? [])]).toEqual([...value])
          expect(stored?.expiresAtMs).toBe(NOW_MS + leftMs)
        }
      }),
      { numRuns: 1_000 },
    )
    expect(notes.errors).toEqual([])
  })

  test('are replaced and deleted', async () => {
    const keyBytes = Uint8Array.of(1, 2)
    await storage.putRecord(keyBytes, Uint8Array.of(1), NOW_MS)
    await storage.putRecord(keyBytes, Uint8Array.of(2), NOW_MS + 1)
    expect((await all(storage.records())).map(({ value }) => [...value])).toEqual([[2]])
    await storage.putRecord(keyBytes, null, 0)
    expect(await keys()).toEqual([])
  })

  test('with a time between two milliseconds are there', async () => {
    await storage.putRecord(Uint8Array.of(1), Uint8Array.of(1), NOW_MS + 0.75)
    const [stored] = await all(storage.records())
    expect(stored?.expiresAtMs).toBe(NOW_MS)
  })

  test('that are torn, or lie under another key, are skipped and counted', async () => {
    await storage.putRecord(Uint8Array.of(1), Uint8Array.of(1), NOW_MS)
    const [key] = (await all(datastore.queryKeys({}))) as [Key]
    const bytes = Uint8Array.from(datastore.get(key) as Uint8Array)
    const put = (name: string, value: Uint8Array) =>
      datastore.put(new Key(`/dht/record/${name}`), value)
    await put('aebq', bytes.subarray(0, 5)) // torn
    await put('aeba', bytes) // of another key
    await put(`${key.name()}/x`, bytes) // deeper
    await put('a', new Uint8Array(0))
    expect(await all(storage.records())).toHaveLength(1)
    expect(notes.errors).toEqual([['skipped %d damaged or foreign %s', 4, 'values']])
  })

  test('that nothing but noise lies among do no harm', async () => {
    const entry = fc.tuple(fc.stringMatching(/^[a-z2-7]{0,8}$/), fc.uint8Array({ maxLength: 60 }))
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 8 }), async (noise) => {
        const store = new MemoryDatastore()
        const files = ['record', 'provider', 'provider/a', 'kadmium/peer', 'kadmium/provider']
        for (const [name, bytes] of noise) {
          for (const file of files) store.put(new Key(`/dht/${file}/${name}`), bytes)
        }
        const it = open(store)
        await all(it.records())
        await all(it.providers())
        expect(await all(it.providerAddresses())).toEqual([])
        expect(await all(it.peers())).toEqual([])
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('provider records', () => {
  const keyBytes = Uint8Array.of(0x12, 2, 7, 7)

  test('come back as they went, whatever bytes their keys are', async () => {
    const entry = fc.record({
      keyBytes: fc.uint8Array({ minLength: 1, maxLength: 80 }),
      provider: fc.constantFrom(alice, bob),
      leftMs: fc.double({ min: 0, max: VALIDITY_MS, noNaN: true }),
    })
    const entries = fc.uniqueArray(entry, {
      maxLength: 5,
      selector: (e) => `${e.keyBytes} ${e.provider}`,
    })
    await fc.assert(
      fc.asyncProperty(entries, async (records) => {
        const store = open(new MemoryDatastore())
        for (const { keyBytes, provider, leftMs } of records)
          await store.putProvider(keyBytes, provider.toString(), NOW_MS + leftMs, [])
        const found = await all(store.providers())
        const text = (e: { keyBytes: Uint8Array; provider: unknown; expiresAtMs: number }) =>
          `${e.keyBytes} ${e.provider} ${e.expiresAtMs}`
        const expected = records.map((e) => ({ ...e, expiresAtMs: Math.floor(NOW_MS + e.leftMs) }))
        expect(found.map(text).sort()).toEqual(expected.map(text).sort())
      }),
      { numRuns: 1_000 },
    )
    expect(notes.errors).toEqual([])
  })

  test('are deleted one by one', async () => {
    for (const provider of [alice, bob])
      await storage.putProvider(keyBytes, provider.toString(), NOW_MS, [])
    await storage.putProvider(keyBytes, alice.toString(), 0, [])
    const left = await all(storage.providers())
    expect(left.map(({ provider }) => provider)).toEqual([bob.toString()])
  })

  test('of another form are skipped and counted', async () => {
    await storage.putProvider(keyBytes, alice.toString(), NOW_MS, [])
    for (const name of ['x', 'a/b/c', '!/x', 'aebq/'])
      await datastore.put(new Key(`/dht/provider/${name}`, false), Uint8Array.of(1))
    await datastore.put(new Key('/dht/provider/aebq/x'), new Uint8Array(0))
    expect(await all(storage.providers())).toHaveLength(1)
    expect(notes.errors).toEqual([['skipped %d damaged or foreign %s', 5, 'provider records']])
  })

  test('are read without a look at anything else', async () => {
    await storage.putProvider(keyBytes, alice.toString(), NOW_MS, [ADDRESS])
    const forbidden = (): never => {
      throw new Error('not to be read')
    }
    datastore.get = forbidden
    datastore.has = forbidden
    expect(await all(storage.providers())).toHaveLength(1)
  })
})

describe('addresses of providers', () => {
  const put = (i: number, provider: PeerId, ...addresses: Multiaddr[]): Promise<void> =>
    storage.putProvider(Uint8Array.of(i), provider.toString(), NOW_MS, addresses)
  const found = async (): Promise<string[][]> =>
    (await all(open().providerAddresses())).map(({ provider, addresses }) => [
      provider,
      ...addresses.map(String),
    ])

  test('are stored once for all records of a provider, and again when they change', async () => {
    for (let i = 0; i < 5; i++) await put(i, alice, ADDRESS)
    const written = (): number =>
      datastore.writes.filter((write) => write === `put ${alice}`).length - records
    let records = 5
    expect(written()).toBe(1)
    expect(await found()).toEqual([[alice.toString(), String(ADDRESS)]])
    records = 6
    await put(5, alice, OTHER_ADDRESS, ADDRESS)
    expect(written()).toBe(2)
    expect(await found()).toEqual([[alice.toString(), String(OTHER_ADDRESS), String(ADDRESS)]])
  })

  test('are in the store before the record is', async () => {
    await put(1, alice, ADDRESS)
    expect(datastore.writes).toEqual([`put ${alice}`, `put ${alice}`])
    const failing = new SlowDatastore()
    failing.put = async (key, value) => {
      if (key.toString().includes('kadmium')) throw new Error('full')
      return MemoryDatastore.prototype.put.call(failing, key, value) as Key
    }
    const broken = open(failing)
    await expect(
      broken.putProvider(Uint8Array.of(1), alice.toString(), NOW_MS, [ADDRESS]),
    ).rejects.toThrow('full')
    expect(await all(broken.providers())).toEqual([])
  })

  test('are tried again after a write that failed', async () => {
    const { put: realPut } = datastore
    datastore.put = async () => {
      throw new Error('full')
    }
    await expect(put(1, alice, ADDRESS)).rejects.toThrow('full')
    datastore.put = realPut
    await put(1, alice, ADDRESS)
    expect(await found()).toEqual([[alice.toString(), String(ADDRESS)]])
  })

  test('are kept where a record comes without any', async () => {
    await put(1, alice, ADDRESS)
    await put(2, alice)
    expect(await found()).toEqual([[alice.toString(), String(ADDRESS)]])
  })

  test('go with the provider, also of an earlier run, and come back with it', async () => {
    await put(1, alice, ADDRESS)
    await put(2, bob, ADDRESS)
    await storage.forgetProvider(alice.toString())
    expect(await found()).toEqual([[bob.toString(), String(ADDRESS)]])
    const later = open()
    await later.forgetProvider(bob.toString()) // not known to have any yet
    await all(later.providerAddresses())
    await later.forgetProvider(bob.toString())
    expect(await found()).toEqual([])
    await put(3, alice, ADDRESS)
    expect(await found()).toEqual([[alice.toString(), String(ADDRESS)]])
  })
})

describe('peers', () => {
  const peer = (lastSeenMs: number): SavedPeer => ({
    evidence: { successes: 3, failures: 0, rttMs: 40, rttDeviationMs: 4, dialled: true },
    lastSeenMs,
    ipGroup: 7,
    addresses: [ADDRESS.bytes],
  })
  const seen = async (): Promise<Record<string, number>> =>
    Object.fromEntries((await all(open().peers())).map((e) => [e.name, e.lastSeenMs]))

  test('come back as they went', async () => {
    await storage.savePeers(new Map([[alice.toString(), peer(NOW_MS)]]))
    const [stored] = await all(open().peers())
    expect(stored).toMatchObject({
      ...peer(NOW_MS),
      name: alice.toString(),
      addresses: [{ bytes: ADDRESS.bytes }],
    })
  })

  test('are written where they changed, and removed where they are gone', async () => {
    const save = (entries: Record<string, number>): Promise<void> => {
      datastore.writes = []
      const peers = Object.entries(entries).map(([name, ms]) => [name, peer(ms)] as const)
      return storage.savePeers(new Map(peers))
    }
    await save({ a: 1, b: 1, c: 1 })
    expect(datastore.writes).toEqual(['put a', 'put b', 'put c'])
    await save({ a: 1, b: 2, d: 1 })
    expect(datastore.writes).toEqual(['put b', 'put d', 'delete c'])
    expect(await seen()).toEqual({ a: 1, b: 2, d: 1 })
    await save({ a: 1, b: 2, d: 1 })
    expect(datastore.writes).toEqual([])
  })

  test('of an earlier run that are gone are removed', async () => {
    await open().savePeers(
      new Map([
        ['a', peer(1)],
        ['b', peer(1)],
      ]),
    )
    await storage.savePeers(new Map([['b', peer(1)]]))
    expect(await seen()).toEqual({ b: 1 })
  })

  test('are written whole after a save that failed', async () => {
    const { put } = datastore
    await storage.savePeers(new Map([['a', peer(1)]]))
    datastore.put = async () => {
      throw new Error('full')
    }
    await expect(
      storage.savePeers(
        new Map([
          ['a', peer(2)],
          ['b', peer(2)],
        ]),
      ),
    ).rejects.toThrow()
    datastore.put = put
    await storage.savePeers(
      new Map([
        ['a', peer(2)],
        ['b', peer(2)],
      ]),
    )
    expect(await seen()).toEqual({ a: 2, b: 2 })
  })

  test('that are damaged are skipped and counted', async () => {
    await storage.savePeers(new Map([['a', peer(1)]]))
    const bytes = datastore.get(new Key('/dht/kadmium/peer/a')) as Uint8Array
    await datastore.put(new Key('/dht/kadmium/peer/b'), bytes.subarray(0, 20))
    expect(await all(storage.peers())).toHaveLength(1)
    expect(notes.errors).toEqual([
      ['skipped %d damaged or foreign %s', 1, 'entries of /dht/kadmium/peer/'],
    ])
  })

  test('lose only the addresses that can not be read', async () => {
    const saved = { ...peer(1), addresses: [Uint8Array.of(255, 255), ADDRESS.bytes] }
    await storage.savePeers(new Map([['a', saved]]))
    const [stored] = await all(storage.peers())
    expect(stored?.addresses.map(String)).toEqual([String(ADDRESS)])
  })

  test('saved twice at once are those of the second time', async () => {
    datastore.held = true
    const first = storage.savePeers(
      new Map([
        ['a', peer(1)],
        ['b', peer(1)],
      ]),
    )
    const second = storage.savePeers(new Map([['a', peer(2)]]))
    await new Promise(setImmediate)
    await datastore.release()
    await Promise.all([first, second])
    expect(await seen()).toEqual({ a: 2 })
  })
})

describe('order', () => {
  test('of writes to one key is that of the calls, however slow each is', async () => {
    datastore.held = true
    const keyBytes = Uint8Array.of(1)
    const name = alice.toString()
    const writes = [
      storage.putProvider(keyBytes, name, NOW_MS, [ADDRESS]),
      storage.putProvider(keyBytes, name, 0, []),
      storage.putRecord(keyBytes, Uint8Array.of(1), NOW_MS),
      storage.putRecord(keyBytes, Uint8Array.of(2), NOW_MS),
    ]
    await new Promise(setImmediate)
    await datastore.release()
    await Promise.all(writes)
    expect(await all(storage.providers())).toEqual([])
    expect((await all(storage.records())).map(({ value }) => [...value])).toEqual([[2]])
  })

  test('goes on behind a write that failed', async () => {
    const { put } = datastore
    datastore.put = async () => {
      throw new Error('full')
    }
    const first = storage.putRecord(Uint8Array.of(1), Uint8Array.of(1), NOW_MS)
    const second = storage.putRecord(Uint8Array.of(1), null, 0)
    await expect(first).rejects.toThrow('full')
    await second
    datastore.put = put
    await storage.putRecord(Uint8Array.of(1), Uint8Array.of(3), NOW_MS)
    expect(await all(storage.records())).toHaveLength(1)
  })

  test('is settled once all writes have ended, well or not', async () => {
    datastore.held = true
    let [settled, written] = [false, false]
    const write = storage.putRecord(Uint8Array.of(1), Uint8Array.of(1), NOW_MS).then(() => {
      written = true
    })
    const wait = storage.settled().then(() => {
      settled = true
    })
    await new Promise(setImmediate)
    expect([settled, written]).toEqual([false, false])
    await datastore.release()
    await Promise.all([wait, write])
    await open().settled()
  })
})

/** Classes of @libp2p/kad-dht, which are not exported. */
const theirs = async (path: string) =>
  await import(new URL(path, import.meta.resolve('@libp2p/kad-dht')).href)

describe('a store of @libp2p/kad-dht', () => {
  const cids = [
    CID.createV1(raw.code, identity.digest(Uint8Array.of(1, 2, 3))),
    CID.parse('bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'),
  ]

  test('has provider records that we read, and reads those that we write', async () => {
    const { Providers } = await theirs('./providers.js')
    cids.push(CID.createV1(raw.code, await sha512.digest(Uint8Array.of(1))))
    const providers = new Providers(
      { datastore, logger: notes },
      { logPrefix: 'test', datastorePrefix: '/dht' },
    )
    for (const cid of cids) {
      await providers.addProvider(cid, alice)
      await storage.putProvider(cid.multihash.bytes, bob.toString(), NOW_MS, [ADDRESS])
      const ids = (await providers.getProviders(cid)) as PeerId[]
      expect(ids.map(String).sort()).toEqual([alice, bob].map(String).sort())
    }
    const before = Date.now()
    const records = await all(storage.providers())
    expect(records).toHaveLength(6)
    for (const { keyBytes, provider, expiresAtMs } of records) {
      expect(cids.map(({ multihash }) => String(multihash.bytes))).toContain(String(keyBytes))
      if (provider === alice.toString())
        expect(Math.abs(expiresAtMs - VALIDITY_MS - before)).toBeLessThan(10_000)
      else expect(expiresAtMs).toBe(NOW_MS)
    }
    for (const cid of cids) await providers.removeProvider(cid, bob)
    expect(await all(storage.providers())).toHaveLength(3)
    for (const cid of cids) await storage.putProvider(cid.multihash.bytes, `${alice}`, 0, [])
    for (const cid of cids) expect(await providers.getProviders(cid)).toEqual([])
  })

  test('has values that we read, and reads those that we write', async () => {
    const { bufferToRecordKey, createPutRecord } = await theirs('./utils.js')
    const { ContentFetching } = await theirs('./content-fetching/index.js')
    const [theirKey, ourKey] = [Uint8Array.of(47, 120, 47, 1), Uint8Array.of(47, 120, 47, 255)]
    const value = Uint8Array.of(9, 9)
    await datastore.put(
      bufferToRecordKey('/dht/record', theirKey),
      createPutRecord(theirKey, value),
    )
    await storage.putRecord(ourKey, value, NOW_MS)
    const fetching = new ContentFetching(
      { datastore, logger: notes },
      { validators: { x: () => {} }, logPrefix: 'test', datastorePrefix: '/dht' },
    )
    const local = await fetching.getLocal(ourKey)
    expect([...local.value]).toEqual([9, 9])
    expect(local.timeReceived.getTime()).toBe(NOW_MS - VALIDITY_MS)
    const found = (await all(storage.records())).map(({ keyBytes }) => String(keyBytes))
    expect(found.sort()).toEqual([theirKey, ourKey].map(String).sort())
  })
})

test('a prefix is one, with a slash at its end and without', async () => {
  await open(datastore, '/dht/').putRecord(Uint8Array.of(1), Uint8Array.of(1), NOW_MS)
  expect(await all(storage.records())).toHaveLength(1)
})
