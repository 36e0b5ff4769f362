import { CLOSER_MAX, KEY_WORDS, Message } from '@kadmium/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Flights } from './flights.ts'

const TYPES = ['putValue', 'getValue', 'addProvider', 'getProviders', 'findNode', 'ping'] as const

const content = fc.record({
  type: fc.constantFrom(...TYPES),
  key: fc.array(fc.integer({ min: 0, max: 0xffff_ffff }), {
    minLength: KEY_WORDS,
    maxLength: KEY_WORDS,
  }),
  closer: fc.array(fc.nat(4_000_000), { maxLength: CLOSER_MAX }),
  providers: fc.array(fc.nat(4_000_000), { maxLength: 16 }),
})

type Content = typeof content extends fc.Arbitrary<infer Value> ? Value : never

function messageOf({ type, key, closer, providers }: Content): Message {
  const message = new Message().clear(type)
  message.key.set(key)
  for (const peer of closer) message.addCloser(peer)
  for (const peer of providers) message.addProvider(peer)
  return message
}

function contentOf({ type, key, closer, closerCount, providers, providerCount }: Message): Content {
  return {
    type,
    key: [...key],
    closer: [...closer.subarray(0, closerCount)],
    providers: [...providers.subarray(0, providerCount)],
  }
}

test('a message comes out as it went in, also through the mailbox to another worker', () => {
  fc.assert(
    fc.property(fc.array(content, { maxLength: 8 }), (contents) => {
      const [here, there] = [new Flights(), new Flights()]
      const rows = contents.map((one) => {
        const row = here.take()
        here.pack(row, messageOf(one))
        return row
      })
      const message = new Message()
      for (const [i, row] of rows.entries()) {
        const arrived = there.receive(here.words, here.at(row), here.length(row))
        for (const [flights, at] of [
          [here, row],
          [there, arrived],
        ] as const) {
          flights.unpack(at, message)
          expect(contentOf(message)).toEqual(contents[i])
        }
      }
    }),
    { numRuns: 1_000 },
  )
})

test('what is blank carries nothing of who had the row before', () => {
  const flights = new Flights()
  const row = flights.take()
  flights.pack(
    row,
    messageOf({ type: 'findNode', key: [1, 2, 3, 4, 5, 6, 7, 8], closer: [1], providers: [2] }),
  )
  flights.blank(row)
  const message = new Message()
  flights.unpack(row, message)
  expect([message.type, message.closerCount, message.providerCount]).toEqual(['ping', 0, 0])
})

test('rows are used again, and those that are not given back stay as they are', () => {
  const flights = new Flights()
  const kept = Array.from({ length: 1_000 }, (_, i) => {
    const row = flights.take()
    flights.pack(
      row,
      messageOf({ type: 'ping', key: [i, 0, 0, 0, 0, 0, 0, 0], closer: [], providers: [i] }),
    )
    return row
  })
  for (const row of kept.slice(500)) flights.release(row)
  const again = Array.from({ length: 500 }, () => flights.take())
  expect(new Set(again)).toEqual(new Set(kept.slice(500)))
  const message = new Message()
  for (const [i, row] of kept.slice(0, 500).entries()) {
    flights.unpack(row, message)
    expect([message.key[0], message.providers[0]]).toEqual([i, i])
  }
})
