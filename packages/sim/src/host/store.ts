/** What a worker's nodes have in their stores: which version of which subject. It survives a node's restart. */
import type { Verdict } from '@kadmium/core'
import { recordSubject, versionOf } from '../workload/subjects.ts'

const ROWS = 0x40_0000

export class Store {
  /** By subject and row. BOUNDED: by what nodes keep (recordsMax, providerRecordsMax) and the subjects of the run. */
  private readonly versions = new Map<number, number>()

  /** Version 0 deletes. */
  write(row: number, subject: number, version: number): void {
    if (subject < 0) return
    const name = subject * ROWS + row
    if (version === 0) this.versions.delete(name)
    else this.versions.set(name, version)
  }

  /** What some rows hold: (row, subject, version) each. */
  *held(rows: ReadonlySet<number>): Generator<[row: number, subject: number, version: number]> {
    for (const [name, version] of this.versions)
      if (rows.has(name % ROWS)) yield [name % ROWS, Math.floor(name / ROWS), version]
  }

  /** The version that the node holds; 0 for none. */
  version(row: number, subject: number): number {
    return this.versions.get(subject * ROWS + row) ?? 0
  }
}

/** A record of the simulator is valid when it is one; the newer version is the better. */
export function verdictOf(record: Uint8Array, against: Uint8Array | null): Verdict {
  if (record.length !== 8) return 'invalid'
  if (against === null) return 'better'
  if (recordSubject(record) !== recordSubject(against)) return 'invalid'
  const newer = versionOf(record) - versionOf(against)
  return newer > 0 ? 'better' : newer === 0 ? 'same' : 'worse'
}
