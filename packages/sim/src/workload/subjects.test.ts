import { expect, test } from 'vitest'
import * as subjects from './subjects.ts'

test('subjects of different origin are different, and so are their keys', () => {
  const { VALUE, NAME, CONTENT, storedSubject, freshSubject, bulkSubject } = subjects
  const all = ([VALUE, NAME, CONTENT] as const).flatMap((kind) =>
    [0, 1, 99, 100_000].flatMap((i) => [storedSubject(kind, i), freshSubject(kind, i)]),
  )
  all.push(bulkSubject(1, 0), bulkSubject(1, 16_383), bulkSubject(2, 0), bulkSubject(4_095, 16_383))
  expect(new Set(all).size).toBe(all.length)
  const keys = all.map((subject) => {
    const key = new Uint32Array(8)
    subjects.writeKey(1, subject, key)
    return String(key)
  })
  expect(new Set(keys).size).toBe(all.length)
  for (const subject of all) {
    expect(subjects.subjectOf(subjects.keyBytesOf(subject))).toBe(subject)
    const record = subjects.recordOf(subject, 7)
    expect([subjects.recordSubject(record), subjects.versionOf(record)]).toEqual([subject, 7])
  }
})

test('bytes that are no subject’s are recognised', () => {
  expect(subjects.subjectOf(new Uint8Array(1))).toBe(-1)
})
