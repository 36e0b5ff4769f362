import fc from 'fast-check'
import { Uint8ArrayList } from 'uint8arraylist'
import { describe, expect, test } from 'vitest'
import { ByteBudget, FrameReader, frame } from './frames.ts'

const BUDGET = 1_000_000

/** All that is left of a budget. */
function left(budget: ByteBudget): number {
  let bytes = 0
  for (let step = 1 << 20; step > 0; step >>= 1) while (budget.take(step)) bytes += step
  budget.give(bytes)
  return bytes
}

function readAll(reader: FrameReader): number[][] {
  const messages: number[][] = []
  for (let bytes = reader.next(); bytes !== null; bytes = reader.next()) messages.push([...bytes])
  return messages
}

const messages = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 })

describe('a reader of frames', () => {
  test('gives the same messages however the bytes are cut', () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(messages, cuts, fc.boolean(), (sent, sizes, asList) => {
        const budget = new ByteBudget(BUDGET)
        const reader = new FrameReader(1_000, budget)
        const bytes = frame(...sent)
        const got: number[][] = []
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const chunk = bytes.subarray(at, at + (sizes[i % sizes.length] as number))
          at += chunk.length
          const [head, tail] = [chunk.subarray(0, 1), chunk.subarray(1)]
          reader.push(asList ? new Uint8ArrayList(head, tail) : chunk)
          if (i % 3 > 0) got.push(...readAll(reader))
        }
        got.push(...readAll(reader))
        expect(got).toEqual(sent.map((message) => [...message]))
        expect(reader.fault).toBeNull()
        expect(reader.unreadBytes).toBe(0)
        expect(left(budget)).toBe(BUDGET)
      }),
      { numRuns: 2_000 },
    )
  })

  test('bears any bytes, keeps no more than what came and gives all of it back', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 20 }), (chunks) => {
        const budget = new ByteBudget(BUDGET)
        const reader = new FrameReader(500, budget)
        let came = 0
        for (const chunk of chunks) {
          reader.push(chunk)
          came += chunk.length
          for (const message of readAll(reader)) expect(message.length).toBeLessThanOrEqual(500)
          expect(BUDGET - left(budget)).toBeLessThanOrEqual(1.5 * came)
          expect(reader.unreadBytes).toBeLessThanOrEqual(came)
        }
        reader.close()
        expect(left(budget)).toBe(BUDGET)
      }),
      { numRuns: 10_000 },
    )
  })

  test('gives arrays of their own, of a Buffer as well', () => {
    const chunk = Buffer.from(frame(Uint8Array.of(1, 2)))
    const reader = new FrameReader(10, new ByteBudget(BUDGET))
    reader.push(chunk)
    const message = reader.next()
    chunk.fill(9)
    expect(message).toEqual(Uint8Array.of(1, 2))
    expect(message?.buffer.byteLength).toBe(2)
  })

  test('refuses a length over the bound before the message comes, and one of five bytes', () => {
    const over = new FrameReader(300, new ByteBudget(BUDGET))
    over.push(frame(new Uint8Array(300)))
    expect(over.next()).toHaveLength(300)
    over.push(Uint8Array.of(0xad, 0x02))
    expect(over.next()).toBeNull()
    expect(over.fault).toBe('oversized')
    over.push(frame(Uint8Array.of(1)))
    expect(over.next()).toBeNull()
    const long = new FrameReader(300, new ByteBudget(BUDGET))
    long.push(Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x00))
    expect(long.next()).toBeNull()
    expect(long.fault).toBe('oversized')
  })

  test('a length alone allocates nothing', () => {
    const budget = new ByteBudget(BUDGET)
    const reader = new FrameReader(4_000_000, budget)
    reader.push(frame(new Uint8Array(3_000_000)).subarray(0, 4))
    expect(reader.next()).toBeNull()
    expect(BUDGET - left(budget)).toBe(4)
  })

  test('readers that share a budget can not go over it together', () => {
    const budget = new ByteBudget(1_000)
    const [one, other] = [new FrameReader(2_000, budget), new FrameReader(2_000, budget)]
    const half = frame(new Uint8Array(1_500)).subarray(0, 600)
    one.push(half)
    other.push(half)
    expect([one.fault, other.fault]).toEqual([null, 'budget'])
    other.close()
    one.close()
    expect(left(budget)).toBe(1_000)
  })
})

test('a frame has its length before it', () => {
  expect([...frame(Uint8Array.of(7), new Uint8Array(0))]).toEqual([1, 7, 0])
  expect([...frame(new Uint8Array(300)).subarray(0, 2)]).toEqual([0xac, 0x02])
})
