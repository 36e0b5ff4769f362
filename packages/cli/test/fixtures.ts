/** A terminal made of buffers, and nodes on loopback, for the tests of the command. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { parseOwnAddress } from '../src/addresses.ts'
import type { Io } from '../src/io.ts'
import { joinNetwork } from '../src/join.ts'
import { chooseNetwork } from '../src/network.ts'
import { run } from '../src/program.ts'
import { openSession, type Session } from '../src/session.ts'
import type { Simulate } from '../src/sim/options.ts'

/** A stream that keeps what is written to it. */
export class Capture extends Writable {
  isTTY?: boolean
  columns?: number
  readonly #chunks: Buffer[] = []
  #onWrite: () => void = () => {}

  override _write(chunk: Buffer | string, _: unknown, done: () => void): void {
    this.#chunks.push(Buffer.from(chunk))
    done()
    this.#onWrite()
  }

  /** The first line that `pattern` matches, as soon as it was written. */
  line(pattern: RegExp): Promise<string> {
    return new Promise((resolve) => {
      this.#onWrite = () => {
        const line = this.text
          .split('\n')
          .slice(0, -1)
          .find((each) => pattern.test(each))
        if (line !== undefined) resolve(line)
      }
      this.#onWrite()
    })
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  get text(): string {
    return this.bytes.toString('utf8')
  }

  get lines(): string[] {
    return this.text.split('\n').filter((line) => line !== '')
  }
}

export interface TestIo extends Io {
  stdout: Capture
  stderr: Capture
}

export interface TestIoInit {
  env?: Record<string, string>
  stdin?: readonly (Uint8Array | string)[]
  /** Whether stdout is a terminal. */
  isTTY?: boolean
  home?: string
  interrupt?: AbortSignal
  /** Takes the place of the simulator. */
  simulate?: Simulate
}

export function testIo(init: TestIoInit = {}): TestIo {
  const stdout = new Capture()
  if (init.isTTY === true) stdout.isTTY = true
  return {
    stdin: (async function* () {
      yield* init.stdin ?? []
    })(),
    stdout,
    stderr: new Capture(),
    env: init.env ?? {},
    home: init.home ?? '/nonexistent',
    interrupt: init.interrupt ?? new AbortController().signal,
  }
}

/** A command that runs on, with what it has written so far. */
export function start(
  args: readonly string[],
  init: Omit<TestIoInit, 'interrupt'> = {},
): { stdout: Capture; stderr: Capture; ended: Promise<number>; interrupt: () => void } {
  const user = new AbortController()
  const io = testIo({ ...init, interrupt: user.signal })
  const { stdout, stderr } = io
  return { stdout, stderr, ended: run(args, io), interrupt: () => user.abort() }
}

/** The line of a running command that `pattern` matches; fails with what it said when it ends before. */
export async function lineOf(
  running: { stdout: Capture; stderr: Capture; ended: Promise<number | string> },
  pattern: RegExp,
): Promise<string> {
  const ended = running.ended.then((code) => {
    throw new Error(`ended with ${code}: ${running.stderr.text}`)
  })
  return Promise.race([running.stdout.line(pattern), ended])
}

export interface Run {
  code: number
  out: string
  bytes: Buffer
  err: string
  /** The last line of stdout, when it is JSON. */
  json: Record<string, unknown>
}

/** Runs one command line to its end. */
export async function kadmium(args: readonly string[], init: TestIoInit = {}): Promise<Run> {
  const io = testIo(init)
  const code = await run(args, io, init.simulate)
  const last = io.stdout.lines.at(-1) ?? ''
  const json = last.startsWith('{') ? JSON.parse(last) : {}
  return { code, out: io.stdout.text, bytes: io.stdout.bytes, err: io.stderr.text, json }
}

/** The address of a node, as `--bootstrap` takes it. */
export function addressOf(session: Session): string {
  return String(session.node.getMultiaddrs()[0])
}

/** A server on loopback; it has entered by `bootstrap` when this resolves. */
export async function startServer(
  bootstrap: readonly string[] = [],
  protocol = '/ipfs/kad/1.0.0',
): Promise<Session> {
  const listen = [parseOwnAddress('/ip4/127.0.0.1/tcp/0')]
  const network = chooseNetwork({ bootstrap, protocol, network: 'any' }, listen, testIo())
  const session = await openSession({ network, mode: 'server', listen, announce: [], data: null })
  await joinNetwork(session, AbortSignal.timeout(10_000))
  return session
}

/** A folder for one test; `remove` it at the end. */
export async function temporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'kadmium-test-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}
