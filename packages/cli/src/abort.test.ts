import { describe, expect, test } from 'vitest'
import { abortable, iterate, within } from './abort.ts'

const never = new Promise<never>(() => {})

describe('abortable', () => {
  test('gives what the promise gives, and its error', async () => {
    const { signal } = new AbortController()
    expect(await abortable(Promise.resolve(1), signal)).toBe(1)
    await expect(abortable(Promise.reject(new Error('x')), signal)).rejects.toThrow('x')
  })

  test('ends with the reason of the abort, also when that was before', async () => {
    const controller = new AbortController()
    const waiting = abortable(never, controller.signal)
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    await expect(abortable(never, controller.signal)).rejects.toThrow('enough')
  })
})

describe('iterate', () => {
  test('gives all items', async () => {
    async function* source() {
      yield* [1, 2, 3]
    }
    const items: number[] = []
    for await (const item of iterate(source(), new AbortController().signal)) items.push(item)
    expect(items).toEqual([1, 2, 3])
  })

  test('closes the source when the consumer leaves', async () => {
    let close = () => {}
    const closed = new Promise<void>((resolve) => {
      close = resolve
    })
    async function* source() {
      try {
        yield 1
      } finally {
        close()
      }
    }
    for await (const _ of iterate(source(), new AbortController().signal)) break
    await closed
  })

  test('ends with the abort, though the source is stuck', async () => {
    const controller = new AbortController()
    async function* stuck() {
      yield 1
      await never
    }
    const read = async () => {
      for await (const _ of iterate(stuck(), controller.signal))
        controller.abort(new Error('enough'))
    }
    await expect(read()).rejects.toThrow('enough')
  })
})

describe('within', () => {
  test('says whether it was done by then', async () => {
    expect(await within(Promise.resolve(), 1_000)).toBe(true)
    expect(await within(undefined, 1_000)).toBe(true)
    expect(await within(never, 1)).toBe(false)
    await expect(within(Promise.reject(new Error('x')), 1_000)).rejects.toThrow('x')
  })
})
