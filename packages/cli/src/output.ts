/**
 * Results to stdout, everything else to stderr. With `--json` the last line of stdout is one object,
 * also when the command fails; without it stdout carries lines for people, or the bytes of a value.
 */
import type { PeerInfo } from '@libp2p/interface'
import { type CliError, EXIT } from './errors.ts'
import { type Io, write } from './io.ts'

/** Most bytes of a value that are shown on a terminal. */
const SHOWN_BYTES_MAX = 65_536

export class Output {
  readonly isJson: boolean
  readonly #io: Io

  constructor(io: Io, isJson: boolean) {
    this.#io = io
    this.isJson = isJson
  }

  /** Lines for people; nothing with `--json`. */
  async lines(lines: readonly string[]): Promise<void> {
    if (!this.isJson) await write(this.#io.stdout, lines.map((line) => `${line}\n`).join(''))
  }

  /** One object on a line of its own; nothing without `--json`. */
  async json(fields: Record<string, unknown>): Promise<void> {
    if (this.isJson) await write(this.#io.stdout, `${JSON.stringify(fields)}\n`)
  }

  /** The bytes of a value: as they are into a file or pipe, as text or hexadecimal on a terminal. */
  async value(bytes: Uint8Array): Promise<void> {
    if (this.#io.stdout.isTTY !== true) return write(this.#io.stdout, bytes)
    const text = printableText(bytes)
    if (text !== undefined) return write(this.#io.stdout, `${text}\n`)
    await write(
      this.#io.stdout,
      `${Buffer.from(bytes.subarray(0, SHOWN_BYTES_MAX)).toString('hex')}\n`,
    )
    await this.note('these bytes are no text: shown in hexadecimal; use --out FILE or a pipe')
  }

  /** A remark for people that is not a result. */
  async note(text: string): Promise<void> {
    await write(this.#io.stderr, `kadmium: ${text}\n`)
  }

  /** The end of a command that failed. */
  async failure(command: string, error: CliError): Promise<void> {
    const { exit, message } = error
    await this.json({
      command,
      ok: false,
      exitCode: EXIT[exit],
      ...error.fields,
      error: { code: exit, message },
    })
    await this.note(message)
    if (this.#io.env.KADMIUM_DEBUG === '1') await write(this.#io.stderr, `${stackOf(error)}\n`)
  }
}

/** A number and what it counts: `1 peer`, `2 peers`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** A peer in JSON: its id and full addresses. */
export function peerFields(peer: PeerInfo): { id: string; addresses: string[] } {
  return { id: peer.id.toString(), addresses: fullAddresses(peer) }
}

/** A peer on one line: its id, then its addresses. */
export function peerLine(peer: PeerInfo): string {
  return [peer.id.toString(), ...fullAddresses(peer)].join(' ')
}

/** The addresses of a peer, each with the peer id at its end, so that it can be dialled as it is. */
export function fullAddresses(peer: PeerInfo): string[] {
  const suffix = `/p2p/${peer.id.toString()}`
  const full = peer.multiaddrs.map(String).map((a) => (a.endsWith(suffix) ? a : `${a}${suffix}`))
  return [...new Set(full)]
}

/** The bytes as text, when they are UTF-8 without control characters. */
function printableText(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return /\p{Cc}/u.test(text.replace(/[\n\t]/g, '')) ? undefined : text
  } catch {
    return undefined
  }
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : ''
  return `${error.stack ?? error.message}${cause}`
}
