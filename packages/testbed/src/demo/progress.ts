/** Progress on stderr: bars on a terminal, else a line whenever a phase begins. */
import cliProgress from 'cli-progress'

/** Shows how far one network is. */
export type ShowProgress = (phase: string, done: number, total: number) => void

export interface Progress {
  track(name: string): ShowProgress
  stop(): void
}

export function createProgress(stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? bars(stream) : lines(stream)
}

function bars(stream: NodeJS.WriteStream): Progress {
  const multi = new cliProgress.MultiBar({
    stream,
    clearOnComplete: true,
    hideCursor: true,
    format: '{name} [{bar}] {value}/{total} {phase}',
  })
  return {
    track(name) {
      const bar = multi.create(1, 0, { name: name.padEnd(16), phase: 'starting' })
      return (phase, done, total) => {
        bar.setTotal(total)
        bar.update(done, { phase })
      }
    },
    stop: () => multi.stop(),
  }
}

function lines(stream: NodeJS.WriteStream): Progress {
  return {
    track(name) {
      let last = ''
      return (phase) => {
        if (phase !== last) stream.write(`${name}: ${phase}\n`)
        last = phase
      }
    },
    stop() {},
  }
}
