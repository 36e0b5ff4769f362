/**
 * One operation from start to end, the same for all commands but `node`: a client node is started,
 * enters the network, does the work, prints the result and stops. Time-out and interrupt end it at
 * any point.
 */
import { setMaxListeners } from 'node:events'
import type { Multiaddr } from '@multiformats/multiaddr'
import { abortable, iterate, within } from './abort.ts'
import { parseOwnAddress } from './addresses.ts'
import { openDataFolder } from './data-folder.ts'
import type { QueryEvent } from './dht.ts'
import { CliError, messageOf, usageError } from './errors.ts'
import type { Io } from './io.ts'
import { joinNetwork } from './join.ts'
import { chooseNetwork } from './network.ts'
import type { ClientOptions, ListenOptions } from './options.ts'
import { counted, Output } from './output.ts'
import { Progress } from './progress.ts'
import { openSession, type Session } from './session.ts'
import { Tally } from './tally.ts'

/** A node that does not stop by then is left to the end of the process. */
const STOP_TIMEOUT_MS = 5_000

export interface Operation {
  command: string
  /** What is done, in two or three words, for the progress bar. */
  title: string
  options: ClientOptions & ListenOptions
  /** Where the command listens unless told otherwise; left out, it listens nowhere. */
  defaultListen?: string
  work: (task: Task) => Promise<Result>
}

/** What came of an operation. */
export interface Result {
  /** For `--json`. */
  fields: Record<string, unknown>
  /** Prints the result for people; not called with `--json`. */
  print: () => Promise<void>
  /** What keeps the node up after the result. */
  linger?: () => Promise<void>
}

/** One operation under way: what the work of a command is given. */
export class Task {
  readonly output: Output
  readonly tally: Tally = new Tally()
  /** Aborted by the time-out and by the user. */
  readonly signal: AbortSignal
  readonly #timeout: AbortSignal
  readonly #io: Io
  readonly #progress: Progress
  #session: Session | undefined

  constructor(io: Io, options: ClientOptions) {
    const timeoutMs = options.timeout * 1000
    this.#io = io
    this.#timeout = AbortSignal.timeout(timeoutMs)
    this.signal = AbortSignal.any([io.interrupt, this.#timeout])
    // Each request of an operation listens to it.
    setMaxListeners(Number.POSITIVE_INFINITY, this.signal)
    this.output = new Output(io, options.json === true)
    this.#progress = new Progress({
      sink: io.stderr,
      tally: this.tally,
      timeoutMs,
      now: () => performance.now(),
    })
  }

  /** The node; there is one from the moment that the work begins. */
  get session(): Session {
    if (this.#session === undefined) throw new Error('the session is not open yet')
    return this.#session
  }

  /** Whether the time-out, and not the user, ended the operation. */
  get isTimedOut(): boolean {
    return this.#timeout.aborted && !this.#io.interrupt.aborted
  }

  /** Passes the events of a query on, counts them, and fails when the signal is aborted. */
  async *watch(events: AsyncIterable<QueryEvent>): AsyncGenerator<QueryEvent> {
    try {
      for await (const event of iterate(events, this.signal)) {
        this.tally.note(event, this.session.node.peerId)
        yield event
      }
    } catch (error) {
      if (!isEmptyEnd(error)) throw error
    }
  }

  /** Prints a line of the result at once, past the progress bar; nothing with `--json`. */
  print(line: string): void {
    if (!this.output.isJson) this.#progress.around(() => this.#io.stdout.write(`${line}\n`))
  }

  /** Nothing was found: because nobody answered, or because those who did have nothing. */
  nothingFound(what: string): CliError {
    const { asked, answered } = this.tally.counts()
    if (answered > 0)
      return new CliError('notFound', `${what} (${counted(answered, 'peer')} answered)`)
    const text =
      asked === 0 ? 'there was no peer to ask' : `none of ${counted(asked, 'peer')} answered`
    return new CliError('noPeers', `${text}: give other peers with --bootstrap`)
  }

  async run(operation: Operation): Promise<Result> {
    this.#progress.start('connecting')
    try {
      const session = await openClientSession(this.#io, operation)
      this.#session = session
      await abortable(joinNetwork(session, this.signal), this.signal)
      this.#progress.title = operation.title
      return await operation.work(this)
    } catch (error) {
      throw this.#endOf(error)
    } finally {
      this.#progress.stop()
    }
  }

  /** Stops the node. The result stands by then: what goes wrong here is told, and changes nothing. */
  async close(): Promise<void> {
    try {
      await within(this.#session?.stop(), STOP_TIMEOUT_MS)
    } catch (error) {
      await this.output.note(`the node did not stop cleanly: ${messageOf(error)}`)
    }
  }

  /** The reason of a failure: what aborts an operation makes many things fail in many ways. */
  #endOf(error: unknown): unknown {
    if (this.#io.interrupt.aborted) return new CliError('interrupted', 'interrupted')
    if (!this.isTimedOut) return refusal(error)
    const { asked, answered } = this.tally.counts()
    const text = asked === 0 ? '' : ` (${answered} of ${counted(asked, 'peer')} answered)`
    return new CliError('timeout', `no result in time${text}: give more with --timeout SECONDS`)
  }
}

/** Whether the service ended a query by an error that says only that nothing was found. */
function isEmptyEnd(error: unknown): boolean {
  return error instanceof Error && error.name === 'NotFoundError'
}

/** The exit codes of refusals, by how they begin. */
const EXITS = [
  ['The record', 'usage'],
  ['Our own store', 'data'],
] as const

/** What the service refuses to do, in its own words. */
function refusal(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== 'QueryError') return error
  const [first] = EXITS.filter(([begin]) => error.message.startsWith(begin))
  const exit = first === undefined ? 'noPeers' : first[1]
  return new CliError(exit, messageOf(error), { cause: error })
}

/** Runs an operation and prints its result. */
export async function runOperation(io: Io, operation: Operation): Promise<void> {
  const startedAt = performance.now()
  const { command, options } = operation
  const task = new Task(io, options)
  try {
    const result = await task.run(operation)
    if (!task.output.isJson) await result.print()
    const peers = task.tally.counts()
    const elapsedMs = Math.round(performance.now() - startedAt)
    const end = { command, ok: true, exitCode: 0, ...result.fields, peers, elapsedMs }
    await task.output.json(end)
    await result.linger?.()
  } finally {
    await task.close()
  }
}

async function openClientSession(io: Io, operation: Operation): Promise<Session> {
  const { options } = operation
  const given = (options.listen ?? []).map(parseOwnAddress)
  const announce = (options.announce ?? []).map(parseOwnAddress)
  const network = chooseNetwork(options, given, io)
  if (network.bootstrap.length === 0 && options.data === undefined) {
    const where = `the network '${network.name}' has no peers known to all`
    throw usageError(`${where}: name one with --bootstrap or KADMIUM_BOOTSTRAP`)
  }
  const data = options.data === undefined ? null : await openDataFolder(options.data)
  const listen = given.length > 0 ? given : defaultListen(operation)
  return openSession({ network, mode: 'client', listen, announce, data })
}

function defaultListen(operation: Operation): Multiaddr[] {
  return operation.defaultListen === undefined ? [] : [parseOwnAddress(operation.defaultListen)]
}
