/** Programs as a user starts them: in a folder, with what is installed there on the path. */
import { type ChildProcess, spawn } from 'node:child_process'
import { delimiter, join } from 'node:path'

export interface Result {
  stdout: string
  stderr: string
}

export interface Options {
  cwd: string
  /** A folder whose installed commands come first on the path. */
  installed?: string
  /** More of the environment. */
  env?: Record<string, string>
}

/** A program that runs, and what it wrote so far. */
export interface Running extends Result {
  child: ChildProcess
  /** The exit code, or the signal that ended it. */
  ended: Promise<number | string>
}

/** Starts a program; a text without arguments is a line for the shell. */
export function start(command: string, args: readonly string[] | null, options: Options): Running {
  const { cwd, installed = '', env } = options
  const path = installed === '' ? '' : join(installed, 'node_modules/.bin') + delimiter
  const child = spawn(command, args ?? [], {
    cwd,
    env: { ...outerEnvironment(), ...env, PATH: path + process.env.PATH },
    shell: args === null,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that a signal reaches what the shell started.
    detached: true,
  })
  const running: Running = {
    child,
    stdout: '',
    stderr: '',
    ended: new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => resolve(code ?? signal ?? 'unknown'))
    }),
  }
  child.stdout.on('data', (bytes) => {
    running.stdout += bytes
  })
  child.stderr.on('data', (bytes) => {
    running.stderr += bytes
  })
  return running
}

/** Runs a program to its end. Throws with all that it wrote where that is not exit code 0. */
export async function run(
  command: string,
  args: readonly string[] | null,
  options: Options,
): Promise<Result> {
  const running = start(command, args, options)
  const code = await running.ended
  const line = [command, ...(args ?? [])].join(' ')
  if (code !== 0) throw new Error(`${line}: ${code}\n${running.stdout}${running.stderr}`)
  return running
}

/** Ends a program and all that it started. */
export function signal({ child }: Running, name: NodeJS.Signals): void {
  const { pid, exitCode, signalCode } = child
  if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, name)
}

/** Without what the npm around us tells its scripts: an npm in another folder is not one of them. */
function outerEnvironment(): NodeJS.ProcessEnv {
  const told = /^npm_(package_|lifecycle_|config_local_prefix$)|^INIT_CWD$|^NODE_ENV$|^VITEST/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !told.test(name)))
}
