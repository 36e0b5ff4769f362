/**
 * What a node acknowledged survives `kill -9`. The database writes through to the operating system and
 * not to the disk, so a loss of power is another matter.
 */
import { join } from 'node:path'
import { generateKeyPair, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { temporaryFolder, testIo } from '../test/fixtures.ts'
import { build, killAll, listening, type Running, spawnCli } from '../test/processes.ts'
import { joinNetwork } from './join.ts'
import { type RecordKey, recordKey } from './keys.ts'
import { chooseNetwork } from './network.ts'
import { openSession, type Session } from './session.ts'

/** Records under way at any moment. */
const WRITERS = 8

interface Entry {
  key: RecordKey
  value: Uint8Array
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeAll(async () => {
  build()
  folder = await temporaryFolder()
}, 120_000)
afterEach(killAll)
afterAll(() => folder.remove())

/** A client that knows one node and has nothing of its own. */
async function clientOf(address: string): Promise<Session> {
  const network = chooseNetwork({ bootstrap: [address] }, [], testIo())
  const session = await openSession({
    network,
    mode: 'client',
    listen: [],
    announce: [],
    data: null,
  })
  await joinNetwork(session, AbortSignal.timeout(10_000))
  return session
}

async function newEntry(): Promise<Entry> {
  const privateKey = await generateKeyPair('Ed25519')
  const key = recordKey('pk', peerIdFromPrivateKey(privateKey))
  return { key, value: publicKeyToProtobuf(privateKey.publicKey) }
}

/** Puts one record; whether the node acknowledged it. */
async function put(client: Session, { key, value }: Entry): Promise<boolean> {
  for await (const event of client.dht.put(key.bytes, value)) {
    if (event.name !== 'PEER_RESPONSE' || event.messageName !== 'PUT_VALUE') continue
    if (event.record !== undefined && Buffer.compare(event.record.value, value) === 0) return true
  }
  return false
}

/** Writes records without a pause, kills the node at the `count`th acknowledgement, returns those it had. */
async function writeAndKill(node: Running, client: Session, count: number): Promise<Entry[]> {
  const acknowledged: Entry[] = []
  let pending = 0
  let pendingAtKill = 0
  const writer = async () => {
    while (acknowledged.length < count) {
      const entry = await newEntry()
      pending++
      const isAcknowledged = await put(client, entry).catch(() => false)
      pending--
      if (isAcknowledged) acknowledged.push(entry)
      if (acknowledged.length === count && isAcknowledged) {
        pendingAtKill = pending
        node.child.kill('SIGKILL')
      }
    }
  }
  await Promise.all(Array.from({ length: WRITERS }, writer))
  expect(await node.ended).toBe('SIGKILL')
  // The node died in the middle of its work.
  expect(pendingAtKill).toBeGreaterThan(0)
  return acknowledged
}

test.each([20, 200])('kill -9 after %i acknowledged records loses none', async (count) => {
  const args = ['node', '--json', '--data', join(folder.path, `${count}`)]
  const start = () => spawnCli([...args, '--listen', '/ip4/127.0.0.1/tcp/0'])
  const first = start()
  const { peerId, addresses } = await listening(first)
  const writer = await clientOf(String(addresses[0]))
  const acknowledged = await writeAndKill(first, writer, count)
  await writer.stop()
  expect(acknowledged.length).toBeGreaterThanOrEqual(count)

  const second = start()
  const again = await listening(second)
  expect(again.peerId).toBe(peerId)
  const reader = await clientOf(String(again.addresses[0]))
  for (const { key, value } of acknowledged) {
    let got: Uint8Array | undefined
    for await (const event of reader.dht.get(key.bytes)) {
      if (event.name === 'VALUE') got = event.value
    }
    expect(got).toEqual(value)
  }
  await reader.stop()
  second.child.kill('SIGTERM')
  expect(await second.ended).toBe(0)
})
