/** The entry of a worker thread: one shard, window by window in step with the others. */
import { parentPort, workerData } from 'node:worker_threads'
import { Barrier } from './barrier.ts'
import { BUILT, EVENTS, NOW, STOPPED, WORDS_OF_WORKER } from './control.ts'
import { Shard, type ShardInit } from './shard.ts'

/** What a worker is started with. */
export interface WorkerStart {
  init: ShardInit
  /** Words of the barrier. */
  barrier: Int32Array
  /** `WORDS_OF_WORKER` for each worker: how far it is. */
  progress: Float64Array
}

const { init, barrier: words, progress } = workerData as WorkerStart
const barrier = new Barrier(words, init.workers)
const at = init.worker * WORDS_OF_WORKER
try {
  const trace = (line: string): void => parentPort?.postMessage({ trace: line })
  const built = (share: number): void => {
    progress[at + BUILT] = share
    if (progress[STOPPED] !== 0) throw new Error('stopped before the world was built')
  }
  const shard = new Shard(init, init.scenario.trace.length > 0 ? trace : null, built)
  let goesOn = barrier.wait()
  parentPort?.postMessage({ built: true })
  while (goesOn) {
    const isLeft = shard.advance()
    progress[at + NOW] = shard.nowMs
    progress[at + EVENTS] = shard.events
    goesOn = barrier.wait() && isLeft && progress[STOPPED] === 0
  }
  parentPort?.postMessage({ tally: shard.finish() })
} catch (error) {
  barrier.break()
  throw error
}
