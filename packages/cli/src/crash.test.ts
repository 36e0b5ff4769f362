/**
 * What a node acknowledged survives `kill -9`. The database writes through to the operating system and
 * not to the disk, so a loss of power is another matter.
 */
import { join } from 'node:path'
import { generateKeyPair, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { CID } from 'multiformats/cid'
import { code as RAW_CODE } from 'multiformats/codecs/raw'
import { sha256 } from 'multiformats/hashes/sha2'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { temporaryFolder, testIo } from '../test/fixtures.ts'
import { build, killAll, listening, type Running, spawnCli } from '../test/processes.ts'
import { parseOwnAddress } from './addresses.ts'
import type { QueryEvent } from './dht.ts'
import { joinNetwork } from './join.ts'
import { recordKey } from './keys.ts'
import { chooseNetwork } from './network.ts'
import { openSession, type Session } from './session.ts'

/** Records under way at any moment. */
const WRITERS = 8

/** A record of the DHT: how it is written and how it is read back. */
interface Entry {
  write(client: Session): AsyncIterable<QueryEvent>
  /** Whether an event says that the node has it. */
  isAcknowledged(event: QueryEvent): boolean
  read(client: Session): AsyncIterable<QueryEvent>
  /** Whether an event brings it back. */
  isFound(event: QueryEvent): boolean
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeAll(async () => {
  build()
  folder = await temporaryFolder()
}, 120_000)
afterEach(killAll)
afterAll(() => folder.remove())

/** A client that knows one node and has nothing of its own; it can be named as a provider. */
async function clientOf(address: string): Promise<Session> {
  const listen = [parseOwnAddress('/ip4/127.0.0.1/tcp/0')]
  const network = chooseNetwork({ bootstrap: [address] }, listen, testIo())
  const session = await openSession({ network, mode: 'client', listen, announce: [], data: null })
  await joinNetwork(session, AbortSignal.timeout(10_000))
  return session
}

const isSame = (a: Uint8Array | undefined, b: Uint8Array): boolean =>
  a !== undefined && Buffer.compare(a, b) === 0

/** The public key of a new peer. */
async function newValue(): Promise<Entry> {
  const privateKey = await generateKeyPair('Ed25519')
  const key = recordKey('pk', peerIdFromPrivateKey(privateKey)).bytes
  const value = publicKeyToProtobuf(privateKey.publicKey)
  return {
    write: (client) => client.dht.put(key, value),
    isAcknowledged: (event) =>
      event.name === 'PEER_RESPONSE' &&
      event.messageName === 'PUT_VALUE' &&
      isSame(event.record?.value, value),
    read: (client) => client.dht.get(key),
    isFound: (event) => event.name === 'VALUE' && isSame(event.value, value),
  }
}

/** That the writer has a new content. */
async function newProvider(writer: Session): Promise<Entry> {
  const digest = await sha256.digest(crypto.getRandomValues(new Uint8Array(16)))
  const cid = CID.createV1(RAW_CODE, digest)
  const id = writer.node.peerId
  return {
    write: (client) => client.dht.provide(cid),
    isAcknowledged: (event) =>
      event.name === 'PEER_RESPONSE' && event.messageName === 'ADD_PROVIDER',
    read: (client) => client.dht.findProviders(cid),
    isFound: (event) =>
      event.name === 'PROVIDER' && event.providers.some((provider) => provider.id.equals(id)),
  }
}

/** Whether an event of the query is what `isWanted` looks for. */
async function some(
  events: AsyncIterable<QueryEvent>,
  isWanted: (event: QueryEvent) => boolean,
): Promise<boolean> {
  for await (const event of events) if (isWanted(event)) return true
  return false
}

interface Death {
  acknowledged: Entry[]
  /** Writes that were under way. */
  pending: number
}

/** Writes without a pause, kills the node at the `count`th acknowledgement, and says what it had then. */
async function writeAndKill(
  node: Running,
  client: Session,
  count: number,
  newEntry: (writer: Session) => Promise<Entry>,
): Promise<Death> {
  const acknowledged: Entry[] = []
  let pending = 0
  let pendingAtKill = 0
  const write = async (entry: Entry) => {
    pending++
    const isKept = await some(entry.write(client), entry.isAcknowledged).catch(() => false)
    pending--
    if (!isKept) return
    acknowledged.push(entry)
    if (acknowledged.length !== count) return
    pendingAtKill = pending
    node.child.kill('SIGKILL')
  }
  const writer = async () => {
    while (acknowledged.length < count) await write(await newEntry(client))
  }
  await Promise.all(Array.from({ length: WRITERS }, writer))
  return { acknowledged, pending: pendingAtKill }
}

test.each([
  [20, 'values', newValue],
  [200, 'values', newValue],
  [20, 'providers', newProvider],
  [200, 'providers', newProvider],
])('kill -9 after %i acknowledged %s loses none', async (count, kind, newEntry) => {
  const args = ['node', '--json', '--data', join(folder.path, `${kind}-${count}`)]
  const start = () => spawnCli([...args, '--listen', '/ip4/127.0.0.1/tcp/0'])
  const first = start()
  const { peerId, addresses } = await listening(first)
  const writer = await clientOf(String(addresses[0]))
  const { acknowledged, pending } = await writeAndKill(first, writer, count, newEntry)
  expect(await first.ended).toBe('SIGKILL')
  expect(acknowledged.length).toBeGreaterThanOrEqual(count)
  // The node died in the middle of its work.
  expect(pending).toBeGreaterThan(0)
  await writer.stop()

  const second = start()
  const again = await listening(second)
  expect(again.peerId).toBe(peerId)
  const reader = await clientOf(String(again.addresses[0]))
  for (const entry of acknowledged) {
    expect(await some(entry.read(reader), entry.isFound)).toBe(true)
  }
  await reader.stop()
  second.child.kill('SIGTERM')
  expect(await second.ended).toBe(0)
})
