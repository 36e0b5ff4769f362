import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { interruptSignal } from './signals.ts'

test.each([
  ['SIGINT', 'SIGINT'],
  ['SIGTERM', 'SIGTERM'],
  ['SIGINT', 'SIGTERM'],
])('%s asks for an end, and then %s makes one', (first, second) => {
  const process = new EventEmitter()
  const exits: number[] = []
  const interrupt = interruptSignal(process, (code) => exits.push(code))
  expect(interrupt.aborted).toBe(false)
  process.emit(first)
  expect(interrupt.aborted).toBe(true)
  expect(exits).toEqual([])
  process.emit(second)
  expect(exits).toEqual([130])
})
