import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrameCounter } from './frame-counter.ts'

/** A frame as it stands on the wire: the length as a varint, then the body. */
function frame(body: readonly number[]): number[] {
  const length: number[] = []
  let rest = body.length
  while (rest >= 0x80) {
    length.push((rest & 0x7f) | 0x80)
    rest = Math.floor(rest / 128)
  }
  return [...length, rest, ...body]
}

/** A Kademlia message of a type; 0 is left out, as protobuf writers do. */
function message(type: number, payload: readonly number[]): number[] {
  // Field 10, length-delimited, stands for the rest of the message.
  const rest = [0x52, payload.length & 0x7f, ...payload]
  return type === 0 ? rest : [0x08, type, ...rest]
}

function typesSeen(pieces: readonly (readonly number[])[]): number[] {
  const types: number[] = []
  const counter = new FrameCounter((type) => types.push(type))
  for (const piece of pieces) counter.push(Uint8Array.from(piece))
  return types
}

test('a frame that comes byte by byte counts once, at its last byte', () => {
  const bytes = frame(message(4, [1, 2, 3]))
  const allButLast = bytes.slice(0, -1).map((byte) => [byte])
  expect(typesSeen(allButLast)).toEqual([])
  expect(typesSeen(bytes.map((byte) => [byte]))).toEqual([4])
})

test('several frames in one piece count each, with their types', () => {
  const bytes = [0, 1, 2, 3, 4, 5].flatMap((type) => frame(message(type, [9, 9])))
  expect(typesSeen([bytes])).toEqual([0, 1, 2, 3, 4, 5])
})

test('an empty frame and one of a single byte are frames', () => {
  expect(typesSeen([[...frame([]), ...frame([0x08]), ...frame(message(3, []))]])).toEqual([0, 0, 3])
})

test('a frame longer than 127 bytes has a length of two bytes', () => {
  const bytes = frame([0x08, 2, ...Array.from({ length: 400 }, () => 0xff)])
  expect(typesSeen([bytes.slice(0, 1), bytes.slice(1, 200), bytes.slice(200)])).toEqual([2])
})

test('however the bytes are cut, the same frames are counted', () => {
  const bodies = fc.array(
    fc.tuple(
      fc.integer({ min: 0, max: 5 }),
      fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 300 }),
    ),
    { maxLength: 8 },
  )
  void fc.assert(
    fc.property(
      bodies,
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
      (parts, cuts) => {
        const bytes = parts.flatMap(([type, payload]) => frame(message(type, payload)))
        const pieces: number[][] = []
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = cuts[i % cuts.length] as number
          pieces.push(bytes.slice(at, at + size))
          at += size
        }
        expect(typesSeen(pieces)).toEqual(parts.map(([type]) => type))
      },
    ),
    { numRuns: 1_000 },
  )
})
