import type { ImplementationId } from './implementations.ts'

export interface Chosen {
  readonly implementations: readonly ImplementationId[]
  readonly json: boolean
}

const ALL: readonly ImplementationId[] = ['js', 'go', 'rust']

/** What `--help` prints. */
export const USAGE: string = `npm run interop [-- [${ALL.join('] [')}] [--json]]

Tests Kadmium live with the named implementations, by default with all that this machine can build and run.
Prints a table of who was tested in which direction; with --json its last line is all of it as JSON.
Exit code 1: something failed; 2: the arguments are wrong.`

/** What was asked for, or in a line what is wrong with it. */
export function parseArguments(args: readonly string[]): Chosen | string {
  const named: ImplementationId[] = []
  let json = false
  for (const arg of args) {
    const id = ALL.find((candidate) => candidate === arg)
    if (id !== undefined) named.push(id)
    else if (arg === '--json') json = true
    else return `interop: ${arg}? Known are ${ALL.join(', ')} and --json`
  }
  return { implementations: named.length === 0 ? ALL : named, json }
}
