import type { Connection, Libp2pEvents } from '@libp2p/interface'
import { TypedEventEmitter } from 'main-event'
import { expect, test } from 'vitest'
import { Pressure } from './pressure.ts'

test('idle streams go above four fifths of the connections allowed, and when some are pruned', () => {
  const events = new TypedEventEmitter<Libp2pEvents>()
  let connections = 80
  let released = 0
  const pressure = new Pressure({
    events,
    connectionManager: {
      getConnections: () => new Array<Connection>(connections),
      getMaxConnections: () => 100,
    },
    releaseIdle: () => {
      released++
    },
  })
  const open = (): boolean => events.dispatchEvent(new CustomEvent('connection:open'))
  open()
  pressure.start()
  open()
  expect(released).toBe(0)
  connections = 81
  open()
  expect(released).toBe(1)
  events.dispatchEvent(new CustomEvent('connection:prune'))
  expect(released).toBe(2)
  pressure.stop()
  open()
  events.dispatchEvent(new CustomEvent('connection:prune'))
  expect(released).toBe(2)
})
