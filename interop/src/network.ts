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

const SIDES: readonly Side[] = ['us', 'them']
const FORM_TIMEOUT_MS = 60_000
/** Keys that every node must find the nearest peers of before the network counts as formed. */
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
      for (let i = 0; i < setting.servers; i++) await network.add('them', 'server')
      for (const key of await network.drawIdentities()) await network.add('us', 'server', key)
      for (const side of SIDES) await network.add(side, 'client')
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
   * Draws until all k nearest servers to what was drawn are of one side, so that whatever is stored and read has to
   * cross; where a result is as large as the network, anything is taken.
   */
  async draw<T>(holders: Side, make: () => Promise<T>, keyOf: (made: T) => Uint8Array): Promise<T> {
    for (let i = 0; i < DRAWS_MAX; i++) {
      const made = await make()
      const near = this.nearest(await dhtKey(keyOf(made)))
      if (this.isWhole || near.every(({ side }) => side === holders)) return made
    }
    throw new Error('no key lies near to one side alone')
  }

  /** Whether all servers of a side are among the nearest to everything. */
  get isWhole(): boolean {
    return this.setting.k >= 2 * this.setting.servers
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map(({ node }) => node.stop()))
  }

  /**
   * Identities for our servers. The others make their own, and a few nodes lie so that often no key is nearest to
   * nodes of one side alone; so ours are drawn until such keys are frequent for both.
   */
  private async drawIdentities(): Promise<readonly PrivateKey[]> {
    const samples = Array.from({ length: SAMPLES }, () => this.choose.bytes(32))
    const theirs = this.servers('them').map(({ key }) => ({ key, side: 'them' }))
    for (let i = 0; i < DRAWS_MAX; i++) {
      const identities = await Promise.all(theirs.map(() => drawIdentity(this.choose)))
      const all = [...theirs, ...identities.map(({ key }) => ({ key, side: 'us' }))]
      const alone = { us: 0, them: 0 }
      for (const place of samples) {
        const sides = new Set(nearest(all, place, this.setting.k).map(({ side }) => side))
        if (sides.size === 1) alone[sides.has('us') ? 'us' : 'them']++
      }
      const enough = Math.min(alone.us, alone.them) >= SHARE_MIN * SAMPLES
      if (this.isWhole || enough) return identities.map(({ privateKey }) => privateKey)
    }
    throw new Error('no identities of ours leave both sides a part of the key space')
  }

  private async mustFindNearest(): Promise<void> {
    const keys = Array.from({ length: KEYS_TRIED }, () => this.choose.bytes(32))
    await Promise.all(this.members.map((member) => this.mustFind(member, keys)))
  }

  private async mustFind(member: Member, keys: readonly Uint8Array[]): Promise<void> {
    for (const key of keys) {
      const expected = this.nearest(await dhtKey(key), member).map(({ node }) => node.peer)
      const named = await member.node.closest(key)
      must(sameSet(named, expected), () => {
        const who = `${member.mode} of ${member.side}`
        return `not formed: a ${who} finds ${named.length} peers, not the nearest ${expected.length}`
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
