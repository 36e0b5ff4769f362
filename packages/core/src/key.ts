/**
 * 256-bit Kademlia keys as eight 32-bit words, the most significant first, at an offset of a typed
 * array. Keys are never objects: a million of them lie side by side in one array, and each function
 * here takes (array, offset) so that nothing is copied to be compared.
 */

/** Words in a key. */
export const KEY_WORDS = 8

/** Bits in a key; also the common prefix length of a key with itself. */
export const KEY_BITS = 256

/** A key on its own: eight words. */
export type Key = Uint32Array

/** Reads a 32-byte digest (SHA-256 of a peer id or of a record's key) into a new key. */
export function keyFromBytes(bytes: Uint8Array): Key {
  if (bytes.length !== 32) throw new RangeError(`a key has 32 bytes, not ${bytes.length}`)
  const key = new Uint32Array(KEY_WORDS)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let i = 0; i < KEY_WORDS; i++) key[i] = view.getUint32(i * 4)
  return key
}

/** The 32 bytes of a key, most significant first. */
export function keyToBytes(words: Uint32Array, at = 0): Uint8Array {
  const bytes = new Uint8Array(32)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < KEY_WORDS; i++) view.setUint32(i * 4, words[at + i] as number)
  return bytes
}

/** Number of leading bits that two keys share: 0..256. */
export function commonPrefixLength(
  a: Uint32Array,
  aAt: number,
  b: Uint32Array,
  bAt: number,
): number {
  for (let i = 0; i < KEY_WORDS; i++) {
    const difference = (a[aAt + i] as number) ^ (b[bAt + i] as number)
    if (difference !== 0) return i * 32 + Math.clz32(difference)
  }
  return KEY_BITS
}

/** The order of keys as numbers: negative when a is the less, positive when b is, 0 when they are equal. */
export function compareKeys(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): number {
  for (let i = 0; i < KEY_WORDS; i++) {
    const difference = (a[aAt + i] as number) - (b[bAt + i] as number)
    if (difference !== 0) return difference
  }
  return 0
}

/** Which of a and b is nearer to the target by XOR: negative when a is, positive when b is, 0 when equal. */
export function compareDistance(
  target: Uint32Array,
  targetAt: number,
  a: Uint32Array,
  aAt: number,
  b: Uint32Array,
  bAt: number,
): number {
  for (let i = 0; i < KEY_WORDS; i++) {
    const word = target[targetAt + i] as number
    const toA = (word ^ (a[aAt + i] as number)) >>> 0
    const toB = (word ^ (b[bAt + i] as number)) >>> 0
    if (toA !== toB) return toA < toB ? -1 : 1
  }
  return 0
}

/** XOR distance as a share of the key space, 0..1, exact to 53 bits: for estimates, never for order. */
export function distanceShare(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): number {
  const high = ((a[aAt] as number) ^ (b[bAt] as number)) >>> 0
  const low = ((a[aAt + 1] as number) ^ (b[bAt + 1] as number)) >>> 0
  return (high + low / 0x1_0000_0000) / 0x1_0000_0000
}

/** Whether two keys are the same. */
export function keysEqual(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): boolean {
  for (let i = 0; i < KEY_WORDS; i++) if (a[aAt + i] !== b[bAt + i]) return false
  return true
}

/** Copies a key from one array to another. */
export function copyKey(from: Uint32Array, fromAt: number, to: Uint32Array, toAt: number): void {
  for (let i = 0; i < KEY_WORDS; i++) to[toAt + i] = from[fromAt + i] as number
}

/** A key as a short text for maps and traces: 64 hexadecimal digits. */
export function keyText(words: Uint32Array, at = 0): string {
  let text = ''
  for (let i = 0; i < KEY_WORDS; i++)
    text += (words[at + i] as number).toString(16).padStart(8, '0')
  return text
}
