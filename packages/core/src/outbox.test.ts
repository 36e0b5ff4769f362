import { key8 } from '@kadmium/testkit'
import { expect, test } from 'vitest'
import { CLOSER_MAX, Message, PROVIDERS_MAX } from './messages.ts'
import { Outbox } from './outbox.ts'

test('outputs stand in the order of asking and are gone after clear', () => {
  const outbox = new Outbox()
  outbox.accept(3)
  outbox.dial(5, 1000)
  outbox.pickKey(256)
  expect([...outbox].map((output) => output.kind)).toEqual(['accept', 'dial', 'pickKey'])
  expect(outbox.at(1)).toMatchObject({ kind: 'dial', peer: 5, timeoutMs: 1000 })
  outbox.clear()
  expect(outbox.count).toBe(0)
  expect([...outbox]).toEqual([])
})

test('a message from the pool has nothing of its last use but room', () => {
  const outbox = new Outbox()
  const first = outbox.message('getProviders')
  first.key.set(key8(0b1010_0000))
  first.keyBytes = Uint8Array.of(1)
  first.record = Uint8Array.of(2)
  first.addCloser(4)
  first.addProvider(5)
  outbox.clear()
  const again = outbox.message('ping')
  expect(again).toBe(first)
  expect(again).toMatchObject({ type: 'ping', record: null, closerCount: 0, providerCount: 0 })
  expect(again.key).toEqual(key8(0))
  expect(again.keyBytes).toHaveLength(0)
  expect(outbox.message('ping')).not.toBe(first)
})

test('the lists of a message take so many and no more', () => {
  const message = new Message()
  for (let i = 0; i < CLOSER_MAX; i++) expect(message.addCloser(i)).toBe(true)
  for (let i = 0; i < PROVIDERS_MAX; i++) expect(message.addProvider(i)).toBe(true)
  expect([message.addCloser(1), message.addProvider(1)]).toEqual([false, false])
  const copy = new Message().copy(message)
  message.clear('ping')
  expect([copy.closerCount, copy.providerCount]).toEqual([CLOSER_MAX, PROVIDERS_MAX])
  expect(copy.closer[CLOSER_MAX - 1]).toBe(CLOSER_MAX - 1)
})
