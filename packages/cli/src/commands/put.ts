/** `kadmium put`: store a record. */
import { createReadStream } from 'node:fs'
import { publicKeyToProtobuf } from '@libp2p/crypto/keys'
import { type Command, Option } from 'commander'
import { CliError, fileReason, messageOf, usageError } from '../errors.ts'
import type { Io } from '../io.ts'
import { parseHex, parseRecordKey, type RecordKey, recordKey } from '../keys.ts'
import { type Result, runOperation, type Task } from '../operation.ts'
import { addClientOptions, type ClientOptions } from '../options.ts'
import { counted } from '../output.ts'

interface PutOptions extends ClientOptions {
  value?: string
  valueHex?: string
  pk?: boolean
}

/** A record and its key. */
interface Entry {
  key: RecordKey
  value: Uint8Array
}

/** Largest value that is worth sending, bytes: other implementations refuse larger ones (rust-libp2p). */
const VALUE_BYTES_MAX = 65_536

const EXAMPLES = `
Examples:
  $ kadmium put --pk                          this node's own public key: nothing else is needed
  $ kadmium put /pk/12D3KooW… key.bin         a public key, as libp2p protobuf
  $ kadmium put /ipns/k51… record.bin         a signed IPNS record
  $ cat record.bin | kadmium put /ipns/k51… -

The DHT keeps what can be proven: under /pk/ the public key of that peer, under /ipns/ a record signed
by it. A record lives for 48 hours on the peers nearest to its key.`

export function addPut(program: Command, io: Io): void {
  const command = program
    .command('put')
    .summary('store a record')
    .description('Store a record under a key in the network.')
    .argument('[key]', '/pk/<peer id> or /ipns/<name>')
    .argument('[file]', 'file with the value, or - for stdin')
    .option('--value <text>', 'the value as text')
    .option('--value-hex <hex>', 'the value in hexadecimal')
    .addOption(
      new Option('--pk', "publish this node's own public key").conflicts(['value', 'valueHex']),
    )
  addClientOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (key: string | undefined, file: string | undefined, options: PutOptions) => {
      const given = await givenEntry(io, key, file, options)
      const work = (task: Task) => put(task, given ?? ownKeyEntry(task))
      return runOperation(io, { command: 'put', title: 'storing', options, work })
    })
}

/** The record that the command line names; null stands for the node's own key. */
async function givenEntry(
  io: Io,
  key: string | undefined,
  file: string | undefined,
  options: PutOptions,
): Promise<Entry | null> {
  const sources = [file, options.value, options.valueHex].filter((source) => source !== undefined)
  if (options.pk === true) {
    if (key !== undefined) throw usageError('--pk takes no key: it publishes the key of this node')
    return null
  }
  if (key === undefined) throw usageError('no key given: try kadmium put --pk')
  if (sources.length !== 1) {
    throw usageError('give the value once: a file, - for stdin, --value or --value-hex')
  }
  const value = await readValue(io, file, options)
  if (value.length === 0) throw usageError('the value is empty')
  return { key: parseRecordKey(key), value }
}

async function readValue(
  io: Io,
  file: string | undefined,
  options: PutOptions,
): Promise<Uint8Array> {
  if (options.value !== undefined) return limited(new TextEncoder().encode(options.value))
  if (options.valueHex !== undefined) return limited(parseHex(options.valueHex))
  try {
    return await readAll(file === '-' ? io.stdin : createReadStream(file as string))
  } catch (error) {
    if (error instanceof CliError) throw error
    throw usageError(`can’t read ${file}: ${fileReason(error)}`)
  }
}

/** All bytes of a stream, which is left as soon as it is too long. */
async function readAll(source: AsyncIterable<Uint8Array | string>): Promise<Uint8Array> {
  // Bounded by VALUE_BYTES_MAX and one chunk.
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of source) {
    const bytes = typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk
    length += bytes.length
    chunks.push(bytes)
    if (length > VALUE_BYTES_MAX) break
  }
  return limited(new Uint8Array(Buffer.concat(chunks)))
}

function limited(value: Uint8Array): Uint8Array {
  if (value.length <= VALUE_BYTES_MAX) return value
  throw usageError(`the value has more than ${VALUE_BYTES_MAX} bytes, which other peers refuse`)
}

function ownKeyEntry(task: Task): Entry {
  const { node, privateKey } = task.session
  return { key: recordKey('pk', node.peerId), value: publicKeyToProtobuf(privateKey.publicKey) }
}

async function put(task: Task, entry: Entry): Promise<Result> {
  const { session, signal } = task
  const { key, value } = entry
  await validate(task, entry)
  let stored = 0
  for await (const event of task.watch(session.dht.put(key.bytes, value, { signal }))) {
    if (event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE') {
      // A peer says that it stored the record by sending it back.
      if (event.record !== undefined && Buffer.compare(event.record.value, value) === 0) stored++
    }
  }
  if (stored === 0) throw task.nothingFound('no peer took the record')
  return {
    fields: { key: key.text, bytes: value.length, stored },
    print: () => task.output.lines([`${key.text} stored on ${counted(stored, 'peer')}`]),
  }
}

/** Refuses what every peer would refuse, before anybody is asked. */
async function validate(task: Task, { key, value }: Entry): Promise<void> {
  const check = task.session.dht.validators[key.namespace]
  try {
    await check?.(key.bytes, value)
  } catch (error) {
    throw usageError(`not a valid record for ${key.text}: ${messageOf(error)}`)
  }
}
