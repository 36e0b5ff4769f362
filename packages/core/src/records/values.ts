/**
 * The values that one node holds: exactly those of which the host has said that they are in its store.
 * It keeps the books (what is ours, what is strangers', bytes, who expires first) and decides nothing.
 *
 * Memory, measured: a value costs its record and 630 B; so at the default limits (16,384 values, 64 MiB)
 * 77 MB at most, besides what we put ourselves.
 */
import type { Config } from '../config.ts'
import { type Expiring, ExpiryHeap } from './expiry.ts'

export interface Value extends Expiring {
  /** The key, packed. */
  text: string
  keyBytes: Uint8Array
  record: Uint8Array
  /** Put by ourselves: no stranger's record takes its place, except a better one of the same key. */
  own: boolean
}

export class Values {
  // BOUNDED: strangers' by recordsMax and recordsBytesMax, ours by what the caller puts
  private readonly byKey = new Map<string, Value>()
  private readonly strangers = new ExpiryHeap<Value>() // BOUNDED: by byKey
  private readonly ours = new ExpiryHeap<Value>() // BOUNDED: by byKey
  private strangerCount = 0
  private strangerBytes = 0
  private readonly config: Config

  constructor(config: Config) {
    this.config = config
  }

  /** The value of a key, be it expired or not. */
  find(text: string): Value | undefined {
    return this.byKey.get(text)
  }

  /** The value of a key that has not expired. */
  live(text: string, nowMs: number): Value | undefined {
    const value = this.byKey.get(text)
    return value !== undefined && value.expiresAtMs > nowMs ? value : undefined
  }

  add(value: Value): void {
    this.byKey.set(value.text, value)
    this.account(value, 1)
  }

  remove(value: Value): void {
    this.byKey.delete(value.text)
    this.account(value, -1)
  }

  /** We have put what a stranger had put before: from now on it is ours. */
  own(value: Value): void {
    if (value.own) return
    this.account(value, -1)
    value.own = true
    this.account(value, 1)
  }

  /** Whether strangers may place one more record of so many bytes. */
  hasRoom(bytes: number): boolean {
    const { recordsMax, recordsBytesMax } = this.config
    return this.strangerCount < recordsMax && this.strangerBytes + bytes <= recordsBytesMax
  }

  /** Which of the strangers' values expires first. */
  firstOfStrangers(): Value | undefined {
    return this.strangers.first()
  }

  /** A value that has expired. */
  firstExpired(nowMs: number): Value | undefined {
    const heap = this.strangers.firstMs() <= this.ours.firstMs() ? this.strangers : this.ours
    return heap.firstMs() <= nowMs ? heap.first() : undefined
  }

  deadlineMs(): number {
    return Math.min(this.strangers.firstMs(), this.ours.firstMs())
  }

  private account(value: Value, by: 1 | -1): void {
    const heap = value.own ? this.ours : this.strangers
    if (by === 1) heap.add(value)
    else heap.remove(value)
    if (value.own) return
    this.strangerCount += by
    this.strangerBytes += by * value.record.length
  }
}
