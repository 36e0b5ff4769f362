/** The validators that every node of the network has: public keys and IPNS. */
import { publicKeyFromProtobuf } from '@libp2p/crypto/keys'
import { InvalidParametersError } from '@libp2p/interface'
import { ipnsValidator } from 'ipns/validator'
import { equals } from 'uint8arrays/equals'
import type { Validators } from '../types.ts'

const PK_PREFIX_BYTES = '/pk/'.length

/** `/pk/<multihash>`: the value is the public key, as protobuf, whose peer id has that multihash. */
function validatePublicKey(key: Uint8Array, value: Uint8Array): void {
  const id = publicKeyFromProtobuf(value).toMultihash().bytes
  if (!equals(key.subarray(PK_PREFIX_BYTES), id)) {
    throw new InvalidParametersError('The public key does not belong to the peer id in the key')
  }
}

export const BUILT_IN_VALIDATORS: Readonly<Validators> = {
  pk: validatePublicKey,
  ipns: (key, value) => ipnsValidator(key, value),
}
