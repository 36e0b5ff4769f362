/**
 * A digest of all that happened: a running hash for each node, and their sum. What happens to one node happens in an order
 * that does not depend on the workers, so neither does the digest.
 */

import { DIGEST_HIGH, DIGEST_LOW, ROW_WORDS } from './rows.ts'

export class Digest {
  private readonly first: number
  private readonly rows: Int32Array

  /** `rows`: what the host keeps of each node, row 0 of which is identity `first`. */
  constructor(first: number, rows: Int32Array) {
    this.first = first
    this.rows = rows
  }

  /** Something happened to a node: four whole numbers that tell it from all else. */
  add(row: number, what: number, who: number, nowMs: number, detail: number): void {
    const word =
      Math.imul(what ^ (who << 6), 0x9e3779b1) ^ Math.imul(nowMs ^ (detail << 24), 0x85ebca6b)
    const { rows } = this
    const at = row * ROW_WORDS
    rows[at + DIGEST_LOW] = mix((rows[at + DIGEST_LOW] as number) ^ word)
    rows[at + DIGEST_HIGH] = mix((rows[at + DIGEST_HIGH] as number) + Math.imul(word, 0xc2b2ae35))
  }

  /** The sum over all nodes: two words, to be added up over the workers. */
  sum(): [low: number, high: number] {
    let low = 0
    let high = 0
    const { rows } = this
    for (let row = 0, at = 0; at < rows.length; row++, at += ROW_WORDS) {
      const self = Math.imul(this.first + row + 1, 0x27d4eb2f)
      low = (low + (mix((rows[at + DIGEST_LOW] as number) ^ self) >>> 0)) >>> 0
      high = (high + (mix((rows[at + DIGEST_HIGH] as number) + self) >>> 0)) >>> 0
    }
    return [low, high]
  }
}

/** The sums of all workers as 16 hexadecimal digits. */
export function digestText(sums: readonly (readonly [low: number, high: number])[]): string {
  let low = 0
  let high = 0
  for (const sum of sums) {
    low = (low + sum[0]) >>> 0
    high = (high + sum[1]) >>> 0
  }
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0')
}

/** The finaliser of MurmurHash3 (Appleby, public domain): every bit of the input moves every bit of the output. */
function mix(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
