import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ExpiryHeap } from './expiry.ts'

class Item {
  heapAt = -1
  expiresAtMs: number
  constructor(expiresAtMs: number) {
    this.expiresAtMs = expiresAtMs
  }
}

test('the first to expire is always the first of a sorted list', () => {
  const action = fc.record({
    kind: fc.constantFrom('add', 'add', 'remove', 'move'),
    pick: fc.nat(63),
    atMs: fc.nat(20),
  })
  fc.assert(
    fc.property(fc.array(action, { maxLength: 100 }), (actions) => {
      const heap = new ExpiryHeap<Item>()
      const model: Item[] = []
      for (const { kind, pick, atMs } of actions) {
        const at = pick % Math.max(1, model.length)
        const item = model[at]
        if (kind === 'add') {
          model.push(new Item(atMs))
          heap.add(model.at(-1) as Item)
        } else if (item === undefined) continue
        else if (kind === 'remove') {
          model.splice(at, 1)
          heap.remove(item)
        } else heap.move(item, atMs)
        const firstMs = Math.min(Number.POSITIVE_INFINITY, ...model.map((each) => each.expiresAtMs))
        expect(heap.firstMs()).toBe(firstMs)
        expect(heap.first()?.expiresAtMs ?? Number.POSITIVE_INFINITY).toBe(firstMs)
        if (model.length > 0) expect(model).toContain(heap.first())
      }
      const drained: number[] = []
      for (let first = heap.first(); first !== undefined; first = heap.first()) {
        drained.push(first.expiresAtMs)
        heap.remove(first)
      }
      expect(drained).toEqual(model.map((each) => each.expiresAtMs).sort((a, b) => a - b))
    }),
    { numRuns: 1_000 },
  )
})
