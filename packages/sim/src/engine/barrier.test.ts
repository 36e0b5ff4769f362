import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { BARRIER_WORDS, Barrier } from './barrier.ts'

const CODE = `
const { parentPort, workerData } = require('node:worker_threads')
const { url, words, counts, party, parties, turns, breaks } = workerData
import(url).then(({ Barrier }) => {
  const barrier = new Barrier(words, parties)
  let late = 0
  let turn = 1
  for (; turn <= turns; turn++) {
    counts[party] = turn
    if (turn === breaks) { barrier.break(); break }
    if (!barrier.wait()) break
    for (let i = 0; i < parties; i++) if (Atomics.load(counts, i) < turn) late++
    if (!barrier.wait()) break
  }
  parentPort.postMessage({ late, turn })
})`

interface Told {
  late: number
  turn: number
}

function begin(parties: number, turns: number, breaker = -1): Promise<Told[]> {
  const words = new Int32Array(new SharedArrayBuffer(BARRIER_WORDS * 4))
  const counts = new Int32Array(new SharedArrayBuffer(parties * 4))
  const url = new URL('./barrier.ts', import.meta.url).href
  const all = Array.from({ length: parties }, async (_, party) => {
    const breaks = party === breaker ? 20 : 0
    const workerData = { url, words, counts, party, parties, turns, breaks }
    const worker = new Worker(CODE, { eval: true, workerData })
    const [told] = (await once(worker, 'message')) as [Told]
    await worker.terminate()
    return told
  })
  return Promise.all(all)
}

test('nobody goes on before all have come, whatever the cores', async () => {
  for (const told of await begin(3, 100)) expect(told).toEqual({ late: 0, turn: 101 })
})

test('when one breaks it the others go on and know', async () => {
  const told = await begin(3, 100, 1)
  // One that was still on its way out of the wait before goes on too, and knows as well.
  for (const { turn } of told) expect([19, 20]).toContain(turn)
})

test('one alone waits for nobody', () => {
  const barrier = new Barrier(new Int32Array(new SharedArrayBuffer(BARRIER_WORDS * 4)), 1)
  expect([barrier.wait(), barrier.wait()]).toEqual([true, true])
  barrier.break()
  expect(barrier.wait()).toBe(false)
})
