/**
 * What the peer store of libp2p knows of our table: members are tagged `kad-peer` = 1 and the 20 nearest of
 * them `kad-close` = 50, as by `@libp2p/kad-dht`, so that libp2p, when it has too many connections, closes
 * those of others first. And back: who was tagged in an earlier run, by us or by `@libp2p/kad-dht`, is
 * somebody to ask in this one.
 *
 * Nobody is tagged to be kept alive (docs/decisions/0011); `keep-alive-kad-dht` of an earlier run goes.
 * Written are changes only, one after the other, off the way of every query. A node whose table has had
 * nobody yet leaves the tags of the earlier run as they are: it may need them in the next.
 *
 * Bounded by: the members of the table, and `LEFT_MAX` peers of an earlier run.
 */
import type { Logger, Peer, PeerId, PeerStore, TagOptions } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

/** A member of the table. */
export const KAD_PEER = 'kad-peer'

/** One of the nearest. */
export const KAD_CLOSE = 'kad-close'

/** What `@libp2p/kad-dht` gives to the nearest beside it. */
export const KEEP_ALIVE = 'keep-alive-kad-dht'

const VALUES = { [KAD_PEER]: 1, [KAD_CLOSE]: 50 }

/** How many of the members are close. */
export const CLOSE_MAX = 20

/** Tagged peers of an earlier run that are looked at, as many as `@libp2p/kad-dht` does. */
const LEFT_MAX = 1_000

/** Tags set by all instances that share a peer store, so that none removes what another means. */
type Shared = Map<string, number>

const SHARED = new WeakMap<object, Shared>()

export interface TagsInit {
  peerStore: Pick<PeerStore, 'forEach' | 'merge'>
  protocol: string
  log: Logger
}

/** A member of the table and whether it is one of the nearest. */
export interface Member {
  id: PeerId
  isClose: boolean
}

/** A peer of the peer store that is of use at the start. */
export interface StoredPeer {
  id: PeerId
  addresses: Multiaddr[]
  /** It was in the table of an earlier run. */
  wasMember: boolean
}

export class Tags {
  private readonly init: TagsInit
  private readonly shared: Shared
  /** Whom we have tagged, by id. BOUNDED: by the members of the last update */
  private tagged = new Map<string, Member>()
  /** Whom an earlier run has tagged and this one not yet looked after. BOUNDED: by LEFT_MAX */
  private left = new Map<string, PeerId>()
  private change: Promise<void> = Promise.resolve()

  constructor(init: TagsInit) {
    this.init = init
    const { peerStore } = init
    this.shared = SHARED.get(peerStore) ?? new Map() // BOUNDED: by the members of all tables
    SHARED.set(peerStore, this.shared)
  }

  /** Former members of the table, and those of whom `isWanted` is true, with the addresses that libp2p still holds for good. */
  async read(isWanted: (name: string) => boolean): Promise<StoredPeer[]> {
    const { peerStore, protocol } = this.init
    const found: StoredPeer[] = [] // BOUNDED: by LEFT_MAX and those wanted
    this.left = new Map()
    await peerStore.forEach((peer: Peer) => {
      const { id, tags } = peer
      const isOurs = tags.has(KAD_PEER) || tags.has(KAD_CLOSE) || tags.has(KEEP_ALIVE)
      const wasMember = isOurs && peer.protocols.includes(protocol) && this.left.size < LEFT_MAX
      if (wasMember) this.left.set(id.toString(), id)
      if (!wasMember && !isWanted(id.toString())) return
      const addresses = peer.addresses.map(({ multiaddr }) => multiaddr)
      found.push({ id, addresses, wasMember })
    })
    return found
  }

  /** These are the members now. Resolves when the peer store knows. */
  update(members: readonly Member[]): Promise<void> {
    this.change = this.change
      .then(() => this.apply(members))
      .catch((error) => this.init.log.error('could not tag peers - %e', error))
    return this.change
  }

  /** The run is over. The tags stay for the next one. */
  async stop(): Promise<void> {
    await this.change
    for (const [name, member] of this.tagged) this.forget(name, member)
    this.tagged = new Map()
    this.left = new Map()
  }

  private async apply(members: readonly Member[]): Promise<void> {
    const isFirst = this.tagged.size === 0
    if (members.length === 0 && isFirst) return
    const before = this.tagged
    const now = new Map<string, Member>() // BOUNDED: by the members
    for (const member of members) now.set(member.id.toString(), member)
    this.tagged = now
    for (const [name, member] of now) await this.mark(name, before.get(name), member)
    for (const [name, member] of before)
      if (!now.has(name)) await this.mark(name, member, undefined)
    const { left } = this
    this.left = new Map()
    for (const [name, id] of left) await this.tidy(name, id)
  }

  /** From what a peer was to what it is. */
  private async mark(name: string, was: Member | undefined, is: Member | undefined): Promise<void> {
    const id = (is ?? was)?.id
    if (id === undefined) return
    const tags: Record<string, TagOptions | undefined> = {}
    for (const tag of [KAD_PEER, KAD_CLOSE] as const) {
      const had = has(was, tag)
      const hasNow = has(is, tag)
      if (had === hasNow) continue
      const count = this.count(tag, name, hasNow ? 1 : -1)
      if (hasNow) tags[tag] = { value: VALUES[tag] }
      else if (count === 0) tags[tag] = undefined
    }
    await this.merge(id, tags)
  }

  /** Takes from a peer what an earlier run gave it and no table of this one has. */
  private async tidy(name: string, id: PeerId): Promise<void> {
    const tags: Record<string, undefined> = { [KEEP_ALIVE]: undefined }
    for (const tag of [KAD_PEER, KAD_CLOSE]) {
      if (this.count(tag, name, 0) === 0) tags[tag] = undefined
    }
    await this.merge(id, tags)
  }

  private async merge(id: PeerId, tags: Record<string, TagOptions | undefined>): Promise<void> {
    if (Object.keys(tags).length === 0) return
    try {
      await this.init.peerStore.merge(id, { tags })
    } catch (error) {
      this.init.log.error('could not tag %p - %e', id, error)
    }
  }

  private forget(name: string, member: Member): void {
    for (const tag of [KAD_PEER, KAD_CLOSE]) if (has(member, tag)) this.count(tag, name, -1)
  }

  /** Of how many instances a peer has the tag. */
  private count(tag: string, name: string, change: number): number {
    const key = `${tag}/${name}`
    const count = (this.shared.get(key) ?? 0) + change
    if (count > 0) this.shared.set(key, count)
    else this.shared.delete(key)
    return count
  }
}

function has(member: Member | undefined, tag: string): boolean {
  return member !== undefined && (tag === KAD_PEER || member.isClose)
}
