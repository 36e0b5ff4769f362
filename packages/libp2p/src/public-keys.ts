/**
 * The public keys that we know of ourselves and of the peers that we are connected to, for those who ask for
 * `/pk/<peer id>`. Only for ids that are a hash of the key (RSA): all others carry the key in themselves, so
 * that nobody needs to be asked.
 */
import { publicKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PeerId, PublicKey } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import { peerIdFromMultihash } from '@libp2p/peer-id'
import * as Digest from 'multiformats/hashes/digest'

const PREFIX = [0x2f, 0x70, 0x6b, 0x2f] // "/pk/"

export class PublicKeys {
  private readonly self: PeerId
  private readonly connectionManager: Pick<ConnectionManager, 'getConnections'>

  constructor(self: PeerId, connectionManager: Pick<ConnectionManager, 'getConnections'>) {
    this.self = self
    this.connectionManager = connectionManager
  }

  /** The record of a key `/pk/<peer id>`: the public key as protobuf. Null where we do not know it. */
  record(keyBytes: Uint8Array): Uint8Array | null {
    if (!PREFIX.every((byte, i) => keyBytes[i] === byte)) return null
    const id = readId(keyBytes.subarray(PREFIX.length))
    if (id === null || id.publicKey !== undefined) return null
    const key = this.keyOf(id)
    return key === undefined ? null : publicKeyToProtobuf(key)
  }

  private keyOf(id: PeerId): PublicKey | undefined {
    if (this.self.equals(id)) return this.self.publicKey
    return this.connectionManager.getConnections(id)[0]?.remotePeer.publicKey
  }
}

function readId(bytes: Uint8Array): PeerId | null {
  try {
    return peerIdFromMultihash(Digest.decode(bytes))
  } catch {
    return null
  }
}
