/** The main process's handle on the process of one network. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ImplementationId } from '../implementations.ts'
import type { RunFigures } from '../work/figures.ts'
import type { Order, Report } from './messages.ts'

export type OnProgress = (phase: string, done: number, total: number) => void

export class NetworkProcess {
  private readonly child: ChildProcess
  private readonly onProgress: OnProgress
  private readonly gone: Promise<never>

  constructor(onProgress: OnProgress) {
    this.onProgress = onProgress
    // The same file in dist (.js) and in source (.ts).
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const file = fileURLToPath(new URL(`./worker.${extension}`, import.meta.url))
    // Its stdout goes to our stderr, so that nothing but the result is ever on stdout.
    this.child = fork(file, [], { stdio: ['ignore', 2, 2, 'ipc'] })
    this.gone = new Promise((_, reject) => {
      this.child.once('error', reject)
      this.child.once('exit', (code, signal) =>
        reject(new Error(`a network's process ended early (${signal ?? `code ${code}`})`)),
      )
    })
    // Told to whoever waits at the time; nobody may.
    this.gone.catch(() => {})
  }

  async form(id: ImplementationId, nodes: number, seed: number): Promise<void> {
    await this.ask({ type: 'form', id, nodes, seed }, 'formed')
  }

  async work(withinMs: number): Promise<RunFigures> {
    const report = await this.ask({ type: 'work', withinMs }, 'worked')
    return report.figures
  }

  /** Ends the process at once; its nodes need no farewell. */
  end(): void {
    this.child.removeAllListeners('exit')
    this.child.kill('SIGKILL')
  }

  private ask<T extends Report['type']>(
    order: Order,
    type: T,
  ): Promise<Extract<Report, { type: T }>> {
    const answer = new Promise<Extract<Report, { type: T }>>((resolve, reject) => {
      const onReport = (report: Report): void => {
        if (report.type === 'progress') {
          this.onProgress(report.phase, report.done, report.total)
          return
        }
        this.child.off('message', onReport)
        if (report.type === type) resolve(report as Extract<Report, { type: T }>)
        else if (report.type === 'failed') reject(new Error(report.message))
        else reject(new Error(`${report.type} came instead of ${type}`))
      }
      this.child.on('message', onReport)
      this.child.send(order)
    })
    return Promise.race([answer, this.gone])
  }
}
