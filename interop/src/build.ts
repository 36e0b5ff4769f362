/** Programs in other languages are built before they are run. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'

export type Tell = (progress: string) => void

/** What is kept of a compiler's words, characters. */
const OUTPUT_MAX = 4_000
/** A long step says so this often, ms. */
const STILL_INTERVAL_MS = 10_000

/** Whether a program can be run on this machine. */
export function isOnPath(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).error === undefined
}

/** Runs a step to its end and tells how long it takes; rejects with the end of what it said. */
export async function step(folder: string, command: readonly string[], tell: Tell): Promise<void> {
  const [program = '', ...args] = command
  const startMs = performance.now()
  const seconds = (): string => `${Math.round((performance.now() - startMs) / 1_000)} s`
  const words = command.join(' ')
  tell(words)
  const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const keep = (text: string): void => {
    output = (output + text).slice(-OUTPUT_MAX)
  }
  child.stdout.setEncoding('utf8').on('data', keep)
  child.stderr.setEncoding('utf8').on('data', keep)
  const timer = setInterval(() => tell(`${words}: ${seconds()}`), STILL_INTERVAL_MS)
  try {
    const [code, signal] = await once(child, 'close')
    if (code !== 0) throw new Error(`${words} ended with ${code ?? signal}:\n${output.trim()}`)
  } finally {
    clearInterval(timer)
  }
}
