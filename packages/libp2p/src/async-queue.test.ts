import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { AsyncQueue } from './async-queue.ts'

async function drain<T>(source: AsyncIterable<T>): Promise<T[]> {
  const values: T[] = []
  for await (const value of source) values.push(value)
  return values
}

describe('a queue', () => {
  test('hands out in order what was pushed before and while it is read', async () => {
    const queue = new AsyncQueue<number>()
    queue.push(1)
    const read = drain(queue.read(() => {}))
    queue.push(2)
    await Promise.resolve()
    queue.push(3)
    queue.end()
    expect(await read).toEqual([1, 2, 3])
  })

  test('ends with an error only after what was pushed before it', async () => {
    const queue = new AsyncQueue<number>()
    queue.push(1)
    queue.end(new Error('over'))
    queue.push(2)
    queue.end(new Error('too late'))
    const reader = queue.read(() => {})
    expect(await reader.next()).toEqual({ value: 1, done: false })
    await expect(reader.next()).rejects.toThrow('over')
    expect(await reader.next()).toEqual({ value: undefined, done: true })
  })

  test('wakes a reader that waits when it ends, with an error and without', async () => {
    for (const error of [undefined, new Error('over')]) {
      const queue = new AsyncQueue<number>()
      const read = drain(queue.read(() => {}))
      await Promise.resolve()
      queue.end(error)
      if (error === undefined) expect(await read).toEqual([])
      else await expect(read).rejects.toBe(error)
    }
  })

  test.each(['the end', 'an error', 'a break', 'an early return'])(
    'tells once of %s',
    async (way) => {
      const queue = new AsyncQueue<number>()
      const onReturn = vi.fn()
      queue.push(1)
      queue.push(2)
      const reader = queue.read(onReturn)
      if (way === 'the end') {
        queue.end()
        await drain(reader)
      } else if (way === 'an error') {
        queue.end(new Error('over'))
        await drain(reader).catch(() => {})
      } else if (way === 'a break') {
        for await (const _ of reader) break
      } else {
        await reader.next()
        await reader.return()
        await reader.return()
      }
      expect(onReturn).toHaveBeenCalledTimes(1)
    },
  )

  test('keeps nothing once it was left', async () => {
    const queue = new AsyncQueue<number>()
    queue.push(1)
    queue.push(2)
    for await (const _ of queue.read(() => {})) break
    queue.push(3)
    expect(queue.unread).toBe(0)
  })

  test('counts what is not read', async () => {
    const queue = new AsyncQueue<number>()
    queue.push(1)
    queue.push(2)
    expect(queue.unread).toBe(2)
    const reader = queue.read(() => {})
    await reader.next()
    expect(queue.unread).toBe(1)
    await reader.return()
  })

  test('loses and reorders nothing, however pushing and reading interleave', async () => {
    const steps = fc.array(fc.constantFrom('push', 'read', 'wait'), { maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(steps, async (way) => {
        const queue = new AsyncQueue<number>()
        const reader = queue.read(() => {})
        const reads: Promise<IteratorResult<number, void>>[] = []
        let pushed = 0
        for (const step of way) {
          if (step === 'push') queue.push(pushed++)
          else if (step === 'read') reads.push(reader.next())
          else await Promise.resolve()
        }
        queue.end()
        const rest = await drain(reader)
        const early = (await Promise.all(reads)).filter(({ done }) => done !== true)
        const read = [...early.map(({ value }) => value), ...rest]
        expect(read).toEqual(Array.from({ length: pushed }, (_, i) => i))
      }),
      { numRuns: 1_000 },
    )
  })
})
