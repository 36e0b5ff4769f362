/** The command as a process of its own, built and started as a user starts it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Capture, lineOf } from './fixtures.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

export const BIN: string = fileURLToPath(new URL('../bin/kadmium.js', import.meta.url))

/** Brings `dist` up to date with the sources. */
export function build(): void {
  const tsc = `${ROOT}node_modules/typescript/bin/tsc`
  spawnSync(process.execPath, [tsc, '-b', 'packages/cli'], { cwd: ROOT })
  if (!existsSync(`${ROOT}packages/cli/dist/main.js`)) throw new Error('the build failed')
}

export interface Running {
  child: ChildProcess
  stdout: Capture
  stderr: Capture
  /** The exit code, or the name of the signal that ended it. */
  ended: Promise<number | string>
}

/** Processes that were started and not yet seen to end. Bounded by one test file. */
const alive = new Set<ChildProcess>()

/** Starts `node BIN args`, or with `nodeArgs` before the file. */
export function spawnCli(
  args: readonly string[],
  bin: string = BIN,
  nodeArgs: string[] = [],
): Running {
  const { KADMIUM_BOOTSTRAP: _, ...env } = process.env
  const child = spawn(process.execPath, [...nodeArgs, bin, ...args], { env })
  alive.add(child)
  const [stdout, stderr] = [new Capture(), new Capture()]
  child.stdout.pipe(stdout)
  child.stderr.pipe(stderr)
  const ended = new Promise<number | string>((resolve) => {
    child.on('close', (code, signal) => {
      alive.delete(child)
      resolve(code ?? signal ?? 'unknown')
    })
  })
  return { child, stdout, stderr, ended }
}

/** Ends what a failed test left behind. */
export function killAll(): void {
  for (const child of alive) child.kill('SIGKILL')
}

/** What a node said when it began to listen. */
export async function listening(
  node: Running,
): Promise<{ peerId: string; addresses: string[]; mode: string }> {
  return JSON.parse(await lineOf(node, /"listening"/))
}
