/**
 * What every implementation is held to, in both directions. A case is run by an asker, a server or a client of one
 * side, against the servers of the other: it writes to them, or reads what only they hold.
 */
import { createHash } from 'node:crypto'
import {
  dhtKey,
  ipnsName,
  ipnsVersion,
  publicKeyRecord,
  randomCid,
  type SeededChoice,
  type ValueRecord,
} from '@kadmium/testbed'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { create as multihash } from 'multiformats/hashes/digest'
import { sha512 } from 'multiformats/hashes/sha2'
import { equals } from 'uint8arrays/equals'
import { eventually, must } from './eventually.ts'
import { type Member, type Network, type Side, sameSet } from './network.ts'
import type { Found } from './peer.ts'

/** One run of a case. */
export interface Turn {
  readonly network: Network
  /** Who asks. */
  readonly asker: Member
  /** The side that is asked. */
  readonly asked: Side
  /** What was stored is there after this time at the latest, ms: some announce without waiting. */
  readonly settleMs: number
}

export interface Case {
  readonly name: CaseName
  /** Is about what the asker must not hold itself: impossible for a server where every server holds everything. */
  readonly foreign: boolean
  run(turn: Turn): Promise<void>
}

/** Providers that are looked for. */
const PROVIDERS_WANTED = 20
const SHA3_256 = 0x16

type Hash = 'sha2-256' | 'sha2-512' | 'sha3-256'
type DrawCid = (choose: SeededChoice) => Promise<CID>

const HASHES: Readonly<Record<Hash, DrawCid>> = {
  'sha2-256': randomCid,
  'sha2-512': async (choose) => CID.createV1(raw.code, await sha512.digest(choose.bytes(32))),
  'sha3-256': async (choose) => {
    const digest = createHash('sha3-256').update(choose.bytes(32)).digest()
    return CID.createV1(raw.code, multihash(SHA3_256, digest))
  },
}

export type CaseName =
  | 'put /pk'
  | 'get /pk'
  | 'put /ipns'
  | 'get /ipns'
  | 'put newer /ipns'
  | 'put older /ipns'
  | `provide ${Hash}`
  | `find providers ${Hash}`
  | 'find peer'
  | 'closest peers'
  | 'into the table'

export const CASES: readonly Case[] = [
  { name: 'into the table', foreign: false, run: join },
  { name: 'closest peers', foreign: false, run: closest },
  { name: 'find peer', foreign: false, run: findPeer },
  { name: 'put /pk', foreign: false, run: (turn) => writes(turn, drawKey) },
  { name: 'get /pk', foreign: true, run: (turn) => reads(turn, drawKey) },
  { name: 'put /ipns', foreign: false, run: (turn) => writes(turn, drawName) },
  { name: 'get /ipns', foreign: true, run: (turn) => reads(turn, drawName) },
  { name: 'put newer /ipns', foreign: false, run: writesNewer },
  { name: 'put older /ipns', foreign: true, run: writesOlder },
  ...(Object.keys(HASHES) as Hash[]).flatMap((hash): Case[] => [
    { name: `provide ${hash}`, foreign: false, run: (turn) => provides(turn, HASHES[hash]) },
    { name: `find providers ${hash}`, foreign: true, run: (turn) => seeks(turn, HASHES[hash]) },
  ]),
]

/** Versions of a record, oldest first, that belong to servers of one side. */
type Draw = (network: Network, holders: Side) => Promise<readonly [ValueRecord, ValueRecord]>

const drawKey: Draw = async (network, holders) => {
  const make = (): Promise<ValueRecord> => publicKeyRecord(network.choose)
  const record = await network.draw(holders, make, ({ key }) => key)
  return [record, record]
}

const drawName: Draw = async (network, holders) => {
  const name = await network.draw(
    holders,
    () => ipnsName(network.choose),
    ({ key }) => key,
  )
  return [await ipnsVersion(name, 1), await ipnsVersion(name, 2)]
}

/** The asker writes; the other side stores that very value and reads it. */
async function writes(turn: Turn, draw: Draw): Promise<void> {
  const { network, asker, asked } = turn
  const [record] = await draw(network, asked)
  await asker.node.put(record.key, record.value)
  await mustHold(turn, record)
  await mustRead(await strangers(network, asked, record.key), record)
}

