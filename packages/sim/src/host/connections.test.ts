import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Connections, DIALLING } from './connections.ts'

const NODES = 4
const PEERS = 12

interface Known {
  row: number
  flags: number
  usedMs: number
}

const step = fc.record({
  what: fc.constantFrom('add', 'add', 'remove', 'use'),
  node: fc.integer({ min: 0, max: NODES - 1 }),
  peer: fc.integer({ min: 0, max: PEERS - 1 }),
  flags: fc.integer({ min: 0, max: 3 }),
  usedMs: fc.integer({ min: 0, max: 50 }),
})

/** All that can be asked of the connections is as in the map; `known[node]` by peer. */
function expectSame(connections: Connections, known: Map<number, Known>[]): void {
  for (const [node, peers] of known.entries()) {
    expect(connections.count(node)).toBe(peers.size)
    const listed = new Set<number>()
    for (let row = connections.first(node); row >= 0; row = connections.after(row)) {
      expect(connections.node(row)).toBe(node)
      listed.add(connections.peer(row))
    }
    expect(listed).toEqual(new Set(peers.keys()))
    for (let peer = 0; peer < PEERS; peer++)
      expect(connections.find(node, peer)).toBe(peers.get(peer)?.row ?? -1)
    const open = [...peers.values()].filter(({ flags }) => (flags & DIALLING) === 0)
    const oldest = connections.longestIdle(node)
    if (open.length === 0) expect(oldest).toBe(-1)
    else expect(connections.usedMs(oldest)).toBe(Math.min(...open.map(({ usedMs }) => usedMs)))
  }
  expect(connections.size).toBe(known.reduce((sum, { size }) => sum + size, 0))
}

test('connections are what a map for each node would hold', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const connections = new Connections(NODES)
      const known = Array.from({ length: NODES }, () => new Map<number, Known>())
      for (const { what, node, peer, flags, usedMs } of steps) {
        const peers = known[node] as Map<number, Known>
        const old = peers.get(peer)
        if (what === 'add' && old === undefined) {
          const row = connections.add(node, peer, flags, usedMs + 1, usedMs)
          peers.set(peer, { row, flags, usedMs })
          expect([connections.readyMs(row), connections.timerMs(row)]).toEqual([usedMs + 1, 0])
        } else if (what === 'remove' && old !== undefined) {
          connections.remove(old.row)
          peers.delete(peer)
        } else if (what === 'use' && old !== undefined) {
          connections.use(old.row, usedMs)
          old.usedMs = usedMs
        }
      }
      expectSame(connections, known)
    }),
    { numRuns: 1_000 },
  )
})

test('thousands are found after growth, and their rows are used again', () => {
  const connections = new Connections(100)
  for (let turn = 0; turn < 3; turn++) {
    for (let i = 0; i < 6_000; i++) connections.add(i % 100, i, 0, i, i)
    for (let i = 0; i < 6_000; i++) {
      const row = connections.find(i % 100, i)
      expect([connections.peer(row), connections.usedMs(row)]).toEqual([i, i])
    }
    expect([connections.size, connections.count(7), connections.longestIdle(7)]).toEqual([
      6_000,
      60,
      connections.find(7, 7),
    ])
    for (let i = 0; i < 6_000; i++) connections.remove(connections.find(i % 100, i))
    expect([connections.size, connections.first(3)]).toEqual([0, -1])
  }
  expect(connections.bytes).toBe(8_192 * 32 + 8_192 * 4 + 600)
})
