/**
 * Which peers bear only one request for each stream. Some servers answer once and close; a peer whose
 * reused streams fail three times in a row gets a stream for each request, for a while (as go does,
 * which never forgives).
 */

const FAILURES_MAX = 3

const SINGLE_SHOT_MS = 10 * 60_000

/** Peers remembered; of more, the one marked first is forgotten. */
const MARKS_MAX = 1_024

interface Mark {
  failures: number
  untilMs: number
}

export class ReuseMarks {
  /** By peer id. BOUNDED: by `MARKS_MAX`. */
  private readonly marks = new Map<string, Mark>()

  isSingleShot(peer: string, nowMs: number): boolean {
    const mark = this.marks.get(peer)
    if (mark === undefined || mark.failures < FAILURES_MAX) return false
    if (nowMs < mark.untilMs) return true
    this.marks.delete(peer)
    return false
  }

  failed(peer: string, nowMs: number): void {
    const failures = (this.marks.get(peer)?.failures ?? 0) + 1
    this.marks.delete(peer)
    this.marks.set(peer, { failures, untilMs: nowMs + SINGLE_SHOT_MS })
    if (this.marks.size <= MARKS_MAX) return
    for (const oldest of this.marks.keys()) {
      this.marks.delete(oldest)
      break
    }
  }

  /** A second answer came on one stream. */
  succeeded(peer: string): void {
    if (this.marks.size > 0) this.marks.delete(peer)
  }
}
