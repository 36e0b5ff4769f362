/** A logger that keeps what it was told to log as an error, for tests that ask about it. */

/** What js-libp2p takes as a logger. */
export interface NoteTaker {
  (...args: unknown[]): void
  error: (...args: unknown[]) => void
  trace: (...args: unknown[]) => void
  enabled: boolean
  newScope: (name: string) => NoteTaker
}

export class Notes {
  /** Each error: the format and its arguments. */
  readonly errors: unknown[][] = [] // bounded by what the test does wrong
  readonly log: NoteTaker

  constructor() {
    const log: NoteTaker = Object.assign(() => {}, {
      error: (...args: unknown[]) => {
        this.errors.push(args)
      },
      trace: () => {},
      enabled: false,
      newScope: () => log,
    })
    this.log = log
  }

  /** A component's logger, all the same one. */
  readonly forComponent = (_name: string): NoteTaker => this.log
}
