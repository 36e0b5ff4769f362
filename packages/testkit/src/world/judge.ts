/** Records of model worlds: the first byte is the version, the newest wins; 0xff is no valid record. */
import type { Verdict } from '@kadmium/core'

const INVALID = 0xff

/** A record of a version 0..254, or 255 for an invalid one. */
export function recordOf(version: number, ...rest: number[]): Uint8Array {
  return Uint8Array.from([version, ...rest])
}

export function judge(record: Uint8Array, against: Uint8Array | null): Verdict {
  const version = record[0] ?? INVALID
  if (version === INVALID) return 'invalid'
  if (against === null) return 'better'
  const other = against[0] as number
  return version > other ? 'better' : version < other ? 'worse' : 'same'
}
