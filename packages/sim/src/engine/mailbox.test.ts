import { expect, test } from 'vitest'
import { Mailbox } from './mailbox.ts'

function letters(box: Mailbox, window: number): number[][] {
  const found: number[][] = []
  box.take(window, (words, at, count) => found.push([...words.subarray(at, at + count)]))
  return found
}

test('letters of a window come out in order, in the next one, once', () => {
  const shared = Mailbox.create()
  const [writer, reader] = [new Mailbox(shared), new Mailbox(shared)]
  const words = Int32Array.of(9, 1, 2, 3, 9)
  writer.post(0, words, 1, 3)
  writer.post(0, words, 1, 0)
  writer.post(0, words, 0, 1)
  expect(letters(reader, 0)).toEqual([[1, 2, 3], [], [9]])
  expect(letters(reader, 0)).toEqual([])
})

test('what is written in a window is not seen by who reads the one before', () => {
  const shared = Mailbox.create()
  const [writer, reader] = [new Mailbox(shared), new Mailbox(shared)]
  for (let window = 0; window < 10; window++) {
    writer.post(window, Int32Array.of(window), 0, 1)
    expect(letters(reader, window - 1)).toEqual(window === 0 ? [] : [[window - 1]])
  }
})

test('a half grows under both sides', () => {
  const shared = Mailbox.create()
  const [writer, reader] = [new Mailbox(shared), new Mailbox(shared)]
  const letter = Int32Array.from({ length: 1_000 }, (_, i) => i)
  for (const count of [1, 100, 3_000]) {
    for (let i = 0; i < count; i++) {
      letter[0] = i
      writer.post(4, letter, 0, letter.length)
    }
    let seen = 0
    reader.take(4, (words, at, length) => {
      expect(words[at]).toBe(seen++)
      expect([length, words[at + 999]]).toEqual([1_000, 999])
    })
    expect(seen).toBe(count)
  }
})

test('more than a half can ever hold is an error that says what helps', () => {
  const box = new Mailbox(Mailbox.create())
  expect(() => box.post(0, new Int32Array(0), 0, 1 << 26)).toThrow(/fewer threads/)
})
