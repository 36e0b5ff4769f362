/** `npm start`: four DHT servers and two Helia nodes on loopback; one adds a file and names it, the other reads it. */
import { ipns } from '@helia/ipns'
import { unixfs } from '@helia/unixfs'
import { CID } from 'multiformats/cid'
import { reportTo, startHelia, startServer } from './nodes.ts'

const servers = await Promise.all([startServer(), startServer(), startServer(), startServer()])
const [first, ...others] = servers
for (const server of others) await server.dial(first.getMultiaddrs())

const writer = await startHelia(servers.slice(0, 2))
const reader = await startHelia(servers.slice(2))

const cid = await unixfs(writer).addBytes(new TextEncoder().encode('Remember who delivers.'))
await writer.routing.provide(cid)
const { publicKey, name } = await ipns(writer).publish('example', cid)
console.log('added %s as %s', cid, name)

for await (const { value } of ipns(reader).resolve(publicKey)) {
  const found = CID.parse(value.slice('/ipfs/'.length))
  const { dht } = reader.libp2p.services
  const decoder = new TextDecoder()
  for await (const chunk of unixfs(reader).cat(found, { onProgress: reportTo(dht) })) {
    console.log('read "%s"', decoder.decode(chunk))
  }
  const { peerId } = writer.libp2p
  console.log('the score of %s is %s', peerId, dht.peerScore(peerId)?.toFixed(2))
}

for (const node of [reader, writer, ...servers]) await node.stop()
