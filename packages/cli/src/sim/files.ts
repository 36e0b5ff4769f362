/** Files that a simulation writes: each is opened before the run, so that a bad path is told at once. */
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { fileReason, usageError } from '../errors.ts'

/** Bytes of a trace that wait to be written. */
const BUFFER_BYTES = 65_536

/** A file that gets its text at the end. */
export class OutFile {
  readonly path: string

  constructor(path: string) {
    this.path = path
    attempt(path, () => closeSync(openSync(path, 'a')))
  }

  write(text: string): void {
    attempt(this.path, () => writeFileSync(this.path, text))
  }
}

/** A file that grows line by line. */
export class LineFile {
  readonly path: string
  lines = 0
  readonly #descriptor: number
  #waiting = ''

  constructor(path: string) {
    this.path = path
    this.#descriptor = attempt(path, () => openSync(path, 'w'))
  }

  write(line: string): void {
    this.lines++
    this.#waiting += `${line}\n`
    if (this.#waiting.length >= BUFFER_BYTES) this.#flush()
  }

  close(): void {
    this.#flush()
    closeSync(this.#descriptor)
  }

  #flush(): void {
    const text = this.#waiting
    this.#waiting = ''
    attempt(this.path, () => writeSync(this.#descriptor, text))
  }
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw usageError(`can’t write ${path}: ${fileReason(error)}`)
  }
}
