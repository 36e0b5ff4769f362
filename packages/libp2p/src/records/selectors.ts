/** The selectors that go with the built-in validators. */
import { ipnsSelector } from 'ipns/selector'
import type { Selectors } from '../types.ts'

export const BUILT_IN_SELECTORS: Readonly<Selectors> = {
  /** A peer id has one public key: all valid values are equal, and the first is as good as any. */
  pk: () => 0,
  /** The highest sequence number, then the longest validity (IPNS specification). */
  ipns: ipnsSelector,
}
