import { HandClock, Notes } from '@kadmium/testkit'
import { MemoryDatastore } from 'datastore-core'
import type { Key } from 'interface-datastore'
import { beforeEach, describe, expect, test } from 'vitest'
import { Announcer } from './announcer.ts'
import { drain } from './routers.ts'
import { Storage } from './storage.ts'
import type { QueryEvent } from './types.ts'

const HOUR_MS = 3_600_000
const VALIDITY_MS = 48 * HOUR_MS
const KEY = Uint8Array.of(0x12, 2, 7, 7)
const EVENT = { name: 'PATH_ENDED' } as QueryEvent

let datastore: MemoryDatastore
let clock: HandClock
let notes: Notes
let storage: Storage
let announcer: Announcer

/** For how long our record in the store holds, ms; 0 where there is none. */
const leftMs = async (): Promise<number> => {
  const untilMs = await storage.providerUntilMs(KEY, 'self')
  return untilMs === 0 ? 0 : untilMs - clock.now()
}

async function* succeeds(): AsyncGenerator<QueryEvent, void, undefined> {
  yield EVENT
}

async function* fails(): AsyncGenerator<QueryEvent, void, undefined> {
  yield EVENT
  throw new Error('nobody there')
}

beforeEach(() => {
  datastore = new MemoryDatastore()
  clock = new HandClock()
  notes = new Notes()
  const place = { logPrefix: 'test', prefix: '/dht', validityMs: VALIDITY_MS }
  storage = new Storage({ datastore, logger: notes, ...place })
  announcer = new Announcer({
    self: 'self',
    storage,
    clock,
    options: { interval: HOUR_MS, validity: VALIDITY_MS },
    log: notes.log,
  })
})

describe('what is provided', () => {
  test('is due in the store before anybody is told, and holds when somebody was', async () => {
    const seen: number[] = []
    async function* query(): AsyncGenerator<QueryEvent, void, undefined> {
      seen.push(await leftMs())
      yield EVENT
      clock.advance(1_000)
    }
    await drain(announcer.provide(KEY, {}, query))
    expect(seen).toEqual([HOUR_MS])
    expect(await leftMs()).toBe(VALIDITY_MS)
  })

  test('is due where that failed, also when it held before', async () => {
    await drain(announcer.provide(KEY, {}, succeeds))
    await expect(drain(announcer.provide(KEY, {}, fails))).rejects.toThrow('nobody there')
    expect(await leftMs()).toBe(HOUR_MS)
    await expect(drain(announcer.announce(KEY, {}, fails))).rejects.toThrow('nobody there')
    expect(await leftMs()).toBe(HOUR_MS)
    await drain(announcer.announce(KEY, {}, succeeds))
    expect(await leftMs()).toBe(VALIDITY_MS)
  })

  test('is due where the caller reads no further', async () => {
    for await (const _ of announcer.provide(KEY, {}, succeeds)) break
    expect(await leftMs()).toBe(HOUR_MS)
    expect(announcer.isProviding(KEY)).toBe(false)
  })

  test('here alone holds as if it had been announced', async () => {
    await drain(announcer.provide(KEY, { useNetwork: false }, succeeds))
    expect(await leftMs()).toBe(VALIDITY_MS)
  })

  test('and withdrawn meanwhile does not come back', async () => {
    async function* query(): AsyncGenerator<QueryEvent, void, undefined> {
      await storage.putProvider(KEY, 'self', 0, [])
      yield EVENT
    }
    await drain(announcer.provide(KEY, {}, query))
    expect(await leftMs()).toBe(0)
  })

  test('is nothing for a signal that is aborted, and no more than a query for what is no key', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(drain(announcer.provide(KEY, { signal }, succeeds))).rejects.toThrow('enough')
    await drain(announcer.provide(new Uint8Array(81), {}, succeeds))
    expect([...(datastore.queryKeys({}) as Generator<Key>)]).toEqual([])
  })

  test('is being provided until the last of its calls ends', async () => {
    const both = [announcer.provide(KEY, {}, succeeds), announcer.provide(KEY, {}, succeeds)]
    for (const call of both) await call.next()
    await both[0]?.return()
    expect(announcer.isProviding(KEY)).toBe(true)
    await both[1]?.return()
    expect(announcer.isProviding(KEY)).toBe(false)
  })
})

describe('a datastore that fails', () => {
  const { put } = MemoryDatastore.prototype

  test('before: nobody is told', async () => {
    datastore.put = () => {
      throw new Error('full')
    }
    let asked = 0
    const query = (): AsyncGenerator<QueryEvent, void, undefined> => {
      asked++
      return succeeds()
    }
    const error = await drain(announcer.provide(KEY, {}, query)).catch((reason: Error) => reason)
    expect(error).toMatchObject({ name: 'QueryError', cause: { message: 'full' } })
    expect(asked).toBe(0)
    expect(notes.errors).toHaveLength(1)
  })

  test('after: it is due, and announced again', async () => {
    let puts = 0
    datastore.put = (...args) => {
      if (++puts > 1) throw new Error('full')
      return put.apply(datastore, args)
    }
    await drain(announcer.provide(KEY, {}, succeeds))
    expect(await leftMs()).toBe(HOUR_MS)
    expect(notes.errors).toHaveLength(1)
  })
})