/** The other side writes and stores; the asker, who has nothing of it, reads. */
async function reads(turn: Turn, draw: Draw): Promise<void> {
  const { network, asker, asked } = turn
  const [record] = await draw(network, asked)
  await (await writerAt(network, asked, record.key)).node.put(record.key, record.value)
  await mustHold(turn, record)
  must((await asker.node.stored(record.key)) === null, () => 'the reader holds the record itself')
  await mustRead([asker], record)
}

async function writesNewer(turn: Turn): Promise<void> {
  const { network, asker, asked } = turn
  const [older, newer] = await drawName(network, asked)
  await (await writerAt(network, asked, older.key)).node.put(older.key, older.value)
  await mustHold(turn, older)
  await asker.node.put(newer.key, newer.value)
  await mustHold(turn, newer)
  await mustRead(await strangers(network, asked, newer.key), newer)
}

async function writesOlder(turn: Turn): Promise<void> {
  const { network, asker, asked } = turn
  const [older, newer] = await drawName(network, asked)
  await (await writerAt(network, asked, newer.key)).node.put(newer.key, newer.value)
  await mustHold(turn, newer)
  // Whether the writer is told that it was refused is not the same everywhere.
  await asker.node.put(older.key, older.value).catch(() => undefined)
  await mustHoldNow(turn, newer)
  // Where the asker's side holds it as well, what is read tells nothing of the side that is asked.
  if (!network.isWhole) await mustRead(await strangers(network, asked, newer.key), newer)
}

/** The asker announces; the other side stores that, and finds it with an address. */
async function provides(turn: Turn, make: DrawCid): Promise<void> {
  const { network, asker, asked } = turn
  const cid = await drawCid(network, asked, make)
  await asker.node.provide(cid)
  await mustName(turn, cid, asker)
  const holders = await holdersOf(network, asked, cid.multihash.bytes)
  const others = network.servers(asked).filter((member) => !holders.includes(member))
  for (const reader of [...others.slice(0, 1), network.client(asked)]) {
    mustBeFound(await reader.node.findProviders(cid, PROVIDERS_WANTED), asker)
  }
}

/** The other side announces and stores; the asker, who has nothing of it, finds the provider. */
async function seeks(turn: Turn, make: DrawCid): Promise<void> {
  const { network, asker, asked } = turn
  const cid = await drawCid(network, asked, make)
  const provider = await writerAt(network, asked, cid.multihash.bytes)
  await provider.node.provide(cid)
  await mustName(turn, cid, provider)
  const known = await asker.node.storedProviders(cid)
  must(known.length === 0, () => 'the reader holds the provider record itself')
  mustBeFound(await asker.node.findProviders(cid, PROVIDERS_WANTED), provider)
}

/** A server, or a newcomer that knows one server of the other side, finds servers of both. */
async function findPeer({ network, asker, asked, settleMs }: Turn): Promise<void> {
  if (asker.mode === 'server') return await mustFindServers(network, asker, asked)
  const newcomer = await network.add(asker.side, 'client')
  try {
    await newcomer.node.connect(network.door(asker.side))
    // Kadmium waits for a first peer by itself, others answer at once that they know nobody.
    if (asker.side === 'them') await eventually(() => mustKnowSomebody(newcomer), settleMs)
    await mustFindServers(network, newcomer, asked)
  } finally {
    await network.remove(newcomer)
  }
}

async function mustFindServers(network: Network, finder: Member, asked: Side): Promise<void> {
  for (const side of [asked, finder.side]) {
    const sought = network.servers(side).at(-1) as Member
    const addresses = await finder.node.findPeer(sought.node.peer)
    mustBeFound([{ peer: sought.node.peer, addresses }], sought)
  }
}

async function closest({ network, asker, asked }: Turn): Promise<void> {
  const key = await network.draw(
    asked,
    async () => network.choose.bytes(32),
    (made) => made,
  )
  const expected = network.nearest(await dhtKey(key), asker).map(({ node }) => node.peer)
  const named = await asker.node.closest(key)
  must(sameSet(named, expected), () => `${named.join(' ')}, not ${expected.join(' ')}`)
}

/**
 * In a network of its own, two servers and a newcomer of the asker's side: a server is taken into the routing table of
 * the one that it connects to, a client is not, even after it has asked. Both take the servers into their own.
 */
