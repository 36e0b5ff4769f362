/** The process: streams, signals and the exit code. Everything else is in `program.ts`. */
import { homedir } from 'node:os'
import { CliError, EXIT, toCliError } from './errors.ts'
import type { Io } from './io.ts'
import { Output } from './output.ts'
import { run } from './program.ts'

const interrupt = new AbortController()

const io: Io = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  home: homedir(),
  interrupt: interrupt.signal,
}

/** The first signal asks for a clean end, the second one is not to be discussed. */
function onSignal(): void {
  if (interrupt.signal.aborted) process.exit(EXIT.interrupted)
  interrupt.abort(new CliError('interrupted', 'interrupted'))
}

/** A defect that nobody caught: one line, and not the stack that Node would print. */
async function onDefect(thrown: unknown): Promise<void> {
  await new Output(io, false).failure('', toCliError(thrown))
  process.exit(EXIT.internal)
}

process.on('SIGINT', onSignal)
process.on('SIGTERM', onSignal)
process.on('uncaughtException', onDefect)
process.on('unhandledRejection', onDefect)
// A reader that went away (`| head -1`) shows as EPIPE, and is no defect.
process.stdout.on('error', () => {})
process.stderr.on('error', () => {})

process.exit(await run(process.argv.slice(2), io))
