/** The signals by which a user ends the process. */
import type { EventEmitter } from 'node:events'
import { CliError, EXIT } from './errors.ts'

/**
 * Aborted by the first SIGINT or SIGTERM, which asks for a clean end. The second one is not to be
 * discussed: it calls `exit`.
 */
export function interruptSignal(from: EventEmitter, exit: (code: number) => void): AbortSignal {
  const interrupt = new AbortController()
  const onSignal = () => {
    if (interrupt.signal.aborted) return exit(EXIT.interrupted)
    interrupt.abort(new CliError('interrupted', 'interrupted'))
  }
  from.on('SIGINT', onSignal)
  from.on('SIGTERM', onSignal)
  return interrupt.signal
}