async function join({ network, asker, asked, settleMs }: Turn): Promise<void> {
  const door = await network.add(asked, 'server')
  const other = await network.add(asked, 'server')
  const newcomer = await network.add(asker.side, asker.mode)
  try {
    await other.node.connect(door.node.addresses[0] as string)
    await eventually(() => mustHaveTaken(door, [other]), settleMs)
    await newcomer.node.connect(door.node.addresses[0] as string)
    await eventually(() => mustKnowSomebody(newcomer), settleMs)
    const taken = asker.mode === 'server' ? [other, newcomer] : [other]
    await eventually(async () => {
      const named = await newcomer.node.closest(network.choose.bytes(32))
      must(named.length === 2, () => `the newcomer finds ${named.length} peers, not 2`)
      await mustHaveTaken(newcomer, [door, other])
      await mustHaveTaken(door, taken)
    }, settleMs)
  } finally {
    for (const member of [door, other, newcomer]) await network.remove(member)
  }
}

async function mustKnowSomebody({ node }: Member): Promise<void> {
  must((await node.tableSize()) > 0, () => 'a newcomer took nobody into its table')
}

async function mustHaveTaken({ node }: Member, members: readonly Member[]): Promise<void> {
  const expected = members.map((member) => member.node.peer)
  const size = await node.tableSize()
  must(size === expected.length, () => `${size} peers in the table, not ${expected.length}`)
  const table = await node.table()
  if (table === null) return
  must(sameSet(table, expected), () => `${table.join(' ')} in the table, not ${expected.join(' ')}`)
}

/** A server of a side that writes what belongs to others, where there is one. */
async function writerAt(network: Network, side: Side, key: Uint8Array): Promise<Member> {
  const holders = await holdersOf(network, side, key)
  const servers = network.servers(side)
  return (servers.find((member) => !holders.includes(member)) ?? servers.at(-1)) as Member
}

const drawCid = (network: Network, holders: Side, make: DrawCid): Promise<CID> =>
  network.draw(
    holders,
    () => make(network.choose),
    (cid) => cid.multihash.bytes,
  )

/** The servers of a side to which a key belongs. */
async function holdersOf(
  network: Network,
  side: Side,
  key: Uint8Array,
): Promise<readonly Member[]> {
  return network.nearest(await dhtKey(key)).filter((member) => member.side === side)
}

/** Nodes of a side that don't hold a value and must ask for it: the client, and a server where there is one. */
async function strangers(
  network: Network,
  side: Side,
  key: Uint8Array,
): Promise<readonly Member[]> {
  const found = [network.client(side)]
  for (const member of network.servers(side)) {
    if (found.length < 2 && (await member.node.stored(key)) === null) found.push(member)
  }
  return found
}

const mustHold = (turn: Turn, record: ValueRecord): Promise<void> =>
  eventually(() => mustHoldNow(turn, record), turn.settleMs)

async function mustHoldNow({ network, asked }: Turn, { key, value }: ValueRecord): Promise<void> {
  const holders = await holdersOf(network, asked, key)
  must(holders.length > 0, () => 'the key belongs to nobody of that side')
  for (const { node } of holders) {
    const stored = await node.stored(key)
    must(stored !== null, () => 'a nearest server has no value')
    must(equals(stored as Uint8Array, value), () => 'a nearest server has another value')
  }
}

async function mustRead(readers: readonly Member[], { key, value }: ValueRecord): Promise<void> {
  for (const { node, mode } of readers) {
    const got = await node.get(key)
    must(equals(got, value), () => `a ${mode} gets another value`)
  }
}

async function mustName(
  { network, asked, settleMs }: Turn,
  cid: CID,
  provider: Member,
): Promise<void> {
  const holders = await holdersOf(network, asked, cid.multihash.bytes)
  must(holders.length > 0, () => 'the key belongs to nobody of that side')
  await eventually(async () => {
    for (const { node } of holders) {
      const stored = await node.storedProviders(cid)
      must(stored.includes(provider.node.peer), () => 'a nearest server has no provider')
    }
  }, settleMs)
}

/** The peer was found, with an address at which it listens. */
function mustBeFound(found: readonly Found[], sought: Member): void {
  const entry = found.find(({ peer }) => peer === sought.node.peer)
  must(entry !== undefined, () => `not among the ${found.length} that were found`)
  const plain = (address: string): string => address.replace(/\/p2p\/[^/]+$/, '')
  const right = sought.node.addresses.map(plain)
  const addresses = entry?.addresses.map(plain) ?? []
  must(
    addresses.some((address) => right.includes(address)),
    () => `found with the addresses [${addresses.join(' ')}], not ${right.join(' ')}`,
  )
}
