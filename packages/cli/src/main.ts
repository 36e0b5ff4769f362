/** The process: streams, signals and the exit code. Everything else is in `program.ts`. */
import { homedir } from 'node:os'
import { EXIT, toCliError } from './errors.ts'
import type { Io } from './io.ts'
import { Output } from './output.ts'
import { run } from './program.ts'
import { interruptSignal } from './signals.ts'

const io: Io = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  home: homedir(),
  interrupt: interruptSignal(process, process.exit),
}

/** A defect that nobody caught: one line, and not the stack that Node would print. */
async function onDefect(thrown: unknown): Promise<void> {
  await new Output(io, false).failure('', toCliError(thrown))
  process.exit(EXIT.internal)
}

process.on('uncaughtException', onDefect)
process.on('unhandledRejection', onDefect)
// A reader that went away (`| head -1`) shows as EPIPE, and is no defect.
process.stdout.on('error', () => {})
process.stderr.on('error', () => {})

process.exit(await run(process.argv.slice(2), io))
