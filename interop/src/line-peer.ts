/** A peer of another language: a child process that obeys the line protocol of ../README.md. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { CID } from 'multiformats/cid'
import { fromString } from 'uint8arrays/from-string'
import { toString as bytesToString } from 'uint8arrays/to-string'
import {
  type Found,
  type InteropPeer,
  LISTEN,
  OPERATION_TIMEOUT_MS,
  type PeerInit,
} from './peer.ts'

/** The longest line with its newline, bytes. */
const LINE_BYTES_MAX = 262_144
const START_TIMEOUT_MS = 30_000
/** A peer that does not end when it is told to is killed after this, ms. */
const STOP_TIMEOUT_MS = 5_000
/** What is kept of the standard error, to be told when the process ends badly, characters. */
const ERROR_TEXT_MAX = 2_000

type Line = Readonly<Record<string, unknown>>

interface Waiting {
  resolve(line: Line): void
  reject(reason: Error): void
}

/** Starts the program and waits until it listens. */
export async function startLinePeer(
  program: string,
  init: PeerInit,
  args: readonly string[] = [],
): Promise<LinePeer> {
  const flags = ['--listen', LISTEN[init.transport], '--mode', init.mode]
  const wire = ['--protocol', init.protocol, '--k', String(init.k)]
  const lines = new Lines(spawn(program, [...args, ...flags, ...wire]))
  try {
    return new LinePeer(lines, await lines.greeting)
  } catch (error) {
    await lines.stop()
    throw error
  }
}

/** The lines to and from a process: commands by id, and their answers. */
class Lines {
  readonly greeting: Promise<Line>
  private readonly child: ChildProcessWithoutNullStreams
  private readonly exited: Promise<unknown>
  /** Bounded by the commands that the tests send at once. */
  private readonly waiting = new Map<unknown, Waiting>()
  private unread = ''
  private errorText = ''
  private nextId = 1
  private ended: Error | undefined

  constructor(child: ChildProcessWithoutNullStreams) {
    this.child = child
    this.exited = once(child, 'close').catch(() => undefined)
    this.greeting = this.await('ready', START_TIMEOUT_MS)
    child.stdout.setEncoding('utf8').on('data', (text: string) => this.read(text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.errorText = (this.errorText + text).slice(-ERROR_TEXT_MAX)
    })
    child.stdin.on('error', (error) => this.end(error))
    child.on('error', (error) => this.end(error))
    child.on('close', (code, signal) => {
      this.end(new Error(`the peer ended with ${code ?? signal}: ${this.errorText.trim()}`))
    })
  }

  async command(command: string, fields: Line = {}): Promise<Line> {
    if (this.ended !== undefined) throw this.ended
    const id = this.nextId++
    const timeoutMs = OPERATION_TIMEOUT_MS
    this.child.stdin.write(`${JSON.stringify({ id, command, timeoutMs, ...fields })}\n`)
    // The peer keeps the time limit; the slack is for a peer that does not.
    const line = await this.await(id, timeoutMs + STOP_TIMEOUT_MS)
    if (line.ok !== true) throw new Error(`${command}: ${line.error}`)
    return line
  }

  /** The end of its input ends a peer; one that stays is killed. */
  async stop(): Promise<void> {
    this.child.stdin.end()
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await this.exited
    clearTimeout(timer)
  }

  private await(id: unknown, timeoutMs: number): Promise<Line> {
    const { promise, resolve, reject } = Promise.withResolvers<Line>()
    const timer = setTimeout(() => {
      this.waiting.delete(id)
      reject(new Error(`no answer within ${timeoutMs} ms`))
    }, timeoutMs)
    this.waiting.set(id, { resolve, reject })
    return promise.finally(() => clearTimeout(timer))
  }

  private read(text: string): void {
    const lines = (this.unread + text).split('\n')
    this.unread = lines.pop() ?? ''
    if (this.unread.length > LINE_BYTES_MAX) {
      this.end(new Error('the peer wrote a line that is too long'))
      this.child.kill('SIGKILL')
      return
    }
    for (const line of lines) this.hear(line)
  }

  private hear(text: string): void {
    let line: Line
    try {
      line = JSON.parse(text) as Line
    } catch {
      this.end(new Error(`the peer wrote what is no JSON: ${text.slice(0, 200)}`))
      return
    }
    const id = line.ready === true ? 'ready' : line.id
    this.waiting.get(id)?.resolve(line)
    this.waiting.delete(id)
  }

  private end(reason: Error): void {
    this.ended ??= reason
    for (const { reject } of this.waiting.values()) reject(this.ended)
    this.waiting.clear()
  }
}

class LinePeer implements InteropPeer {
  readonly peer: string
  readonly addresses: readonly string[]
  /** Name and version of the library. */
  readonly implementation: string
  private readonly lines: Lines

  constructor(lines: Lines, greeting: Line) {
    this.lines = lines
    this.peer = text(greeting.peer)
    this.addresses = texts(greeting.addresses)
    this.implementation = text(greeting.implementation)
  }

  async connect(address: string): Promise<void> {
    await this.lines.command('connect', { address })
  }

  async put(key: Uint8Array, value: Uint8Array): Promise<void> {
    await this.lines.command('put', { key: hex(key), value: hex(value) })
  }

  async get(key: Uint8Array): Promise<Uint8Array> {
    const { value } = await this.lines.command('get', { key: hex(key) })
    return fromString(text(value), 'hex')
  }

  async provide(cid: CID): Promise<void> {
    await this.lines.command('provide', { cid: cid.toString() })
  }

  async findProviders(cid: CID, count: number): Promise<readonly Found[]> {
    const { providers } = await this.lines.command('findProviders', { cid: cid.toString(), count })
    return list(providers).map((provider) => {
      const { peer, addresses } = provider as Line
      return { peer: text(peer), addresses: texts(addresses) }
    })
  }

  async findPeer(peer: string): Promise<readonly string[]> {
    return texts((await this.lines.command('findPeer', { peer })).addresses)
  }

  async closest(key: Uint8Array): Promise<readonly string[]> {
    return texts((await this.lines.command('closest', { key: hex(key) })).peers)
  }

  async tableSize(): Promise<number> {
    return (await this.table()).length
  }

  async table(): Promise<readonly string[]> {
    return texts((await this.lines.command('table')).peers)
  }

  async stored(key: Uint8Array): Promise<Uint8Array | null> {
    const { value } = await this.lines.command('stored', { key: hex(key) })
    return value === null ? null : fromString(text(value), 'hex')
  }

  async storedProviders(cid: CID): Promise<readonly string[]> {
    return texts((await this.lines.command('storedProviders', { cid: cid.toString() })).peers)
  }

  stop(): Promise<void> {
    return this.lines.stop()
  }
}

const hex = (bytes: Uint8Array): string => bytesToString(bytes, 'hex')

function text(value: unknown): string {
  if (typeof value !== 'string')
    throw new Error(`a text was expected, not ${JSON.stringify(value)}`)
  return value
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`a list was expected, not ${JSON.stringify(value)}`)
  return value
}

const texts = (value: unknown): readonly string[] => list(value).map(text)
