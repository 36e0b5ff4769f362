/**
 * Lines of a trace: plain JSON that reads back to the very values. Keys and bytes are hexadecimal, lists of a message are as
 * long as they are, and what JSON has no number for is a word. A line is one of:
 * - `{node, self}`: who is traced: key, strategy, options, seed; first
 * - `{node, peer, key, ipGroup}`: who a ref stands for, before the first line that names it
 * - `{node, nowMs, bucket, seated}`: peers that its table had before the run
 * - `{node, nowMs, in}` and `{node, nowMs, out}`: what it heard, what it asked for, in order
 */
import { type Input, Message, type Output, type PeerRef } from '@kadmium/core'

/** What is traced of one node. */
export interface TraceLine {
  node: PeerRef
  self?: { key: string; strategy: string; options: Readonly<Record<string, unknown>>; seed: number }
  peer?: PeerRef
  key?: string
  ipGroup?: number
  nowMs?: number
  bucket?: number
  seated?: PeerRef[]
  in?: Record<string, unknown>
  out?: Record<string, unknown>
}

type KindsOf<Union extends { kind: string }> = Union extends { kind: infer Kind }
  ? { kind: Kind; fields: Exclude<keyof Union, 'kind'> }
  : never
type FieldsOf<Kind extends Output['kind']> = Extract<KindsOf<Output>, { kind: Kind }>['fields']

/** An outbox keeps all outputs in one shape: these are the fields that each kind has. */
const FIELDS: { readonly [Kind in Output['kind']]: readonly FieldsOf<Kind>[] } = {
  send: ['request', 'to', 'message', 'dialTimeoutMs'],
  cancelRequest: ['request', 'expired'],
  respond: ['exchange', 'message'],
  refuse: ['exchange'],
  accept: ['exchange'],
  dial: ['peer', 'timeoutMs'],
  pickKey: ['bits'],
  walkEnded: ['keyBytes', 'peers'],
  validate: ['job', 'keyBytes', 'record', 'against'],
  persistRecord: ['job', 'keyBytes', 'record', 'expiresAtMs'],
  persistProvider: ['job', 'keyBytes', 'provider', 'expiresAtMs'],
  asking: ['operation', 'peer', 'message'],
  answered: ['operation', 'peer', 'message'],
  peerFailed: ['operation', 'peer', 'reason'],
  valueFound: ['operation', 'peer', 'record'],
  providersFound: ['operation', 'peer', 'message'],
  peerFound: ['operation', 'from', 'peer'],
  closestFound: ['operation', 'message'],
  operationEnded: ['operation', 'outcome', 'stored', 'wanted'],
  forget: ['peer'],
}

/** Fields that name a peer. */
const PEERS = new Set(['peer', 'from', 'to', 'provider'])

/** An input as a line has it; `peers` is told each ref that it names and says what to write for it. */
export function inputLine(input: Input, peers: (ref: PeerRef) => PeerRef): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(input).map(([name, value]) => [name, plain(name, value, peers)]),
  )
}

/** The same of an output. */
export function outputLine(
  output: Output,
  peers: (ref: PeerRef) => PeerRef,
): Record<string, unknown> {
  const line: Record<string, unknown> = { kind: output.kind }
  const values = new Map(Object.entries(output))
  for (const name of FIELDS[output.kind]) line[name] = plain(name, values.get(name), peers)
  return line
}

/** An input of a line, with other refs. */
export function inputOf(
  line: Readonly<Record<string, unknown>>,
  peers: (ref: PeerRef) => PeerRef,
): Input {
  const input = Object.fromEntries(
    Object.entries(line).map(([name, value]) => [name, readOf(name, value, peers)]),
  )
  return input as unknown as Input
}

function plain(name: string, value: unknown, peers: (ref: PeerRef) => PeerRef): unknown {
  if (value instanceof Message) return messageLine(value, peers)
  if (value instanceof Uint32Array) return { words: keyHex(value) }
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') }
  if (typeof value !== 'number') return value
  if (PEERS.has(name)) return value < 0 ? value : peers(value)
  return Number.isFinite(value) ? value : { number: String(value) }
}

function messageLine(message: Message, peers: (ref: PeerRef) => PeerRef): unknown {
  const { type, key, keyBytes, record, closer, closerCount, providers, providerCount } = message
  return {
    type,
    key: plain('', key, peers),
    keyBytes: plain('', keyBytes, peers),
    record: plain('', record, peers),
    closer: Array.from(closer.subarray(0, closerCount), (ref) => peers(ref)),
    providers: Array.from(providers.subarray(0, providerCount), (ref) => peers(ref)),
  }
}

function readOf(name: string, value: unknown, peers: (ref: PeerRef) => PeerRef): unknown {
  if (typeof value === 'number') return PEERS.has(name) && value >= 0 ? peers(value) : value
  if (!isObject(value)) return value
  if (typeof value.words === 'string') return keyOf(value.words)
  if (typeof value.bytes === 'string') return Uint8Array.from(Buffer.from(value.bytes, 'hex'))
  if (typeof value.number === 'string') return Number(value.number)
  return name === 'message' ? messageOf(value, peers) : value
}

function messageOf(
  line: Readonly<Record<string, unknown>>,
  peers: (ref: PeerRef) => PeerRef,
): Message {
  const message = new Message()
  const of = (name: string): unknown => readOf(name, line[name], peers)
  message.clear(line.type as Message['type'])
  message.key.set(of('key') as Uint32Array)
  message.keyBytes = of('keyBytes') as Uint8Array
  message.record = of('record') as Uint8Array | null
  for (const ref of line.closer as PeerRef[]) message.addCloser(peers(ref))
  for (const ref of line.providers as PeerRef[]) message.addProvider(peers(ref))
  return message
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

/** Eight words of a key as 64 hexadecimal digits. */
export function keyHex(key: Uint32Array, at = 0): string {
  return Array.from(key.subarray(at, at + 8), (word) => word.toString(16).padStart(8, '0')).join('')
}

/** The key of such digits. */
export function keyOf(hex: string): Uint32Array {
  return Uint32Array.from({ length: 8 }, (_, i) => Number.parseInt(hex.slice(8 * i, 8 * i + 8), 16))
}
