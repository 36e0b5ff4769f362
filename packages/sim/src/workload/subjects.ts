/**
 * What a workload stores and looks for. A subject is a number: its kind, and an index of that kind; its key is drawn from
 * the seed. Some are stored before the run begins, all others come into being by the operation that stores them.
 */
import { KEY_WORDS, type Key } from '@kadmium/core'
import { SUBJECT } from '../engine/draws.ts'
import { draw } from '../world/dice.ts'

/** A value that never changes (`/pk/…`). */
export const VALUE = 0
/** A value that changes (`/ipns/…`). */
export const NAME = 1
/** What peers provide (a CID). */
export const CONTENT = 2

export type SubjectKind = typeof VALUE | typeof NAME | typeof CONTENT

const KINDS = 4
/** Indexes below are stored before the run. */
const STORED_MAX = 1 << 22
/** Indexes from here on are of bulk operations. */
const BULK_FROM = 1 << 27
/** Keys of one bulk operation at most. */
export const BULK_KEYS_MAX: number = 1 << 14
const BULKS = 1 << 12

const PREFIXES: readonly Uint8Array[] = ['/pk/', '/ipns/', ''].map((text) =>
  new TextEncoder().encode(text),
)

export function storedSubject(kind: SubjectKind, index: number): number {
  return index * KINDS + kind
}

/** What operation number `operation` stores. */
export function freshSubject(kind: SubjectKind, operation: number): number {
  return (STORED_MAX + operation) * KINDS + kind
}

/** What bulk operation number `operation` provides as its `index`-th. */
export function bulkSubject(operation: number, index: number): number {
  return (BULK_FROM + (operation % BULKS) * BULK_KEYS_MAX + index) * KINDS + CONTENT
}

export function kindOf(subject: number): SubjectKind {
  return (subject % KINDS) as SubjectKind
}

/** Writes where a subject lies in the key space. */
export function writeKey(seed: number, subject: number, key: Key): void {
  for (let i = 0; i < KEY_WORDS; i++) key[i] = draw(seed, subject, i, SUBJECT)
}

/** The key as it goes over the wire: the prefix of its kind, and the subject's number. */
export function keyBytesOf(subject: number): Uint8Array {
  const prefix = PREFIXES[kindOf(subject)] as Uint8Array
  const bytes = new Uint8Array(prefix.length + 4)
  bytes.set(prefix)
  writeNumber(bytes, prefix.length, subject)
  return bytes
}

/** The subject of such bytes, -1 for others. */
export function subjectOf(keyBytes: Uint8Array): number {
  const at = keyBytes.length - 4
  return at < 0 ? -1 : readNumber(keyBytes, at)
}

/** A record: which subject, and which version of it, 1 or more. */
export function recordOf(subject: number, version: number): Uint8Array {
  const bytes = new Uint8Array(8)
  writeNumber(bytes, 0, subject)
  writeNumber(bytes, 4, version)
  return bytes
}

export function versionOf(record: Uint8Array): number {
  return readNumber(record, 4)
}

/** The subject that a record is of. */
export function recordSubject(record: Uint8Array): number {
  return readNumber(record, 0)
}

function writeNumber(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

function readNumber(bytes: Uint8Array, at: number): number {
  const a = bytes[at] as number
  const b = bytes[at + 1] as number
  return (a << 24) | (b << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)
}
