/**
 * The provider records that one node holds: who says that it has what a key names.
 *
 * Anyone may announce anything, and identities cost nothing, so a full list is a matter of who came to
 * stay: a provider keeps its place while it announces itself at least every `providerSilenceMs`, and a
 * newcomer takes the place of the one that has been silent for longest, or none. The same holds for a
 * table that is full as a whole. A flood of fresh identities so finds no room where the established are
 * (newest-wins would let it push out everyone within seconds); what it still can do is to be there
 * first and to stay, which costs it an announcement a day for each record.
 *
 * A provider is pinned in the peer book once, for as long as it has a record here: a node that provides
 * millions of keys itself must not overflow the count of its own pins.
 *
 * Memory, measured: 320 B for a key with one provider, 530 B with two, 84 B for each of many; so at the
 * default limits (262,144 keys, 524,288 records) 140 MB at most.
 */
import type { Config } from '../config.ts'
import type { Message } from '../messages.ts'
import type { Outbox } from '../outbox.ts'
import type { PeerBook, PeerRef } from '../peers.ts'
import { type Expiring, ExpiryHeap } from './expiry.ts'
import { packBytes, unpackBytes } from './packed.ts'

/** A key with providers. */
interface Provided {
  /** The key, packed, and its bytes, packed: of each there may be a million. */
  text: string
  bytes: string
  /** Oldest announcement first. BOUNDED: by providersPerKeyMax and what the caller provides itself. */
  list: Provider[]
  /** How many of the list are strangers'. */
  strangers: number
}

interface Provider extends Expiring {
  of: Provided
  peer: PeerRef
  own: boolean
}

/** An announcement: by whom, of what, and until when it holds. */
export interface Announcement {
  /** The key, packed. */
  text: string
  keyBytes: Uint8Array
  peer: PeerRef
  own: boolean
  expiresAtMs: number
}

/** Most silent records that one announcement clears away. */
const CLEAR_MAX = 16

export class Providers {
  // BOUNDED: keys with strangers' records by providerKeysMax, the others by what the caller provides
  private readonly byKey = new Map<string, Provided>()
  // BOUNDED: by the records held. Records of each provider.
  private readonly byPeer = new Map<PeerRef, number>()
  private readonly strangers = new ExpiryHeap<Provider>() // BOUNDED: by providerRecordsMax
  private readonly ours = new ExpiryHeap<Provider>() // BOUNDED: by what the caller provides
  private strangerCount = 0
  private strangerKeys = 0
  private readonly book: PeerBook
  private readonly config: Config

  constructor(book: PeerBook, config: Config) {
    this.book = book
    this.config = config
  }

  /** Stores or renews; false when there is no room. */
  announce(nowMs: number, news: Announcement, outbox: Outbox): boolean {
    let held = this.find(news.text, news.peer)
    if (held === undefined) {
      held = this.admit(nowMs, news, outbox)
      if (held === undefined) return false
    } else {
      if (news.expiresAtMs - held.expiresAtMs < this.config.renewalMinMs) return true
      this.renew(held, news.expiresAtMs)
    }
    outbox.persistProvider(0, unpackBytes(held.of.bytes), news.peer, news.expiresAtMs)
    return true
  }

  /** Takes over what is in the store already; false when there is no room. */
  load(nowMs: number, news: Announcement, outbox: Outbox): boolean {
    if (this.find(news.text, news.peer) !== undefined) return true
    return this.admit(nowMs, news, outbox) !== undefined
  }

  remove(text: string, peer: PeerRef, outbox: Outbox): void {
    const held = this.find(text, peer)
    if (held !== undefined) this.drop(held, outbox)
  }

  /** Names the unexpired to a message: ourselves, then the newest first, as many as it takes. */
  name(nowMs: number, text: string, message: Message, exclude: PeerRef): void {
    const list = this.byKey.get(text)?.list ?? []
    for (const own of [true, false])
      for (let i = list.length - 1; i >= 0; i--) {
        const { own: isOwn, peer, expiresAtMs } = list[i] as Provider
        if (isOwn === own && peer !== exclude && expiresAtMs > nowMs) message.addProvider(peer)
      }
  }

  /** Drops and deletes up to `max` of the expired. */
  expire(nowMs: number, max: number, outbox: Outbox): void {
    for (let left = max; left > 0 && this.deadlineMs() <= nowMs; left--) {
      const heap = this.strangers.firstMs() <= nowMs ? this.strangers : this.ours
      this.drop(heap.first() as Provider, outbox)
    }
  }

