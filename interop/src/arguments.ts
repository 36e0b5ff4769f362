import type { ImplementationId } from './implementations.ts'

export interface Chosen {
  readonly implementations: readonly ImplementationId[]
  readonly json: boolean
}

const ALL: readonly ImplementationId[] = ['js', 'go', 'rust']

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
