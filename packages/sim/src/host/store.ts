/** What a worker's nodes have in their stores: which version of which subject. It survives a node's restart. */

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

  /** The version that the node holds; 0 for none. */
  version(row: number, subject: number): number {
    return this.versions.get(subject * ROWS + row) ?? 0
  }
}
