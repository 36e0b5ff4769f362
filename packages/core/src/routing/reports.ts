/**
 * Which reports about providers are news. The same outcome of the same peer and content, said again within
 * the hour, is the same fact: a caller may report each block, each retry and each reader of a file without
 * that one of them weighs more. Decides that alone; what follows from a report is for `Learning`.
 *
 * Bounded by: `REPORTS_MAX` reports a node, 6 kB, for nodes that were ever given one; the oldest goes.
 */
import type { ProviderOutcome } from '../messages.ts'
import type { PeerRef } from '../peers.ts'

const REPORTS_MAX = 256

/** So long a report is the same as the one before, seconds. */
const REPEAT_S = 3_600

const OUTCOMES: readonly ProviderOutcome[] = ['served', 'failed', 'lied']

/** Of each report: the peer, two words of the content's key, the second it came, its outcome. */
const WORDS = 5

class Recent {
  readonly rows: Uint32Array = new Uint32Array(REPORTS_MAX * WORDS)
  /** Where the next one goes, over the oldest. */
  next = 0
  count = 0

  /** Where the last report of these two stands, -1 when it is not there. */
  find(peer: PeerRef, key: Uint32Array): number {
    const { rows } = this
    for (let at = 0; at < this.count * WORDS; at += WORDS) {
      if (rows[at] === peer && rows[at + 1] === key[0] && rows[at + 2] === key[1]) return at
    }
    return -1
  }

  add(peer: PeerRef, key: Uint32Array): number {
    const at = this.next * WORDS
    this.next = (this.next + 1) % REPORTS_MAX
    this.count = Math.min(this.count + 1, REPORTS_MAX)
    this.rows[at] = peer
    this.rows[at + 1] = key[0] as number
    this.rows[at + 2] = key[1] as number
    return at
  }
}

export class Reports {
  private readonly recent: (Recent | undefined)[] = [] // BOUNDED: by nodes

  get bytes(): number {
    return this.recent.reduce((sum, recent) => sum + (recent?.rows.byteLength ?? 0), 0)
  }

  /** Notes a report. False when the last one of these two said the same, within the hour. */
  isNews(
    node: number,
    peer: PeerRef,
    key: Uint32Array,
    outcome: ProviderOutcome,
    nowS: number,
  ): boolean {
    this.recent[node] ??= new Recent()
    const recent = this.recent[node]
    const { rows } = recent
    const code = OUTCOMES.indexOf(outcome)
    const known = recent.find(peer, key)
    const at = known < 0 ? recent.add(peer, key) : known
    if (known >= 0 && rows[at + 4] === code && nowS - (rows[at + 3] as number) < REPEAT_S) {
      return false
    }
    rows[at + 3] = nowS
    rows[at + 4] = code
    return true
  }
}
