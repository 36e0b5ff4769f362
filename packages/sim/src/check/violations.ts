/** What checkers found at one worker. */
import type { Violation } from '../measure/result.ts'

/** What is told of one worker: a rule that is broken once is often broken everywhere. */
const TOLD_MAX = 100

export class Violations {
  readonly all: Violation[] = [] // BOUNDED: by TOLD_MAX

  add(checker: string, atMs: number, text: string): void {
    if (this.all.length < TOLD_MAX) this.all.push({ checker, atMs, text })
  }
}
