import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { beforeAll, describe, expect, test } from 'vitest'
import { Capture } from '../test/fixtures.ts'
import type { QueryEvent } from './dht.ts'
import { Progress } from './progress.ts'
import { Tally } from './tally.ts'

let self: PeerId
let peers: PeerId[]
beforeAll(async () => {
  const id = async () => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
  self = await id()
  peers = await Promise.all([id(), id(), id()])
})

const peer = (index: number): PeerId => peers[index] as PeerId
const asked = (to: PeerId) => ({ name: 'SEND_QUERY', to }) as QueryEvent
const answered = (from: PeerId) => ({ name: 'PEER_RESPONSE', from }) as QueryEvent
const failed = (from: PeerId) => ({ name: 'QUERY_ERROR', from }) as QueryEvent

function tallyOf(...events: QueryEvent[]): Tally {
  const tally = new Tally()
  for (const event of events) tally.note(event, self)
  return tally
}

describe('a tally', () => {
  test('counts each peer once, whatever it was asked and in whatever order it is told', () => {
    const twice = tallyOf(asked(peer(0)), answered(peer(0)), asked(peer(0)), answered(peer(0)))
    expect(twice.counts()).toEqual({ asked: 1, answered: 1, failed: 0 })
    const late = tallyOf(asked(peer(0)), failed(peer(0)), asked(peer(0)), answered(peer(0)))
    expect(late.counts()).toEqual({ asked: 1, answered: 1, failed: 0 })
    const first = tallyOf(answered(peer(0)), asked(peer(0)), failed(peer(0)))
    expect(first.counts()).toEqual({ asked: 1, answered: 1, failed: 0 })
    const again = tallyOf(failed(peer(0)), asked(peer(0)), asked(peer(1)))
    expect(again.counts()).toEqual({ asked: 2, answered: 0, failed: 1 })
  })

  test('leaves out what came from our own store', () => {
    expect(tallyOf(answered(self)).counts()).toEqual({ asked: 0, answered: 0, failed: 0 })
  })
})

describe('the progress bar', () => {
  /** What a terminal was sent by `use`, with the clock at 0 and then at the milliseconds given. */
  function drawn(
    atMs: number,
    tally: Tally,
    isTTY: boolean,
    use: (bar: Progress, sink: Capture) => void,
  ): string {
    const sink = new Capture()
    sink.isTTY = isTTY
    sink.columns = 120
    let nowMs = 0
    const bar = new Progress({ sink, tally, timeoutMs: 60_000, now: () => nowMs })
    bar.start('storing')
    nowMs = atMs
    use(bar, sink)
    bar.stop()
    return sink.text
  }

  test('says what was asked, answered and failed, and how long it takes', () => {
    const tally = tallyOf(
      asked(peer(0)),
      asked(peer(1)),
      asked(peer(2)),
      answered(peer(0)),
      failed(peer(1)),
    )
    const text = drawn(2_000, tally, true, (bar) => bar.tick())
    expect(text).toMatch(/storing \[=+-+\] 1 of 3 peers answered, 1 failed, 2 of 60 s/)
  })

  test('says nothing of peers before one was asked', () => {
    const text = drawn(3_000, new Tally(), true, (bar) => bar.tick())
    expect(text).toMatch(/storing \[-+\] 3 of 60 s/)
  })

  test('is not drawn in the first two seconds, nor where there is no terminal', () => {
    expect(drawn(1_999, new Tally(), true, (bar) => bar.tick())).toBe('')
    expect(drawn(0, new Tally(), false, () => {})).toBe('')
  })

  test('is taken away for a line of the result, and leaves nothing behind', () => {
    let shown = ''
    const text = drawn(2_000, new Tally(), true, (bar, sink) => {
      bar.tick()
      shown = sink.text
      bar.around(() => sink.write('the result\n'))
    })
    const [gone, after] = text.slice(shown.length).split('the result\n')
    expect(visible(shown)).toContain('storing')
    expect(visible(shown + gone)).toBe('')
    expect(after).toBe('')
  })
})

/** What is to be seen after text with escape sequences: G moves in the line, K and J erase from there. */
function visible(text: string): string {
  let line = ''
  let column = 0
  for (const part of text.split('\x1b')) {
    const [sequence = '', parameter, letter] = /^\[\??(\d*)([a-zA-Z])/.exec(part) ?? []
    if (letter === 'G') column = Math.max(0, Number(parameter) - 1)
    if (letter === 'K' || letter === 'J') line = line.slice(0, column)
    const plain = part.slice(sequence.length)
    line = line.slice(0, column) + plain + line.slice(column + plain.length)
    column += plain.length
  }
  return line
}
