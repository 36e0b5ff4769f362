/** `kadmium get`: read a record. */
import { writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { fileReason, usageError } from '../errors.ts'
import type { Io } from '../io.ts'
import { parseRecordKey, type RecordKey } from '../keys.ts'
import { type Result, runOperation, type Task } from '../operation.ts'
import { addClientOptions, type ClientOptions } from '../options.ts'

interface GetOptions extends ClientOptions {
  out?: string
}

const EXAMPLES = `
Examples:
  $ kadmium get /pk/12D3KooW… --out key.bin
  $ kadmium get /ipns/k51… > record.bin
  $ kadmium get /pk/12D3KooW… --json     the value in base64

The value goes to stdout byte for byte; on a terminal, bytes that are no text are shown in hexadecimal.`

export function addGet(program: Command, io: Io): void {
  const command = program
    .command('get')
    .summary('read a record')
    .description('Read the record under a key from the network.')
    .argument('<key>', '/pk/<peer id> or /ipns/<name>')
    .option('-o, --out <file>', 'write the value to a file')
  addClientOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((text: string, options: GetOptions) => {
      const key = parseRecordKey(text)
      const work = (task: Task) => get(task, key, options)
      return runOperation(io, { command: 'get', title: 'reading', options, work })
    })
}

async function get(task: Task, key: RecordKey, options: GetOptions): Promise<Result> {
  const { session, signal } = task
  let value: Uint8Array | undefined
  for await (const event of task.watch(session.dht.get(key.bytes, { signal }))) {
    // The last value is the best one.
    if (event.name === 'VALUE') value = event.value
  }
  if (value === undefined) throw task.nothingFound(`nobody has a record under ${key.text}`)
  if (options.out !== undefined) await writeOut(options.out, value)
  return { fields: resultFields(key, value, options.out), print: () => print(task, value, options) }
}

function resultFields(key: RecordKey, value: Uint8Array, out?: string): Record<string, unknown> {
  const file = out === undefined ? {} : { out }
  return {
    key: key.text,
    bytes: value.length,
    value: Buffer.from(value).toString('base64'),
    ...file,
  }
}

async function print(task: Task, value: Uint8Array, options: GetOptions): Promise<void> {
  if (options.out === undefined) return task.output.value(value)
  await task.output.lines([`${value.length} bytes written to ${options.out}`])
}

async function writeOut(path: string, value: Uint8Array): Promise<void> {
  try {
    await writeFile(path, value)
  } catch (error) {
    throw usageError(`can’t write ${path}: ${fileReason(error)}`)
  }
}
