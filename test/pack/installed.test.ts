/** The tarballs, installed in an empty folder. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { ROOT } from '../fixture.ts'
import { run } from './run.ts'

const installed = inject('installed')
const inFolder = { cwd: installed, installed }
const read = (path: string): { version: string } =>
  JSON.parse(readFileSync(path, 'utf8')) as { version: string }

/** Two nodes on loopback: one stores, the other finds. Plain JavaScript, as a user may write it. */
const SCRIPT = `
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { kadDHT, passthroughMapper } from '@kadmium/libp2p'
import { generateKeyPair, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'

const create = (clientMode) =>
  createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify(), dht: kadDHT({ clientMode, peerInfoMapper: passthroughMapper }) },
  })
const nodes = await Promise.all([false, true, true].map(create))
const [server, writer, reader] = nodes
for (const client of [writer, reader]) await client.dial(server.getMultiaddrs())
const { publicKey } = await generateKeyPair('Ed25519')
const value = publicKeyToProtobuf(publicKey)
const key = Buffer.concat([Buffer.from('/pk/'), publicKey.toMultihash().bytes])
await writer.contentRouting.put(key, value)
const got = await reader.contentRouting.get(key)
console.log(Buffer.compare(got, value) === 0 ? 'the same' : 'another')
await Promise.all(nodes.map((node) => node.stop()))
`

test('a put by one node and a get by another', async () => {
  writeFileSync(join(installed, 'put-get.js'), SCRIPT)
  const { stdout, stderr } = await run(process.execPath, ['put-get.js'], inFolder)
  expect([stdout, stderr]).toEqual(['the same\n', ''])
})

test('the command says its version', async () => {
  const { version } = read(join(ROOT, 'packages/cli/package.json'))
  const { stdout } = await run('npx', ['--no-install', 'kadmium', '--version'], inFolder)
  expect(stdout.trim()).toBe(version)
})

test('one core serves all', () => {
  const { version } = read(join(installed, 'node_modules/@kadmium/core/package.json'))
  expect(version).toBe(read(join(ROOT, 'packages/core/package.json')).version)
  expect(() => read(join(installed, 'node_modules/@kadmium/libp2p/node_modules'))).toThrow('ENOENT')
})