  deadlineMs(): number {
    return Math.min(this.strangers.firstMs(), this.ours.firstMs())
  }

  private find(text: string, peer: PeerRef): Provider | undefined {
    return this.byKey.get(text)?.list.find((held) => held.peer === peer)
  }

  private renew(held: Provider, expiresAtMs: number): void {
    const heap = held.own ? this.ours : this.strangers
    heap.move(held, expiresAtMs)
    const { list } = held.of
    list.splice(list.indexOf(held), 1)
    insert(list, held)
  }

  private admit(nowMs: number, news: Announcement, outbox: Outbox): Provider | undefined {
    if (!news.own && !this.makeRoom(nowMs, news, outbox)) return undefined
    const { text, keyBytes, peer, own, expiresAtMs } = news
    let key = this.byKey.get(text)
    if (key === undefined) {
      key = { text, bytes: packBytes(keyBytes), list: [], strangers: 0 }
      this.byKey.set(text, key)
    }
    const provider: Provider = { of: key, peer, own, expiresAtMs, heapAt: -1 }
    // An array of one is made to measure: four of five keys have one provider, and a push takes room for 17.
    if (key.list.length === 0) key.list = [provider]
    else insert(key.list, provider)
    const count = this.byPeer.get(peer) ?? 0
    this.byPeer.set(peer, count + 1)
    if (count === 0) this.book.pin(peer)
    if (own) this.ours.add(provider)
    else {
      this.strangers.add(provider)
      this.strangerCount++
      if (key.strangers++ === 0) this.strangerKeys++
    }
    return provider
  }

  private makeRoom(nowMs: number, news: Announcement, outbox: Outbox): boolean {
    const { providerRecordsPerPeerMax, providersPerKeyMax } = this.config
    if ((this.byPeer.get(news.peer) ?? 0) >= providerRecordsPerPeerMax) return false
    const key = this.byKey.get(news.text)
    if ((key?.strangers ?? 0) >= providersPerKeyMax) {
      const oldest = key?.list.find((held) => !held.own)
      if (!this.isSilent(nowMs, oldest, news)) return false
      this.drop(oldest, outbox)
    }
    for (let i = 0; i < CLEAR_MAX && this.isFull(news.text); i++) {
      const oldest = this.strangers.first()
      if (!this.isSilent(nowMs, oldest, news)) return false
      this.drop(oldest, outbox)
    }
    return !this.isFull(news.text)
  }

  /** Whether a record may give way to a newcomer: it expired, or went unconfirmed for too long. */
  private isSilent(
    nowMs: number,
    held: Provider | undefined,
    news: Announcement,
  ): held is Provider {
    const { recordValidityMs, providerSilenceMs } = this.config
    const silentMs = Math.max(nowMs, nowMs + recordValidityMs - providerSilenceMs)
    return held !== undefined && held.expiresAtMs <= silentMs && held.expiresAtMs < news.expiresAtMs
  }

  private isFull(text: string): boolean {
    if (this.strangerCount >= this.config.providerRecordsMax) return true
    const isNew = (this.byKey.get(text)?.strangers ?? 0) === 0
    return isNew && this.strangerKeys >= this.config.providerKeysMax
  }

  private drop(held: Provider, outbox: Outbox): void {
    const { of: key, peer } = held
    key.list.splice(key.list.indexOf(held), 1)
    if (key.list.length === 0) this.byKey.delete(key.text)
    if (held.own) this.ours.remove(held)
    else {
      this.strangers.remove(held)
      this.strangerCount--
      if (--key.strangers === 0) this.strangerKeys--
    }
    const count = (this.byPeer.get(peer) as number) - 1
    if (count > 0) this.byPeer.set(peer, count)
    else {
      this.byPeer.delete(peer)
      this.book.unpin(peer)
    }
    outbox.persistProvider(0, unpackBytes(key.bytes), peer, 0)
  }
}

/** Keeps a list in order of expiry, the newer behind where two are the same. */
function insert(list: Provider[], provider: Provider): void {
  let at = list.length
  while (at > 0 && (list[at - 1] as Provider).expiresAtMs > provider.expiresAtMs) at--
  list.splice(at, 0, provider)
}
