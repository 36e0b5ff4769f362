/**
 * What the nodes of a column hold for others: values and provider records, for 48 h. Judging and writing is the host's
 * (`validate`, `persistRecord`); this is what a node knows to be in its store.
 *
 * Bounded by: what the run stores; an expired record is dropped when it is next looked at. About 300 B a record.
 */
import { KEY_WORDS, type Message, type PeerRef } from '@kadmium/core'

/** Values and provider records live for 48 h (libp2p kad-dht spec). */
export const VALIDITY_MS: number = 48 * 3_600_000

interface Held {
  keyBytes: Uint8Array
  record: Uint8Array | null
  expiresAtMs: number
  providers: PeerRef[]
  providersExpireAtMs: number[]
}

export class HeldRecords {
  private readonly held = new Map<string, Held>() // BOUNDED: by what the run stores

  get isEmpty(): boolean {
    return this.held.size === 0
  }

  value(row: number, key: Uint32Array, nowMs: number): Uint8Array | null {
    if (this.held.size === 0) return null
    const held = this.held.get(textOf(row, key))
    return held !== undefined && held.expiresAtMs > nowMs ? held.record : null
  }

  setValue(
    row: number,
    key: Uint32Array,
    keyBytes: Uint8Array,
    record: Uint8Array,
    expiresAtMs: number,
  ): void {
    const held = this.of(row, key, keyBytes)
    held.record = record
    held.expiresAtMs = expiresAtMs
  }

  addProvider(
    row: number,
    key: Uint32Array,
    keyBytes: Uint8Array,
    provider: PeerRef,
    expiresAtMs: number,
  ): void {
    const held = this.of(row, key, keyBytes)
    const at = held.providers.indexOf(provider)
    if (at >= 0) {
      held.providersExpireAtMs[at] = expiresAtMs
      return
    }
    held.providers.push(provider)
    held.providersExpireAtMs.push(expiresAtMs)
  }

  dropProvider(row: number, key: Uint32Array, provider: PeerRef): boolean {
    const held = this.held.get(textOf(row, key))
    const at = held?.providers.indexOf(provider) ?? -1
    if (held === undefined || at < 0) return false
    held.providers.splice(at, 1)
    held.providersExpireAtMs.splice(at, 1)
    return true
  }

  /** Writes the live providers of a key into a message. */
  nameProviders(row: number, key: Uint32Array, nowMs: number, into: Message): void {
    const held = this.held.get(textOf(row, key))
    if (held === undefined) return
    for (let i = 0; i < held.providers.length; i++) {
      const isLive = (held.providersExpireAtMs[i] as number) > nowMs
      if (isLive) into.addProvider(held.providers[i] as number)
    }
  }

  private of(row: number, key: Uint32Array, keyBytes: Uint8Array): Held {
    const text = textOf(row, key)
    let held = this.held.get(text)
    if (held === undefined) {
      held = { keyBytes, record: null, expiresAtMs: 0, providers: [], providersExpireAtMs: [] }
      this.held.set(text, held)
    }
    return held
  }
}

/** A key and its row as a short text for a map: two characters a word. */
function textOf(row: number, key: Uint32Array): string {
  let text = String.fromCharCode(row >>> 16, row & 0xffff)
  for (let i = 0; i < KEY_WORDS; i++) {
    const word = key[i] as number
    text += String.fromCharCode(word >>> 16, word & 0xffff)
  }
  return text
}
