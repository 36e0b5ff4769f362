/** Memory that is laid out by lines of the processor's cache. */

const LINE_BYTES = 64

/** Where a large block begins, in its first line: 16 B behind a page, as the allocator of glibc has it. */
const BLOCK_AT = 16

/** As many zeros. What lies at a multiple of 16 words begins a line, where the array is large enough for it to matter. */
export function alignedInts(length: number): Int32Array<ArrayBuffer> {
  const at = LINE_BYTES - BLOCK_AT
  return new Int32Array(new ArrayBuffer(length * 4 + at), at, length)
}

/** The same words and as many more. */
export function widenedInts(from: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const wide = alignedInts(length)
  wide.set(from)
  return wide
}
