/** What callers get from each rival, on a network of its own kind: records are found where they were put, and so on. */
import { KEY_WORDS, type PeerRef, Random } from '@kadmium/core'
import { describe, expect, test } from 'vitest'
import { StaticNetwork } from '../../../test/static-network.ts'
import { STRATEGIES } from '../index.ts'

const NODES = 400
const RIVALS = STRATEGIES.filter(({ name }) => name !== 'kadmium')

function keyOf(stream: number): Uint32Array {
  const random = new Random(5, stream)
  return Uint32Array.from({ length: KEY_WORDS }, () => random.word())
}

function record(version: number): Uint8Array {
  return new Uint8Array([version, 1, 2, 3])
}

describe.each(RIVALS)('$name', (strategy) => {
  const network = new StaticNetwork({ nodes: NODES, deadPercent: 10, seed: 11 })
  const column = network.column(strategy)
  network.serveBy(column)
  const [a, b] = [network.liveNode(new Random(1)), network.liveNode(new Random(2))] as [
    PeerRef,
    PeerRef,
  ]

  test('a value that was put is found by another', () => {
    const put = network.run(column, a, 'putValue', keyOf(1), { record: record(7) })
    expect(put.outcome).toBe('ok')
    expect(put.stored).toBeGreaterThanOrEqual(put.wanted / 2)
    const got = network.run(column, b, 'getValue', keyOf(1), { quorum: 3 })
    expect([got.outcome, got.value]).toEqual(['ok', record(7)])
  })

  test('of two versions the newer one is found', () => {
    network.run(column, a, 'putValue', keyOf(2), { record: record(1) })
    network.run(column, b, 'putValue', keyOf(2), { record: record(2) })
    const got = network.run(column, network.liveNode(new Random(3)), 'getValue', keyOf(2))
    expect(got.value).toEqual(record(2))
  })

  test('providers are found', () => {
    const provided = network.run(column, a, 'provide', keyOf(3))
    expect(provided.outcome).toBe('ok')
    const found = network.run(column, b, 'findProviders', keyOf(3), { countMax: 1 })
    expect([found.outcome, found.providers]).toEqual(['ok', [a]])
  })

  test('a peer is found, and one that is dead is not', () => {
    const key = network.book.keys.slice(a * KEY_WORDS, (a + 1) * KEY_WORDS)
    const found = network.run(column, b, 'findPeer', key, { peer: a })
    expect([found.outcome, found.found]).toEqual(['ok', a])
  })

  test('what nobody has is not found', () => {
    expect(network.run(column, a, 'getValue', keyOf(4)).outcome).toBe('notFound')
    expect(network.run(column, a, 'findProviders', keyOf(5)).outcome).toBe('notFound')
  })

  test('a put without a record is invalid', () => {
    expect(network.run(column, a, 'putValue', keyOf(6)).outcome).toBe('invalid')
  })
})
