import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SlotMap } from './slot-map.ts'

test('does what a map does, also where many refs share their places', () => {
  const call = fc.record({ takes: fc.boolean(), peer: fc.nat(150) })
  fc.assert(
    fc.property(
      fc.array(call, { maxLength: 300 }),
      fc.constantFrom(1, 0x10_0000),
      (calls, apart) => {
        const room = 120
        const map = new SlotMap()
        const model = new Map<number, number>()
        for (const [i, { takes, peer }] of calls.entries()) {
          const ref = peer * apart
          if (takes) {
            map.remove(ref)
            model.delete(ref)
          } else if (!model.has(ref) && model.size < room) {
            map.add(ref, i)
            model.set(ref, i)
          }
          const other = (peer * 7) % 151
          expect(map.find(other * apart)).toBe(model.get(other * apart) ?? -1)
        }
        for (let other = 0; other <= 150; other++)
          expect(map.find(other * apart)).toBe(model.get(other * apart) ?? -1)
        map.clear()
        for (const ref of model.keys()) expect(map.find(ref)).toBe(-1)
      },
    ),
    { numRuns: 1000 },
  )
})
