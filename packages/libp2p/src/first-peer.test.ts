import { HandClock } from '@kadmium/testkit'
import { describe, expect, test } from 'vitest'
import { FirstPeer } from './first-peer.ts'

interface Waiting {
  clock: HandClock
  firstPeer: FirstPeer
  /** What became of a wait. */
  ended: () => Promise<string>
  controller: AbortController
}

function wait(): Waiting {
  const clock = new HandClock()
  const firstPeer = new FirstPeer(clock)
  const controller = new AbortController()
  let state = 'waiting'
  firstPeer.wait(controller.signal).then(
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
  return { clock, firstPeer, ended, controller }
}

describe('a wait', () => {
  test('ends when a peer is met, and leaves no timer', async () => {
    const { clock, firstPeer, ended } = wait()
    expect(await ended()).toBe('waiting')
    firstPeer.meet()
    expect(await ended()).toBe('over')
    expect(clock.timerCount).toBe(0)
  })

  test('ends after ten seconds all the same', async () => {
    const { clock, ended } = wait()
    clock.advance(9_999)
    expect(await ended()).toBe('waiting')
    clock.advance(1)
    expect(await ended()).toBe('over')
  })

  test('ends with the reason of the signal, and leaves no timer', async () => {
    const { clock, ended, controller } = wait()
    controller.abort(new Error('enough'))
    expect(await ended()).toBe('enough')
    expect(clock.timerCount).toBe(0)
  })

  test('ends when the run is over; the next run waits again', async () => {
    const { firstPeer, ended } = wait()
    firstPeer.meet()
    firstPeer.reset()
    expect(await ended()).toBe('over')
    let again = false
    void firstPeer.wait(undefined).then(() => {
      again = true
    })
    for (let i = 0; i < 10; i++) await Promise.resolve()
    expect(again).toBe(false)
  })

  test('does not begin for who has given up already', async () => {
    const firstPeer = new FirstPeer(new HandClock())
    await expect(firstPeer.wait(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
  })
})
