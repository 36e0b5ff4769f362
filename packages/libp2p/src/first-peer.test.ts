import { describe, expect, test } from 'vitest'
import { FirstPeer } from './first-peer.ts'

interface Waiting {
  firstPeer: FirstPeer
  /** What became of a wait. */
  ended: () => Promise<string>
  controller: AbortController
}

function wait(firstPeer = new FirstPeer()): Waiting {
  const controller = new AbortController()
  let state = 'waiting'
  firstPeer.until(controller.signal).then(
    () => {
      state = 'over'
    },
    (error: Error) => {
      state = error.message
    },
  )
  const ended = async (): Promise<string> => {
    for (let i = 0; i < 10; i++) await Promise.resolve()
    return state
  }
  return { firstPeer, ended, controller }
}

describe('a wait', () => {
  test('ends when a peer is met', async () => {
    const { firstPeer, ended } = wait()
    expect(await ended()).toBe('waiting')
    firstPeer.meet()
    expect(await ended()).toBe('over')
  })

  test('ends with the reason of the signal', async () => {
    const { ended, controller } = wait()
    controller.abort(new Error('enough'))
    expect(await ended()).toBe('enough')
  })

  test('ends when the run is over; the next run waits again', async () => {
    const { firstPeer, ended } = wait()
    firstPeer.meet()
    firstPeer.reset()
    expect(await ended()).toBe('over')
    expect(await wait(firstPeer).ended()).toBe('waiting')
  })

  test('does not begin for who has given up already', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(new FirstPeer().until(signal)).rejects.toThrow('enough')
  })
})
