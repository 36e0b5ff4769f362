/**
 * What a person sees on the terminal while an operation takes long: a bar with the peers that were
 * asked, answered and failed. It appears after two seconds, on stderr, and leaves nothing behind.
 */
import cliProgress from 'cli-progress'
import type { Sink } from './io.ts'
import { counted } from './output.ts'
import type { Tally } from './tally.ts'

/** An operation that is done by then needs no bar. */
const DELAY_MS = 2_000

const TICK_MS = 100

/** Columns that the line needs besides the bar. */
const TEXT_COLUMNS = 72

export interface ProgressInit {
  sink: Sink
  tally: Tally
  /** Time after which the operation ends in any case, milliseconds. */
  timeoutMs: number
  /** Milliseconds on a clock that never goes back. */
  now: () => number
}

export class Progress {
  /** What is done at the moment, in two or three words. */
  title = ''
  readonly #init: ProgressInit
  readonly #startedAt: number
  #timer: NodeJS.Timeout | undefined
  #bar: cliProgress.SingleBar | undefined

  constructor(init: ProgressInit) {
    this.#init = init
    this.#startedAt = init.now()
  }

  /** Begins to draw, where there is a terminal to draw on. */
  start(title: string): void {
    this.title = title
    if (this.#init.sink.isTTY !== true) return
    this.#timer = setInterval(() => this.tick(), TICK_MS)
    this.#timer.unref()
  }

  /** Draws the present state once the operation takes long. */
  tick(): void {
    const elapsedMs = this.#init.now() - this.#startedAt
    if (elapsedMs < DELAY_MS) return
    const { asked, answered, failed } = this.#init.tally.counts()
    this.#bar ??= this.#show()
    this.#bar.setTotal(Math.max(1, asked))
    this.#bar.update(answered + failed, this.#fields(elapsedMs))
  }

  /** Takes the bar away while `print` writes to the same terminal; the next tick brings it back. */
  around(print: () => void): void {
    this.#hide()
    print()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#hide()
  }

  #show(): cliProgress.SingleBar {
    const { sink } = this.#init
    const bar = new cliProgress.SingleBar({
      stream: sink,
      format: '{title} [{bar}] {peers}{time}',
      barCompleteChar: '=',
      barIncompleteChar: '-',
      barsize: Math.max(5, Math.min(30, (sink.columns ?? 80) - TEXT_COLUMNS)),
      clearOnComplete: true,
      forceRedraw: true,
    })
    bar.start(1, 0, this.#fields(this.#init.now() - this.#startedAt))
    return bar
  }

  #fields(elapsedMs: number): Record<string, string> {
    const { tally, timeoutMs } = this.#init
    const { asked, answered, failed } = tally.counts()
    const failures = failed === 0 ? '' : `, ${failed} failed`
    const peers =
      asked === 0 ? '' : `${answered} of ${counted(asked, 'peer')} answered${failures}, `
    const seconds = (ms: number) => Math.floor(ms / 1000)
    return { title: this.title, peers, time: `${seconds(elapsedMs)} of ${seconds(timeoutMs)} s` }
  }

  #hide(): void {
    this.#bar?.stop()
    this.#bar = undefined
  }
}
