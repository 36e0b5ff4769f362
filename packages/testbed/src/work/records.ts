/** What the work stores: `/pk` records, IPNS records and CIDs, all drawn from seeded bytes. */
import { generateKeyPairFromSeed, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { createIPNSRecord, marshalIPNSRecord, multihashToIPNSRoutingKey } from 'ipns'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { sha256 } from 'multiformats/hashes/sha2'
import { concat } from 'uint8arrays/concat'
import { fromString } from 'uint8arrays/from-string'
import type { SeededChoice } from '../random.ts'

/** A record as the DHT takes it. */
export interface ValueRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** The public key of a fresh Ed25519 identity under `/pk/<its multihash>`. */
export async function publicKeyRecord(choose: SeededChoice): Promise<ValueRecord> {
  const { publicKey } = await generateKeyPairFromSeed('Ed25519', choose.bytes(32))
  return {
    key: concat([fromString('/pk/'), publicKey.toMultihash().bytes]),
    value: publicKeyToProtobuf(publicKey),
  }
}

/** A name that can be published in versions. */
export interface IpnsName {
  readonly key: Uint8Array
  readonly privateKey: PrivateKey
}

export async function ipnsName(choose: SeededChoice): Promise<IpnsName> {
  const privateKey = await generateKeyPairFromSeed('Ed25519', choose.bytes(32))
  return { key: multihashToIPNSRoutingKey(privateKey.publicKey.toMultihash()), privateKey }
}

/** Valid for so long; far longer than any run. */
const IPNS_LIFETIME_MS = 24 * 3_600_000

/** Version `sequence` of a name, signed, pointing at a path of its own. */
export async function ipnsVersion(name: IpnsName, sequence: number): Promise<ValueRecord> {
  const path = `/ipfs/version-${sequence}`
  const record = await createIPNSRecord(name.privateKey, path, sequence, IPNS_LIFETIME_MS)
  return { key: name.key, value: marshalIPNSRecord(record) }
}

/** The CID of fresh random bytes (raw, sha2-256). */
export async function randomCid(choose: SeededChoice): Promise<CID> {
  return CID.createV1(raw.code, await sha256.digest(choose.bytes(32)))
}
