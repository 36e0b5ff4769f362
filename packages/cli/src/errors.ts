/**
 * What can go wrong for a user, as exit codes that scripts can use and one line for people. Every
 * failure that is not a mistake of our own is a `CliError`; whatever else reaches the top is `internal`.
 */

/** The exit codes by name. They are part of the interface: never renumber one. */
export const EXIT = {
  ok: 0,
  notFound: 1,
  usage: 2,
  noPeers: 3,
  timeout: 4,
  listen: 5,
  data: 6,
  unmet: 7,
  violation: 8,
  internal: 70,
  interrupted: 130,
} as const

export type ExitName = keyof typeof EXIT

/** What each code means, for `--help`. */
const MEANING: Readonly<Record<ExitName, string>> = {
  ok: 'done',
  notFound: 'the network answered, but nobody has it',
  usage: 'bad input: an unknown option, a bad key, CID, peer id, multiaddr or record',
  noPeers: 'no peer could be reached, or none answered',
  timeout: 'no result within --timeout',
  listen: 'can’t listen: the port is in use, or the address is not of this machine',
  data: 'the data folder can’t be used: locked by another node, unreadable or damaged',
  unmet: 'a simulation does not hold what its scenario asserts',
  violation: 'a checker found something wrong in a simulation',
  internal: 'a defect of kadmium itself',
  interrupted: 'interrupted',
}

/** The exit codes as lines for `--help`. */
export function exitCodesText(): string {
  return Object.entries(EXIT)
    .map(([name, code]) => `  ${String(code).padEnd(5)}${MEANING[name as ExitName]}`)
    .join('\n')
}

/** A failure that the user can do something about: one line that says what, and what to do. */
export class CliError extends Error {
  override readonly name: string = 'CliError'
  readonly exit: ExitName
  /** What there is to say for `--json` besides. */
  readonly fields: Readonly<Record<string, unknown>>

  constructor(
    exit: ExitName,
    message: string,
    options: ErrorOptions & { fields?: Record<string, unknown> } = {},
  ) {
    super(message, options)
    this.exit = exit
    this.fields = options.fields ?? {}
  }
}

/** Bad input from the command line. */
export function usageError(message: string, fields: Record<string, unknown> = {}): CliError {
  return new CliError('usage', message, { fields })
}

/** Any thrown thing as a failure with an exit code. */
export function toCliError(thrown: unknown): CliError {
  if (thrown instanceof CliError) return thrown
  const text = `${messageOf(thrown)}; this is a defect: run again with KADMIUM_DEBUG=1 and report it`
  return new CliError('internal', text, { cause: thrown })
}

/** The text of a thrown thing, on one line. */
export function messageOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message || thrown.name : String(thrown)
  return text.replace(/\s*\n\s*/g, ' ').trim()
}

/** Why a file or folder can't be used, in few words. */
export function fileReason(thrown: unknown): string {
  const words: Record<string, string> = {
    ENOENT: 'no such file or folder',
    EACCES: 'no permission',
    EPERM: 'no permission',
    EEXIST: 'there is a file of that name',
    EISDIR: 'it is a folder',
    ENOTDIR: 'a part of the path is no folder',
    ENOSPC: 'the disk is full',
    EROFS: 'the disk can only be read',
  }
  return words[codeOf(thrown) ?? ''] ?? messageOf(causesOf(thrown).at(-1))
}

/** The code of a system error (`EACCES`, `LEVEL_LOCKED`), the innermost along the causes. */
export function codeOf(thrown: unknown): string | undefined {
  const codes = causesOf(thrown).map((each) => (each as NodeJS.ErrnoException)?.code)
  return codes.filter((code) => typeof code === 'string').at(-1)
}

/** A thrown thing, its cause, the cause of that, and so on. */
function causesOf(thrown: unknown): unknown[] {
  const chain = [thrown]
  // Bounded: a chain that is longer than this is a ring.
  for (let at = thrown; at instanceof Error && at.cause !== undefined && chain.length < 8; ) {
    at = at.cause
    chain.push(at)
  }
  return chain
}
