/** A network of both implementations, in which each node joins through one of the other kind. */
import { dhtKey, dhtKeyOfPeer, nearest, SeededChoice } from '@kadmium/testbed'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { eventually, must } from './eventually.ts'
import type { InteropPeer, PeerInit, Transport } from './peer.ts'

export type Side = 'us' | 'them'

/** How each side starts a node. */
export type Starters = Readonly<Record<Side, (init: PeerInit) => Promise<InteropPeer>>>

export interface Setting {
  readonly transport: Transport
  readonly protocol: string
  readonly k: number
  /** Servers of each side; each has a client beside them. */
  readonly servers: number
}

export interface Member {
  readonly side: Side
  readonly mode: PeerInit['mode']
  readonly node: InteropPeer
  /** Where it lies in the key space. */
  readonly key: Uint8Array
}

/** A few seconds do, but not where others make the machine slow. */
const FORM_TIMEOUT_MS = 180_000
/** Keys near to each side, of which every node must find the nearest peers before the network counts as formed. */
const KEYS_TRIED = 3
/** Keys that are sampled to learn how large the part of the key space is that belongs to one side alone. */
const SAMPLES = 200
/** That part must be at least so large, as a share: records are drawn until they lie in it. */
const SHARE_MIN = 0.05
/** More draws than this for a record, or for our identities, are a mistake of ours. */
const DRAWS_MAX = 10_000

export const otherSide = (side: Side): Side => (side === 'us' ? 'them' : 'us')

export class Network {
  readonly setting: Setting
  readonly choose: SeededChoice
  private readonly starters: Starters
  private readonly members: Member[] = []

  private constructor(setting: Setting, starters: Starters, seed: number) {
    this.setting = setting
    this.starters = starters
    this.choose = new SeededChoice(seed)
  }

  /** Starts the nodes and waits until each finds what is nearest. Whoever starts a network stops it. */
  static async start(setting: Setting, starters: Starters, seed: number): Promise<Network> {
    const network = new Network(setting, starters, seed)
    try {
      for (const mode of network.modes) await network.add('them', mode)
      const identities = await network.drawIdentities()
      for (const [i, mode] of network.modes.entries()) await network.add('us', mode, identities[i])
      for (const { side, node } of network.members) await node.connect(network.door(side))
      await eventually(() => network.mustFindNearest(), FORM_TIMEOUT_MS)
      return network
    } catch (error) {
      await network.stop()
      throw error
    }
  }

  servers(side?: Side): readonly Member[] {
    return this.members.filter(
      (member) => member.mode === 'server' && (side === undefined || member.side === side),
    )
  }

  client(side: Side): Member {
    return this.members.find((member) => member.mode === 'client' && member.side === side) as Member
  }

  /** Another node, which is connected to nobody. It is stopped with the network. */
  async add(side: Side, mode: PeerInit['mode'], privateKey?: PrivateKey): Promise<Member> {
    const { transport, protocol, k } = this.setting
    const identity = privateKey === undefined ? {} : { privateKey }
    const node = await this.starters[side]({ transport, mode, protocol, k, ...identity })
    const key = await dhtKeyOfPeer(peerIdFromString(node.peer))
    const member: Member = { side, mode, node, key }
    this.members.push(member)
    return member
  }

  async remove(member: Member): Promise<void> {
    this.members.splice(this.members.indexOf(member), 1)
    await member.node.stop()
  }

  /** The address by which nodes of a side come in: a server of the other's. */
  door(side: Side): string {
    return this.servers(otherSide(side))[0]?.node.addresses[0] as string
  }

  /** The k servers nearest to a place in the key space, nearest first. */
  nearest(place: Uint8Array, without?: Member): readonly Member[] {
    const candidates = this.servers().filter((member) => member !== without)
    return nearest(candidates, place, this.setting.k)
  }

