/**
 * The bar of a simulation: what runs, how far it is, simulated time, events a second and memory; while a world is built, how
 * much of it stands. On stderr, and gone at the end.
 */
import type { Progress } from '@kadmium/sim'
import cliProgress from 'cli-progress'
import type { Sink } from '../io.ts'
import { duration, short } from './table.ts'

/** Least time between two drawings, ms. */
const DRAW_MS = 100

/** Columns that the line needs besides the bar and the titles. */
const TEXT_COLUMNS = 62

const FORMAT = '{title} [{bar}] {share}  {work}, {memory}, {elapsed}'

export class SimProgress {
  readonly #sink: Sink
  readonly #now: () => number
  #bar: cliProgress.SingleBar | undefined
  #drawnAtMs = Number.NEGATIVE_INFINITY
  #startedAtMs: number

  /** `now`: ms on a clock that never goes back. */
  constructor(sink: Sink, now: () => number) {
    this.#sink = sink
    this.#now = now
    this.#startedAtMs = now()
  }

  /** Draws, where there is a terminal to draw on. */
  show(progress: Progress): void {
    const nowMs = this.#now()
    if (this.#sink.isTTY !== true || nowMs - this.#drawnAtMs < DRAW_MS) return
    this.#drawnAtMs = nowMs
    const { strategy, phase, built, simulatedSeconds, eventsPerSecond, rssBytes } = progress
    const builds = phase === 'build'
    const share = builds ? built : progress.share
    const elapsedSeconds = (nowMs - this.#startedAtMs) / 1_000
    const fields = {
      title: `${strategy} ${phase}`,
      share: `${Math.floor(share * 100)} %`.padStart(5),
      work: builds
        ? 'of the world built'
        : `${duration(simulatedSeconds)} simulated, ${short(eventsPerSecond)} events/s`,
      memory: `${short(rssBytes)}B`,
      elapsed: duration(elapsedSeconds),
    }
    this.#bar ??= this.#open(FORMAT, share, fields)
    this.#bar.update(Math.min(1, share), fields)
  }

  /** Draws how many runs of a sweep are done. */
  showRuns(done: number, all: number): void {
    if (this.#sink.isTTY !== true) return
    const share = all === 0 ? 1 : done / all
    this.#drawnAtMs = Number.NEGATIVE_INFINITY
    this.#bar ??= this.#open('sweep [{bar}] {runs}', 0, { runs: '' })
    this.#bar.update(share, { runs: `${done} of ${all} runs` })
  }

  stop(): void {
    this.#bar?.stop()
    this.#bar = undefined
  }

  #open(format: string, share: number, fields: object): cliProgress.SingleBar {
    const columns = this.#sink.columns ?? 80
    const bar = new cliProgress.SingleBar({
      stream: this.#sink,
      format,
      barCompleteChar: '=',
      barIncompleteChar: '-',
      barsize: Math.max(5, Math.min(30, columns - TEXT_COLUMNS - 20)),
      clearOnComplete: true,
      forceRedraw: true,
    })
    bar.start(1, share, fields)
    return bar
  }
}
