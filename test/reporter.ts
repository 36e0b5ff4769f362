/**
 * Ends a run with one plain line of real counts, `123 passed, 0 failed`, for people and for programs
 * that read the last line. A file that could not be loaded and an error outside of any test count as
 * failures; a run that was stopped has failed as well, so the line never looks better than the exit code.
 */
import type { Reporter, TestModule, TestRunEndReason } from 'vitest/node'

/** The closing line for what ran. */
export function closingLine(
  modules: readonly Pick<TestModule, 'children' | 'errors'>[],
  strayErrors: number,
  reason: TestRunEndReason,
): string {
  let passed = 0
  let failed = strayErrors
  for (const module of modules) {
    failed += module.errors().length
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      if (state === 'passed') passed++
      else if (state === 'failed') failed++
    }
  }
  if (reason !== 'passed' && failed === 0) failed = 1
  return `${passed} passed, ${failed} failed`
}

export default class ClosingLine implements Reporter {
  onTestRunEnd(
    modules: readonly TestModule[],
    strayErrors: readonly unknown[],
    reason: TestRunEndReason,
  ): void {
    process.stdout.write(`${closingLine(modules, strayErrors.length, reason)}\n`)
  }
}
