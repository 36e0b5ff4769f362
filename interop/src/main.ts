/**
 * `npm run interop [-- [js] [go] [rust] [--json]]`: tests Kadmium live with the named implementations, by default with
 * all. Progress goes to the standard error, the table to the standard output; with `--json` its last line is all of
 * it as JSON. The exit code is 1 when something failed, 2 when the arguments are wrong. What can't be run on this
 * machine is told and is no failure.
 */
import { parseArguments, USAGE } from './arguments.ts'
import { IMPLEMENTATIONS } from './implementations.ts'
import { hasFailed, type Row, renderJson, renderReport } from './report.ts'
import { runImplementation } from './run.ts'

const tell = (progress: string): void => {
  const clear = process.stderr.isTTY ? '\r\u001b[K' : ''
  const end = process.stderr.isTTY ? '' : '\n'
  process.stderr.write(`${clear}${progress}${end}`)
}

async function main(): Promise<number> {
  const args = process.argv.slice(2)
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`${USAGE}\n`)
    return 0
  }
  const chosen = parseArguments(args)
  if (typeof chosen === 'string') {
    process.stderr.write(`${chosen}\n`)
    return 2
  }
  const rows: Row[] = []
  for (const implementation of IMPLEMENTATIONS) {
    if (!chosen.implementations.includes(implementation.id)) continue
    rows.push(...(await runImplementation(implementation, tell)))
  }
  tell('')
  process.stdout.write(`${renderReport(rows)}\n`)
  if (chosen.json) process.stdout.write(`${renderJson(rows)}\n`)
  return hasFailed(rows) ? 1 : 0
}

process.exitCode = await main()
