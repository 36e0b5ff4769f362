import { generateKeyPair, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import type { Connection, PeerId, PublicKey } from '@libp2p/interface'
import { peerIdFromMultihash, peerIdFromPrivateKey } from '@libp2p/peer-id'
import { beforeAll, describe, expect, test } from 'vitest'
import { PublicKeys } from './public-keys.ts'
import { RecordJudge } from './records/judge.ts'

const keyFor = (id: PeerId): Uint8Array =>
  Buffer.concat([Buffer.from('/pk/'), id.toMultihash().bytes])
const bytesOf = (id: PeerId): Uint8Array => publicKeyToProtobuf(id.publicKey as PublicKey)

let self: PeerId
let connected: PeerId
let stranger: PeerId
let short: PeerId
let keys: PublicKeys

beforeAll(async () => {
  self = peerIdFromPrivateKey(await generateKeyPair('RSA', 2048))
  connected = peerIdFromPrivateKey(await generateKeyPair('RSA', 2048))
  stranger = peerIdFromPrivateKey(await generateKeyPair('RSA', 2048))
  short = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
  const links = [connected, short].map((remotePeer) => ({ remotePeer }) as unknown as Connection)
  keys = new PublicKeys(self, {
    getConnections: (id) => links.filter(({ remotePeer }) => id?.equals(remotePeer) === true),
  })
})

describe('the record of a public key', () => {
  test('is known of ourselves and of who is connected, and passes the validator', async () => {
    const judge = new RecordJudge()
    for (const id of [self, connected]) {
      // Who asks knows no more than the hash.
      const asked = keyFor(peerIdFromMultihash(id.toMultihash()))
      const record = keys.record(asked)
      expect(record).toEqual(bytesOf(id))
      expect(await judge.judge(asked, record as Uint8Array, null)).toBe('better')
    }
  })

  test('is not made up of others, nor where the id carries the key', () => {
    expect(keys.record(keyFor(stranger))).toBeNull()
    expect(keys.record(keyFor(short))).toBeNull()
  })

  test('is not sought under what is no peer id', () => {
    for (const key of ['', '/pk', '/pk/', '/pk/nobody', '/ipns/x']) {
      expect(keys.record(Buffer.from(key))).toBeNull()
    }
    const other = Buffer.concat([Buffer.from('/pq/'), self.toMultihash().bytes])
    expect(keys.record(other)).toBeNull()
  })
})
