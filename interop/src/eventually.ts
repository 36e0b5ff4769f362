/** Facts that come to be: nothing here sleeps for a fixed time. */
import { setTimeout as pause } from 'node:timers/promises'

const INTERVAL_MS = 50

/** Repeats a check until it no longer rejects; after `timeoutMs` it rejects with the last reason. */
export async function eventually(check: () => Promise<void>, timeoutMs: number): Promise<void> {
  const endMs = performance.now() + timeoutMs
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (performance.now() > endMs) throw error
      await pause(INTERVAL_MS)
    }
  }
}

/** Rejects what is not so, in words. */
export function must(holds: boolean, otherwise: () => string): void {
  if (!holds) throw new Error(otherwise())
}