  /**
   * Draws until the k nearest nodes to what was drawn are servers of one side, so that whatever is stored and read has
   * to cross. No client is among them, since some implementations take clients that provide into their tables, and
   * then store on fewer servers. Where a result is as large as the network, anything is taken.
   */
  async draw<T>(holders: Side, make: () => Promise<T>, keyOf: (made: T) => Uint8Array): Promise<T> {
    for (let i = 0; i < DRAWS_MAX; i++) {
      const made = await make()
      if (this.isWhole) return made
      const near = nearest(this.members, await dhtKey(keyOf(made)), this.setting.k)
      if (near.every(({ side, mode }) => side === holders && mode === 'server')) return made
    }
    throw new Error('no key lies near to one side alone')
  }

  /** The nodes of a side. */
  private get modes(): readonly PeerInit['mode'][] {
    return [...new Array<'server'>(this.setting.servers).fill('server'), 'client']
  }

  /** Whether all servers of a side are among the nearest to everything. */
  get isWhole(): boolean {
    return this.setting.k >= 2 * this.setting.servers
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map(({ node }) => node.stop()))
  }

  /**
   * Identities for our nodes. The others make their own, and a few nodes lie so that often no key is nearest to
   * servers of one side alone; so ours are drawn until such keys are frequent for both.
   */
  private async drawIdentities(): Promise<readonly PrivateKey[]> {
    const samples = Array.from({ length: SAMPLES }, () => this.choose.bytes(32))
    const { k } = this.setting
    for (let i = 0; i < DRAWS_MAX; i++) {
      const identities = await Promise.all(this.modes.map(() => drawIdentity(this.choose)))
      const ours = identities.map(({ key }, at) => ({ key, side: 'us', mode: this.modes[at] }))
      const alone: Record<string, number> = { us: 0, them: 0 }
      for (const place of samples) {
        const near = nearest([...this.members, ...ours], place, k)
        const side = near[0]?.side as Side
        const isOneSided = near.every((one) => one.side === side && one.mode === 'server')
        if (isOneSided) alone[side] = (alone[side] as number) + 1
      }
      const enough = Math.min(...Object.values(alone)) >= SHARE_MIN * SAMPLES
      if (this.isWhole || enough) return identities.map(({ privateKey }) => privateKey)
    }
    throw new Error('no identities of ours leave both sides a part of the key space')
  }

  /** Of any key, and of keys like those of the cases: a node may know one part of the key space and not another. */
  private async mustFindNearest(): Promise<void> {
    const any = async (): Promise<Uint8Array> => this.choose.bytes(32)
    const keys = [await any()]
    for (const side of ['us', 'them'] as const) {
      for (let i = 0; i < KEYS_TRIED; i++) keys.push(await this.draw(side, any, (key) => key))
    }
    // All come to their end before the next try: what one fails at, others may still be busy with.
    const tries = await Promise.allSettled(this.members.map((one) => this.mustFind(one, keys)))
    for (const one of tries) if (one.status === 'rejected') throw one.reason
  }

  private async mustFind(member: Member, keys: readonly Uint8Array[]): Promise<void> {
    for (const key of keys) {
      const expected = this.nearest(await dhtKey(key), member)
      const named = await member.node.closest(key)
      const missing = expected.filter(({ node }) => !named.includes(node.peer))
      must(missing.length === 0, () => {
        const sides = missing.map(({ side }) => `one of ${side}`).join(', ')
        return `not formed: a ${member.mode} of ${member.side} does not find ${sides}`
      })
    }
  }
}

async function drawIdentity(
  choose: SeededChoice,
): Promise<{ privateKey: PrivateKey; key: Uint8Array }> {
  const privateKey = await generateKeyPairFromSeed('Ed25519', choose.bytes(32))
  return { privateKey, key: await dhtKeyOfPeer(peerIdFromPrivateKey(privateKey)) }
}

export function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && new Set([...a, ...b]).size === a.length
}
