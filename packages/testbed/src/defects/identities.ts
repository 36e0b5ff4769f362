/** Identities that lie where a test needs them in the key space. */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { dhtKey } from '../distance.ts'
import type { SeededChoice } from '../random.ts'

/** How many leading bits two keys share. */
export function sharedBits(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] as number) ^ (b[i] as number)
    if (difference !== 0) return i * 8 + Math.clz32(difference) - 24
  }
  return a.length * 8
}

export function someIdentity(choose: SeededChoice): Promise<PrivateKey> {
  return generateKeyPairFromSeed('Ed25519', choose.bytes(32))
}

export function keyOfIdentity(identity: PrivateKey): Promise<Uint8Array> {
  return dhtKey(identity.publicKey.toMultihash().bytes)
}

/** Identities whose keys share as many bits with a key as `isWanted` says, drawn until there are enough. */
export async function identitiesNear(
  choose: SeededChoice,
  key: Uint8Array,
  count: number,
  isWanted: (shared: number) => boolean,
): Promise<PrivateKey[]> {
  const found: PrivateKey[] = []
  while (found.length < count) {
    const drawn = await someIdentity(choose)
    if (isWanted(sharedBits(key, await keyOfIdentity(drawn)))) found.push(drawn)
  }
  return found
}
