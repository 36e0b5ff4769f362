/**
 * The surroundings of one run of the command: streams, environment and the wish to stop. They are
 * arguments, so that a test can be the terminal.
 */

/** Somewhere to write: a terminal, a pipe or a buffer of a test. */
export type Sink = NodeJS.WritableStream & { isTTY?: boolean; columns?: number }

export interface Io {
  stdin: AsyncIterable<Uint8Array | string>
  stdout: Sink
  stderr: Sink
  env: Readonly<Record<string, string | undefined>>
  /** The user's home folder, under which the default data folder lies. */
  home: string
  /** Aborted when the user wants the command to stop (SIGINT or SIGTERM). */
  interrupt: AbortSignal
}

/** Writes and waits until the stream took it, so that nothing is lost when the process ends. */
export function write(sink: Sink, chunk: Uint8Array | string): Promise<void> {
  return new Promise((resolve) => {
    // A reader that went away (`| head -1`) is its own decision, not a failure of ours.
    sink.write(chunk, () => resolve())
  })
}
