/** Whom the dialler leaves alone after a failure, and what that saves a provide. */
import { KEY_WORDS, Random } from '@kadmium/core'
import { expect, test } from 'vitest'
import { StaticNetwork } from '../../../test/static-network.ts'
import { BackOffs } from './back-offs.ts'
import { go } from './go.ts'

const ROW = 3
const PEER = 7

test('each failure in a row is followed by a longer peace, five minutes at most', () => {
  const backOffs = new BackOffs()
  expect(backOffs.holds(ROW, PEER, 0)).toBe(false)
  let nowMs = 1_000
  for (const waitMs of [5_000, 6_000, 9_000, 14_000]) {
    backOffs.dialFailed(ROW, PEER, nowMs)
    expect(backOffs.holds(ROW, PEER, nowMs + waitMs - 1)).toBe(true)
    expect(backOffs.holds(ROW, PEER, nowMs + waitMs)).toBe(false)
    expect(backOffs.holds(ROW, PEER + 1, nowMs)).toBe(false)
    expect(backOffs.holds(ROW + 1, PEER, nowMs)).toBe(false)
    nowMs += waitMs
  }
  for (let i = 0; i < 40; i++) backOffs.dialFailed(ROW, PEER, nowMs)
  expect(backOffs.holds(ROW, PEER, nowMs + 299_999)).toBe(true)
  expect(backOffs.holds(ROW, PEER, nowMs + 300_000)).toBe(false)
})

test('a connection ends it, and so does time', () => {
  const backOffs = new BackOffs()
  for (let i = 0; i < 9; i++) backOffs.dialFailed(ROW, PEER, 0)
  backOffs.reached(ROW, PEER)
  expect(backOffs.holds(ROW, PEER, 1)).toBe(false)
  for (const nowMs of [1_000, 20_000]) {
    backOffs.dialFailed(ROW, PEER, nowMs)
    expect(backOffs.holds(ROW, PEER, nowMs + 4_999)).toBe(true)
    expect(backOffs.holds(ROW, PEER, nowMs + 5_000)).toBe(false)
  }
})

test('what is over is forgotten', () => {
  const backOffs = new BackOffs()
  for (let peer = 0; peer < 100_000; peer++) backOffs.dialFailed(ROW, peer, peer * 100)
  expect(backOffs.bytes).toBeLessThan(64 * 5_000)
})

test('a record is not sent to whom the follow-up could not dial: one time-out less', () => {
  const dialFailsMs = 5_000
  const network = new StaticNetwork({ nodes: 4_000, deadPercent: 30, seed: 3, dialFailsMs })
  const column = network.column(go)
  network.serveBy(column)
  const random = new Random(4)
  let most = 0
  for (let i = 0; i < 30; i++) {
    const row = network.liveNode(random)
    const key = Uint32Array.from({ length: KEY_WORDS }, () => random.word())
    const told = network.run(column, row, 'provide', key)
    expect(told.holders.length).toBeLessThan(20)
    most = Math.max(most, told.endedAtMs - told.startedAtMs)
  }
  // The walk waits for two dials one after the other at most, and the follow-up for a third; the sends wait for none.
  expect(most).toBeGreaterThan(2 * dialFailsMs)
  expect(most).toBeLessThan(3.5 * dialFailsMs)
})
